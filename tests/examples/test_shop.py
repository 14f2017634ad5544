"""The shop under a real uvicorn, with SQLite and with PostgreSQL."""

import asyncio
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, select
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from examples.shop.database import create_tables, get_session, make_engine
from examples.shop.invoices import make_invoice, send_due_invoices
from examples.shop.main import app
from examples.shop.models import DueInvoice, Invoice, Order, OrderLine, User
from microfw import BackgroundTasks
from tests.brokers import redis
from tests.examples.postgresql import postgresql
from tests.servers import PATIENCE, Server, serve
from tests.tasks.workers import workers

APP = "examples.shop.main:app"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"named": {"format": "%(name)s: %(message)s"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "named",
        }
    },
    "root": {"handlers": ["stdout"]},
    "loggers": {
        "uvicorn": {"level": "INFO"},
        "sqlalchemy.engine": {"level": "INFO"},
        "sqlalchemy.pool": {"level": "DEBUG"},
    },
}
"""Every statement, and every connection that is taken from the pool and given back."""

EVENTS = re.compile(
    r"sqlalchemy\.engine\.Engine: (BEGIN|COMMIT|ROLLBACK|SELECT|UPDATE \w+|INSERT INTO \w+)"
    r"|sqlalchemy\.pool\.\S+: Connection .*(checked out|returned to pool)"
    r'|uvicorn\.access: .*"(.*) HTTP/1.1" (\d+)'
)

MARK = "GET /mark 404"

WHO_IS_ASKING = ("checked out", "BEGIN", "SELECT", "COMMIT", "returned to pool")
"""The session in which the user is found: it is closed before anything else opens."""


def events(log: str) -> list[str]:
    return [" ".join(filter(None, match.groups())) for match in EVENTS.finditer(log)]


class Shop:
    """A running shop, and a customer."""

    def __init__(self, server: Server, client: httpx2.Client) -> None:
        self.server = server
        self.client = client

    def register(self) -> None:
        """Become a new customer."""
        created = self.client.post("/users", json={"name": "customer"})
        self.client.headers["authorization"] = f"Bearer {created.json()['token']}"

    def order(self, **quantities: int) -> httpx2.Response:
        lines = [{"item": item, "quantity": quantity} for item, quantity in quantities.items()]
        return self.client.post("/orders", json={"lines": lines})

    def stock(self) -> dict[str, int]:
        return {each["name"]: each["stock"] for each in self.client.get("/products").json()}

    @contextmanager
    def expect(self, *expected: str) -> Iterator[None]:
        """Compare what happens in the block, and in the tasks that it starts."""
        self.settle()
        start = len(self.server.log)
        yield
        self.settle()
        assert [each for each in events(self.server.log[start:]) if each != MARK] == [*expected]

    def settle(self) -> None:
        """Wait until the log has told all, every task has run, and every connection is back."""
        start = len(self.server.log)
        self.client.get("/mark")
        self.server.wait_until(lambda log: MARK in events(log[start:]) and is_settled(log), "rests")


def is_settled(log: str) -> bool:
    happened = Counter(events(log))
    return (
        happened["INSERT INTO audit_log"] == happened["INSERT INTO due_invoices"]
        and happened["returned to pool"] == happened["checked out"]
    )


@contextmanager
def serve_shop(folder: Path, database_url: str | None, **options: Any) -> Iterator[Server]:
    log_config = folder / "logging.json"
    log_config.write_text(json.dumps(LOGGING), encoding="utf-8")
    env = {} if database_url is None else {"DATABASE_URL": database_url}
    env["INVOICE_SECONDS"] = "86400"  # once, at the start
    with serve(APP, cwd=folder, env=env, log_config=str(log_config), **options) as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
    else:
        with postgresql() as url:
            yield url


@pytest.fixture(scope="module")
def running_shop(
    database_url: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    with (
        serve_shop(tmp_path_factory.mktemp("shop"), database_url) as server,
        httpx2.Client(base_url=server.url, timeout=PATIENCE) as client,
    ):
        server.wait_for("UPDATE due_invoices")
        yield Shop(server, client)


@pytest.fixture
def shop(running_shop: Shop) -> Shop:
    running_shop.register()
    return running_shop


def test_the_shop_is_healthy_if_its_database_answers(shop: Shop) -> None:
    answer = shop.client.get("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_an_order_is_committed_before_its_answer_is_sent_and_audited_after_it(shop: Shop) -> None:
    with shop.expect(
        *WHO_IS_ASKING,
        "checked out",
        "BEGIN",
        "INSERT INTO orders",
        "UPDATE products",
        "INSERT INTO order_lines",
        "UPDATE products",
        "INSERT INTO order_lines",
        "INSERT INTO due_invoices",
        "COMMIT",
        "returned to pool",
        "POST /orders 201",
        "checked out",
        "BEGIN",
        "INSERT INTO audit_log",
        "COMMIT",
        "returned to pool",
    ):
        answer = shop.order(book=2, pen=1)

    assert answer.status_code == 201


def test_the_session_that_finds_the_user_is_closed_before_the_order_is_received() -> None:
    """S7, V4"""
    source = app.explain("/orders", "POST")

    opens, user, closed, received, opens_again, order = (
        source.index(text)
        for text in (
            "as session:\n",
            "        user = await get_current_user(",
            "\n    if exchange.swallowed is not None:",
            "\n    await exchange.receive_body()\n",
            "as session_2:\n",
            "        returned = await place_order(",
        )
    )
    assert opens < user < closed < received < opens_again < order


def test_an_order_can_be_read_again_as_it_was_answered(shop: Shop) -> None:
    placed = shop.order(book=2, pen=1).json()

    assert shop.client.get("/orders").json() == [placed]
    assert placed["lines"] == [
        {"item": "book", "quantity": 2, "price_cents": 1250},
        {"item": "pen", "quantity": 1, "price_cents": 180},
    ]
    assert set(placed) == {"id", "placed_at", "lines"}
    assert placed["placed_at"].endswith("Z")


def test_an_order_that_fails_half_way_is_rolled_back_before_its_answer_is_sent(shop: Shop) -> None:
    stock = shop.stock()
    with shop.expect(
        *WHO_IS_ASKING,
        "checked out",
        "BEGIN",
        "INSERT INTO orders",
        "UPDATE products",
        "INSERT INTO order_lines",
        "UPDATE products",
        "ROLLBACK",
        "returned to pool",
        "POST /orders 409",
    ):
        answer = shop.order(book=1, lamp=1000)

    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": "there are not 1000 of 'lamp' in stock"},
    )
    assert shop.stock() == stock
    assert shop.client.get("/orders").json() == []
    assert shop.client.get("/audit").json() == []


def test_the_audit_log_tells_of_an_order_once_its_task_has_run(shop: Shop) -> None:
    placed = shop.order(pen=3).json()
    shop.settle()

    entries = shop.client.get("/audit").json()

    assert [entry["event"] for entry in entries] == [f"placed order {placed['id']}"]


def test_invalid_orders_are_refused_before_anything_is_taken(shop: Shop) -> None:
    stock = shop.stock()
    with shop.expect(
        *WHO_IS_ASKING,
        "POST /orders 422",
    ):
        answer = shop.order(book=0)

    assert (answer.status_code, [error["loc"] for error in answer.json()["detail"]]) == (
        422,
        [["body", "lines", 0, "quantity"]],
    )
    assert shop.stock() == stock


def test_only_so_many_get_the_last_ones_as_there_are(shop: Shop) -> None:
    left = shop.stock()["lamp"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: shop.order(pen=1, lamp=1).status_code, range(8)))

    assert sorted(answers) == [201] * left + [409] * (8 - left)
    assert shop.stock()["lamp"] == 0


def test_orders_of_the_same_things_do_not_stop_each_other(shop: Shop) -> None:
    pairs = [{"book": 1, "pen": 1}, {"pen": 1, "book": 1}]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: shop.order(**pairs[n % 2]).status_code, range(16)))

    assert answers == [201] * 16


def test_orders_are_exported_as_csv_while_the_session_is_open(shop: Shop) -> None:
    placed = [shop.order(book=1, pen=2).json(), shop.order(pen=5).json()]
    with shop.expect(
        *WHO_IS_ASKING,
        "checked out",
        "BEGIN",
        "SELECT",
        "GET /orders.csv 200",
        "COMMIT",
        "returned to pool",
    ):
        answer = shop.client.get("/orders.csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, *rows = answer.text.splitlines()
    assert header == "id,placed_at,item,quantity,price_cents"
    assert [re.sub(r",\d{4}-.*?,", ",", row) for row in rows] == [
        f"{placed[0]['id']},book,1,1250",
        f"{placed[0]['id']},pen,2,180",
        f"{placed[1]['id']},pen,5,180",
    ]


def test_every_row_of_a_long_export_is_sent_once(shop: Shop) -> None:
    for _ in range(2):
        shop.client.post("/orders", json={"lines": [{"item": "pen", "quantity": 1}] * 100})
    whole_pages = shop.client.get("/orders.csv").text.splitlines()
    shop.order(book=1)

    rows = shop.client.get("/orders.csv").text.splitlines()

    assert rows[:-1] == whole_pages
    assert [row.split(",")[2] for row in rows] == ["item", *["pen"] * 200, "book"]


def test_a_connection_given_up_within_a_statement_lets_others_write_to_sqlite(
    tmp_path: Path,
) -> None:
    async def give_up() -> None:
        engine = make_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.sqlite3?timeout=0")
        async with engine.connect() as connection:
            await create_tables(connection)
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            unread = await driver.execute(
                "INSERT INTO products VALUES ('cut', 1, 1) RETURNING name"
            )
            await connection.invalidate()
        async with engine.begin() as connection:
            await connection.exec_driver_sql("DELETE FROM products WHERE name != 'cut'")
            left = await connection.exec_driver_sql("SELECT name FROM products")
            assert left.all() == []
        await engine.dispose()
        del unread

    asyncio.run(give_up())


def test_the_feed_tells_everyone_of_each_new_order(shop: Shop) -> None:
    address = f"{shop.server.websocket_url}/feed"
    with connect(address) as first:
        with connect(address) as second:
            one = shop.order(book=1, pen=2).json()["id"]
            expected = {
                "order": one,
                "lines": [{"item": "book", "quantity": 1}, {"item": "pen", "quantity": 2}],
            }
            assert [json.loads(follower.recv(10)) for follower in (first, second)] == [expected] * 2
        shop.order(book=1, lamp=1000)
        two = shop.order(pen=1).json()["id"]
        assert json.loads(first.recv(10)) == {
            "order": two,
            "lines": [{"item": "pen", "quantity": 1}],
        }


def test_a_token_is_reported_once(shop: Shop) -> None:
    created = shop.client.post("/users", json={"name": "ada"})
    token = created.json()["token"]
    ada = {"authorization": f"Bearer {token}"}

    assert (created.status_code, set(created.json())) == (201, {"id", "name", "token"})
    assert shop.client.get("/users/me", headers=ada).json() == {
        "id": created.json()["id"],
        "name": "ada",
    }
    for path in ("/users/me", "/orders", "/orders.csv", "/audit", "/products", "/health"):
        answer = shop.client.get(path, headers=ada)
        assert answer.status_code == 200
        assert "token" not in answer.text
        assert token not in answer.text


def test_customers_of_one_name_are_two_customers(shop: Shop) -> None:
    with shop.expect(
        "checked out",
        "BEGIN",
        "INSERT INTO users",
        "COMMIT",
        "returned to pool",
        "POST /users 201",
    ):
        first = shop.client.post("/users", json={"name": "ada"}).json()
    second = shop.client.post("/users", json={"name": "ada"}).json()

    for ada in (first, second):
        headers = {"authorization": f"Bearer {ada['token']}"}
        me = shop.client.get("/users/me", headers=headers).json()
        assert me == {"id": ada["id"], "name": "ada"}
    assert first["id"] != second["id"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nobody", "Basic YTpi"])
@pytest.mark.parametrize("path", ["/orders", "/orders.csv", "/audit", "/users/me"])
def test_without_a_valid_token_nothing_is_shown(shop: Shop, path: str, authorization: str) -> None:
    answer = shop.client.get(path, headers={"authorization": authorization})

    is_missing = authorization != "Bearer nobody"
    detail = "Not authenticated" if is_missing else "Invalid authentication credentials"
    challenge = 'Bearer realm="shop"' + ("" if is_missing else ', error="invalid_token"')
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    assert answer.headers["www-authenticate"] == challenge


def test_one_customer_does_not_see_what_another_ordered(shop: Shop) -> None:
    shop.order(pen=1)
    shop.register()

    assert shop.client.get("/orders").json() == []
    assert shop.client.get("/orders.csv").text == "id,placed_at,item,quantity,price_cents\r\n"
    assert shop.client.get("/audit").json() == []


def test_sigint_ends_the_feed_and_disposes_of_the_engine_last(
    database_url: str | None, tmp_path: Path
) -> None:
    with serve_shop(tmp_path, database_url) as server:
        httpx2.get(f"{server.url}/health")
        with connect(f"{server.websocket_url}/feed") as follower:
            start = len(server.log)
            server.interrupt()
            with pytest.raises(ConnectionClosed) as closed:
                follower.recv(10)
        log = server.stop()[start:]

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    # What is logged late, or where the feed takes more than a moment to end.
    other = r"127\.0\.0\.1|connection open|Waiting for background tasks"
    told = rf"uvicorn.error: (?!{other})[^[\n]+|Pool disposed"
    assert re.findall(told, log) == [
        "uvicorn.error: Shutting down",
        "uvicorn.error: Waiting for application shutdown.",
        "Pool disposed",
        "uvicorn.error: The database is closed",
        "uvicorn.error: Application shutdown complete.",
        "uvicorn.error: Finished server process ",
    ]


def test_workers_that_start_together_make_one_database(tmp_path: Path) -> None:
    with serve_shop(tmp_path, None, workers=4) as server:
        products = httpx2.get(f"{server.url}/products").json()

    assert [product["name"] for product in products] == ["book", "lamp", "pen"]


def test_a_database_of_an_older_version_is_named_with_the_cure(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE due_invoices (order_id INTEGER PRIMARY KEY)")

    with pytest.raises(AssertionError) as info, serve_shop(tmp_path, None):
        pass

    assert (
        "OutdatedDatabaseError: sqlite+aiosqlite:///shop.sqlite3 is of an older version of the shop:"
        " there is no due_invoices.send_at. Move it away; the shop makes a new one\n"
    ) in str(info.value)


def test_what_was_ordered_is_there_after_a_restart(tmp_path: Path) -> None:
    with (
        serve_shop(tmp_path, None) as server,
        httpx2.Client(base_url=server.url, timeout=PATIENCE) as client,
    ):
        shop = Shop(server, client)
        shop.register()
        shop.order(book=7)

    with serve_shop(tmp_path, None) as server:
        headers = client.headers
        orders = httpx2.get(f"{server.url}/orders", headers=headers).json()
        audit = httpx2.get(f"{server.url}/audit", headers=headers).json()

    assert [order["lines"][0]["quantity"] for order in orders] == [7]
    assert [entry["event"] for entry in audit] == [f"placed order {orders[0]['id']}"]


def wait_for(client: httpx2.Client, path: str, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 3 * PATIENCE
    while True:
        found: list[dict[str, Any]] = client.get(path).json()
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_an_order_gets_its_invoice_in_the_same_process(tmp_path: Path) -> None:
    with (
        serve(APP, cwd=tmp_path, env={"INVOICE_SECONDS": "1"}) as server,
        httpx2.Client(base_url=server.url, timeout=PATIENCE) as client,
    ):
        shop = Shop(server, client)
        shop.register()
        placed = shop.order(book=2, pen=1).json()
        (invoice,) = wait_for(client, "/invoices", 1)

    assert (invoice["order_id"], invoice["cents"]) == (placed["id"], 2680)


def test_a_due_order_is_sent_once_and_its_invoice_made_once_however_many_ask_at_once(
    database_url: str | None, tmp_path: Path
) -> None:
    async def ask() -> tuple[list[int], list[bool], Sequence[int]]:
        engine = make_engine(database_url or f"sqlite+aiosqlite:///{tmp_path}/shop.sqlite3")
        in_session = asynccontextmanager(get_session)
        async with engine.connect() as connection:
            await create_tables(connection)
        async with in_session(engine) as session:
            await session.execute(delete(DueInvoice))
            user = User(name="ada", token_digest=str(tmp_path))
            session.add(user)
            await session.flush()
            line = OrderLine(item="pen", quantity=2, price_cents=180)
            order = Order(user_id=user.id, lines=[line])
            session.add(order)
            await session.flush()
            session.add(DueInvoice(order_id=order.id))

        async def send() -> int:
            async with in_session(engine) as session:
                return await send_due_invoices(session, BackgroundTasks())

        async def make() -> bool:
            async with in_session(engine) as session:
                return await make_invoice(order.id, session)

        sent = await asyncio.gather(*(send() for _ in range(5)))
        made = await asyncio.gather(*(make() for _ in range(10)))
        async with in_session(engine) as session:
            invoices = select(Invoice.cents).filter_by(order_id=order.id)
            cents = (await session.scalars(invoices)).all()
        await engine.dispose()
        return sent, made, cents

    sent, made, cents = asyncio.run(ask())

    assert (sorted(sent), sorted(made), cents) == ([0] * 4 + [1], [False] * 9 + [True], [360])


@pytest.mark.slow
def test_orders_get_one_invoice_and_one_entry_each_while_their_worker_is_killed(
    tmp_path: Path,
) -> None:
    with redis() as broker:
        env = {
            "INVOICE_SECONDS": "1",
            "TASKS_URL": broker.url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/shop.sqlite3",
        }
        with (
            serve(APP, cwd=tmp_path, env=env) as server,
            httpx2.Client(base_url=server.url, timeout=PATIENCE) as client,
            workers(env, tmp_path / "scheduler", "microfw", "schedule", APP),
        ):
            shop = Shop(server, client)
            shop.register()
            for number in (1, 2):
                with workers(env, tmp_path / f"{number}", "microfw", "worker", APP) as worker:
                    worker.wait_until_ready()
                    for _ in range(5):
                        shop.order(pen=1)
                    wait_for(client, "/invoices", 5 * number - 4)
                    worker.kill()
            with workers(env, tmp_path / "last", "microfw", "worker", APP) as worker:
                invoices = wait_for(client, "/invoices", 10)
                entries = wait_for(client, "/audit", 10)
                worker.terminate()

    assert [invoice["cents"] for invoice in invoices] == [180] * 10
    placed = {f"placed order {invoice['order_id']}" for invoice in invoices}
    assert ({entry["event"] for entry in entries}, len(entries)) == (placed, 10)
