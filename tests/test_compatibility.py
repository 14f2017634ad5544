"""`docs/compatibility.md` tells of every public name of FastAPI's, and what it says is so.

Public is what a module of FastAPI's defines, or imports to hand it on (`import X as X`), under a
name without an underscore.
"""

import ast
import importlib
import inspect
import math
import pkgutil
import re
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Unpack, get_args, get_origin, get_type_hints

import fastapi
import pytest

import microfw
from microfw import App, Depends, Request, Response, Route, Router, WebSocket
from microfw.exceptions import RegistrationError
from microfw.responses import PlainTextResponse
from microfw.testclient import TestClient

PAGE = Path(__file__).parent.parent / "docs" / "compatibility.md"
TEXT = PAGE.read_text()
STATUSES = {"same", "differs", "absent", "newer", "machinery"}
RENAMED = {
    "FastAPI": "App",
    "APIRouter": "Router",
    "APIRoute": "Route",
    "APIWebSocketRoute": "WebSocketRoute",
}


class Name(NamedTuple):
    """Something public, or one of its parameters."""

    module: str
    name: str
    parameter: str = ""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" + (f"({self.parameter})" if self.parameter else "")


# ---------------------------------------------------------------------- what FastAPI has


def modules() -> Iterator[str]:
    """The modules no part of whose name begins with an underscore."""
    yield "fastapi"
    for module in pkgutil.walk_packages(fastapi.__path__, "fastapi."):
        if "._" not in module.name and module.name != "fastapi.__main__":
            yield module.name


def load(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def public_names(module: Any) -> list[str]:
    """The names that a module defines or hands on."""
    names: list[str] = []
    pending: list[ast.AST] = [ast.parse(Path(module.__file__).read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names += [each.name for each in node.names if each.name == each.asname]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.Module | ast.If | ast.Try | ast.ExceptHandler):
            pending += ast.iter_child_nodes(node)
    return [name for name in dict.fromkeys(names) if name[0] != "_" and hasattr(module, name)]


def accepted(call: Any) -> set[str]:
    """The parameters that are passed by name, those of an unpacked TypedDict among them."""
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):
        return set()
    names: set[str] = set()
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            if get_origin(parameter.annotation) is Unpack:
                names |= get_type_hints(get_args(parameter.annotation)[0]).keys()
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            names.add(parameter.name)
    return {name for name in names - {"self"} if name[0] != "_"}


def public_methods(value: Any) -> dict[str, Callable[..., Any]]:
    """Those that FastAPI has written, by name."""
    methods: dict[str, Callable[..., Any]] = {}
    for base in reversed(value.__mro__):
        if base.__module__.startswith("fastapi."):
            methods |= {name: each for name, each in vars(base).items() if inspect.isfunction(each)}
    return {name: method for name, method in methods.items() if name[0] != "_"}


def walk() -> Iterator[Name]:
    """Everything public; parameters and methods where the thing is defined."""
    for module in modules():
        loaded = load(module)
        for name in public_names(loaded):
            value = getattr(loaded, name)
            yield Name(module, name)
            if getattr(value, "__module__", "") != module or not callable(value):
                continue
            yield from (Name(module, name, each) for each in accepted(value))
            if isinstance(value, type):
                for method, function in public_methods(value).items():
                    yield Name(module, f"{name}.{method}")
                    for each in accepted(function):
                        yield Name(module, f"{name}.{method}", each)


# ---------------------------------------------------------------------- what the page says


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        tells_of_names: Whether it tells of the names themselves, and not of parameters alone.
    """

    line: int
    module: str
    names: tuple[str, ...]
    tells_of_names: bool
    parameters: tuple[str, ...]
    status: str
    why: str

    def entries(self) -> Iterator[Name]:
        for name in self.names:
            if self.tells_of_names:
                yield Name(self.module, name)
            for parameter in self.parameters:
                yield Name(self.module, name, parameter)


def rows() -> Iterator[Row]:
    """The rows of the tables; those without a name tell of parameters of the one above them."""
    module, names = "", tuple[str, ...]()
    for number, line in enumerate(TEXT.splitlines(), 1):
        if line.startswith("#"):
            module = next(iter(re.findall(r"`(fastapi[\w.]*)`", line)), "")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and module and len(cells) == 4 and cells[0] != "name":
            own = tuple(re.findall(r"`([\w.]+)`", cells[0]))
            names = own or names
            parameters = tuple(re.findall(r"`(\w+)`", cells[1]))
            yield Row(number, module, names, bool(own), parameters, cells[2], cells[3])


ROWS = list(rows())
TOLD = {entry: row for row in ROWS for entry in row.entries()}
WALKED = list(walk())


def told(name: Name) -> Row | None:
    """The row that tells of a name: its own, or that of the absent thing it is a part of."""
    row = TOLD.get(name)
    if row is None:
        parents = [Name(name.module, name.name), Name(name.module, name.name.partition(".")[0])]
        parts = name.module.split(".")
        parents += [Name("fastapi", ".".join(parts[1:end])) for end in range(2, len(parts) + 1)]
        above = [TOLD[parent] for parent in parents if parent in TOLD]
        row = next((each for each in above if each.status in STATUSES - {"same", "differs"}), None)
    return row


def told_version() -> str:
    """The version of FastAPI's whose names are told."""
    (version,) = re.findall(r"FastAPI (\d+\.\d+\.\d+)", TEXT)
    return str(version)


def here(name: Name) -> Any:
    """What is found here at the place of something of FastAPI's."""
    first, *rest = name.name.split(".")
    found: Any = load(name.module.replace("fastapi", "microfw", 1))
    for part in (RENAMED.get(first, first), *rest):
        found = getattr(found, part, None) or load(f"{found.__name__}.{part}")
    return found


def theirs(name: Name) -> Any:
    """What FastAPI has under a name."""
    found: Any = load(name.module)
    for part in name.name.split("."):
        found = getattr(found, part)
    return found


# ---------------------------------------------------------------------- they agree


def test_the_page_tells_of_every_public_name_and_parameter() -> None:
    assert [str(name) for name in WALKED if told(name) is None] == []


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.status == "same"], ids=lambda row: f"line {row.line}"
)
def test_what_is_said_to_be_the_same_is_there(row: Row) -> None:
    walked = set(WALKED)

    for name in row.entries():
        if name in walked:
            found = here(name)
            assert not name.parameter or name.parameter in accepted(found), str(name)


def test_what_fastapi_has_from_starlette_is_the_very_same_here() -> None:
    starlettes = {
        name: value
        for name in WALKED
        if getattr(value := theirs(name), "__module__", "").startswith("starlette.")
    }
    same = {name for name in starlettes if (row := told(name)) and row.status == "same"}

    assert len(same) > 30
    assert [str(name) for name in same if here(name) is not starlettes[name]] == []


def test_every_row_says_what_it_says_about_something() -> None:
    for row in ROWS:
        assert row.status in STATUSES, row
        assert row.names, row
        assert row.tells_of_names or row.parameters, row
        assert row.why or row.status == "same", row


def test_nothing_is_said_twice() -> None:
    counted = Counter(entry for row in ROWS for entry in row.entries())

    assert [str(entry) for entry, count in counted.items() if count > 1] == []


def test_absent_is_nothing_but_deprecated_names() -> None:
    absent = [row for row in ROWS if row.status == "absent"]

    assert [row for row in absent if not row.why.startswith("deprecated")] == []


def test_the_page_tells_of_nothing_that_fastapi_does_not_have() -> None:
    if fastapi.__version__ != told_version():
        pytest.skip(f"the page tells of FastAPI {told_version()}")
    known = {*WALKED, *(Name("fastapi", name.removeprefix("fastapi.")) for name in modules())}

    for row in ROWS:
        assert known >= {Name(row.module, name) for name in row.names}, row
        for parameter in row.parameters:
            assert known & {Name(row.module, name, parameter) for name in row.names}, row


# ---------------------------------------------------------------------- names that have no other page


@pytest.mark.parametrize("make", [App, Router])
def test_decorators_add_routes_of_starlettes(make: Callable[[], Any]) -> None:
    owner = make()

    @owner.websocket_route("/feed", name="feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("fed")
        await websocket.close()

    with TestClient(owner).websocket_connect("/feed") as websocket:
        assert websocket.receive_text() == "fed"
    assert owner.url_path_for("feed") == "/feed"


def test_a_decorator_adds_a_route_of_starlettes_for_some_methods() -> None:
    router = Router()

    @router.route("/it", methods=["PUT"], name="it")
    async def put_it(request: Request) -> Response:
        return PlainTextResponse(request.method)

    client = TestClient(router)
    assert (client.put("/it").text, client.get("/it").status_code) == ("PUT", 405)
    assert router.url_path_for("it") == "/it"


def test_event_handlers_are_added_without_a_decorator(app: App) -> None:
    events: list[str] = []
    app.router.add_event_handler("startup", lambda: events.append("starts"))
    app.router.add_event_handler("shutdown", lambda: events.append("ends"))

    with TestClient(app):
        assert events == ["starts"]

    assert events == ["starts", "ends"]
    with pytest.raises(ValueError, match=r"the events are .*, not 'start'"):
        app.router.add_event_handler("start", lambda: None)


# ---------------------------------------------------------------------- behaviour


class Answered(NamedTuple):
    """What the page says of one request: the answer here, and FastAPI's."""

    declare: Callable[[Any, Any], object]
    """Is called with an application, and with the framework that it is of."""
    ask: Callable[[Any], Any]
    ours: object
    theirs: object


def returning(value: Any, **options: Any) -> Callable[[Any, Any], object]:
    return lambda app, _: app.get("/", **options)(lambda: value)


def taking(body: Any) -> Callable[[Any, Any], object]:
    def declare(app: Any, framework: Any) -> None:
        @app.post("/")
        def echo(it: body) -> Any:  # pyright: ignore[reportInvalidTypeForm] - it depends on the case
            return it

    return declare


def secured(name: str, /, **options: Any) -> Callable[[Any, Any], object]:
    def declare(app: Any, framework: Any) -> None:
        scheme = getattr(load(f"{framework.__name__}.security"), name)(**options)
        app.get("/", dependencies=[framework.Depends(scheme)])(lambda: None)

    return declare


def two_methods(app: Any, _: Any) -> None:
    app.get("/")(lambda: None)
    app.post("/")(lambda: None)


def injecting(app: Any, framework: Any) -> None:
    def endpoint(response: framework.Response) -> Any:  # pyright: ignore[reportInvalidTypeForm] - it depends on the case
        response.headers["x-injected"] = "yes"
        return PlainTextResponse("")

    app.get("/")(endpoint)


def streaming(app: Any, _: Any) -> None:
    @app.get("/")
    async def stream() -> AsyncIterator[int]:
        yield 1 // 0


def part(number: int, other: int) -> list[int]:
    return [number, other]


def binding(app: Any, _: Any) -> None:
    app.get("/")(partial(part, other=2))


def reading_all(app: Any, framework: Any) -> None:
    async def endpoint(request: framework.Request) -> int:  # pyright: ignore[reportInvalidTypeForm] - it depends on the case
        return len(await request.body())

    app.post("/")(endpoint)


def body_of(client: Any) -> Any:
    return client.get("/").text


def challenge(client: Any) -> Any:
    return client.get("/").headers["www-authenticate"]


def post_json(content: bytes) -> Callable[[Any], Any]:
    headers = {"content-type": "application/json"}
    return lambda client: client.post("/", content=content, headers=headers).status_code


def header(name: str, **request: Any) -> Callable[[Any], Any]:
    return lambda client: client.request(**{"method": "GET", "url": "/", **request}).headers.get(
        name
    )


def status(**request: Any) -> Callable[[Any], Any]:
    return lambda client: client.request(**{"method": "GET", "url": "/", **request}).status_code


class Hollow:
    """Has no attributes."""


BEHAVIOUR = {
    "bytes": Answered(returning(b"ab"), body_of, '"YWI="', '"ab"'),
    "NaN": Answered(returning(math.nan), status(), 200, 500),
    "floats": Answered(returning([1e16, 1e-7]), body_of, "[1e16,1e-7]", "[1e+16,1e-07]"),
    "decimals": Answered(returning(Decimal("1.10")), body_of, "1.10", "1.1"),
    "objects without attributes": Answered(returning(Hollow()), status(), 500, 200),
    "durations": Answered(returning(timedelta(seconds=90)), body_of, '"PT90S"', "90.0"),
    "exclude": Answered(
        returning({"a": 1, "b": 2}, response_model_exclude={"a"}),
        body_of,
        '{"b":2}',
        '{"a":1,"b":2}',
    ),
    "204": Answered(
        returning(None, status_code=204), header("content-type"), None, "application/json"
    ),
    "no UTF-8": Answered(taking(list[Any]), post_json(b'["\xff"]'), 422, 400),
    "deep": Answered(taking(list[Any]), post_json(b"[" * 100_000), 422, 400),
    "NaN received": Answered(taking(list[Any]), post_json(b"[NaN]"), 422, 200),
    "no content type": Answered(taking(list[int]), status(method="POST", content=b"[1]"), 200, 422),
    "large": Answered(
        reading_all, status(method="POST", content=bytes(16 * 1024 * 1024 + 1)), 413, 200
    ),
    "partial": Answered(binding, status(params={"number": 1, "other": "x"}), 200, 422),
    "405": Answered(two_methods, header("allow", method="PUT"), "GET, POST", "GET"),
    "injected": Answered(injecting, header("x-injected"), "yes", None),
    "stream": Answered(streaming, status(), 500, 200),
    "bearer": Answered(secured("HTTPBearer"), challenge, 'Bearer realm="HTTPBearer"', "Bearer"),
    "basic": Answered(
        secured("HTTPBasic"), challenge, 'Basic realm="HTTPBasic", charset="UTF-8"', "Basic"
    ),
    "OAuth2": Answered(
        secured("OAuth2PasswordBearer", tokenUrl="token"),
        challenge,
        'Bearer realm="OAuth2PasswordBearer"',
        "Bearer",
    ),
    "key": Answered(secured("APIKeyHeader", name="x-key"), challenge, "APIKey", "APIKey"),
}


@pytest.mark.parametrize("case", BEHAVIOUR.values(), ids=BEHAVIOUR.keys())
def test_answers_differ_as_the_page_says(case: Answered) -> None:
    for framework, app, expected in (
        (microfw, App(), case.ours),
        (fastapi, fastapi.FastAPI(), case.theirs),
    ):
        if framework is fastapi and fastapi.__version__ != told_version():
            pytest.skip(f"the page tells of FastAPI {told_version()}")
        case.declare(app, framework)
        client = TestClient(app, raise_server_exceptions=False)
        assert case.ask(client) == expected, framework.__name__


def test_a_path_parameter_whose_name_is_misspelled_is_a_mistake_here_alone() -> None:
    fastapi.FastAPI().get("/{item_id}")(lambda itemid: None)

    with pytest.raises(RegistrationError):
        App().get("/{item_id}")(lambda itemid: None)


def test_routes_that_are_passed_to_an_application_are_taken_as_they_are() -> None:
    ran: list[str] = []

    def add(name: str) -> Callable[[], None]:
        return lambda: ran.append(name)

    ours = App(routes=[Route("/", lambda: None)], dependencies=[Depends(add("ours"))])
    theirs = fastapi.FastAPI(
        routes=[fastapi.routing.APIRoute("/", lambda: None)],
        dependencies=[fastapi.Depends(add("theirs"))],
    )

    assert [TestClient(app).get("/").status_code for app in (ours, theirs)] == [200, 200]
    assert ran == []
