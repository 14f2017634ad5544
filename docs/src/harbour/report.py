from sqlalchemy import func, select

from harbour.database import SessionDep
from harbour.main import app
from harbour.models import Ship


async def count_ships(longer_than: float, session: SessionDep) -> int:
    query = select(func.count()).select_from(Ship).where(Ship.metres > longer_than)
    return await session.scalar(query) or 0


if __name__ == "__main__":
    print(app.call_sync(count_ships, 100))
