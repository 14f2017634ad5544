from typing import Annotated

import pytest
from starlette.testclient import WebSocketDenialResponse
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from microfw import App, Depends, WebSocket
from microfw.security import APIKeyQuery, HTTPBearer, OAuth2PasswordBearer
from microfw.testclient import TestClient
from tests.servers import serve

app = App()


async def tell(websocket: WebSocket, key: str) -> None:
    await websocket.accept()
    await websocket.send_text(key)
    await websocket.close()


@app.websocket("/query")
async def feed(websocket: WebSocket, key: Annotated[str, Depends(APIKeyQuery(name="key"))]) -> None:
    await tell(websocket, key)


@app.websocket("/header")
async def private_feed(
    websocket: WebSocket, token: Annotated[str, Depends(OAuth2PasswordBearer("token"))]
) -> None:
    await tell(websocket, token)


optional_bearer = HTTPBearer(auto_error=False)


@app.websocket("/optional")
async def public_feed(
    websocket: WebSocket, token: Annotated[object, Depends(optional_bearer)]
) -> None:
    await tell(websocket, repr(token))


@pytest.mark.parametrize(
    ("path", "headers", "text"),
    [
        ("/query?key=abc", {}, "abc"),
        ("/header", {"authorization": "bearer abc"}, "abc"),
        ("/optional", {}, "None"),
    ],
)
def test_a_websocket_finds_credentials_in_its_handshake(path, headers, text):
    with TestClient(app).websocket_connect(path, headers=headers) as websocket:
        assert websocket.receive_text() == text


@pytest.mark.parametrize(
    ("path", "headers", "detail", "challenge"),
    [
        ("/query", {}, "Not authenticated", "APIKey"),
        ("/header", {}, "Not authenticated", 'Bearer realm="OAuth2PasswordBearer"'),
        (
            "/optional",
            {"authorization": "Bearer a b"},
            "Invalid authentication credentials",
            'Bearer realm="HTTPBearer", error="invalid_token"',
        ),
    ],
)
def test_a_handshake_without_valid_credentials_is_denied(path, headers, detail, challenge):
    with (
        pytest.raises(WebSocketDenialResponse) as raised,
        TestClient(app).websocket_connect(path, headers=headers),
    ):
        pass

    assert raised.value.status_code == 401
    assert raised.value.json() == {"detail": detail}
    assert raised.value.headers["www-authenticate"] == challenge


def test_a_real_client_is_reported_why_it_is_denied():
    with serve(app) as server:
        with connect(f"{server.websocket_url}/query?key=abc") as websocket:
            received = websocket.recv()
        with pytest.raises(InvalidStatus) as raised, connect(f"{server.websocket_url}/query"):
            pass

    assert received == "abc"
    assert raised.value.response.status_code == 401
    assert raised.value.response.headers["www-authenticate"] == "APIKey"
    assert raised.value.response.body == b'{"detail":"Not authenticated"}'
