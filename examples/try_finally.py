"""`try` and `finally` around the `yield`: the connection is closed whether the endpoint returns or
raises. All of it is sync, and so runs in one worker thread: sqlite3 insists on that.
"""

import sqlite3
from collections.abc import Iterator
from typing import Annotated

from httpx2 import Client

from microfw import App, Depends, HTTPException
from microfw.testclient import TestClient

app = App()


def get_connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE tides AS SELECT 'Brest' AS harbour, 6.1 AS metres")
    print("opened")
    try:
        yield connection
    finally:
        connection.close()
        print("closed")


@app.get("/tides/{harbour}")
def read_tide(
    harbour: str, connection: Annotated[sqlite3.Connection, Depends(get_connection)]
) -> dict[str, float]:
    found = connection.execute("SELECT metres FROM tides WHERE harbour = ?", (harbour,)).fetchone()
    if found is None:
        raise HTTPException(404, f"no tides are known for {harbour}")
    return {"metres": found[0]}


def show(client: Client) -> None:
    print("answer:", client.get("/tides/Brest").json())
    print("answer:", client.get("/tides/Ulm").json())


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   opened
#   closed
#   answer: {'metres': 6.1}
#   opened
#   closed
#   answer: {'detail': 'no tides are known for Ulm'}
