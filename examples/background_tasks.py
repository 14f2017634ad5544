"""Background tasks run when the response was sent, and the request's dependencies have exited. What
a task needs it declares itself, and gets it fresh. One that fails does not stop the others.
"""

from collections.abc import Iterator
from itertools import count
from typing import Annotated

from httpx2 import Client

from microfw import App, BackgroundTasks, Depends
from microfw.testclient import TestClient

app = App()
numbers = count(1)


def get_pen() -> Iterator[str]:
    pen = f"pen {next(numbers)}"
    print(f"{pen}: opened")
    try:
        yield pen
    finally:
        print(f"{pen}: closed")


Pen = Annotated[str, Depends(get_pen)]


def write(text: str, pen: Pen) -> None:
    print(f"{pen}: writes {text}")


def tear(text: str) -> None:
    raise OSError(f"{text} is torn")


@app.post("/letters/{name}")
def answer_letter(name: str, pen: Pen, tasks: BackgroundTasks) -> str:
    tasks.add_task(write, f"dear {name}")  # not `pen`: it will be closed by then
    tasks.add_task(tear, "the envelope")
    tasks.add_task(write, f"to {name}")
    return f"signed with {pen}"


def show(client: Client) -> None:
    print("answer:", client.post("/letters/ida").json())


if __name__ == "__main__":
    show(TestClient(app, raise_server_exceptions=False))

# Prints:
#   pen 1: opened
#   pen 1: closed
#   pen 2: opened
#   pen 2: writes dear ida
#   pen 2: closed
#   pen 3: opened
#   pen 3: writes to ida
#   pen 3: closed
#   answer: signed with pen 1
