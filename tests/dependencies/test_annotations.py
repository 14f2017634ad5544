"""Annotations that name what is not there: as text, and as CPython 3.14 evaluates them."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any, ForwardRef, cast

import pytest

from microfw import App, Depends, Query
from microfw.dependencies import describe, inspect_signature
from microfw.exceptions import UnresolvableAnnotationError
from microfw.testclient import TestClient

lazily = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="CPython 3.14 evaluates annotations when they are read"
)
either_way = pytest.mark.parametrize(
    "how", [pytest.param("as text"), pytest.param("lazily", marks=lazily)]
)

HEADING = """
import functools
import sys
from typing import TYPE_CHECKING, Annotated
from microfw import App, BackgroundTasks, Depends, Query

if TYPE_CHECKING:
    from nowhere import Session

app = App()
log = []

def get_session():
    return "session"
"""


def run(program: str, how: str = "lazily") -> dict[str, Any]:
    """Run a module whose annotations are kept as text, or are evaluated when they are read."""
    future = "from __future__ import annotations\n" if how == "as text" else ""
    names = sys.modules["program"].__dict__
    exec(compile(f"{future}{HEADING}{program}", "program.py", "exec", dont_inherit=True), names)
    return names


@pytest.fixture(autouse=True)
def _module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be where models look for what is defined after them."""
    monkeypatch.setitem(sys.modules, "program", ModuleType("program"))


def answer(names: dict[str, Any], query: str = "") -> Any:
    response = TestClient(names["app"]).get(f"/{query}")
    assert response.status_code == 200
    return response.json()


UNKNOWN_TYPES = {
    "a function's": """
@app.get("/")
def read(session: Session = Depends(get_session)):
    return session
""",
    "a generic one": """
@app.get("/")
def read(session: list[Session] | None = Depends(get_session)):
    return session
""",
    "an unknown attribute": """
@app.get("/")
def read(session: sys.Session = Depends(get_session)):
    return session
""",
    "a dependency's, and what it returns": """
def get_user(session: Session = Depends(get_session)) -> Session:
    return session

@app.get("/")
async def read(user=Depends(get_user)):
    return user
""",
    "what an endpoint returns": """
@app.get("/", response_model=None)
def read(session: str = Depends(get_session)) -> Session:
    return session
""",
    "a class's": """
class Repository:
    def __init__(self, session: Session = Depends(get_session)) -> None:
        self.session = session

    def __call__(self, session: Session = Depends(get_session)) -> Session:
        return session

@app.get("/")
def read(repository: Repository = Depends()):
    return repository.session
""",
    "an instance's": """
class Repository:
    def __call__(self, session: Session = Depends(get_session)) -> Session:
        return session

@app.get("/")
def read(session=Depends(Repository())):
    return session
""",
    "a partial's": """
def get(more: Session, *, session: Session = Depends(get_session)) -> Session:
    return session

@app.get("/")
def read(session=Depends(functools.partial(get, 3))):
    return session
""",
    "a decorated function's": """
def passing_on(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner

@app.get("/")
@passing_on
def read(session: Session = Depends(get_session)) -> None:
    return session
""".replace("-> None", ""),
}


@either_way
@pytest.mark.parametrize("program", UNKNOWN_TYPES.values(), ids=UNKNOWN_TYPES)
def test_the_type_of_what_a_dependency_fills_need_not_be_known(program: str, how: str) -> None:
    assert answer(run(program, how)) == "session"


ANNOTATED = {
    "a name": "Annotated[Session, Depends(get_session)]",
    "a generic type": "Annotated[list[Session], Depends(get_session)]",
    "a union": "Annotated[Session | None, Depends(get_session)]",
    "an attribute of the unknown": "Annotated[Session.Kind, Depends(get_session)]",
}


@lazily
@pytest.mark.parametrize("annotation", ANNOTATED.values(), ids=ANNOTATED)
def test_the_type_beside_a_dependency_in_annotated_need_not_be_known(annotation: str) -> None:
    program = f"""
@app.get("/")
def read(session: {annotation}, q: int):
    return [session, q]
"""
    assert answer(run(program), "?q=3") == ["session", 3]


def test_the_type_beside_a_dependency_in_annotated_need_not_be_known_anywhere() -> None:
    def read(session: Any):
        return session

    read.__annotations__["session"] = Annotated[ForwardRef("Session"), Depends(lambda: "session")]
    app = App()
    app.get("/")(read)
    assert answer({"app": app}) == "session"


@lazily
def test_names_may_be_defined_later_in_the_module() -> None:
    program = """
def get_page(settings: Annotated[Settings, Depends()], size: Size = 5) -> Page:
    return [settings.name, size]

def read(page: Annotated[Page, Depends(get_page)]) -> Page:
    return page

class Settings:
    def __init__(self) -> None:
        self.name = "later"

Size = int
Page = list[Size | str]

app.get("/")(read)
"""
    names = run(program)
    assert answer(names) == ["later", 5]
    assert answer(names, "?size=7") == ["later", 7]


@lazily
def test_names_may_be_defined_later_in_a_function() -> None:
    program = """
def make():
    def get_page(settings: Annotated[Settings, Depends()]) -> Settings:
        return settings.name

    class Settings:
        name = "local"

    return get_page

@app.get("/")
def read(page=Depends(make())):
    return page
"""
    assert answer(run(program)) == "local"


CLASS = """
class Service:
    def __init__(
        self, options: Annotated[Options, Depends()], parent: Annotated[Service, Depends(lambda: None)]
    ):
        self.size = options.size

    @classmethod
    def made(cls, options: Annotated[Options, Depends()], session: Session = Depends(get_session)):
        return cls(options, None)

    class Options:
        def __init__(self, size: Size = 3) -> None:
            self.size = size

    Size = int
"""


@lazily
@pytest.mark.parametrize("dependency", ["Service", "Service.made"])
def test_annotations_in_a_class_may_name_what_the_class_defines(dependency: str) -> None:
    program = f"""{CLASS.replace("size: Size", "size: int")}
@app.get("/")
def read(service=Depends({dependency})):
    return service.size
"""
    assert answer(run(program), "?size=4") == 4


@lazily
def test_fields_may_be_of_classes_that_are_defined_later() -> None:
    program = """
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from msgspec import Struct
from pydantic import BaseModel

@dataclass
class Data:
    kind: Kind

class Named(NamedTuple):
    kind: Kind

class Typed(TypedDict):
    kind: Kind

class Record(Struct):
    kind: Kind

class Model(BaseModel):
    kind: Kind

class Group(BaseModel):
    q: Kind

Kind = int

@app.post("/")
def read(a: Data, b: Named, c: Typed, d: Record, e: Model, q: Annotated[Group, Query()]) -> list[int]:
    return [a.kind, b.kind, c["kind"], d.kind, e.kind, q.q]
"""
    names = run(program)
    client = TestClient(names["app"])
    body: dict[str, Any] = {name: {"kind": n} for n, name in enumerate("abcde")} | {"b": [1]}
    assert client.post("/?q=5", json=body).json() == [0, 1, 2, 3, 4, 5]
    body["a"] = {"kind": "x"}
    assert client.post("/?q=5", json=body).json()["detail"][0]["loc"] == ["body", "a", "kind"]


# ---------------------------------------------------------------------- what has to be known

CURE = (
    "make {name} importable from the function's module: define or import it at the module's top"
    " level, outside of `if TYPE_CHECKING:` and of other functions"
)


@either_way
@pytest.mark.parametrize(
    ("annotation", "shown", "name"),
    [
        ("Session", "'Session'", "'Session'"),
        ("Later", "'Later'", "'Later'"),
        ("Local", "'Local'", "'Local'"),
        ("sys.Later", "'sys.Later'", "'sys.Later'"),
    ],
)
def test_a_type_that_is_needed_and_unknown_is_refused(
    annotation: str, shown: str, name: str, how: str
) -> None:
    program = f"""
def register():
    @app.get("/")
    def read(q: {annotation} = None): ...

    class Local: ...
"""
    names = run(f"{program}\ndef later():\n    register()\n", how)
    with pytest.raises(UnresolvableAnnotationError) as raised:
        names["later"]()
    assert raised.value.what == (
        f"the annotation {shown} of parameter 'q' names {name}, which is not known"
    )
    assert raised.value.cure == CURE.format(name=name)
    assert raised.value.where.startswith("register.<locals>.read (program.py:")


@either_way
def test_a_return_type_that_is_needed_and_unknown_is_refused(how: str) -> None:
    names = run("def read() -> Session: ...\n", how)
    with pytest.raises(UnresolvableAnnotationError) as raised:
        names["app"].get("/")(names["read"])
    assert raised.value.what == (
        "the annotation 'Session' of the return value names 'Session', which is not known"
    )


@lazily
def test_a_part_of_a_type_that_is_unknown_is_shown_as_text() -> None:
    names = run("def read(q: dict[str, list[Session]]): ...\n")
    with pytest.raises(UnresolvableAnnotationError) as raised:
        names["app"].get("/")(names["read"])
    assert raised.value.what == (
        "the annotation dict[str, list['Session']] of parameter 'q' names 'Session', which is not"
        " known"
    )


@lazily
@pytest.mark.parametrize(
    "declaration",
    ["Depends(Later)", "Query(ge=Later)", "Query(default_factory=Later)", "Later"],
)
def test_a_declaration_of_something_unknown_is_refused(declaration: str) -> None:
    names = run(f"def read(q: Annotated[int, {declaration}]): ...\n")
    with pytest.raises(UnresolvableAnnotationError) as raised:
        names["app"].get("/")(names["read"])
    assert raised.value.what == (
        "the annotation Annotated[int, ...] of parameter 'q' names 'Later', which is not known"
    )


@pytest.mark.parametrize(
    "declared",
    [Depends(cast("Any", ForwardRef("Later"))), Query(ge=ForwardRef("Later")), ForwardRef("Later")],
)
def test_a_reference_forward_in_a_declaration_is_refused(declared: Any) -> None:
    def read(q: Any): ...

    read.__annotations__["q"] = Annotated[list[ForwardRef("Item")], declared]  # type: ignore[misc]
    with pytest.raises(UnresolvableAnnotationError) as raised:
        describe(read)
    assert raised.value.what == (
        "the annotation Annotated[list['Item'], ...] of parameter 'q' names 'Later', which is not"
        " known"
    )


def test_declarations_without_references_forward_are_searched_but_so_deep() -> None:
    def read(q: Annotated[int, Query(ge=1)], *, r: Annotated[str, "text"]): ...

    assert [each.name for each in describe(read).parameters] == ["q", "r"]


@lazily
def test_an_error_in_an_annotation_comes_out_as_it_is() -> None:
    names = run("def read(q: 1 / 0): ...\n")
    with pytest.raises(ZeroDivisionError):
        names["app"].get("/")(names["read"])


# ---------------------------------------------------------------------- tasks


@either_way
async def test_a_task_whose_types_are_unknown_runs_with_what_it_is_given(how: str) -> None:
    program = """
def note(session: Session, *, more: Session | None = None) -> Session:
    log.append(session)
tasks = BackgroundTasks()
tasks.add_task(note, "given")
"""
    names = run(program, how)
    await names["tasks"]()
    assert names["log"] == ["given"]


@pytest.mark.parametrize("call", [run, functools.partial(run, "")])
def test_a_signature_is_that_of_inspect(call: Callable[..., Any]) -> None:
    assert "how" in inspect_signature(call).parameters
