"""Values: what is received of a request and shown in the answer, and what has to be refused."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from benchmarks.cases import SENT, Case, Contender
from benchmarks.client import Client, Request, answer_of, events_of, json_answer, new_log
from benchmarks.contenders.values.work import END
from benchmarks.measuring import UnequalWorkError

UPLOADED_BYTES = 10 * 1024 * 1024

_PRODUCT: dict[str, Any] = {
    "id": "0b1f3e1c-6f0e-4f0a-9d5f-2a4c9f1d7e55",
    "name": "Reading lamp",
    "sku": "LMP-0042",
    "description": "A lamp to read by, with an arm that stays where it is put.",
    "brand": "Halden",
    "category": "lighting",
    "price": 79.5,
    "currency": "EUR",
    "quantity": 12,
    "weight": 2.25,
    "width": 18.5,
    "height": 54.0,
    "depth": 18.5,
    "active": True,
    "rating": 4.5,
    "tags": ["lamp", "reading", "desk"],
    "created": "2026-03-14T09:26:53Z",
    "cost": 31.25,
    "supplier": "Nordlys",
    "notes": "Ask for a discount from 50 pieces on.",
}
_SHOWN_PRODUCT = {
    name: value for name, value in _PRODUCT.items() if name not in ("cost", "supplier", "notes")
}


def _order(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "customer": {"id": 7 * number, "name": f"Customer {number}", "password": "xyzzy" * 3},
        "lines": [{"sku": f"LMP-{line:04}", "quantity": line, "price": 2.5} for line in (1, 2, 3)],
        "paid": number % 3 == 0,
        "margin": 0.25,
    }


def _shown_order(order: dict[str, Any]) -> dict[str, Any]:
    customer = {name: order["customer"][name] for name in ("id", "name")}
    return {"id": order["id"], "customer": customer, "lines": order["lines"], "paid": order["paid"]}


_ORDERS = [_order(number) for number in range(1, 101)]
_QUERY = {"search": "reading lamp", "limit": "20", "in_stock": "true"}
_ACCOUNT = {
    "name": "Ada Byron",
    "age": "36",
    "newsletter": "true",
    "city": "London",
    "password": "correct horse battery",
}


def _sent(request: Request, content_type: str, body: bytes) -> Request:
    """The request with a body."""
    return replace(
        request,
        body=body,
        headers=(
            *request.headers,
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % len(body)),
        ),
    )


def _json(request: Request, content: Any) -> Request:
    return _sent(request, "application/json", json.dumps(content, separators=(",", ":")).encode())


def _form(fields: dict[str, str]) -> Request:
    content_type = "application/x-www-form-urlencoded"
    return _sent(Request("/accounts", "POST"), content_type, urlencode(fields).encode())


def _upload(name: str, size: int) -> Request:
    head = (
        f'--border\r\nContent-Disposition: form-data; name="{name}"; filename="film.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    content = b"0123456789abcdef" * (size // END)
    content_type = "multipart/form-data; boundary=border"
    body = head.encode() + content + b"\r\n--border--\r\n"
    return _sent(Request("/files", "POST"), content_type, body)


def _search(shop: str = "7", method: str = "GET", **changes: str) -> Request:
    query = urlencode({**_QUERY, **changes}).encode()
    return Request(f"/shops/{shop}/products", method, query)


def _product(**changes: Any) -> dict[str, Any]:
    return {**_PRODUCT, **changes}


@dataclass(frozen=True, slots=True)
class ValuesCase(Case):
    """A kind of request with values.

    Attributes:
        refused: The same with a mistake; to be answered with 4xx, without calling the endpoint.
    """

    refused: tuple[Request, ...] = ()


VALUES: Sequence[ValuesCase] = (
    ValuesCase(
        "query",
        "path and 3 query parameters",
        _search(),
        json_answer({"shop_id": 7, "search": "reading lamp", "limit": 20, "in_stock": True}),
        ("endpoint", *SENT),
        (
            _search("seven"),
            _search(search=""),
            _search(limit="0"),
            _search(limit="many"),
            _search(in_stock="perhaps"),
            Request("/shops/7/products"),
        ),
    ),
    ValuesCase(
        "body",
        "a body of 20 fields, 17 shown",
        _json(Request("/products", "POST"), _PRODUCT),
        json_answer(_SHOWN_PRODUCT),
        ("endpoint", *SENT),
        (
            _json(Request("/products", "POST"), _product(price=-1)),
            _json(Request("/products", "POST"), _product(created="yesterday")),
            _json(Request("/products", "POST"), _product(category="food")),
            _json(Request("/products", "POST"), _product(tags=[1])),
            _json(Request("/products", "POST"), _SHOWN_PRODUCT),
            _sent(Request("/products", "POST"), "application/json", b"{"),
        ),
    ),
    ValuesCase(
        "query-body",
        "path, 3 query parameters and the body",
        _json(_search(method="PUT"), _PRODUCT),
        json_answer(_SHOWN_PRODUCT),
        ("endpoint", *SENT),
        (
            _json(_search(method="PUT"), _product(weight="heavy")),
            _json(_search(method="PUT", limit="101"), _PRODUCT),
            _json(_search("seven", method="PUT"), _PRODUCT),
        ),
    ),
    ValuesCase(
        "nested",
        "100 models that hold models, filtered inside",
        _json(Request("/orders", "POST"), _ORDERS),
        json_answer([_shown_order(order) for order in _ORDERS]),
        ("endpoint", *SENT),
        (
            _json(Request("/orders", "POST"), [*_ORDERS, {**_order(1), "lines": [{}]}]),
            _json(Request("/orders", "POST"), [*_ORDERS, {**_order(1), "customer": {"id": 1}}]),
            _json(Request("/orders", "POST"), _order(1)),
        ),
    ),
    *(
        ValuesCase(
            f"objects-{count}",
            f"{count} objects, shown by models",
            Request("/orders"),
            json_answer([_shown_order(_order(number)) for number in range(1, count + 1)]),
            ("endpoint", *SENT),
        )
        for count in (20, 100)
    ),
    ValuesCase(
        "form",
        "a form of 5 fields, 4 shown",
        _form(_ACCOUNT),
        json_answer({"name": "Ada Byron", "age": 36, "newsletter": True, "city": "London"}),
        ("endpoint", *SENT),
        (
            _form({**_ACCOUNT, "age": "151"}),
            _form({**_ACCOUNT, "password": "short"}),
            _form({**_ACCOUNT, "newsletter": "perhaps"}),
            _form({"name": "Ada Byron"}),
        ),
    ),
    ValuesCase(
        "upload",
        "a file of 10 MiB",
        _upload("file", UPLOADED_BYTES),
        json_answer({"filename": "film.bin", "size": UPLOADED_BYTES, "end": "0123456789abcdef"}),
        ("endpoint", *SENT),
        (_upload("other", END), _sent(Request("/files", "POST"), "text/plain", b"no form")),
    ),
)


async def verify_refusals(case: ValuesCase, contenders: Sequence[Contender]) -> None:
    """Make the requests with a mistake.

    Raises:
        UnequalWorkError: A contender has not looked at what it was sent.
    """
    for contender in contenders:
        if case.name not in contender.builders:
            continue
        log = new_log()
        app = contender.builders[case.name](log)
        for number, request in enumerate(case.refused, start=1):
            log.clear()
            await Client(app, request, log).call()
            status, events = answer_of(log).status, events_of(log)
            if not 400 <= status < 500 or "endpoint" in events:
                raise UnequalWorkError(
                    f"{contender.name} did not refuse mistake {number} of {case.name!r}: it"
                    f" answered {status}, after {events}"
                )
