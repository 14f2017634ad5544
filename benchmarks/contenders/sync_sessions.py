"""The work of `sessions` in worker threads: a sync session, dependency and endpoint.

By hand that is one call in a thread, in which everything happens.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import randint
from typing import Annotated, Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from benchmarks.client import ASGIApp
from benchmarks.contenders.sessions import ROWS, Item

POOL = 20
"""The connections that there are."""


def visit(session: Session) -> dict[str, int]:
    """Change a row; the commit is left to whoever has opened the session."""
    item = session.get_one(Item, randint(1, ROWS))
    item.visits += 1
    return {"id": item.id}


def by_hand(engine: Engine) -> ASGIApp:
    """Starlette, which calls a sync endpoint in a thread."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    opened = _session_block(engine)

    def orders(request: Request) -> Response:
        with opened() as session:
            return JSONResponse(visit(session))

    return Starlette(routes=[Route("/orders", orders)])


def microfw(engine: Engine) -> ASGIApp:
    """The contender that this is all about."""
    from microfw import App, Depends

    return _declared(App(), Depends, engine)


def fastapi(engine: Engine) -> ASGIApp:
    """FastAPI, which opens, closes and calls in a thread each."""
    from fastapi import Depends, FastAPI

    return _declared(FastAPI(), Depends, engine)


def _declared(app: Any, depends: Callable[..., Any], engine: Engine) -> ASGIApp:
    opened = _session_block(engine)

    def get_session() -> Iterator[Session]:
        with opened() as session:
            yield session

    @app.get("/orders")
    def orders(session: Annotated[Session, depends(get_session)]) -> Any:
        return visit(session)

    built: ASGIApp = app
    return built


APPLICATIONS: dict[str, Callable[[Engine], ASGIApp]] = {
    "microfw": microfw,
    "by hand": by_hand,
    "FastAPI": fastapi,
}


def application(name: str, url: str) -> ASGIApp:
    """Make a contender's application."""
    engine = create_engine(url.replace("+asyncpg", "+psycopg"), pool_size=POOL, max_overflow=0)
    return APPLICATIONS[name](engine)


def _session_block(engine: Engine) -> Callable[[], AbstractContextManager[Session]]:
    @contextmanager
    def opened() -> Iterator[Session]:
        with Session(engine, expire_on_commit=False) as session:
            yield session
            session.commit()

    return opened
