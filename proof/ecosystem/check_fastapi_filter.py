"""fastapi-filter: filters of SQLAlchemy's queries from the query string."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from fastapi_filter import FilterDepends, with_prefix
from fastapi_filter.contrib.sqlalchemy import Filter
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    age: Mapped[int]


class UserFilter(Filter):
    name: str | None = None
    name__in: list[str] | None = None
    age__lt: int | None = None
    order_by: list[str] | None = None

    class Constants(Filter.Constants):
        model = User


def client() -> TestClient:
    engine = create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([User(name="ann", age=3), User(name="bob", age=5)])
        session.commit()
    app = FastAPI()

    @app.get("/users")
    async def users(by: UserFilter = FilterDepends(UserFilter)) -> list[str]:
        with Session(engine) as session:
            query = by.sort(by.filter(select(User)))
            return [each.name for each in session.scalars(query)]

    @app.get("/prefixed")
    async def prefixed(
        by: UserFilter = FilterDepends(with_prefix("u", UserFilter), by_alias=True),
    ) -> str | None:
        return by.name

    return TestClient(app)


def test_rows_are_filtered_and_sorted() -> None:
    it = client()
    assert it.get("/users?age__lt=4").json() == ["ann"]
    assert it.get("/users?name__in=ann,bob&order_by=-age").json() == ["bob", "ann"]


def test_invalid_values_are_refused() -> None:
    assert client().get("/users?age__lt=x").status_code == 422
    assert client().get("/users?order_by=nothing").status_code == 422


def test_prefixes() -> None:
    assert client().get("/prefixed?u__name=ann").json() == "ann"
