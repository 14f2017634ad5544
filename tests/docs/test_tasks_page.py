"""The code of the page "Beyond one process" does what the page says."""

import importlib
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.brokers import redis
from tests.docs.pages import SOURCES
from tests.servers import python_environment, serve
from tests.tasks.workers import Workers


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(SOURCES)  # pyright: ignore[reportUnknownMemberType]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TASKS_URL", raising=False)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_test_of_the_page_passes() -> None:
    page: Any = importlib.import_module("invoices_tested")
    await page.test_an_invoice_is_written()


@pytest.mark.parametrize("first", ["main", "queue", "breads"])
def test_the_modules_of_the_bigger_application_can_be_imported_in_any_order(first: str) -> None:
    program = (
        f"import bakery.{first}\n"
        "from bakery.breads import bake\n"
        "from bakery.main import app\n"
        "from microfw.testclient import TestClient\n"
        "with TestClient(app) as client:\n"
        "    id = client.post('/breads/rye').json()\n"
        "    result = client.portal.call(bake.broker.result_backend.get_result, id)\n"
        "print(result.return_value)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=python_environment({"PYTHONPATH": str(SOURCES)}),
    )
    assert (done.stdout, done.stderr) == ("rye is baked\n", "")


@pytest.mark.slow
def test_an_order_is_invoiced_in_the_process_that_serves_or_by_a_worker_with_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))
    assert order_one({}, tmp_path) == 1
    with redis() as broker:
        env = {"TASKS_URL": broker.url}
        worker = Workers(["microfw", "worker", "invoices:app"], env, tmp_path / "log", tmp_path)
        try:
            assert order_one(env, tmp_path) == 2
        finally:
            worker.kill()


def order_one(env: dict[str, str], folder: Path) -> int:
    """Place an order, and wait for its invoice; return how many there are."""
    with serve("invoices:app", cwd=folder, env=env) as server:
        placed = httpx2.post(f"{server.url}/orders", json={"item": "tea"})
        assert placed.status_code == 201
        deadline = time.monotonic() + 60
        with closing(sqlite3.connect(folder / "shop.sqlite3")) as connection, connection:
            while True:
                invoices = [row[0] for row in connection.execute("SELECT * FROM invoices")]
                if placed.json() in invoices:
                    return len(invoices)
                assert time.monotonic() < deadline
                time.sleep(0.02)
