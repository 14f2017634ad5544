from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from microfw import App, Depends, HTTPException, Request
from microfw.responses import JSONResponse

app = App()


# region model
class Base(DeclarativeBase):
    pass


class Ship(Base):
    __tablename__ = "ships"

    name: Mapped[str] = mapped_column(primary_key=True)
    metres: Mapped[float]


# endregion model


# region session
def get_engine() -> Iterator[Engine]:
    engine = create_engine("sqlite:///ships.sqlite3")
    Base.metadata.create_all(engine)
    show_transactions(engine)
    yield engine
    engine.dispose()


def get_session(
    engine: Annotated[Engine, Depends(get_engine, scope="app")],
) -> Iterator[Session]:
    with Session(engine) as session:  # closes, and rolls back what is not committed
        yield session
        session.commit()


SessionDep = Annotated[Session, Depends(get_session)]
# endregion session


def show_transactions(engine: Engine) -> None:
    for name in ("begin", "rollback", "commit"):
        event.listen(engine, name, partial(show, name.upper()))


def show(name: str, _: Connection) -> None:
    print(name)


# region routes
@app.post("/ships/{name}", status_code=201)
def add_ship(name: str, metres: float, session: SessionDep) -> str:
    session.add(Ship(name=name, metres=metres))
    session.flush()
    print("endpoint")
    if metres > 400:
        raise HTTPException(422, "there is no such ship")
    return f"{name} is known"


@app.get("/ships")
def list_ships(session: SessionDep) -> Sequence[str]:
    return session.scalars(select(Ship.name)).all()


# endregion routes


# region handler
@app.exception_handler(IntegrityError)
def conflict(request: Request, error: IntegrityError) -> JSONResponse:
    return JSONResponse({"detail": "that ship is known"}, 409)


# endregion handler
