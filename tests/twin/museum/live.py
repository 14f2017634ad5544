"""Talk with the museum: WebSockets."""

from typing import Annotated

from microfw import (
    Cookie,
    Depends,
    Header,
    Query,
    Router,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
    status,
)
from tests.twin.museum.collection import Clerk, exhibits
from tests.twin.museum.journal import note

router = Router(prefix="/live")


async def get_guest(
    ticket: Annotated[str | None, Cookie()] = None,
    code: Annotated[str | None, Query()] = None,
) -> str:
    if ticket is None and code is None:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION, "no ticket")
    return ticket or f"guest {code}"


@router.websocket("/rooms/{room}")
async def talk(
    websocket: WebSocket,
    room: int,
    clerk: Clerk,
    guest: Annotated[str, Depends(get_guest)],
    volume: Annotated[int, Query(ge=0, le=10)] = 5,
    x_name: Annotated[str, Header()] = "anonymous",
) -> None:
    await websocket.accept(subprotocol=None, headers=[(b"x-room", str(room).encode())])
    await websocket.send_json({"room": room, "guest": guest, "volume": volume, "name": x_name})
    try:
        while True:
            text = await websocket.receive_text()
            note(f"{guest} says {text}")
            if text == "bye":
                break
            if text == "fire":
                raise WebSocketException(4001, "leave the building")
            await websocket.send_text(f"{clerk} hears {text * volume}")
    except WebSocketDisconnect as error:
        note(f"{guest} left with {error.code}")
        return
    await websocket.close(4000, "closing time")


@router.websocket("/numbers")
async def tell_years(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_json():
        number = message.get("number")
        year = exhibits[number].year if number in exhibits else None
        await websocket.send_json({"number": number, "year": year})
        await websocket.send_bytes(bytes([number or 0]))
