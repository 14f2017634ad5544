from enum import Enum
from typing import Annotated

from pydantic import BaseModel, Field

from microfw import App, Cookie, Header, Path, Query

app = App()


# region path
class Kind(Enum):
    CARGO = "cargo"
    FERRY = "ferry"


@app.get("/berths/{number}")
async def read_berth(number: Annotated[int, Path(ge=1, le=40)]) -> int:
    return number


@app.get("/kinds/{kind}")
async def read_kind(kind: Kind) -> str:
    return f"a {kind.value} has the number {list(Kind).index(kind)}"


@app.get("/charts/{file:path}")
async def read_chart(file: str) -> str:
    return file


# endregion path


# region query
@app.get("/ships")
async def list_ships(
    flag: str | None = None,
    longer_than: Annotated[float, Query(ge=0)] = 0,
    kind: Annotated[list[Kind] | None, Query()] = None,
    name: Annotated[str, Query(alias="q", min_length=2)] = "any",
) -> dict[str, object]:
    return {"flag": flag, "longer_than": longer_than, "kind": kind, "name": name}


# endregion query


# region header
@app.get("/radio")
async def read_radio(
    call_sign: Annotated[str, Header()],  # the header Call-Sign
    channel: Annotated[int, Cookie()] = 16,
) -> str:
    return f"{call_sign} on channel {channel}"


# endregion header


# region group
class Page(BaseModel):
    model_config = {"extra": "forbid"}

    offset: int = 0
    limit: int = Field(20, le=100)


@app.get("/arrivals")
async def list_arrivals(page: Annotated[Page, Query()]) -> Page:
    return page


# endregion group
