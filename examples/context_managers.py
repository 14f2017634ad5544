"""Context managers: a class of one's own used in a dependency with `yield`, and functions made with
`@contextmanager` or `@asynccontextmanager`, which are dependencies as they are.
"""

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Annotated, Self

from httpx2 import Client

from microfw import App, Depends
from microfw.testclient import TestClient

app = App()


class Gate:
    """Opens and closes by `with`."""

    def __enter__(self) -> Self:
        print("gate: open")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        print("gate: closed")


def get_gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@contextmanager
def light(gate: Annotated[Gate, Depends(get_gate)]) -> Generator[str, None, None]:
    print("light: on")
    yield "light"
    print("light: off")


@asynccontextmanager
async def music() -> AsyncGenerator[str, None]:
    print("music: on")
    yield "music"
    print("music: off")


@app.get("/garden")
async def visit(
    light: Annotated[str, Depends(light)], music: Annotated[str, Depends(music)]
) -> list[str]:
    print("in the garden")
    return [light, music]


def show(client: Client) -> None:
    print("answer:", client.get("/garden").json())


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   gate: open
#   light: on
#   music: on
#   in the garden
#   music: off
#   light: off
#   gate: closed
#   answer: ['light', 'music']
