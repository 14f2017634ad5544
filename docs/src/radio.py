from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends, Query, WebSocket, WebSocketDisconnect, WebSocketException

app = App()


# region radio
async def get_channel(number: Annotated[int, Query(ge=1, le=88)] = 16) -> AsyncIterator[str]:
    print(f"channel {number}: tuned in")
    yield f"channel {number}"
    print(f"channel {number}: off")


async def get_call_sign(call_sign: str | None = None) -> str:
    if call_sign is None:
        raise WebSocketException(1008, "who is calling?")
    return call_sign


@app.websocket("/radio")
async def radio(
    websocket: WebSocket,
    call_sign: Annotated[str, Depends(get_call_sign)],
    channel: Annotated[str, Depends(get_channel)],
) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            await websocket.send_text(f"{call_sign} on {channel}: {text}")
    except WebSocketDisconnect:
        print(f"{call_sign} has left")


# endregion radio
