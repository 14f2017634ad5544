"""`HTTPException` in exit code: nothing is sent yet, so exit code can still decide the answer, in
place of an exception of another kind, or of a response that was already built.
"""

from collections.abc import Iterator
from typing import Annotated

from httpx2 import Client

from microfw import App, Depends, HTTPException
from microfw.testclient import TestClient

app = App()


class NotYoursError(Exception):
    """A parcel was asked for by somebody else than its owner."""


class Scales:
    grams = 0


def get_scales() -> Iterator[Scales]:
    scales = Scales()
    try:
        yield scales
    except NotYoursError as error:
        raise HTTPException(403, f"not yours: {error}") from error
    if scales.grams > 2000:
        raise HTTPException(409, f"{scales.grams} g are too heavy")


@app.get("/parcels/{owner}")
def collect(
    owner: str, grams: int, name: str, scales: Annotated[Scales, Depends(get_scales)]
) -> str:
    if name != owner:
        raise NotYoursError(f"it belongs to {owner}")
    scales.grams += grams
    return "here it is"


def show(client: Client) -> None:
    for query in ("name=mia&grams=500", "name=tom&grams=500", "name=mia&grams=2500"):
        answer = client.get(f"/parcels/mia?{query}")
        print("answer:", answer.status_code, answer.json())


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   answer: 200 here it is
#   answer: 403 {'detail': 'not yours: it belongs to mia'}
#   answer: 409 {'detail': '2500 g are too heavy'}
