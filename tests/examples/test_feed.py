"""The shop's feed, in-process."""

from typing import Any

import anyio

from examples.shop.feed import Feed, get_feed, router
from microfw import App

SCOPE = {"type": "websocket", "path": "/feed", "headers": [], "query_string": b"", "root_path": ""}


async def test_a_follower_that_goes_while_it_is_sent_to_is_no_error() -> None:
    feed = Feed()
    app = App()
    app.include_router(router)
    app.dependency_overrides[get_feed] = lambda: feed
    sent: list[str] = []
    received = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        message = next(received, None)
        if message is None:
            await anyio.sleep_forever()
        return message

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.send":
            raise OSError("the client has gone")
        await feed.announce(1, [])

    async with app.router.lifespan_context(app):
        with anyio.fail_after(5):
            await app(dict(SCOPE), receive, send)

    assert sent == ["websocket.accept", "websocket.send"]
    assert feed.followers == set()
