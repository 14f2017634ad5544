"""The gift shop: an application of its own, mounted in the museum's."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from microfw import App, Depends, Query, Request
from microfw.exceptions import RequestValidationError
from microfw.responses import JSONResponse
from tests.twin.museum.journal import note

shop = App()


class Article(BaseModel):
    name: Annotated[str, Field(max_length=12)]
    cents: Annotated[int, Field(ge=1)]


@shop.exception_handler(RequestValidationError)
async def say_what_is_wrong(request: Request, error: RequestValidationError) -> JSONResponse:
    places = [".".join(map(str, each["loc"])) for each in error.errors()]
    return JSONResponse({"wrong": places, "body": error.body}, 400)


@shop.exception_handler(HTTPException)
async def say_briefly(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"no": error.detail}, error.status_code, headers=error.headers)


async def get_till() -> AsyncIterator[list[int]]:
    till: list[int] = []
    yield till
    note(f"till has {till}")


@shop.get("/articles")
async def list_articles(page: Annotated[int, Query(ge=1)] = 1) -> dict[str, Any]:
    return {"page": page, "articles": ["postcard", "small bell"]}


@shop.post("/articles", status_code=201)
async def sell(
    article: Article,
    request: Request,
    till: Annotated[list[int], Depends(get_till, scope="function")],
) -> dict[str, Any]:
    till.append(article.cents)
    return {"sold": article, "at": request.scope["root_path"]}
