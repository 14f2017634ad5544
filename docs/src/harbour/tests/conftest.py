from collections.abc import Iterator
from pathlib import Path

import pytest

from harbour.main import app
from harbour.settings import Settings, get_settings
from microfw.testclient import TestClient


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A client of an application with a new database."""
    settings = Settings(database=f"sqlite+aiosqlite:///{tmp_path}/test.sqlite3", berths=2)
    with app.override({get_settings: lambda: settings}), TestClient(app) as client:
        yield client
