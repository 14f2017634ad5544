"""Plain Starlette and the standard library: every check is written by hand."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.cases import Contender
from benchmarks.client import ASGIApp, Log
from benchmarks.contenders.values.work import size_and_end

Check = Callable[[Any], bool]

SHOWN = (
    *("name", "sku", "description", "brand", "category", "price", "currency", "quantity"),
    *("weight", "width", "height", "depth", "active"),
)
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 80


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_integer(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_amount(value: Any) -> bool:
    return type(value) in (int, float) and value >= 0


def _is_password(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 8


def _is_tags(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


PRODUCT: dict[str, Check] = {
    "name": _is_name,
    "sku": _is_text,
    "description": _is_text,
    "brand": _is_text,
    "category": ("furniture", "lighting", "textiles").__contains__,
    "price": _is_amount,
    "currency": ("EUR", "USD").__contains__,
    "quantity": _is_count,
    "weight": _is_amount,
    "width": _is_amount,
    "height": _is_amount,
    "depth": _is_amount,
    "active": _is_flag,
    "tags": _is_tags,
    "cost": _is_amount,
    "supplier": _is_text,
}
CUSTOMER: dict[str, Check] = {"id": _is_integer, "name": _is_name, "password": _is_text}
LINE: dict[str, Check] = {"sku": _is_text, "quantity": _is_count, "price": _is_amount}
ACCOUNT: dict[str, Check] = {
    "name": _is_name,
    "age": range(151).__contains__,
    "newsletter": _is_flag,
    "city": _is_text,
    "password": _is_password,
}
ORDER: dict[str, Check] = {"id": _is_integer, "paid": _is_flag, "margin": _is_number}


def query(log: Log) -> ASGIApp:
    """Take values of the path and the query string."""

    async def endpoint(request: Request) -> Response:
        shop_id = request.path_params["shop_id"]
        search, limit, in_stock = _query_of(request)
        log.append("endpoint")
        found = {"shop_id": shop_id, "search": search, "limit": limit, "in_stock": in_stock}
        return JSONResponse(found)

    return _app("/shops/{shop_id:int}/products", "GET", endpoint)


def body(log: Log) -> ASGIApp:
    """Take a body of many fields."""

    async def endpoint(request: Request) -> Response:
        product = _product(await _json_of(request))
        log.append("endpoint")
        return JSONResponse(_shown_product(product))

    return _app("/products", "POST", endpoint)


def query_and_body(log: Log) -> ASGIApp:
    """Take both."""

    async def endpoint(request: Request) -> Response:
        _shop_id = request.path_params["shop_id"]
        _search, _limit, _in_stock = _query_of(request)
        product = _product(await _json_of(request))
        log.append("endpoint")
        return JSONResponse(_shown_product(product))

    return _app("/shops/{shop_id:int}/products", "PUT", endpoint)


def nested(log: Log) -> ASGIApp:
    """Take a list of models that hold models."""

    async def endpoint(request: Request) -> Response:
        orders = await _json_of(request)
        if not isinstance(orders, list):
            raise HTTPException(422, "no list")
        for order in orders:
            _check(order, ORDER)
            _check(order.get("customer"), CUSTOMER)
            lines = order.get("lines")
            if not isinstance(lines, list):
                raise HTTPException(422, "no lines")
            for line in lines:
                _check(line, LINE)
        log.append("endpoint")
        return JSONResponse([_shown_order(order) for order in orders])

    return _app("/orders", "POST", endpoint)


def form(log: Log) -> ASGIApp:
    """Take the fields of a form."""

    async def endpoint(request: Request) -> Response:
        async with request.form() as fields:
            account: dict[str, Any] = dict(fields)
        try:
            account["age"] = int(account["age"])
            account["newsletter"] = BOOLEANS[account["newsletter"]]
        except (KeyError, TypeError, ValueError):
            raise HTTPException(422, "age or newsletter is missing or invalid") from None
        _check(account, ACCOUNT)
        log.append("endpoint")
        return JSONResponse(
            {
                "name": account["name"],
                "age": account["age"],
                "newsletter": account["newsletter"],
                "city": account["city"],
            }
        )

    return _app("/accounts", "POST", endpoint)


def upload(log: Log) -> ASGIApp:
    """Take a large file."""

    async def endpoint(request: Request) -> Response:
        async with request.form() as fields:
            file = fields.get("file")
            if not isinstance(file, UploadFile):
                raise HTTPException(422, "a file is missing")
            log.append("endpoint")
            size, end = size_and_end(file.file)
            return JSONResponse({"filename": file.filename, "size": size, "end": end})

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


async def _json_of(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise HTTPException(422, "no JSON") from None


def _check(value: Any, checks: Mapping[str, Check]) -> None:
    if not isinstance(value, dict):
        raise HTTPException(422, "no object")
    for name, check in checks.items():
        if name not in value or not check(value[name]):
            raise HTTPException(422, f"{name} is missing or invalid")


def _product(value: Any) -> dict[str, Any]:
    _check(value, PRODUCT)
    rating, notes = value.get("rating"), value.get("notes")
    if not (rating is None or _is_number(rating)) or not (notes is None or _is_text(notes)):
        raise HTTPException(422, "rating or notes are invalid")
    try:
        return {
            **value,
            "id": UUID(value["id"]),
            "created": datetime.fromisoformat(value["created"]),
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise HTTPException(422, "id or created is missing or invalid") from None


def _shown_product(product: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(product["id"]),
        **{name: product[name] for name in SHOWN},
        "rating": product.get("rating"),
        "tags": product["tags"],
        "created": product["created"].isoformat().replace("+00:00", "Z"),
    }


def _shown_order(order: dict[str, Any]) -> dict[str, Any]:
    customer = order["customer"]
    return {
        "id": order["id"],
        "customer": {"id": customer["id"], "name": customer["name"]},
        "lines": [
            {"sku": line["sku"], "quantity": line["quantity"], "price": line["price"]}
            for line in order["lines"]
        ],
        "paid": order["paid"],
    }


def _app(path: str, method: str, endpoint: Any) -> ASGIApp:
    return Starlette(routes=[Route(path, endpoint, methods=[method])])


BY_HAND = Contender(
    "by hand",
    ("starlette", "python-multipart"),
    {
        "query": query,
        "body": body,
        "query-body": query_and_body,
        "nested": nested,
        "form": form,
        "upload": upload,
    },
)
