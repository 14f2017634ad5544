"""The collection: what would be a database, and the dependencies that open it."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from microfw import Depends, HTTPException
from tests.twin.museum.journal import note
from tests.twin.museum.models import Material, Size, StoredExhibit

exhibits: dict[int, StoredExhibit] = {
    1: StoredExhibit(
        number=1, title="Jug", year=-450, material=Material.CLAY, tags=["greek"], vault="A1"
    ),
    2: StoredExhibit(
        number=2,
        title="Atlas",
        year=1595,
        material=Material.PAPER,
        size=Size(height=41.5, width=28),
        tags=["maps", "flemish"],
        vault="A2",
    ),
    3: StoredExhibit(number=3, title="Bell", year=1702, material=Material.BRONZE, vault="C7"),
}


class Transaction:
    """Takes changes, and makes them when it is committed."""

    def __init__(self) -> None:
        self.changes: list[StoredExhibit] = []
        self.removed: list[int] = []

    def commit(self) -> None:
        exhibits.update((exhibit.number, exhibit) for exhibit in self.changes)
        for number in self.removed:
            del exhibits[number]


async def get_keys() -> AsyncIterator[str]:
    note("keys taken")
    yield "keys"
    note("keys returned")


async def get_transaction(
    keys: Annotated[str, Depends(get_keys, scope="request")],
) -> AsyncIterator[Transaction]:
    transaction = Transaction()
    note(f"transaction with {keys}")
    try:
        yield transaction
    except HTTPException as error:
        note(f"rolled back: {error.status_code} {error.detail}")
        raise
    except Exception as error:
        note(f"rolled back: {type(error).__name__}")
        raise
    else:
        transaction.commit()
        note("committed")
    finally:
        note("transaction ended")


def get_clerk() -> Iterator[str]:
    note("clerk comes")
    try:
        yield "clerk"
    finally:
        note("clerk goes")


TransactionNow = Annotated[Transaction, Depends(get_transaction, scope="function")]
Clerk = Annotated[str, Depends(get_clerk, scope="function")]


def exhibit_of(number: int) -> StoredExhibit:
    if number not in exhibits:
        raise HTTPException(404, f"There is no exhibit {number}", {"X-Searched": "all rooms"})
    return exhibits[number]
