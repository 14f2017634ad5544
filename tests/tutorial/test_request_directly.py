"""The request itself: what no declaration says."""

from microfw import App, Request
from tests.tutorial.twins import Twins

app = App()


@app.get("/items/{number}")
def read_host(number: int, request: Request):
    client = request.client
    return {
        "host": None if client is None else client.host,
        "url": str(request.url),
        "path": request.path_params,
        "query": request.query_params.multi_items(),
        "number": number,
    }


@app.post("/sizes")
async def read_sizes(request: Request):
    sizes = [len(part) async for part in request.stream()]
    return {"sum": sum(sizes), "type": request.headers.get("content-type")}


@app.post("/json")
async def read_json(request: Request):
    return {"sent": await request.json(), "method": request.method}


def test_the_request_knows_client_url_and_parameters(client: Twins) -> None:
    answer = client.get("/items/7?a=1&a=2")

    assert answer.json() == {
        "host": "testclient",
        "url": "http://testserver/items/7?a=1&a=2",
        "path": {"number": "7"},
        "query": [["a", "1"], ["a", "2"]],
        "number": 7,
    }


def test_the_body_may_be_read_as_it_comes(client: Twins) -> None:
    answer = client.post("/sizes", content=b"x" * 70_000, headers={"content-type": "text/plain"})

    assert answer.json() == {"sum": 70_000, "type": "text/plain"}
    assert client.post("/json", json=[1]).json() == {"sent": [1], "method": "POST"}
