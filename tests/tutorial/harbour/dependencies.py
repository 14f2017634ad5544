from typing import Annotated

from microfw import Header, HTTPException


async def get_token_header(x_token: Annotated[str, Header()]) -> None:
    if x_token != "anchor":
        raise HTTPException(status_code=400, detail="The X-Token header is not valid")


async def get_query_token(token: str) -> None:
    if token != "rope":
        raise HTTPException(status_code=400, detail="The token is not valid")
