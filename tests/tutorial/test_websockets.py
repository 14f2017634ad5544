"""WebSockets: messages both ways, with values and dependencies like those of other paths."""

from typing import Annotated

import pytest

from microfw import (
    App,
    Cookie,
    Depends,
    Query,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
    status,
)
from microfw.testclient import TestClient
from tests.tutorial.twins import Backend

app = App()


class Crew:
    def __init__(self) -> None:
        self.aboard: list[WebSocket] = []

    async def welcome(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.aboard.append(websocket)

    def leave(self, websocket: WebSocket) -> None:
        self.aboard.remove(websocket)

    async def tell_all(self, text: str) -> None:
        for websocket in self.aboard:
            await websocket.send_text(text)


crew = Crew()


@app.websocket("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"You said {text}")


@app.websocket("/sum")
async def add(websocket: WebSocket):
    await websocket.accept(subprotocol="sums")
    await websocket.send_json({"sum": sum(await websocket.receive_json())})
    await websocket.send_bytes(await websocket.receive_bytes())
    await websocket.close(code=4000, reason="done")


async def get_card(
    card: Annotated[str | None, Cookie()] = None, token: Annotated[str | None, Query()] = None
):
    if card is None and token is None:
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION, reason="no card")
    return card or token


@app.websocket("/berths/{berth}/chat")
async def chat(
    websocket: WebSocket, berth: int, card: Annotated[str, Depends(get_card)], limit: int = 1
):
    await websocket.accept()
    await websocket.send_json({"berth": berth, "card": card, "limit": limit})
    await websocket.receive_text()


@app.websocket("/crew/{name}")
async def join(websocket: WebSocket, name: str):
    await crew.welcome(websocket)
    try:
        while True:
            await crew.tell_all(f"{name}: {await websocket.receive_text()}")
    except WebSocketDisconnect:
        crew.leave(websocket)
        await crew.tell_all(f"{name} has left")


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]


def test_messages_are_received_and_sent(either: TestClient) -> None:
    heard = []
    with either.websocket_connect("/echo") as websocket:
        for text in ("ahoy", "bye"):
            websocket.send_text(text)
            heard.append(websocket.receive_text())

    assert heard == ["You said ahoy", "You said bye"]


def test_messages_may_be_json_or_bytes_and_the_end_has_a_code(either: TestClient) -> None:
    with either.websocket_connect("/sum", subprotocols=["sums"]) as websocket:
        websocket.send_json([1, 2, 3])
        total = websocket.receive_json()
        websocket.send_bytes(b"\0\1")
        echoed = websocket.receive_bytes()
        end = websocket.receive()

    assert vars(websocket)["accepted_subprotocol"] == "sums"
    assert (total, echoed) == ({"sum": 6}, b"\0\1")
    assert end == {"type": "websocket.close", "code": 4000, "reason": "done"}


@pytest.mark.parametrize(
    ("url", "headers", "expected"),
    [
        ("/berths/3/chat?token=t&limit=5", {}, {"berth": 3, "card": "t", "limit": 5}),
        ("/berths/3/chat", {"cookie": "card=c"}, {"berth": 3, "card": "c", "limit": 1}),
    ],
)
def test_values_and_dependencies_are_as_elsewhere(
    either: TestClient, url, headers, expected
) -> None:
    with either.websocket_connect(url, headers=headers) as websocket:
        told = websocket.receive_json()
        websocket.send_text("thanks")

    assert told == expected


def test_a_dependency_may_refuse_the_connection(either: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, either.websocket_connect("/berths/3/chat"):
        pass

    assert (refused.value.code, refused.value.reason) == (1008, "no card")


def test_values_that_do_not_fit_refuse_the_connection(either: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        either.websocket_connect("/berths/x/chat?token=t"),
    ):
        pass

    assert refused.value.code == 1008


def test_everybody_hears_who_speaks_and_who_leaves(either: TestClient) -> None:
    with (
        either.websocket_connect("/crew/ada") as ada,
        either.websocket_connect("/crew/mo") as mo,
    ):
        mo.send_text("ahoy")
        heard = [mo.receive_text(), ada.receive_text()]
        mo.close()
        heard.append(ada.receive_text())

    assert heard == ["mo: ahoy", "mo: ahoy", "mo has left"]
