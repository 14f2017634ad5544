"""The database: one engine while the shop is open, one session and transaction per request."""

import logging
import os
from asyncio import CancelledError
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from sqlalchemy import Connection, event, inspect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from examples.shop.models import Base
from microfw import Depends

logger = logging.getLogger("uvicorn.error")  # among the server's own lines


async def get_engine() -> AsyncIterator[AsyncEngine]:
    """Connect at start-up, and close every connection at shutdown."""
    engine = make_engine(os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///shop.sqlite3"))
    try:
        async with engine.connect() as connection:
            await create_tables(connection)
        logger.info("The database is %s", engine.url)
        yield engine
    finally:
        await engine.dispose()
        logger.info("The database is closed")


EngineDep = Annotated[AsyncEngine, Depends(get_engine, scope="app")]


async def get_session(engine: EngineDep) -> AsyncIterator[AsyncSession]:
    """Commit if all went well, roll back if anything was raised, and close in any case."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        try:
            yield session
            await session.commit()
        except Exception:
            await session.rollback()
            raise


SessionDep = Annotated[AsyncSession, Depends(get_session)]

StreamSession = Annotated[AsyncSession, Depends(get_session, scope="request")]
"""One that is open until the last byte of the response is sent."""

BriefSession = Annotated[AsyncSession, Depends(get_session, scope="use")]
"""One that is closed, and its connection given back, as soon as those have run that use it."""


def make_engine(url: str) -> AsyncEngine:
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "invalidate", roll_back)
    return engine


def roll_back(connection: DBAPIConnection, *_: object) -> None:
    """Let go of SQLite's lock, which a closed connection keeps if a statement was cut off."""
    with suppress(CancelledError):  # its thread rolls back in any case
        connection.rollback()


async def create_tables(connection: AsyncConnection) -> None:
    """Create what is missing, one process at a time: several workers may start at once."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # readers block no writer
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1)")
    await connection.run_sync(Base.metadata.create_all)
    if missing := await connection.run_sync(missing_columns):
        raise OutdatedDatabaseError(
            f"{connection.engine.url} is of an older version of the shop: there is no"
            f" {', '.join(missing)}. Move it away; the shop makes a new one"
        )
    await connection.commit()


class OutdatedDatabaseError(Exception):
    """The database has tables that the shop cannot work with."""


def missing_columns(connection: Connection) -> list[str]:
    """Find what tables lack that were there before: they are not created."""
    look = inspect(connection)
    return [
        str(column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name not in {found["name"] for found in look.get_columns(table.name)}
    ]
