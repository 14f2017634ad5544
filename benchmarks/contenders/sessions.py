# pyright: reportMissingImports=false
# Litestar is in the extra "bench", which the checks do without.
"""Applications that read and write PostgreSQL, each request in a session of SQLAlchemy's.

All share the functions that work with the session. What differs is who opens it, closes it, and
makes the answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import randint
from typing import Annotated, Any, cast

import msgspec
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.client import ASGIApp

ROWS = 1000
PAUSE = 0.02
"""Seconds for which the endpoint of the case `held` waits for something that is no database."""

POOL = {"session": 20, "objects": 20, "held": 5}
"""The connections that each case has."""


class Base(DeclarativeBase):
    """What SQLAlchemy knows of the tables."""


class Item(Base):
    """A row."""

    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    visits: Mapped[int] = mapped_column(default=0)


class ShownItem(BaseModel):
    """What is answered of a row."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str


async def visit(session: AsyncSession) -> dict[str, int]:
    """Change a row; the commit is left to whoever has opened the session."""
    item = await session.get_one(Item, randint(1, ROWS))
    item.visits += 1
    return {"id": item.id}


async def listed(session: AsyncSession) -> Sequence[Item]:
    """Read twenty rows."""
    first = randint(1, ROWS - 20)
    found = await session.scalars(select(Item).where(Item.id.between(first, first + 19)))
    return found.all()


async def authenticated(session: AsyncSession) -> str:
    """Read a row, as who looks a user up."""
    return (await session.get_one(Item, randint(1, ROWS))).name


async def create_rows(url: str) -> None:
    """Make the table."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        rows = "insert into item select i, 'item ' || i, 0 from generate_series(1, :rows) i"
        await connection.execute(text(rows), {"rows": ROWS})
    await engine.dispose()


async def count_visits(url: str) -> int:
    """Add up how often rows have been changed."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        visits = await connection.scalar(text("select sum(visits) from item"))
    await engine.dispose()
    return int(visits or 0)


def by_hand(case: str, engine: AsyncEngine) -> ASGIApp:
    """Starlette, with a block in each endpoint."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    opened = _session_block(engine)

    async def session(request: Request) -> Response:
        async with opened() as session:
            return JSONResponse(await visit(session))

    async def objects(request: Request) -> Response:
        async with opened() as session:
            items = [ShownItem.model_validate(item) for item in await listed(session)]
            return Response(msgspec.json.encode([item.model_dump() for item in items]))

    async def held(request: Request) -> Response:
        async with opened() as session:
            await authenticated(session)
        await asyncio.sleep(PAUSE)
        return JSONResponse({"done": True})

    endpoints = {"session": session, "objects": objects, "held": held}
    return Starlette(routes=[Route("/orders", endpoints[case])])


def microfw(case: str, engine: AsyncEngine) -> ASGIApp:
    """The contender that this is all about; a session that is only looked into has scope "use"."""
    from microfw import App, Depends

    return _declared(App(), Depends, case, engine, {"scope": "use"})


def microfw_frozen(case: str, engine: AsyncEngine) -> ASGIApp:
    """The same, with what start-up has made out of the garbage collector's sight."""
    from microfw import App, Depends

    return _declared(App(gc_freeze=True), Depends, case, engine, {"scope": "use"})


def fastapi(case: str, engine: AsyncEngine) -> ASGIApp:
    """FastAPI, whose sessions are open until the endpoint has returned."""
    from fastapi import Depends, FastAPI

    return _declared(FastAPI(), Depends, case, engine, {"scope": "function"})


def _declared(
    app: Any, depends: Callable[..., Any], case: str, engine: AsyncEngine, looked_into: Any
) -> ASGIApp:
    opened = _session_block(engine)

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with opened() as session:
            yield session

    async def get_user(
        session: Annotated[AsyncSession, depends(get_session, **looked_into)],
    ) -> str:
        return await authenticated(session)

    async def session(session: Annotated[AsyncSession, depends(get_session)]) -> Any:
        return await visit(session)

    async def objects(session: Annotated[AsyncSession, depends(get_session)]) -> Any:
        return await listed(session)

    async def held(user: Annotated[str, depends(get_user)]) -> Any:
        await asyncio.sleep(PAUSE)
        return {"done": True}

    endpoints = {"session": session, "objects": objects, "held": held}
    model = {"response_model": list[ShownItem]} if case == "objects" else {}
    app.get("/orders", **model)(endpoints[case])
    built: ASGIApp = app
    return built


def litestar(case: str, engine: AsyncEngine) -> ASGIApp:
    """Litestar, whose sessions are open until the answer has been sent."""
    from litestar import Litestar, get
    from litestar.di import NamedDependency, Provide

    opened = _session_block(engine)

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with opened() as session:
            yield session

    async def get_user(session: NamedDependency[AsyncSession]) -> str:
        return await authenticated(session)

    provided = {"session": Provide(get_session)}

    @get("/orders", dependencies=provided)
    async def session(session: NamedDependency[AsyncSession]) -> dict[str, int]:
        return await visit(session)

    @get("/orders", dependencies=provided)
    async def objects(session: NamedDependency[AsyncSession]) -> list[ShownItem]:
        return [ShownItem.model_validate(item) for item in await listed(session)]

    @get("/orders", dependencies={**provided, "user": Provide(get_user)})
    async def held(user: NamedDependency[str]) -> dict[str, bool]:
        await asyncio.sleep(PAUSE)
        return {"done": True}

    endpoints: dict[str, Any] = {"session": session, "objects": objects, "held": held}
    built: Any = Litestar([endpoints[case]], openapi_config=None, logging_config=None)
    return cast(ASGIApp, built)


APPLICATIONS: dict[str, Callable[[str, AsyncEngine], Any]] = {
    "microfw": microfw,
    "microfw, gc_freeze": microfw_frozen,
    "by hand": by_hand,
    "FastAPI": fastapi,
    "Litestar": litestar,
}


def application(name: str, case: str, url: str) -> ASGIApp:
    """Make a contender's application for a case."""
    built: ASGIApp = APPLICATIONS[name](
        case, create_async_engine(url, pool_size=POOL[case], max_overflow=0)
    )
    return built


def _session_block(engine: AsyncEngine) -> Callable[[], AbstractAsyncContextManager[AsyncSession]]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            yield session
            await session.commit()

    return opened
