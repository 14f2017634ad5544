"""What takes its time to be told."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from microfw import Depends, Header, HTTPException, Router
from microfw.responses import FileResponse, HTMLResponse, StreamingResponse
from microfw.sse import EventSourceResponse, ServerSentEvent
from tests.twin.museum.collection import exhibits, get_keys
from tests.twin.museum.journal import note
from tests.twin.museum.models import ShownExhibit, StoredExhibit

router = Router(prefix="/streams", tags=["streams"])

GUIDE = Path(__file__).with_name("guide.txt")


async def get_tape() -> AsyncIterator[list[bytes]]:
    note("tape in")
    try:
        yield [b"knock ", b"knock ", b"who is there?"]
    finally:
        note("tape out")


@router.get("/exhibits")
async def stream_exhibits(
    keys: Annotated[str, Depends(get_keys, scope="request")], first: int = 1
) -> AsyncIterator[ShownExhibit]:
    for exhibit in list(exhibits.values()):
        if exhibit.number >= first:
            note(f"told {exhibit.number} with {keys}")
            yield ShownExhibit(**exhibit.model_dump(include=set(ShownExhibit.model_fields)))


@router.get("/years")
def stream_years() -> Iterator[dict[str, Any]]:
    for exhibit in list(exhibits.values()):
        yield {"year": exhibit.year, "title": exhibit.title}


@router.get("/rumours")
async def stream_rumours(first: int) -> AsyncIterator[ShownExhibit]:
    for number in range(first, 2):
        if number:
            yield ShownExhibit(**exhibits[number].model_dump(exclude={"vault"}))
        else:
            note("tells a rumour")
            yield "the bell is cracked"  # type: ignore[misc]


@router.get("/visits", response_class=EventSourceResponse)
async def stream_visits(
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="from the turnstile")
    for number in range(last_event_id + 1, last_event_id + 4):
        yield ServerSentEvent(data=number, event="visit", id=str(number), retry=500)
    yield ServerSentEvent(raw_data="one\ntwo", event="lines")


@router.get("/labels", response_class=EventSourceResponse)
async def stream_labels(first: int) -> AsyncIterator[StoredExhibit]:
    for exhibit in list(exhibits.values()):
        if exhibit.number >= first:
            yield exhibit


@router.get("/audio", response_class=StreamingResponse)
async def stream_audio(
    tape: Annotated[list[bytes], Depends(get_tape, scope="request")],
) -> AsyncIterator[bytes]:
    for part in tape:
        yield part


@router.get("/audio/returned")
async def stream_returned(
    tape: Annotated[list[bytes], Depends(get_tape, scope="request")], loud: bool = False
) -> StreamingResponse:
    if loud:
        raise HTTPException(406, "not in a museum")

    async def play() -> AsyncIterator[bytes]:
        for part in tape:
            note(f"plays {part!r}")
            yield part

    return StreamingResponse(play(), media_type="audio/knocks")


@router.get("/guide")
async def read_guide() -> FileResponse:
    return FileResponse(GUIDE, filename="guide.txt", media_type="text/plain")


@router.get("/guide.html", response_class=HTMLResponse)
async def read_guide_as_page() -> str:
    return f"<p>{GUIDE.read_text()}</p>"
