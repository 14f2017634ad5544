"""microfw's contender: what is declared is received, checked and filtered."""

from collections.abc import Callable
from typing import Annotated, Any, cast

from benchmarks.cases import Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders.values.pydantic_models import ShownOrder as PydanticOrder
from benchmarks.contenders.values.structs import (
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
from microfw import App, Form, Query, UploadFile

Search = Annotated[str, Query(min_length=1)]
Limit = Annotated[int, Query(ge=1, le=100)]


def query(log: Log) -> ASGIApp:
    """Take values of the path and the query string."""
    app = App()

    @app.get("/shops/{shop_id}/products")
    async def endpoint(shop_id: int, search: Search, limit: Limit, in_stock: bool) -> Found:
        log.append("endpoint")
        return Found(shop_id, search, limit, in_stock)

    return app


def body(log: Log) -> ASGIApp:
    """Take a body of many fields."""
    app = App()

    @app.post("/products")
    async def endpoint(product: Product) -> ShownProduct:
        log.append("endpoint")
        return product

    return app


def query_and_body(log: Log) -> ASGIApp:
    """Take both."""
    app = App()

    @app.put("/shops/{shop_id}/products")
    async def endpoint(
        shop_id: int, search: Search, limit: Limit, in_stock: bool, product: Product
    ) -> ShownProduct:
        log.append("endpoint")
        return product

    return app


def nested(log: Log) -> ASGIApp:
    """Take a list of models that hold models."""
    app = App()

    @app.post("/orders")
    async def endpoint(orders: list[Order]) -> list[ShownOrder]:
        log.append("endpoint")
        return cast("list[ShownOrder]", orders)

    return app


def shown(count: int) -> Callable[[Log], ASGIApp]:
    """Show objects by models of pydantic's, from their attributes."""
    orders = objects(count)

    def build(log: Log) -> ASGIApp:
        app = App()

        @app.get("/orders", response_model=list[PydanticOrder])
        async def endpoint() -> Any:
            log.append("endpoint")
            return orders

        return app

    return build


def form(log: Log) -> ASGIApp:
    """Take the fields of a form."""
    app = App()

    @app.post("/accounts")
    async def endpoint(account: Annotated[Account, Form()]) -> ShownAccount:
        log.append("endpoint")
        return account

    return app


def upload(log: Log) -> ASGIApp:
    """Take a large file."""
    app = App()

    @app.post("/files")
    async def endpoint(file: UploadFile) -> Uploaded:
        log.append("endpoint")
        return Uploaded(file.filename or "", *size_and_end(file.file))

    return app


MICROFW = Contender(
    "microfw",
    ("microfw", "msgspec", "python-multipart"),
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
