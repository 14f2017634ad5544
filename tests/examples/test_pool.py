"""What scope "use" is worth: a pool of 5 connections, and 200 requests that wait for something slow."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from microfw import App, Depends
from tests.lifecycle.programs import Answer, request

CONNECTIONS, REQUESTS = 5, 200


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # SQLAlchemy knows no other


class SlowService:
    """Answers when all are waiting for it that ever will.

    Attributes:
        waiting: How many are.
        checked_out: How many connections were out of the pool when the last one came.
    """

    def __init__(self, pool: AsyncAdaptedQueuePool) -> None:
        self.waiting = 0
        self.checked_out = 0
        self._pool = pool
        self._answers = anyio.Event()

    async def ask(self) -> None:
        self.waiting += 1
        self.checked_out = self._pool.checkedout()
        if self.waiting == REQUESTS:
            self.answer()
        await self._answers.wait()

    def answer(self) -> None:
        self._answers.set()


def application(engine: AsyncEngine, service: SlowService, scope: Any) -> App:
    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            yield session

    async def get_user(session: Annotated[AsyncSession, Depends(get_session, scope=scope)]) -> str:
        return str(await session.scalar(text("SELECT 'user'")))

    app = App()

    @app.get("/")
    async def endpoint(user: Annotated[str, Depends(get_user)]) -> str:
        await service.ask()
        return user

    return app


@pytest.mark.parametrize("scope", ["use", "function"])
async def test_five_connections_serve_two_hundred_requests_that_wait(
    scope: Literal["use", "function"], tmp_path: Path
) -> None:
    """S7: of scope "function" each one that waits keeps a connection, and the others get none."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'users'}",
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=3 if scope == "function" else 10,
    )
    pool = engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    service = SlowService(pool)
    app = application(engine, service, scope)
    answers: list[Answer] = []

    async def ask() -> None:
        answers.append(await request(app))
        if len(answers) == REQUESTS - CONNECTIONS:
            service.answer()

    try:
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS):
                group.start_soon(ask)
    finally:
        await engine.dispose()

    served = [answer.json() for answer in answers if answer.status == 200]
    refused = [answer.raised for answer in answers if answer.status == 500]
    if scope == "use":
        assert (served, refused) == (["user"] * REQUESTS, [])
        assert (service.waiting, service.checked_out) == (REQUESTS, 0)
    else:
        assert (len(served), len(refused)) == (CONNECTIONS, REQUESTS - CONNECTIONS)
        assert all(isinstance(error, PoolTimeoutError) for error in refused)
        assert (service.waiting, service.checked_out) == (CONNECTIONS, CONNECTIONS)
