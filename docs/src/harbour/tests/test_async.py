from pathlib import Path

import httpx2
import pytest

from harbour.main import app
from harbour.settings import Settings, get_settings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_ship_can_be_added(tmp_path: Path) -> None:
    settings = Settings(database=f"sqlite+aiosqlite:///{tmp_path}/test.sqlite3")
    transport = httpx2.ASGITransport(app)
    with app.override({get_settings: lambda: settings}):
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            answer = await client.post("/ships", json={"name": "Ariel", "metres": 42})

    assert answer.status_code == 201
