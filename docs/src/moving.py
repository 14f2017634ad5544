from collections.abc import Iterator
from typing import Annotated

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from microfw import App, Depends
from microfw.responses import StreamingResponse

app = App()
engine = create_engine("sqlite://")


# region session
def get_session() -> Iterator[Session]:
    with Session(engine, close_resets_only=False) as session:
        yield session


@app.get("/export")
def export(session: Annotated[Session, Depends(get_session)]) -> StreamingResponse:
    def lines() -> Iterator[str]:
        yield from session.scalars(text("SELECT 'Ariel\n'"))

    return StreamingResponse(lines())


# endregion session
