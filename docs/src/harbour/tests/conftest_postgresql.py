import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from harbour import database
from harbour.database import EngineDep, create_tables
from harbour.main import app
from harbour.settings import Settings, get_settings
from microfw import Depends
from microfw.testclient import TestClient

SERVER = make_url(os.environ.get("TEST_SERVER", "postgresql+asyncpg://localhost/postgres"))
NAME = f"harbour_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@pytest.fixture(scope="session")
def url() -> Iterator[URL]:
    """A database of this process, with its tables."""
    asyncio.run(administer(f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME}"))
    url = SERVER.set(database=NAME)
    with app.override({get_settings: lambda: settings_for(url)}):
        app.call_sync(create_tables)
    yield url
    asyncio.run(administer(f"DROP DATABASE {NAME}"))


@pytest.fixture
def client(url: URL) -> Iterator[TestClient]:
    """A client of an application whose tables are empty."""
    others = app.override(
        {get_settings: lambda: settings_for(url), database.get_session: get_session}
    )
    with others, TestClient(app) as client:
        yield client


def settings_for(url: URL) -> Settings:
    address = url.render_as_string(hide_password=False)
    return Settings(database=address, create_tables=False, berths=2)


async def administer(*statements: str) -> None:
    engine = create_async_engine(SERVER, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def get_connection(engine: EngineDep) -> AsyncIterator[AsyncConnection]:
    """The connection of a test, from the first request to the last; all is rolled back."""
    async with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        await transaction.rollback()


async def get_session(
    connection: Annotated[AsyncConnection, Depends(get_connection, scope="app")],
) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(connection, join_transaction_mode="create_savepoint") as session:
        yield session
        await session.commit()
