"""SQL databases: a session for each request, from an engine that lives as long as the app."""

from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import StaticPool, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from microfw import App, Depends, HTTPException, Query
from tests.tutorial.twins import Backend, Twins, error

engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)


class Base(DeclarativeBase):
    pass


class Reader(Base):
    __tablename__ = "readers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    age: Mapped[int | None]
    card: Mapped[str]


class ReaderBase(BaseModel):
    name: str
    age: int | None = None


class NewReader(ReaderBase):
    card: str


class PublicReader(ReaderBase):
    model_config = ConfigDict(from_attributes=True)

    id: int


class ReaderChanges(BaseModel):
    name: str | None = None
    age: int | None = None
    card: str | None = None


@asynccontextmanager
async def lifespan(app: App):
    Base.metadata.create_all(engine)
    yield
    Base.metadata.drop_all(engine)
    engine.dispose()


app = App(lifespan=lifespan)


def get_session():
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]


@app.post("/readers", response_model=PublicReader)
def add_reader(reader: NewReader, session: SessionDep):
    added = Reader(**reader.model_dump())
    session.add(added)
    session.commit()
    session.refresh(added)
    return added


@app.get("/readers", response_model=list[PublicReader])
def list_readers(session: SessionDep, offset: int = 0, limit: Annotated[int, Query(le=100)] = 100):
    return session.scalars(select(Reader).order_by(Reader.id).offset(offset).limit(limit)).all()


@app.get("/readers/{number}", response_model=PublicReader)
def read_reader(number: int, session: SessionDep):
    return find(number, session)


@app.patch("/readers/{number}")
def change_reader(number: int, changes: ReaderChanges, session: SessionDep) -> PublicReader:
    reader = find(number, session)
    for name, value in changes.model_dump(exclude_unset=True).items():
        setattr(reader, name, value)
    session.commit()
    return PublicReader.model_validate(reader)


@app.delete("/readers/{number}")
def remove_reader(number: int, session: SessionDep):
    session.delete(find(number, session))
    session.commit()
    return {"removed": number}


def find(number: int, session: Session) -> Reader:
    reader = session.get(Reader, number)
    if reader is None:
        raise HTTPException(status_code=404, detail="No such reader")
    return reader


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]


def test_rows_are_added_read_changed_and_removed(client: Twins) -> None:
    added = client.post("/readers", json={"name": "Ada", "age": 36, "card": "A7"}).json()
    path = f"/readers/{added['id']}"

    assert added == {"name": "Ada", "age": 36, "id": added["id"]}
    assert client.get(path).json() == added
    assert client.patch(path, json={"age": None, "card": "A8"}).json() == {**added, "age": None}
    assert client.delete(path).json() == {"removed": added["id"]}
    assert client.get(path).json() == {"detail": "No such reader"}


def test_rows_are_listed_in_pages(client: Twins) -> None:
    for name in ("Bo", "Cy", "Di"):
        client.post("/readers", json={"name": name, "card": name})

    page = client.get("/readers?offset=1&limit=2").json()

    assert [reader["name"] for reader in page] == ["Cy", "Di"]
    assert all(set(reader) == {"id", "name", "age"} for reader in page)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_row_that_is_not_there_is_not_found(client: Twins, method: str) -> None:
    answer = client.request(method, "/readers/99", json={} if method == "PATCH" else None)

    assert (answer.status_code, answer.json()) == (404, {"detail": "No such reader"})


def test_values_are_checked_before_the_database_sees_them(client: Twins) -> None:
    answer = client.get("/readers?limit=101")

    message = "Input should be less than or equal to 100"
    assert answer.json() == {
        "detail": [error("less_than_equal", ["query", "limit"], message, "101", le=100)]
    }
