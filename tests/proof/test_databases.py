"""The shop's rows fit what its customers were told, on each database; and what does not is found."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Annotated, Any

import aiosqlite
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from examples.shop.database import get_engine, get_session
from microfw import Depends
from proof.books import PLACED, REFUSED, Books, Intent, Outcome
from proof.databases import Shop, load, main, sqlite
from tests.examples.postgresql import postgresql

pytestmark = [
    pytest.mark.unmeasured,
    # CPython 3.13 and later report a connection that aiosqlite gives up as its request is cancelled.
    pytest.mark.filterwarnings("ignore:Exception ignored .*<sqlite3.Connection"),
]


@pytest.fixture(autouse=True)
def reported_here() -> Iterator[None]:
    """Have such a connection be found in the test that has lost it, not in a later one."""
    yield
    gc.collect()


@pytest.fixture(params=[sqlite, postgresql])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.param() as url:
        yield url


def test_rows_fit_what_customers_know_whatever_is_cut_off_or_fails(url: str) -> None:
    done = load(Shop(url, requests=40), customers=8, seed=3)

    assert done.mistakes == []
    assert 0 < done.placed < 40


async def get_hasty_session(
    engine: Annotated[AsyncEngine, Depends(get_engine, scope="app")],
) -> AsyncIterator[AsyncSession]:
    """Commits what has failed, too."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        try:
            yield session
            await session.commit()
        except Exception:
            await session.commit()
            raise


def test_a_session_that_commits_what_has_failed_is_found() -> None:
    with sqlite() as url:
        shop = Shop(url, 20, overrides={get_session: get_hasty_session})

        found = load(shop, customers=4, seed=3).mistakes

    kinds = ("its order is there, and was refused", "is there, and paid 0 times")
    assert [mistake for mistake in found if mistake.endswith(kinds)]


def test_connections_that_are_kept_are_found() -> None:
    with sqlite() as url:
        shop = Shop(url, requests=0)

        async def keep_connections() -> None:
            opening = shop.get_engine()
            engine = await anext(opening)
            kept, stranger = await engine.connect(), await aiosqlite.connect(":memory:")
            assert await anext(opening, None) is None
            await kept.invalidate()
            await stranger.close()

        asyncio.run(keep_connections())
        shop.entered += 1

    assert shop.losses() == [
        "1 dependencies have not exited",
        "1 connections were not given back",
        "2 connections are open beside the pool",
    ]


BOOKS = Books(
    stock_before={"book": 10, "pen": 10},
    stock={"book": 7, "pen": 10},
    prices={"book": 1250, "pen": 180},
    orders=frozenset({1, 2}),
    lines={1: [("book", 1, 1250)], 2: [("book", 2, 1250)]},
    payments={5: (1, 1250), 6: (2, 2500)},
    audited={1: 1},
)
INTENTS = {
    4: Intent({"pen": 1}, REFUSED),
    5: Intent({"book": 1}, PLACED),
    6: Intent({"book": 2}, Outcome(placed=True, audited=False)),
    7: Intent({"pen": 1}),
}


def test_rows_that_fit_are_no_mistakes() -> None:
    assert BOOKS.mistakes(INTENTS) == []


@pytest.mark.parametrize(
    ("changed", "mistakes"),
    [
        ({"stock": {"book": 8, "pen": 10}}, ["of 10 of book, 3 are sold and 8 are left"]),
        ({"orders": {1}}, ["order 2 is missing, and paid 1 times"]),
        ({"orders": {1, 2, 3}}, ["order 3 is there, and paid 0 times"]),
        ({"audited": {1: 1, 9: 1}}, ["order 9 is missing, and paid 0 times"]),
        ({"audited": {}}, ["request 5: the audit log tells of it 0 times"]),
        ({"audited": {1: 2}}, ["request 5: the audit log tells of it 2 times"]),
        ({"audited": {1: 1, 2: 1}}, ["request 6: the audit log tells of it 1 times"]),
        (
            {"payments": {5: (1, 1250), 6: (2, 1250)}},
            ["request 6: 1250 cents are paid, and the lines cost 2500"],
        ),
        (
            {"payments": {5: (1, 1250), 8: (2, 2500)}},
            ["nobody has sent request 8", "request 6: its order is missing"],
        ),
        (
            {"payments": {4: (2, 2500), 5: (1, 1250)}},
            [
                "request 4: its order is there, and was refused",
                "request 4: its lines are [('book', 2, 1250)], not [('pen', 1, 180)]",
                "request 6: its order is missing",
            ],
        ),
    ],
)
def test_rows_that_do_not_fit_are_reported(changed: dict[str, Any], mistakes: list[str]) -> None:
    assert replace(BOOKS, **changed).mistakes(INTENTS) == mistakes


@pytest.mark.slow
def test_each_database_is_loaded_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--requests", "5", "--customers", "2", "--seed", "3"]) == 0

    told = capsys.readouterr().out
    assert "SQLite: 5 requests in " in told
    assert "PostgreSQL: 5 requests in " in told or "PostgreSQL is not installed" in told
    assert "mistake" not in told
