"""starlette-admin: an administration of SQLAlchemy's models, mounted."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import StaticPool
from starlette_admin.contrib.sqla import Admin, ModelView


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def client() -> TestClient:
    engine = create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )
    Base.metadata.create_all(engine)
    app = FastAPI()
    app.get("/")(lambda: "it")
    admin = Admin(engine, title="People")
    admin.add_view(ModelView(User))
    admin.mount_to(app)
    return TestClient(app)


def test_pages_are_served() -> None:
    it = client()
    assert "People" in it.get("/admin/").text
    assert it.get("/admin/user/list").status_code == 200


def test_other_routes_stay() -> None:
    assert client().get("/").json() == "it"
