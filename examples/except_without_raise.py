"""`except` that does not raise again: the exception is gone, and with it any response. The client
gets a 500, and the server's log says which dependency has swallowed what.
"""

from collections.abc import Iterator
from typing import Annotated

from httpx2 import Client

from microfw import App, Depends
from microfw.exceptions import SwallowedExceptionError
from microfw.testclient import TestClient

app = App()


def get_oven() -> Iterator[str]:
    try:
        yield "oven"
    except ValueError:
        print("the oven is out")  # and nobody else will hear of it


@app.get("/bread")
def bake(oven: Annotated[str, Depends(get_oven)]) -> str:
    raise ValueError(f"no flour in the {oven}")


def show(client: Client) -> None:
    answer = client.get("/bread")
    print("answer:", answer.status_code, answer.text)


if __name__ == "__main__":
    show(TestClient(app, raise_server_exceptions=False))
    try:
        TestClient(app).get("/bread")  # raises what a server would log
    except SwallowedExceptionError as error:
        print("log:", error)
        print("log: the cause of it was", repr(error.__cause__))

# Prints:
#   the oven is out
#   answer: 500 Internal Server Error
#   the oven is out
#   log: get_oven (examples/except_without_raise.py:17) swallowed ValueError('no flour in the oven')
#   log: the cause of it was ValueError('no flour in the oven')
