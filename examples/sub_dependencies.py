"""Dependencies of dependencies: each is set up after what it depends on, and exits before it.
The ship is asked for twice, and is one ship.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from httpx2 import Client

from microfw import App, Depends
from microfw.testclient import TestClient

app = App()


async def get_ship() -> AsyncIterator[list[str]]:
    print("the ship is launched")
    aboard: list[str] = []
    yield aboard
    print(f"the ship is laid up, aboard: {aboard}")


Ship = Annotated[list[str], Depends(get_ship)]


def get_captain(ship: Ship) -> Iterator[str]:
    print("  the captain boards")
    ship.append("captain")
    yield "Ahab"
    ship.remove("captain")
    print("  the captain leaves")


Captain = Annotated[str, Depends(get_captain)]


async def get_crew(ship: Ship, captain: Captain) -> AsyncIterator[int]:
    print(f"    the crew boards, {captain} is there")
    ship.append("crew")
    yield 30
    ship.remove("crew")
    print(f"    the crew leaves, {captain} is still there")


@app.get("/voyage")
async def sail(crew: Annotated[int, Depends(get_crew)], captain: Captain) -> str:
    print("      sailing")
    return f"{captain} and {crew} others have sailed"


def show(client: Client) -> None:
    print("answer:", client.get("/voyage").json())


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   the ship is launched
#     the captain boards
#       the crew boards, Ahab is there
#         sailing
#       the crew leaves, Ahab is still there
#     the captain leaves
#   the ship is laid up, aboard: []
#   answer: Ahab and 30 others have sailed
