from collections.abc import AsyncIterator
from typing import Annotated

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from harbour.models import Base
from harbour.settings import Settings, get_settings
from microfw import Depends


async def get_engine(
    settings: Annotated[Settings, Depends(get_settings)],
) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(settings.database)
    if settings.create_tables:  # for development
        await create_tables(engine)
    yield engine
    await engine.dispose()


EngineDep = Annotated[AsyncEngine, Depends(get_engine, scope="app")]


async def create_tables(engine: EngineDep) -> None:
    """Create the tables that are missing."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def get_session(engine: EngineDep) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:  # closes, and rolls back what is not committed
        yield session
        await session.commit()


SessionDep = Annotated[AsyncSession, Depends(get_session)]
