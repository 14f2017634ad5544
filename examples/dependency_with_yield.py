"""A dependency with `yield`: what is before it runs before the endpoint, what is after it runs
when the response has been created, and before it is sent.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from httpx2 import Client

from microfw import App, Depends
from microfw.testclient import TestClient

app = App()


class Kettle:
    def __init__(self) -> None:
        self.litres = 1.5

    def pour(self, litres: float) -> None:
        self.litres -= litres


async def get_kettle() -> AsyncIterator[Kettle]:
    kettle = Kettle()
    print("kettle on")
    yield kettle
    print(f"kettle off, {kettle.litres} litres left")


@app.get("/tea")
async def make_tea(kettle: Annotated[Kettle, Depends(get_kettle)], cups: int = 1) -> dict[str, int]:
    kettle.pour(cups * 0.25)
    print("tea made")
    return {"cups": cups}


def show(client: Client) -> None:
    print("answer:", client.get("/tea?cups=2").json())


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   kettle on
#   tea made
#   kettle off, 1.0 litres left
#   answer: {'cups': 2}
