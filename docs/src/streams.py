from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from pydantic import BaseModel

from microfw import App, Depends, Header
from microfw.responses import StreamingResponse
from microfw.sse import EventSourceResponse, ServerSentEvent

app = App()


async def get_logbook() -> AsyncIterator[list[str]]:
    print("logbook: open")
    yield ["Ariel in", "Beagle in", "Ariel out"]
    print("logbook: closed")


Logbook = Annotated[list[str], Depends(get_logbook)]


# region lines
class Movement(BaseModel):
    ship: str
    direction: str


@app.get("/movements")
async def movements(logbook: Logbook) -> AsyncIterator[Movement]:
    for line in logbook:
        ship, direction = line.split()
        yield Movement(ship=ship, direction=direction)


# endregion lines


# region csv
class CSVResponse(StreamingResponse):
    media_type = "text/csv"


@app.get("/movements.csv", response_class=CSVResponse)
async def movements_as_csv(logbook: Logbook) -> AsyncIterator[str]:
    for line in logbook:
        yield line.replace(" ", ",") + "\n"


# endregion csv


# region events
@app.get("/events", response_class=EventSourceResponse)
async def events(
    logbook: Logbook, last_event_id: Annotated[int, Header()] = 0
) -> AsyncIterator[ServerSentEvent]:
    for number, line in enumerate(logbook[last_event_id:], last_event_id + 1):
        yield ServerSentEvent(data=line, event="movement", id=str(number))


# endregion events


# region returned
@app.get("/logbook")
async def read_logbook(
    logbook: Annotated[list[str], Depends(get_logbook, scope="request")],
) -> StreamingResponse:
    def lines() -> Iterator[str]:
        print("sending")
        yield from (f"{line}\n" for line in logbook)

    return StreamingResponse(lines(), media_type="text/plain")


# endregion returned
