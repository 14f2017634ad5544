"""How the parameters of a route are bound, and what an author is told who writes a wrong one."""

import dataclasses
import io
import sqlite3
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy.ext.asyncio
import sqlalchemy.orm
from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from microfw import App, Body, Cookie, Form, Header, Path, Query
from microfw._reading.binding import RequestBinder
from microfw.dependencies import Attribute, Constant, Reader, Signature, Site, describe
from microfw.exceptions import (
    DeclarationError,
    MultipleBodiesError,
    PathParameterError,
    RegistrationError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)
from microfw.responses import FinalHeaders
from tests.asgi import get


class Item(msgspec.Struct):
    name: str


class Session:
    """Something that only a dependency can make."""


class OwnRequest(Request):
    pass


class OwnTasks(BackgroundTasks):
    pass


@dataclasses.dataclass
class Dangling:
    other: "Missing"  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]


def bound(
    endpoint: Any, *path: str, websocket: bool = False
) -> tuple[RequestBinder, Signature, list[Any]]:
    binder = RequestBinder(path, websocket=websocket)
    signature = describe(endpoint)
    site = Site(signature, ("endpoint", signature.name))
    return binder, signature, [binder(parameter, site) for parameter in signature.parameters]


def told(kind: type[RegistrationError], endpoint: Any, *path: str, websocket: bool = False) -> str:
    def bind_and_finish() -> None:
        binder, signature, _ = bound(endpoint, *path, websocket=websocket)
        binder.finish(signature)

    with pytest.raises(kind) as raised:
        bind_and_finish()
    assert type(raised.value) is kind
    text = str(raised.value)
    return text.replace(describe(endpoint).where, "<where>")


def test_some_types_say_alone_what_a_parameter_is():
    def endpoint(
        request: Request,
        own: OwnRequest,
        connection: HTTPConnection,
        response: Response,
        json: JSONResponse,
        tasks: OwnTasks,
    ): ...

    _, _, sources = bound(endpoint)

    names = ["request", "request", "connection", "response", "response", "tasks"]
    assert sources == [Attribute(name) for name in names]


def test_a_websocket_route_has_its_websocket():
    def endpoint(websocket: WebSocket, connection: HTTPConnection): ...

    assert bound(endpoint, websocket=True)[2] == [Attribute("websocket"), Attribute("connection")]


def test_readers_are_named_after_their_parameters():
    def endpoint(item_id: int, item: Item): ...

    _, _, sources = bound(endpoint, "item_id")

    assert all(isinstance(source, Reader) for source in sources)
    assert [source.read.__name__ for source in sources] == ["read_item_id", "read_item"]
    assert [source.read.__qualname__ for source in sources] == ["read_item_id", "read_item"]


def test_the_body_is_received_only_where_a_parameter_wants_it():
    def without(q: str = "", h: str = Header(""), c: str = Cookie("")): ...

    def by_type(item: Item): ...

    def declared(number: int = Body()): ...

    assert bound(without)[0].reads_body is False
    assert bound(by_type)[0].reads_body is True
    assert bound(declared)[0].reads_body is True


def test_a_path_that_is_taken_as_a_whole_is_fine():
    def takes_all(a: int, b: str = Path()): ...

    def takes_by_alias(
        number: Annotated[int, Path(alias="a")], other: Annotated[str, Path(alias="b")]
    ): ...

    def takes_request(request: Request): ...

    def takes_connection(connection: HTTPConnection): ...

    app = App()
    for endpoint in (takes_all, takes_by_alias, takes_request, takes_connection):
        app.get(f"/{endpoint.__name__}/{{a}}/{{b}}")(endpoint)
        assert get(app, f"/{endpoint.__name__}/1/2").status_code == 200


def test_a_part_of_the_path_that_nobody_takes_is_reported_where_a_name_seems_misspelled():
    def endpoint(a: int, bee: str): ...

    assert told(PathParameterError, endpoint, "c", "a", "b") == (
        "the path has {b}, {c}, but neither the function nor a dependency takes it\n"
        "  in:   <where>\n"
        "  cure: name it 'b' instead of 'bee', which is read from the query string as it is; or take it"
        " out of the path"
    )


def test_a_part_of_the_path_may_be_ignored():
    def endpoint(page: int = 1, size: int = Query()): ...

    app = App()
    app.get("/ignored/{rest:path}")(endpoint)
    assert get(app, "/ignored/1/2?size=3").status_code == 200


def test_a_path_parameter_that_the_path_has_not_is_reported():
    def endpoint(a: int = Path()): ...

    assert told(PathParameterError, endpoint, "b") == (
        "'a' is declared as Path(), but the path has no {a}\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: add {a} to the path, or to that of a mount around the route, or declare 'a' as"
        " Query()"
    )


def test_a_path_parameter_that_is_declared_otherwise_is_reported():
    def endpoint(a: int = Query()): ...

    assert told(PathParameterError, endpoint, "a") == (
        "'a' stands in the path, but is declared as Query()\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: declare it as Path(), or give one of the two another name"
    )


def test_a_type_that_nothing_in_a_request_can_become_is_reported():
    def endpoint(session: Session): ...

    assert told(UnfillableParameterError, endpoint) == (
        "'session' has the type Session, which nothing in a request can become: Session is not a type of values\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: if a dependency makes it, write session: Annotated[Session, Depends(...)]"
    )


def test_a_body_of_such_a_type_is_reported_too():
    def endpoint(sessions: dict[str, Session]): ...

    assert "which nothing in a request can become" in told(UnfillableParameterError, endpoint)


class Iterates:
    """As the sessions of database libraries do."""

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Rows(list[Any]): ...


class Columns(dict[str, Any]): ...


@pytest.mark.parametrize(
    "kind",
    [
        sqlalchemy.ext.asyncio.AsyncSession,
        sqlalchemy.orm.Session,
        sqlite3.Connection,
        io.StringIO,
        Iterates,
        Rows,
        Columns,
        range,
        memoryview,
    ],
    ids=lambda kind: kind.__name__,
)
def test_a_forgotten_depends_is_reported_also_where_the_class_iterates_as_values_do(
    kind: type[Any],
):
    name = kind.__qualname__

    def required(session: Any): ...
    def optional(session: Any = None): ...
    def optional_by_union(session: Any = None): ...
    def among_others(session: Any): ...

    required.__annotations__["session"] = optional.__annotations__["session"] = kind
    optional_by_union.__annotations__["session"] = kind | None
    among_others.__annotations__["session"] = list[kind]  # type: ignore[valid-type]

    for endpoint in (required, optional):
        assert told(UnfillableParameterError, endpoint) == (
            f"'session' has the type {name}, which nothing in a request can become: {name} is not a type of values\n"
            "  in:   <where>\n"
            f"  path: endpoint -> {endpoint.__name__}\n"
            f"  cure: if a dependency makes it, write session: Annotated[{name}, Depends(...)]"
        )
    for endpoint in (optional_by_union, among_others):
        assert f"{name} is not a type of values" in told(UnfillableParameterError, endpoint)


@pytest.mark.parametrize(
    "kind",
    [
        dict,
        defaultdict[str, int],
        OrderedDict,
        Counter,
        Mapping,
        list,
        set,
        frozenset,
        tuple,
        deque,
        Iterable,
        Sequence,
        Set,
        dict[str, int],
        Mapping[str, int],
        list[int],
        Iterable[int],
        deque[int],
    ],
    ids=str,
)
def test_pythons_own_containers_are_bodies(kind: Any):
    def endpoint(values: Any): ...

    endpoint.__annotations__["values"] = kind
    assert bound(endpoint)[0].reads_body


def test_two_declarations_of_one_parameter_are_reported():
    def endpoint(a: Annotated[int, Query(), Header()] = Cookie()): ...

    assert told(UnfillableParameterError, endpoint) == (
        "'a' is declared as Query() and Header() and Cookie()\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: keep one of the declarations"
    )


def test_a_default_inside_of_annotated_is_reported():
    def endpoint(a: Annotated[int, Query(3)]): ...

    assert told(UnfillableParameterError, endpoint) == (
        "'a' has a default inside of Annotated[..., Query()]\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: write it behind the annotation, a: ... = <default>"
    )


def test_a_request_that_is_declared_as_a_value_is_reported():
    def endpoint(request: Request = Query()): ...

    assert told(UnfillableParameterError, endpoint) == (
        "'request' has the type Request, and is declared as a value of the request, too\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: write request: Request, without a declaration"
    )


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        (Request, "take a WebSocket, or an HTTPConnection where routes of both kinds use it"),
        (FinalHeaders, "give the headers to `websocket.accept`"),
    ],
)
def test_what_a_websocket_route_does_not_have_is_reported(kind, cure):
    def endpoint(a): ...

    endpoint.__annotations__["a"] = kind

    assert told(UnfillableParameterError, endpoint, websocket=True) == (
        f"'a' has the type {kind.__name__}, and a WebSocket route has none\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        f"  cure: {cure}"
    )


def test_what_serves_both_protocols_gets_what_there_is_and_none_for_the_other():
    def both(request: Request, websocket: WebSocket): ...
    def either(request: Request = None, websocket: WebSocket = None): ...  # type: ignore[assignment]

    for endpoint in (both, either):
        assert bound(endpoint)[2] == [Attribute("request"), Constant(None)]
        assert bound(endpoint, websocket=True)[2] == [Constant(None), Attribute("websocket")]


def test_final_headers_with_a_default_are_none_in_a_websocket_route():
    def endpoint(headers: FinalHeaders = None): ...  # type: ignore[assignment]

    assert bound(endpoint)[2] == [Attribute("final_headers")]
    assert bound(endpoint, websocket=True)[2] == [Constant(None)]


def test_the_tasks_of_a_websocket_are_its_own():
    def endpoint(tasks: BackgroundTasks): ...

    assert bound(endpoint, websocket=True)[2] == [Attribute("tasks")]


def test_a_websocket_in_a_route_for_http_is_reported():
    def endpoint(a: WebSocket): ...

    assert told(UnfillableParameterError, endpoint) == (
        "'a' has the type WebSocket, and a route for HTTP has none\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: take a Request, or an HTTPConnection where routes of both kinds use it"
    )


def test_a_body_in_a_websocket_route_is_reported():
    def endpoint(item: Item): ...

    assert told(UnfillableParameterError, endpoint, websocket=True) == (
        "'item' is read from the body, which a WebSocket's handshake has not\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: receive it as a message, or declare it as Query()"
    )


@pytest.mark.parametrize(
    ("declaration", "place"),
    [
        (Query(), "query string"),
        (Header(), "headers"),
        (Cookie(), "cookies"),
        (Form(), "form"),
    ],
)
def test_a_type_that_text_cannot_hold_is_reported(declaration, place):
    def endpoint(item: dict[str, int] = declaration): ...

    assert told(UnfillableParameterError, endpoint) == (
        f"'item' has the type dict[str, int], which no value of the {place} can have\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: use a type that one piece of text can hold, such as str, int or datetime,"
        " or a list of these"
    )


def test_a_list_in_the_path_is_reported():
    def endpoint(a: list[int]): ...

    assert told(UnfillableParameterError, endpoint, "a") == (
        "'a' has the type list[int], which no value of the path can have\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: use a type that one piece of text can hold, such as str, int or datetime"
    )


def test_a_constraint_that_makes_no_sense_is_reported():
    def endpoint(a: int = Query(min_length=3)): ...

    assert told(DeclarationError, endpoint) == (
        "'a' has the type int, for which a constraint makes no sense: min_length says nothing about int values\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: remove the constraint, or change the type"
    )


def test_a_model_that_names_something_unknown_is_reported():
    def endpoint(a: Dangling): ...

    assert told(UnresolvableAnnotationError, endpoint) == (
        "'a' has the type Dangling, an annotation of which names 'Missing', which is not known\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: define or import 'Missing' at the top level of the module of Dangling"
    )


def test_a_body_that_is_no_json_cannot_be_shared():
    def endpoint(item: Item, text: str = Body(media_type="text/plain")): ...

    def alone(text: str = Body(media_type="text/plain")): ...

    def shared(
        item: Item, patch: dict[str, Any] = Body(media_type="application/merge-patch+json")
    ): ...

    assert told(MultipleBodiesError, endpoint) == (
        "'text' is a body of text/plain, which it cannot share with the others of this route\n"
        "  in:   <where>\n"
        "  path: endpoint -> endpoint\n"
        "  cure: read the body in one parameter, or let all of them be parts of a JSON object"
    )
    for fine in (alone, shared):
        binder, signature, _ = bound(fine)
        binder.finish(signature)


@pytest.mark.parametrize(
    ("annotation", "is_body"),
    [
        (int, False),
        (UUID | None, False),
        (Any, False),
        ("untyped", False),
        (list[int], True),
        (set, True),
        (tuple[int, str], True),
        (dict, True),
        (dict[str, int] | None, True),
        (Item, True),
        (Item | None, True),
    ],
)
def test_without_a_declaration_the_kind_of_type_decides_about_the_body(annotation, is_body):
    def endpoint(a): ...

    if annotation != "untyped":
        endpoint.__annotations__["a"] = annotation

    assert bound(endpoint)[0].reads_body is is_body
