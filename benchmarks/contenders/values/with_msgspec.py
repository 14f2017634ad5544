"""Plain Starlette with msgspec, as one would write it who knows both."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.cases import Contender
from benchmarks.client import ASGIApp, Log
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
from benchmarks.contenders.values.work import size_and_end

encode = msgspec.json.Encoder().encode
decode_product = msgspec.json.Decoder(Product).decode
decode_orders = msgspec.json.Decoder(list[Order]).decode

BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def query(log: Log) -> ASGIApp:
    """Take values of the path and the query string."""

    async def endpoint(request: Request) -> Response:
        shop_id = request.path_params["shop_id"]
        search, limit, in_stock = _query_of(request)
        log.append("endpoint")
        return _json(Found(shop_id, search, limit, in_stock))

    return _app("/shops/{shop_id:int}/products", "GET", endpoint)


def body(log: Log) -> ASGIApp:
    """Take a body of many fields."""

    async def endpoint(request: Request) -> Response:
        product = _decoded(decode_product, await request.body())
        log.append("endpoint")
        return _json(msgspec.convert(product, ShownProduct, from_attributes=True))

    return _app("/products", "POST", endpoint)


def query_and_body(log: Log) -> ASGIApp:
    """Take both."""

    async def endpoint(request: Request) -> Response:
        _shop_id = request.path_params["shop_id"]
        _search, _limit, _in_stock = _query_of(request)
        product = _decoded(decode_product, await request.body())
        log.append("endpoint")
        return _json(msgspec.convert(product, ShownProduct, from_attributes=True))

    return _app("/shops/{shop_id:int}/products", "PUT", endpoint)


def nested(log: Log) -> ASGIApp:
    """Take a list of models that hold models."""

    async def endpoint(request: Request) -> Response:
        orders = _decoded(decode_orders, await request.body())
        log.append("endpoint")
        return _json(msgspec.convert(orders, list[ShownOrder], from_attributes=True))

    return _app("/orders", "POST", endpoint)


def form(log: Log) -> ASGIApp:
    """Take the fields of a form."""

    async def endpoint(request: Request) -> Response:
        async with request.form() as fields:
            try:
                account = msgspec.convert(dict(fields), Account, strict=False)
            except msgspec.ValidationError as error:
                raise HTTPException(422, str(error)) from None
        log.append("endpoint")
        return _json(msgspec.convert(account, ShownAccount, from_attributes=True))

    return _app("/accounts", "POST", endpoint)


def upload(log: Log) -> ASGIApp:
    """Take a large file."""

    async def endpoint(request: Request) -> Response:
        async with request.form() as fields:
            file = fields.get("file")
            if not isinstance(file, UploadFile):
                raise HTTPException(422, "a file is missing")
            log.append("endpoint")
            return _json(Uploaded(file.filename or "", *size_and_end(file.file)))

    return _app("/files", "POST", endpoint)


def _query_of(request: Request) -> tuple[str, int, bool]:
    params = request.query_params
    try:
        search, limit = params["search"], int(params["limit"])
        in_stock = BOOLEANS[params["in_stock"]]
    except (KeyError, ValueError) as error:
        raise HTTPException(422, f"invalid query: {error!r}") from None
    if not (search and 1 <= limit <= 100):
        raise HTTPException(422, "a value is out of its range")
    return search, limit, in_stock


def _decoded(decode: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return decode(data)
    except msgspec.DecodeError as error:
        raise HTTPException(422, str(error)) from None


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")


def _app(path: str, method: str, endpoint: Any) -> ASGIApp:
    return Starlette(routes=[Route(path, endpoint, methods=[method])])


WITH_MSGSPEC = Contender(
    "by hand, msgspec",
    ("starlette", "msgspec", "python-multipart"),
    {
        "query": query,
        "body": body,
        "query-body": query_and_body,
        "nested": nested,
        "form": form,
        "upload": upload,
    },
)
