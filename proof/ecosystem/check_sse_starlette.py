"""sse-starlette: streams of events."""

from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from sse_starlette import EventSourceResponse, ServerSentEvent

LOG: list[str] = []


def client() -> TestClient:
    app = FastAPI()

    def session():
        yield "session"
        LOG.append("closed")

    @app.get("/events")
    async def events(request: Request, it: str = Depends(session)):
        async def stream():
            for number in range(3):
                yield {"data": number, "event": "count"}
            yield ServerSentEvent(data=it, id="last")

        return EventSourceResponse(stream())

    return TestClient(app)


def test_events_are_sent() -> None:
    answer = client().get("/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: count") == 3
    assert "id: last\r\n" in answer.text
    assert "data: session" in answer.text


def test_dependencies_exit() -> None:
    LOG.clear()
    client().get("/events")
    assert LOG == ["closed"]
