"""A session that commits only if the answer is a success, also where the endpoint returns a refusal
instead of raising one. What was sent in the end is seen in scope "request".
"""

from collections.abc import Iterator
from typing import Annotated

from httpx2 import Client

from microfw import App, Depends, Outcome, Request
from microfw.responses import JSONResponse
from microfw.testclient import TestClient


def log_answer(request: Request, outcome: Outcome) -> Iterator[None]:
    try:
        yield
    finally:
        sent = outcome.response.status_code if outcome.response else type(outcome.error).__name__
        print(f"{request.method} {request.url.path}: {sent}")


class Stock:
    def __init__(self) -> None:
        self.plates = 3
        self.taken = 0


stock = Stock()


def get_stock(outcome: Outcome) -> Iterator[Stock]:
    stock.taken = 0
    yield stock
    if outcome.ok:
        stock.plates -= stock.taken


app = App(dependencies=[Depends(log_answer, scope="request")])


@app.post("/plates/{count}", response_model=None)
def take_plates(count: int, stock: Annotated[Stock, Depends(get_stock)]) -> JSONResponse | str:
    stock.taken = count
    if count > stock.plates:
        return JSONResponse({"detail": f"there are {stock.plates}"}, status_code=409)
    return f"{count} taken"


def show(client: Client) -> None:
    for count in ("2", "4", "x", "1"):
        print("answer:", client.post(f"/plates/{count}").status_code)


if __name__ == "__main__":
    show(TestClient(app))
    print("left:", stock.plates)

# Prints:
#   POST /plates/2: 200
#   answer: 200
#   POST /plates/4: 409
#   answer: 409
#   POST /plates/x: RequestValidationError
#   answer: 422
#   POST /plates/1: 200
#   answer: 200
#   left: 0
