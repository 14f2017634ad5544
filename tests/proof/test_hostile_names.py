"""Whatever an author's texts are, none of them becomes code: generated source has one shape."""

import ast
import dis
import inspect
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from keyword import iskeyword
from types import CodeType
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microfw import App, BackgroundTasks, Depends, Header, Query
from microfw._answering.tasks import _FUNCTIONS
from microfw.dependencies._writer import _RUNTIME
from microfw.exceptions import DeclarationError
from microfw.params import Declaration
from tests.asgi import request

HOSTILE = [
    *("'", '"', '"""', "\\", "\\\n", "\n", "\r\n", "\x00", "\x0c", "\x85", "\u2028", "\u202e"),
    *("\ud800", "#", "# coding: utf-7", "%s", "{0}", "\x1b[31m", ";", ":", ")", "a b", "1a", ""),
    "x\nraise SystemExit",
    "x)\nraise SystemExit\n(",
    "__import__('os')",
    *("lambda", "None", "await", "match", "_", "__debug__", "__builtins__", "__name__", "__x"),
    *("opened", "handle", "returned", "exchange", "INVALID", "respond", "invalid", "dependency_2"),
    *(
        "\uff4fpened",
        "\uff45xchange",
        "\u043epened",
        "\ufb01le",
        "file",
        "\u00aa\u00aa",
        "\uff49\uff46",
        "__\uff4eame__",
        "\u017felf",
        "\u1d49xec",
    ),
    *("a" * 10_000, "\n" * 10_000, "'\"" * 5_000),
]
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=20),
    st.lists(st.sampled_from(HOSTILE[:-3]), max_size=4).map("".join),
)


def is_parameter(text: str) -> bool:
    """Whether Python's own syntax could have made a parameter of this name."""
    return (
        text.isidentifier()
        and not iskeyword(text)
        and text != "__debug__"
        and unicodedata.is_normalized("NFKC", text)
    )


identifiers = st.one_of(
    st.sampled_from([text for text in HOSTILE if is_parameter(text)]),
    st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd", "Pc"]), min_size=1).filter(
        is_parameter
    ),
)
paths = texts.map(lambda text: "/" + text.replace("{", "").replace("}", "").replace("?", ""))


@dataclass(frozen=True, slots=True)
class Texts:
    """What an author has written in one program, wherever Python and microfw take any text."""

    path: str = "/path"
    names: tuple[str, str, str, str, str] = ("get_work", "get_lock", "get_user", "read", "task")
    parameters: tuple[str, str, str, str] = ("first", "second", "third", "fourth")
    qualname: str = "qualified"
    module: str = "module"
    docstring: str = "Do it."
    default: str = "default"
    alias: str = "alias"
    annotation: str = "annotation"


HARMLESS = Texts()
programs = st.builds(
    Texts,
    path=paths,
    names=st.tuples(*[texts] * 5),
    parameters=st.lists(identifiers, min_size=4, max_size=4, unique=True).map(tuple),
    qualname=texts,
    module=texts,
    docstring=texts,
    default=texts.filter(str.isprintable),
    alias=texts,
    annotation=texts,
)

Log = list[object]


def with_default(annotation: Any) -> bool:
    return any(isinstance(each, Declaration) for each in getattr(annotation, "__metadata__", ()))


def written(
    function: Callable[..., Any], name: str, texts: Texts, parameters: dict[str, Any]
) -> Callable[..., Any]:
    """Give a function what its author has written."""
    function.__name__ = name
    function.__qualname__ = texts.qualname
    function.__module__ = texts.module
    function.__doc__ = texts.docstring
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=texts.default if with_default(annotation) else inspect.Parameter.empty,
            )
            for name, annotation in parameters.items()
        ]
    )
    return function


def task_of(texts: Texts, log: Log) -> Callable[..., Any]:
    async def task(**given: Any) -> None:
        log.append(("task", given))

    get_work = written(work_of(log), texts.names[0], texts, {})
    first = {texts.parameters[0]: Annotated[str, Depends(get_work), texts.annotation]}
    return written(task, texts.names[4], texts, first)


def work_of(log: Log) -> Callable[..., Any]:
    async def get_work(**given: Any) -> AsyncIterator[str]:
        log.append("work opens")
        yield "work"
        log.append("work exits")

    return get_work


def application(texts: Texts, log: Log) -> App:
    """Make one route, with steps of every kind."""

    def get_lock(**given: Any) -> Iterator[object]:
        log.append(("lock opens", given))
        yield "lock"
        log.append("lock exits")

    def get_user(**given: Any) -> str:
        log.append(("user", given))
        return "user"

    async def read(**given: Any) -> list[object]:
        tasks = given.pop(texts.parameters[3])
        tasks.add_task(task_of(texts, log))
        log.append(("endpoint", given))
        return [*given.values()]

    first, second, third, fourth = texts.parameters
    of_work, of_lock, of_user, of_read, _ = texts.names
    work = Annotated[
        str, Depends(written(work_of(log), of_work, texts, {}), scope="request"), texts.annotation
    ]
    header = Annotated[str, Header(alias=texts.alias), texts.annotation]
    lock = Annotated[str, Depends(written(get_lock, of_lock, texts, {first: work, second: header}))]
    user = Annotated[str, Depends(written(get_user, of_user, texts, {third: lock}))]
    literal: Any = Literal
    annotated: Any = Annotated
    query = annotated[
        literal[texts.default],
        Query(alias=texts.alias, description=texts.annotation),
        texts.annotation,
    ]
    own = {first: work, second: user, third: query, fourth: BackgroundTasks}
    app = App()
    app.get(texts.path, tags=[texts.annotation])(written(read, of_read, texts, own))
    return app


def shape(source: str) -> str:
    """The source's syntax tree, without any names."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("id", "arg", "name"):
            if isinstance(getattr(node, name, None), str):
                setattr(node, name, "name")
    return ast.dump(tree)


def globals_of(code: CodeType) -> set[str]:
    """The global names that a function uses."""
    return {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}


def check_names(handle: Callable[..., Any], source: str) -> None:
    """See that all names mean what the compiler meant."""
    namespace = handle.__globals__
    for name, value in _RUNTIME.items():
        assert namespace[name] is value
    functions = ast.parse(source).body
    for function in functions:
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        assert globals_of(namespace[function.name].__code__) <= namespace.keys()
    assert type(namespace["__builtins__"]) is dict


def handles(app: App, texts: Texts, log: Log) -> list[Callable[..., Any]]:
    """The compiled functions of the program: the route's, and the task's."""
    route: Any = app.router.routes[-1]
    task = _FUNCTIONS.handler(task_of(texts, log), None, app.app_state)
    return [route.plans.get(app.app_state).call, task.call]


def sources(app: App, texts: Texts, log: Log) -> list[str]:
    task = _FUNCTIONS.handler(task_of(texts, log), None, app.app_state)
    return [app.explain(texts.path), task.source]


def harmless_shapes() -> list[str]:
    log: Log = []
    return [shape(source) for source in sources(application(HARMLESS, log), HARMLESS, log)]


@pytest.fixture(scope="module")
def harmless() -> list[str]:
    return harmless_shapes()


def check(texts: Texts, harmless: list[str]) -> None:
    """See that a program has the harmless one's source, and does what it does."""
    log: Log = []
    app = application(texts, log)

    written_sources = sources(app, texts, log)

    assert [shape(source) for source in written_sources] == harmless
    for handle, source in zip(handles(app, texts, log), written_sources, strict=True):
        assert unicodedata.is_normalized("NFKC", source.partition("\n")[2])
        check_names(handle, source)
    first, second, third, _ = texts.parameters
    answer = request(app, "GET", texts.path)
    assert (answer.status_code, answer.json()) == (200, ["work", "user", texts.default])
    assert log == [
        "work opens",
        ("lock opens", {first: "work", second: texts.default}),
        ("user", {third: "lock"}),
        ("endpoint", {first: "work", second: "user", third: texts.default}),
        "lock exits",
        "work opens",
        ("task", {first: "work"}),
        "work exits",
        "work exits",
    ]


@pytest.mark.unmeasured
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_one_text_everywhere_does_not_become_code(harmless: list[str], text: str) -> None:
    parameters = (text, "second", "third", "fourth") if is_parameter(text) else HARMLESS.parameters
    sendable = text.encode(errors="replace").decode()
    path = "/" + "".join(each for each in text if each not in "{}?")
    texts = Texts(
        path, (text, text, text, text, text), parameters, text, text, text, sendable, text, text
    )
    check(texts, harmless)


@settings(max_examples=80, deadline=None, report_multiple_bugs=False)
@given(texts=programs)
def test_no_text_of_the_author_becomes_code(harmless: list[str], texts: Texts) -> None:
    check(texts, harmless)


@pytest.mark.parametrize("name", ["\ufb01le", "\uff4fpened", "__debug__"])
def test_a_parameter_that_no_call_can_name_is_refused(name: str) -> None:
    async def get_work(**given: Any) -> None: ...

    function = written(get_work, "get_work", HARMLESS, {name: str})

    async def read(work: Annotated[None, Depends(function)]) -> None: ...

    with pytest.raises(DeclarationError) as caught:
        App().get("/")(read)

    assert str(caught.value) == (
        f"parameter {name!r} has a name that Python lets no call pass a value to\n"
        f"  in:   qualified ({__file__}:{get_work.__code__.co_firstlineno})\n"
        "  path: read -> get_work\n"
        "  cure: name it otherwise in `__signature__`; no parameter written in a `def` has such a name"
    )


def test_the_source_is_written_on_one_line_each() -> None:
    app = App()

    @app.get("/a\nb\x00")
    async def read() -> str:
        return "read"

    assert app.explain("/a\nb\x00").startswith("# GET /a\\nb\\x00\nasync def handle(exchange):\n")


def test_names_that_mean_something_to_python_or_to_the_compiler_are_replaced() -> None:
    def get_it() -> None: ...

    for name in ("\uff4fpened", "__builtins__", "__debug__", "if", "a\nb", "\ufb01le"):
        get_it.__name__ = name
        app = App(dependencies=[Depends(get_it, sync_to_thread=False)])

        @app.get("/")
        async def read() -> None: ...

        expected = {"\uff4fpened": "opened_2", "\ufb01le": "file"}.get(name, "dependency")
        assert app.explain("/").splitlines()[2] == f"    no_coroutine({expected}(), {expected})"
