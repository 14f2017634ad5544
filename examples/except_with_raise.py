"""`except` that raises again: the dependency tidies up, the dependencies around it see the same
exception, and its handler answers when all of them have exited.
"""

from collections.abc import Iterator
from typing import Annotated

from httpx2 import Client

from microfw import App, Depends, Request
from microfw.responses import PlainTextResponse
from microfw.testclient import TestClient

app = App()


class NoFlourError(Exception):
    """Bread cannot be baked."""


def get_kitchen() -> Iterator[str]:
    try:
        yield "kitchen"
    except NoFlourError as error:
        print("the kitchen closes:", error)
        raise


def get_oven(kitchen: Annotated[str, Depends(get_kitchen)]) -> Iterator[str]:
    try:
        yield f"oven in the {kitchen}"
    except NoFlourError:
        print("the oven is out")
        raise


@app.get("/bread")
def bake(oven: Annotated[str, Depends(get_oven)]) -> str:
    raise NoFlourError(f"no flour for the {oven}")


@app.exception_handler(NoFlourError)
def apologise(request: Request, error: NoFlourError) -> PlainTextResponse:
    print("the baker apologises")
    return PlainTextResponse("no bread today", 503)


def show(client: Client) -> None:
    answer = client.get("/bread")
    print("answer:", answer.status_code, answer.text)


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   the oven is out
#   the kitchen closes: no flour for the oven in the kitchen
#   the baker apologises
#   answer: 503 no bread today
