# pyright: reportMissingImports=false
# Litestar is in the extra "bench", which the checks do without.
"""Litestar's contender: Structs come in as they are, and go out through its DTOs."""

from dataclasses import dataclass
from typing import Annotated, Any, cast

from litestar import Litestar, get, post, put
from litestar.datastructures import UploadFile
from litestar.dto import DTOConfig, MsgspecDTO
from litestar.enums import RequestEncodingType
from litestar.params import Body, PathParameter, QueryParameter

from benchmarks.cases import Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders.values.structs import Account, Found, Order, Product, Uploaded
from benchmarks.contenders.values.work import size_and_end

MAX_BODY_SIZE = 16 * 1024 * 1024

JSON = Body(media_type=RequestEncodingType.JSON)
Form = Body(media_type=RequestEncodingType.URL_ENCODED)
Multipart = Body(media_type=RequestEncodingType.MULTI_PART)

ShopId = Annotated[int, PathParameter()]
Search = Annotated[str, QueryParameter(min_length=1)]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
InStock = Annotated[bool, QueryParameter()]


@dataclass
class _Files:
    file: UploadFile


def _shown(model: type[Any], *hidden: str) -> Any:
    """Make the DTO that shows a model without some fields."""
    of_structs: Any = MsgspecDTO
    config = DTOConfig(exclude={*hidden}, max_nested_depth=2)
    return type(f"{model.__name__}DTO", (of_structs[model],), {"config": config})


ProductDTO = _shown(Product, "cost", "supplier", "notes")
OrderDTO = _shown(Order, "margin", "customer.password")
AccountDTO = _shown(Account, "password")


def query(log: Log) -> ASGIApp:
    """Take values of the path and the query string."""

    @get("/shops/{shop_id:int}/products")
    async def endpoint(shop_id: ShopId, search: Search, limit: Limit, in_stock: InStock) -> Found:
        log.append("endpoint")
        return Found(shop_id, search, limit, in_stock)

    return _app(endpoint)


def body(log: Log) -> ASGIApp:
    """Take a body of many fields."""

    @post("/products", status_code=200, return_dto=ProductDTO)
    async def endpoint(data: Annotated[Product, JSON]) -> Product:
        log.append("endpoint")
        return data

    return _app(endpoint)


def query_and_body(log: Log) -> ASGIApp:
    """Take both."""

    @put("/shops/{shop_id:int}/products", return_dto=ProductDTO)
    async def endpoint(
        shop_id: ShopId,
        search: Search,
        limit: Limit,
        in_stock: InStock,
        data: Annotated[Product, JSON],
    ) -> Product:
        log.append("endpoint")
        return data

    return _app(endpoint)


def nested(log: Log) -> ASGIApp:
    """Take a list of models that hold models."""

    @post("/orders", status_code=200, return_dto=OrderDTO)
    async def endpoint(data: Annotated[list[Order], JSON]) -> list[Order]:
        log.append("endpoint")
        return data

    return _app(endpoint)


def form(log: Log) -> ASGIApp:
    """Take the fields of a form."""

    @post("/accounts", status_code=200, return_dto=AccountDTO)
    async def endpoint(data: Annotated[Account, Form]) -> Account:
        log.append("endpoint")
        return data

    return _app(endpoint)


def upload(log: Log) -> ASGIApp:
    """Take a large file."""

    @post("/files", status_code=200)
    async def endpoint(data: Annotated[_Files, Multipart]) -> Uploaded:
        log.append("endpoint")
        file = data.file
        return Uploaded(file.filename, *size_and_end(file.file))

    return _app(endpoint)


def _app(endpoint: Any) -> ASGIApp:
    app = Litestar(
        [endpoint], openapi_config=None, logging_config=None, request_max_body_size=MAX_BODY_SIZE
    )
    return cast("ASGIApp", app)


LITESTAR = Contender(
    "Litestar",
    ("litestar", "msgspec", "multipart"),
    {
        "query": query,
        "body": body,
        "query-body": query_and_body,
        "nested": nested,
        "form": form,
        "upload": upload,
    },
)
