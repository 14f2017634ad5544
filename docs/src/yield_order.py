from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Annotated, Self

from microfw import App, Depends

app = App()


# region class
class Lock:
    """Fills when a ship goes in, and empties when it goes out."""

    def __enter__(self) -> Self:
        print("lock: fills")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        print("lock: empties")


async def get_lock() -> AsyncIterator[Lock]:
    with Lock() as lock:
        yield lock


# endregion class


# region decorated
@asynccontextmanager
async def tug() -> AsyncGenerator[str, None]:
    print("tug: here")
    yield "the tug"
    print("tug: gone")


@app.post("/enter")
async def enter(lock: Annotated[Lock, Depends(get_lock)], tug: Annotated[str, Depends(tug)]) -> str:
    print("endpoint")
    return f"{tug} brings you in"


# endregion decorated
