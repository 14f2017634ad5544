from pathlib import Path

from harbour.database import create_tables
from harbour.main import app
from harbour.settings import Settings, get_settings
from microfw.testclient import TestClient


def test_the_application_runs_on_tables_that_the_deployment_made(tmp_path: Path) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path}/test.sqlite3"
    settings = Settings(database=database, create_tables=False)

    with app.override({get_settings: lambda: settings}):
        app.call_sync(create_tables)
        with TestClient(app) as client:
            assert client.get("/ships").json() == []
