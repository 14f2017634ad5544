"""The feed: announces each new order to those who are connected, in this process."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct, json

from examples.shop.schemas import NewOrderLine
from microfw import Depends, Router, WebSocket, WebSocketDisconnect

router = Router(tags=["feed"])

PATIENCE = 100
"""Announcements that may wait for a slow follower; one more ends its connection."""

TOO_SLOW = 1013


class Announcement(Struct):
    """What everyone may know of an order."""

    order: int
    lines: list[NewOrderLine]


class Feed:
    def __init__(self) -> None:
        self.followers: set[MemoryObjectSendStream[Announcement]] = set()

    async def announce(self, order: int, lines: list[NewOrderLine]) -> None:
        """Tell all followers; wait for none."""
        for follower in list(self.followers):
            try:
                follower.send_nowait(Announcement(order, lines))
            except anyio.WouldBlock:
                follower.close()


async def get_feed() -> Feed:
    return Feed()


FeedDep = Annotated[Feed, Depends(get_feed, scope="app")]


async def follow(feed: FeedDep) -> AsyncIterator[MemoryObjectReceiveStream[Announcement]]:
    """Receive announcements until the connection ends."""
    sender, receiver = anyio.create_memory_object_stream[Announcement](PATIENCE)
    with sender, receiver:
        feed.followers.add(sender)
        try:
            yield receiver
        finally:
            feed.followers.remove(sender)


NewOrders = Annotated[MemoryObjectReceiveStream[Announcement], Depends(follow)]


@router.websocket("/feed")
async def send_orders(websocket: WebSocket, new_orders: NewOrders) -> None:
    await websocket.accept()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(wait_for_end, websocket, group.cancel_scope)
            async for announcement in new_orders:
                await websocket.send_text(json.encode(announcement).decode())
            await websocket.close(TOO_SLOW)
    except* WebSocketDisconnect:
        pass  # it has gone while it was sent to


async def wait_for_end(websocket: WebSocket, scope: anyio.CancelScope) -> None:
    """Stop sending when the client has gone, not only when the next send fails."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()
