"""How tasks are added: the arguments, the kinds of callables, the mistakes. And by hand.

What becomes of them in a request's lifecycle stands in lifecycle/test_background.py.
"""

import functools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import starlette.background
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from microfw import App, BackgroundTask, BackgroundTasks, Depends, Request
from microfw.exceptions import DeclarationError, NotCallableError, UnresolvableAnnotationError
from tests.asgi import get
from tests.lifecycle.programs import Log, Oops

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypeCheckers

log = Log()


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


def place(function: Any) -> str:
    """Where a function stands, as messages say it."""
    return f"{function.__qualname__} ({__file__}:{function.__code__.co_firstlineno})"


def get_session() -> Iterator[str]:
    with log.opened("session"):
        yield "session"


async def get_user(session: Annotated[str, Depends(get_session)]) -> str:
    return f"user of {session}"


Session = Annotated[str, Depends(get_session)]
User = Annotated[str, Depends(get_user)]

# ---------------------------------------------------------------------- arguments


def plain(a: int, b: int = 2, /, c: int = 3, *args: int, d: int, **kwargs: int) -> None:
    log(f"{a} {b} {c} {args} {d} {kwargs}")


def in_the_middle(a: int, session: Session, b: int = 2) -> None:
    log(f"{a} {session} {b}")


def at_the_front(session: Session, a: int, b: int = 2) -> None:
    log(f"{session} {a} {b}")


def several(a: int, session: Session, b: int, user: User, c: int = 3) -> None:
    log(f"{a} {session} {b} {user} {c}")


def positional_only(a: int, b: int, /, session: Session, c: int = 3) -> None:
    log(f"{a} {b} {session} {c}")


def positional_only_with_default(a: int, b: int = 2, /, *, session: Session, c: int = 3) -> None:
    log(f"{a} {b} {session} {c}")


def keyword_only(a: int, *, session: Session, b: int = 2) -> None:
    log(f"{a} {session} {b}")


def with_more(a: int, *args: int, session: Session, **kwargs: int) -> None:
    log(f"{a} {args} {session} {kwargs}")


def with_more_by_name(a: int, session: Session, b: int = 2, **kwargs: int) -> None:
    log(f"{a} {session} {b} {kwargs}")


def as_default(a: int, session: str = Depends(get_session), b: int = 2) -> None:
    log(f"{a} {session} {b}")


def with_a_plain_default(a: int = 1, session: Session = "by hand", b: int = 2) -> None:
    log(f"{a} {session} {b}")


async def asynchronous(a: int, session: Session, b: int = 2) -> None:
    log(f"{a} {session} {b}")


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "expected"),
    [
        (plain, (1,), {"d": 4}, "1 2 3 () 4 {}"),
        (plain, (1, 5, 6, 7, 8), {"d": 4, "e": 9}, "1 5 6 (7, 8) 4 {'e': 9}"),
        (plain, (1,), {"d": 4, "c": 0, "a": 9}, "1 2 0 () 4 {'a': 9}"),
        (in_the_middle, (1,), {}, "1 session 2"),
        (in_the_middle, (1, 5), {}, "1 session 5"),
        (in_the_middle, (), {"b": 5, "a": 1}, "1 session 5"),
        (at_the_front, (1, 5), {}, "session 1 5"),
        (several, (1, 2), {}, "1 session 2 user of session 3"),
        (several, (1, 2, 5), {}, "1 session 2 user of session 5"),
        (several, (1,), {"b": 2, "c": 5}, "1 session 2 user of session 5"),
        (positional_only, (1, 2), {}, "1 2 session 3"),
        (positional_only, (1, 2, 5), {}, "1 2 session 5"),
        (positional_only, (1, 2), {"c": 5}, "1 2 session 5"),
        (positional_only_with_default, (1,), {}, "1 2 session 3"),
        (positional_only_with_default, (1, 5), {"c": 6}, "1 5 session 6"),
        (keyword_only, (1,), {}, "1 session 2"),
        (keyword_only, (1,), {"b": 5}, "1 session 5"),
        (with_more, (1, 2, 3), {"b": 4}, "1 (2, 3) session {'b': 4}"),
        (with_more, (1,), {}, "1 () session {}"),
        (with_more, (), {"a": 1}, "1 () session {}"),
        (with_more_by_name, (1,), {"c": 3}, "1 session 2 {'c': 3}"),
        (with_more_by_name, (1, 5), {"c": 3}, "1 session 5 {'c': 3}"),
        (as_default, (1, 5), {}, "1 session 5"),
        (with_a_plain_default, (), {}, "1 session 2"),
        (asynchronous, (1, 5), {}, "1 session 5"),
    ],
)
async def test_arguments_go_to_the_parameters_that_are_no_dependencies(
    task: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], expected: str
) -> None:
    tasks = BackgroundTasks()
    tasks.add_task(task, *args, **kwargs)

    await tasks()

    if task is plain:
        assert log == [expected]
    else:
        assert log == ["session opens", expected, "session exits"]


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "problem"),
    [
        (plain, (), {"d": 4}, "missing a required argument: 'a'"),
        (plain, (1,), {}, "missing a required argument: 'd'"),
        (in_the_middle, (), {}, "missing a required argument: 'a'"),
        (in_the_middle, (1, 2, 3), {}, "too many positional arguments"),
        (in_the_middle, (1,), {"a": 1}, "multiple values for argument 'a'"),
        (in_the_middle, (1,), {"c": 1}, "got an unexpected keyword argument 'c'"),
        (
            in_the_middle,
            (1,),
            {"session": "mine"},
            "got an unexpected keyword argument 'session', a dependency",
        ),
        (
            with_more,
            (1,),
            {"session": "mine"},
            "got an unexpected keyword argument 'session', a dependency",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_reported_when_the_task_is_added(
    task: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    tasks = BackgroundTasks()
    with pytest.raises(TypeError) as raised:
        tasks.add_task(task, *args, **kwargs)
    assert str(raised.value) == f"background task {place(task)}: {problem}"
    assert tasks.tasks == []


def test_a_dependency_that_cannot_be_passed_by_name_is_refused() -> None:
    def before_star(a: int, session: Session, *args: int) -> None: ...

    def before_slash(a: int, session: Session, /) -> None: ...

    for task in (before_star, before_slash):
        with pytest.raises(DeclarationError) as raised:
            BackgroundTasks().add_task(task, 1)
        assert str(raised.value) == (
            "the dependency 'session' of a background task cannot be passed by name\n"
            f"  in:   {place(task)}\n"
            "  cure: declare it behind `/` and behind `*args`"
        )


@pytest.mark.parametrize("called", [None, 3])
def test_what_a_function_returned_is_no_task(called: Any) -> None:
    with pytest.raises(NotCallableError) as raised:
        BackgroundTasks().add_task(called)
    assert str(raised.value) == (
        f"the background task is {called!r}, which cannot be called\n"
        "  in:   add_task(...)\n"
        "  cure: give `add_task` the function, and its arguments behind it: add_task(f, value)"
    )


# ---------------------------------------------------------------------- annotations


def for_type_checkers(price: "OnlyForTypeCheckers", count: int = 1) -> None:
    log(f"{price} {count}")


def with_session(price: "OnlyForTypeCheckers", session: Session) -> None: ...


def with_session_as_default(
    price: "OnlyForTypeCheckers", session: str = Depends(get_session)
) -> None: ...


async def test_an_annotation_that_is_not_known_does_not_matter_where_nothing_is_missing() -> None:
    tasks = BackgroundTasks()
    tasks.add_task(for_type_checkers, 5, count=2)

    await tasks()

    assert log == ["5 2"]


@pytest.mark.parametrize("task", [with_session, with_session_as_default])
def test_an_annotation_that_is_not_known_is_reported_where_something_is_missing(
    task: Callable[..., Any],
) -> None:
    for _ in range(2):
        with pytest.raises(UnresolvableAnnotationError) as raised:
            BackgroundTasks().add_task(task, 5)
        assert raised.value.what == (
            "the annotation 'OnlyForTypeCheckers' of parameter 'price' names"
            " 'OnlyForTypeCheckers', which is not known"
        )
        assert raised.value.where == place(task)


# ---------------------------------------------------------------------- kinds of callables


class Mailer:
    def __init__(self, name: str = "mailer") -> None:
        self.name = name

    def send(self, to: str, session: Session) -> None:
        log(f"{self.name} to {to} with {session}")

    async def send_async(self, to: str, session: Session) -> None:
        log(f"{self.name} to {to} with {session}")

    def send_plain(self, to: str) -> None:
        log(f"{self.name} to {to}")

    @classmethod
    def of_class(cls, to: str, session: Session) -> None:
        log(f"{cls.__name__} to {to} with {session}")

    async def __call__(self, to: str, session: Session) -> None:
        log(f"called {self.name} to {to} with {session}")


class UnhashableMailer(Mailer):
    __hash__ = None  # type: ignore[assignment]


def decorated(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        log("decorator")
        return call(*args, **kwargs)

    return wrapper


mailer = Mailer()


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (mailer.send, ["mailer to you with session"]),
        (mailer.send_async, ["mailer to you with session"]),
        (Mailer.of_class, ["Mailer to you with session"]),
        (mailer, ["called mailer to you with session"]),
        (UnhashableMailer("unhashable"), ["called unhashable to you with session"]),
        (functools.partial(Mailer.send, mailer), ["mailer to you with session"]),
        (functools.partial(mailer.send_async), ["mailer to you with session"]),
        (decorated(mailer.send), ["decorator", "mailer to you with session"]),
        (decorated(mailer.send_async), ["decorator", "mailer to you with session"]),
        (lambda to, session=Depends(get_session): log(to), ["you"]),
    ],
    ids=[
        "method",
        "async method",
        "class method",
        "async object",
        "object without a hash",
        "partial of a function",
        "partial of an async method",
        "decorated",
        "decorated, async",
        "lambda",
    ],
)
async def test_a_task_may_be_any_callable(task: Callable[..., Any], expected: list[str]) -> None:
    tasks = BackgroundTasks()
    tasks.add_task(task, "you")

    await tasks()

    assert log == ["session opens", *expected, "session exits"]


async def test_a_task_without_dependencies_may_be_any_callable_too() -> None:
    def generator_free(to: str) -> None:
        log(f"function to {to}")

    async def asynchronous_function(to: str) -> None:
        log(f"async function to {to}")

    tasks = BackgroundTasks()
    for task in (
        generator_free,
        asynchronous_function,
        mailer.send_plain,
        functools.partial(Mailer.send_plain, Mailer("partial")),
        decorated(generator_free),
        log.append,  # made in C
        log,
    ):
        tasks.add_task(task, "you")
    tasks.add_task(dict, [("a", 1)])  # made in C, and tells nothing of its parameters

    await tasks()

    assert log == [
        "function to you",
        "async function to you",
        "mailer to you",
        "partial to you",
        "decorator",
        "function to you",
        "you",
        "you",
    ]


async def test_the_same_method_of_two_objects_makes_two_tasks() -> None:
    tasks = BackgroundTasks()
    for name in ("one", "other"):
        tasks.add_task(Mailer(name).send, "you")

    await tasks()

    assert log == [
        "session opens",
        "one to you with session",
        "session exits",
        "session opens",
        "other to you with session",
        "session exits",
    ]


@pytest.mark.unmeasured
async def test_more_task_functions_than_are_kept_are_no_problem() -> None:
    def make(number: int) -> Callable[..., None]:
        return lambda session=Depends(get_session): log(str(number))

    tasks = BackgroundTasks()
    for number in range(300):
        tasks.add_task(make(number))

    await tasks()

    assert [line for line in log if line.isdigit()] == [str(number) for number in range(300)]


# ---------------------------------------------------------------------- by hand


def test_they_are_starlettes() -> None:
    tasks = BackgroundTasks()
    assert isinstance(tasks, starlette.background.BackgroundTasks)
    assert BackgroundTask is starlette.background.BackgroundTask


async def test_they_can_be_made_with_tasks() -> None:
    tasks = BackgroundTasks([BackgroundTask(log, "given")])
    tasks.add_task(log, "added")

    await tasks()

    assert log == ["given", "added"]


def test_they_run_behind_a_response_of_an_application_of_starlettes() -> None:
    async def serve(request: StarletteRequest) -> JSONResponse:
        tasks = BackgroundTasks()
        tasks.add_task(in_the_middle, 1)
        tasks.add_task(asynchronous, 2)
        return JSONResponse("served", background=tasks)

    app = Starlette(routes=[Route("/", serve)])

    assert get(app, "/").json() == "served"
    assert log == [
        "session opens",
        "1 session 2",
        "session exits",
        "session opens",
        "2 session 2",
        "session exits",
    ]


def test_they_run_behind_a_response_that_the_endpoint_makes(app: App) -> None:
    @app.get("/")
    def serve(request: Request) -> JSONResponse:
        tasks = BackgroundTasks()
        tasks.add_task(in_the_middle, 1)
        return JSONResponse("served", background=tasks)

    assert get(app, "/").json() == "served"
    assert log == ["session opens", "1 session 2", "session exits"]


async def test_one_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def fail(session: Session) -> None:
        raise Oops("one")

    tasks = BackgroundTasks()
    tasks.add_task(fail)
    tasks.add_task(log, "after")

    with caplog.at_level(logging.ERROR, "microfw"), pytest.raises(Oops, match="one"):
        await tasks()

    assert log == ["session opens", "session sees Oops(one)", "after"]
    assert [record.getMessage() for record in caplog.records] == ["background task fail failed"]


async def test_several_that_fail_make_a_group() -> None:
    async def fail(what: str) -> None:
        raise Oops(what)

    tasks = BackgroundTasks()
    tasks.add_task(fail, "one")
    tasks.add_task(fail, "other")

    with pytest.raises(ExceptionGroup) as raised:
        await tasks()

    assert str(raised.value) == "background tasks failed (2 sub-exceptions)"
    assert [str(error) for error in raised.value.exceptions] == ["one", "other"]


async def test_a_task_may_depend_on_a_context_manager() -> None:
    @contextmanager
    def get_lock() -> Iterator[str]:
        with log.opened("lock"):
            yield "lock"

    async def get_feed(lock: Annotated[str, Depends(get_lock)]) -> AsyncIterator[str]:
        with log.opened("feed"):
            yield f"feed under {lock}"

    def publish(feed: Annotated[str, Depends(get_feed)]) -> None:
        log(feed)

    tasks = BackgroundTasks()
    tasks.add_task(publish)

    await tasks()

    assert log == ["lock opens", "feed opens", "feed under lock", "feed exits", "lock exits"]
