from collections.abc import AsyncIterator
from typing import Annotated

from microfw import App, Depends, Header, HTTPException

app = App()


# region use
async def get_session() -> AsyncIterator[dict[str, str]]:
    print("  session: taken from the pool")
    yield {"rope": "Ann"}
    print("  session: given back")


async def get_captain(
    session: Annotated[dict[str, str], Depends(get_session, scope="use")],
    token: Annotated[str, Header()],
) -> str:
    print("    find the captain")
    if token not in session:
        raise HTTPException(401, "who are you?")
    return session[token]


@app.put("/log")
async def write_log(captain: Annotated[str, Depends(get_captain)], entry: list[str]) -> str:
    print(f"endpoint, with a body of {len(entry)} lines")
    return f"{captain} has written"


# endregion use
