"""FastAPI's contender: the source of microfw's, with pydantic's models."""

from collections.abc import Callable
from typing import Annotated, Any, cast

from fastapi import FastAPI, Form, Query, UploadFile

from benchmarks.cases import Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders.values.pydantic_models import (
    Account,
    Found,
    Order,
    Product,
    ShownAccount,
    ShownOrder,
    ShownProduct,
    Uploaded,
)
from benchmarks.contenders.values.work import objects, size_and_end

Search = Annotated[str, Query(min_length=1)]
Limit = Annotated[int, Query(ge=1, le=100)]


def query(log: Log) -> ASGIApp:
    """Take values of the path and the query string."""
    app = FastAPI(openapi_url=None)

    @app.get("/shops/{shop_id}/products")
    async def endpoint(shop_id: int, search: Search, limit: Limit, in_stock: bool) -> Found:
        log.append("endpoint")
        return Found(shop_id=shop_id, search=search, limit=limit, in_stock=in_stock)

    return cast("ASGIApp", app)


def body(log: Log) -> ASGIApp:
    """Take a body of many fields."""
    app = FastAPI(openapi_url=None)

    @app.post("/products")
    async def endpoint(product: Product) -> ShownProduct:
        log.append("endpoint")
        return product

    return cast("ASGIApp", app)


def query_and_body(log: Log) -> ASGIApp:
    """Take both."""
    app = FastAPI(openapi_url=None)

    @app.put("/shops/{shop_id}/products")
    async def endpoint(
        shop_id: int, search: Search, limit: Limit, in_stock: bool, product: Product
    ) -> ShownProduct:
        log.append("endpoint")
        return product

    return cast("ASGIApp", app)


def nested(log: Log) -> ASGIApp:
    """Take a list of models that hold models."""
    app = FastAPI(openapi_url=None)

    @app.post("/orders")
    async def endpoint(orders: list[Order]) -> list[ShownOrder]:
        log.append("endpoint")
        return cast("list[ShownOrder]", orders)

    return cast("ASGIApp", app)


def shown(count: int) -> Callable[[Log], ASGIApp]:
    """Show objects by models of pydantic's, from their attributes."""
    orders = objects(count)

    def build(log: Log) -> ASGIApp:
        app = FastAPI(openapi_url=None)

        @app.get("/orders", response_model=list[ShownOrder])
        async def endpoint() -> Any:
            log.append("endpoint")
            return orders

        return cast("ASGIApp", app)

    return build


def form(log: Log) -> ASGIApp:
    """Take the fields of a form."""
    app = FastAPI(openapi_url=None)

    @app.post("/accounts")
    async def endpoint(account: Annotated[Account, Form()]) -> ShownAccount:
        log.append("endpoint")
        return account

    return cast("ASGIApp", app)


def upload(log: Log) -> ASGIApp:
    """Take a large file."""
    app = FastAPI(openapi_url=None)

    @app.post("/files")
    async def endpoint(file: UploadFile) -> Uploaded:
        log.append("endpoint")
        size, end = size_and_end(file.file)
        return Uploaded(filename=file.filename or "", size=size, end=end)

    return cast("ASGIApp", app)


FASTAPI = Contender(
    "FastAPI",
    ("fastapi", "pydantic", "python-multipart"),
    {
        "query": query,
        "body": body,
        "query-body": query_and_body,
        "nested": nested,
        "objects-20": shown(20),
        "objects-100": shown(100),
        "form": form,
        "upload": upload,
    },
)
