"""E1 to E9, beyond the table: what logs say, handlers, chaining, and what nested blocks would do."""

import inspect
import linecache
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.from_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microfw import App, Depends, HTTPException, Request
from microfw.dependencies import place_of
from microfw.exceptions import SwallowedExceptionError, YieldError
from microfw.middleware.gzip import GZipMiddleware
from microfw.responses import FileResponse, JSONResponse, StreamingResponse
from tests.lifecycle.programs import (
    VARIANTS,
    Conflict,
    Flavour,
    Log,
    Oops,
    Program,
    Step,
    Variant,
    both,
    build,
    lets_pass,
    lines,
    nothing,
    place,
    raises,
    re_raises,
    replaces,
    replaces_from,
    request,
    swallows,
    told,
    write_function,
)

# ---------------------------------------------------------------------- E5: who has swallowed


async def swallowing_async() -> AsyncIterator[None]:
    try:
        yield
    except Oops:
        pass


def swallowing_sync() -> Iterator[None]:
    try:
        yield
    except Oops:
        pass


def other_sync() -> Iterator[None]:
    yield


class Unit:
    """A callable object whose call is a yield dependency."""

    def __call__(self) -> Iterator[None]:
        try:
            yield
        except Oops:
            return


@pytest.mark.parametrize("endpoint_is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize(
    ("dependency", "swallower"),
    [
        pytest.param(swallowing_async, swallowing_async, id="async"),
        pytest.param(swallowing_sync, swallowing_sync, id="sync"),
        pytest.param(contextmanager(swallowing_sync), swallowing_sync, id="contextmanager"),
        pytest.param(Unit(), Unit.__call__, id="object"),
    ],
)
@pytest.mark.parametrize("neighbours", [0, 1, 20], ids="with {} neighbours".format)
async def test_the_error_names_the_function_file_and_line_that_swallowed(
    dependency: Any, swallower: Any, scope: Any, endpoint_is_async: bool, neighbours: int
) -> None:
    """E5"""
    uses = [Depends(dependency, scope=scope)]
    uses += [Depends(other_sync, scope=scope, use_cache=False) for _ in range(neighbours)]
    uses[:0] = [Depends(other_sync, scope=scope, use_cache=False) for _ in range(neighbours)]
    app = App(dependencies=uses)
    original = Oops("original")

    async def fail_async() -> None:
        raise original

    def fail_sync() -> None:
        raise original

    app.get("/")(fail_async if endpoint_is_async else fail_sync)

    answer = await request(app)

    assert answer.status == 500
    assert type(answer.raised) is SwallowedExceptionError
    assert str(answer.raised) == f"{place(swallower)} swallowed Oops('original')"
    assert answer.raised.__cause__ is original
    text = "".join(traceback.format_exception(answer.raised))
    assert "raise original" in text
    assert text.index("Oops: original") < text.index("direct cause") < text.index("swallowed Oops")


class Unprintable(Oops):
    def __repr__(self) -> str:
        raise ValueError("no repr")


async def test_an_exception_that_cannot_be_shown_does_not_hide_who_swallowed_it() -> None:
    """E5"""
    app = App(dependencies=[Depends(swallowing_async)])
    original = Unprintable()

    @app.get("/")
    async def fail() -> None:
        raise original

    answer = await request(app)

    assert type(answer.raised) is SwallowedExceptionError
    assert str(answer.raised) == (
        f"{place(swallowing_async)} swallowed {object.__repr__(original)}"
    )
    assert answer.raised.__cause__ is original


# ---------------------------------------------------------------------- E6: handlers


@both
async def test_a_handler_reads_the_body_that_a_step_has_read(is_async: bool) -> None:
    """E6: also one that is found by a base class."""
    app = App()
    log = Log()

    @app.exception_handler(Oops)
    async def tell(request: Request, error: Oops) -> JSONResponse:
        return JSONResponse({"body": (await request.body()).decode(), "error": told(error)}, 400)

    async def fail_async(order: dict[str, int]) -> None:
        log(str(order))
        raise Conflict("x")

    def fail_sync(order: dict[str, int]) -> None:
        log(str(order))
        raise Conflict("x")

    app.post("/")(fail_async if is_async else fail_sync)

    answer = await request(app, method="POST", body=b'{"a": 1}', log=log)

    assert log == ["{'a': 1}", "sends 400"]
    assert answer.json() == {"body": '{"a": 1}', "error": "Conflict(x)"}


async def test_a_handler_reads_a_body_that_no_step_has_read(app: App) -> None:
    """E6"""

    @app.exception_handler(Oops)
    async def tell(request: Request, error: Oops) -> JSONResponse:
        return JSONResponse(await request.json(), 400)

    @app.post("/")
    async def fail() -> None:
        raise Oops("x")

    answer = await request(app, method="POST", body=b'{"a": 1}')

    assert (answer.status, answer.json(), answer.raised) == (400, {"a": 1}, None)


async def test_a_handler_that_raises_is_an_error_like_any_other(app: App) -> None:
    """E6"""

    @app.exception_handler(Oops)
    async def fail_again(request: Request, error: Oops) -> None:
        raise ValueError("handler")

    @app.get("/")
    async def fail() -> None:
        raise Oops("x")

    answer = await request(app)

    assert answer.status == 500
    assert answer.raised is not None
    assert chain_of(answer.raised) == ("ValueError", "handler", False, None, of_oops("x"))


async def test_what_a_handler_raises_is_answered_once(log: Log, app: App) -> None:
    """As by Starlette, which has a layer for it around each route and one around them all."""

    @app.exception_handler(Conflict)
    async def conflict(_: Request, error: Conflict) -> JSONResponse:
        log(f"handler for {told(error)}")
        raise Oops("again")

    @app.exception_handler(Oops)
    async def oops(_: Request, error: Oops) -> JSONResponse:
        log(f"handler for {told(error)}")
        if str(error) == "x":
            raise HTTPException(409, "x")
        raise Oops("once more")

    @app.get("/{name}")
    async def endpoint(name: str) -> None:
        raise Oops(name) if name == "x" else Conflict(name)

    answer = await request(app, "/x", log=log)
    assert answer.json() == {"detail": "x"}
    answer = await request(app, "/y", log=log)
    assert answer.raised
    assert told(answer.raised) == "Oops(once more)"
    assert log == lines(
        "handler for Oops(x), sends 409,handler for Conflict(y), handler for Oops(again), sends 500"
    )


async def test_a_handler_that_returns_nothing_is_named(app: App) -> None:
    @app.exception_handler(Oops)
    async def forgetful(_: Request, error: Oops) -> None: ...

    @app.get("/")
    async def endpoint() -> None:
        raise Oops("x")

    answer = await request(app)
    assert answer.status == 500
    assert answer.raised
    assert told(answer.raised) == (
        f"TypeError(the exception handler {place_of(forgetful)} returned no response)"
    )
    assert repr(answer.raised.__context__) == "Oops('x')"


async def test_a_response_that_fails_before_it_starts_is_answered_by_a_handler(
    app: App, tmp_path: Path
) -> None:
    @app.exception_handler(RuntimeError)
    async def missing(_: Request, error: RuntimeError) -> JSONResponse:
        return JSONResponse("gone", 410)

    @app.get("/")
    async def endpoint() -> FileResponse:
        return FileResponse(tmp_path / "missing")

    answer = await request(app)
    assert (answer.status, answer.json(), answer.raised) == (410, "gone", None)


@pytest.mark.parametrize("has_middleware", [False, True], ids=["alone", "in a middleware"])
async def test_of_handlers_for_500_and_for_every_exception_the_later_one_answers(
    app: App, has_middleware: bool
) -> None:
    """E6: as in Starlette"""
    if has_middleware:
        app.add_middleware(GZipMiddleware)

    @app.exception_handler(Exception)
    async def earlier(request: Request, error: Exception) -> Any:
        return JSONResponse("earlier", 500)

    @app.exception_handler(500)
    async def later(request: Request, error: Exception) -> Any:
        return JSONResponse("later", 500)

    @app.get("/")
    async def fail() -> None:
        raise Oops("x")

    answer = await request(app)

    assert answer.json() == "later"
    assert told(answer.raised or Exception()) == "Oops(x)"


async def test_a_handler_for_500_is_not_asked_for_an_http_exception_with_another_status() -> None:
    """E6"""
    app = App()
    log = Log()

    @app.exception_handler(500)
    async def tell(request: Request, error: Exception) -> JSONResponse:
        log(f"handler for {told(error)}")
        return JSONResponse("sorry", 500)

    @app.get("/{status}")
    async def fail(status: int) -> None:
        raise HTTPException(status)

    for status in ("404", "503", "500"):
        log(status)
        await request(app, f"/{status}", log=log)

    assert log == lines("404, sends 404, 503, sends 503, 500, sends 500")


async def test_default_handlers_can_be_called_from_ones_own(log: Log, app: App) -> None:
    """E6"""
    from microfw.exception_handlers import http_exception_handler

    @app.exception_handler(HTTPException)
    async def tell(request: Request, error: HTTPException) -> Any:
        log(f"handler for {told(error)}")
        return await http_exception_handler(request, error)

    @app.get("/")
    async def fail() -> None:
        raise HTTPException(409, {"code": 7}, headers={"x-code": "7"})

    answer = await request(app, log=log)

    assert log == lines("handler for HTTPException(409), sends 409")
    assert answer.json() == {"detail": {"code": 7}}
    assert answer.header("x-code") == ["7"]


async def test_a_response_of_a_handler_runs_its_own_background_work(log: Log, app: App) -> None:
    """E6, 8: it is sent like any other."""
    from microfw import BackgroundTask

    @app.exception_handler(Oops)
    async def tell(request: Request, error: Oops) -> JSONResponse:
        return JSONResponse("sorry", 400, background=BackgroundTask(log, "task"))

    @app.get("/")
    async def fail() -> None:
        raise Oops("x")

    await request(app, log=log)

    assert log == lines("sends 400, task")


# ---------------------------------------------------------------------- E7: after the start


@pytest.mark.parametrize("has_middleware", [False, True], ids=["alone", "in a middleware"])
async def test_what_a_handler_makes_of_an_error_after_the_start_is_dropped_with_its_background_work(
    log: Log, has_middleware: bool
) -> None:
    """E7, B2"""
    from microfw import BackgroundTask

    async def wide() -> AsyncIterator[None]:
        yield
        raise Oops("too late")

    app = App(dependencies=[Depends(wide, scope="request")])
    if has_middleware:
        app.add_middleware(GZipMiddleware)

    @app.exception_handler(Exception)
    async def tell(request: Request, error: Exception) -> JSONResponse:
        log(f"handler for {told(error)}")
        return JSONResponse("sorry", 500, background=BackgroundTask(log, "task"))

    @app.get("/")
    async def endpoint() -> str:
        return "done"

    answer = await request(app, log=log)

    assert log == lines("sends 200, handler for Oops(too late)")
    assert told(answer.raised or Exception()) == "Oops(too late)"


@pytest.mark.parametrize("wide_is_async", [True, False], ids=["async", "sync"])
async def test_an_error_in_a_returned_stream_is_raised_through_request_scope(
    log: Log, wide_is_async: bool
) -> None:
    """E7"""

    async def wide_async() -> AsyncIterator[None]:
        with log.opened("wide"):
            yield

    def wide_sync() -> Iterator[None]:
        with log.opened("wide"):
            yield

    async def narrow() -> AsyncIterator[None]:
        with log.opened("narrow"):
            yield

    wide = wide_async if wide_is_async else wide_sync
    app = App(dependencies=[Depends(wide, scope="request"), Depends(narrow)])

    async def items() -> AsyncIterator[str]:
        yield "one"
        raise Oops("stream")

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        return StreamingResponse(items())

    answer = await request(app, log=log)

    assert log == lines(
        """wide opens, narrow opens, narrow exits, sends 200, sends one, wide sees Oops(stream)"""
    )
    assert (answer.status, answer.complete) == (200, False)
    assert told(answer.raised or Exception()) == "Oops(stream)"


async def test_an_error_of_the_transport_is_seen_by_request_scope(log: Log) -> None:
    """E7"""

    async def wide() -> AsyncIterator[None]:
        with log.opened("wide"):
            yield

    app = App(dependencies=[Depends(wide, scope="request")])

    @app.get("/")
    async def endpoint() -> str:
        return "done"

    async def broken(message: Any) -> None:
        raise OSError("gone")

    async def receive() -> Any:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    with pytest.raises(OSError, match="gone"):
        await app(scope, receive, broken)

    assert log == lines("wide opens, wide sees OSError(gone)")


# ---------------------------------------------------------------------- E8: chaining

Chain = tuple[str, str, bool, Any, Any] | None


def chain_of(error: BaseException | None) -> Chain:
    """An exception with all that is chained to it."""
    if error is None:
        return None
    return (
        type(error).__name__,
        str(error),
        error.__suppress_context__,
        chain_of(error.__cause__),
        chain_of(error.__context__),
    )


def of_oops(text: str) -> Chain:
    """The chain of an `Oops` to which nothing is chained."""
    return ("Oops", text, False, None, None)


def replaces_from_none(text: str) -> Callable[[BaseException], object]:
    def react(_: BaseException) -> None:
        raise Conflict(text) from None

    return react


@st.composite
def some_steps(draw: st.DrawFn) -> list[tuple[Step, Flavour]]:
    """Draw dependencies of function scope that do anything they may."""
    steps: list[tuple[Step, Flavour]] = []
    for number in range(draw(st.integers(0, 6))):
        name = f"step_{number}"
        step = Step(
            name,
            setup=draw(st.sampled_from([nothing] * 5 + [raises(Oops, f"{name} setup")])),
            on_success=draw(st.sampled_from([nothing, nothing, raises(Oops, f"{name} exit")])),
            on_error=draw(
                st.sampled_from(
                    [
                        lets_pass,
                        lets_pass,
                        re_raises,
                        swallows,
                        replaces(Conflict, f"{name} in place"),
                        replaces_from(Conflict, f"{name} from"),
                        replaces_from_none(f"{name} from none"),
                    ]
                )
            ),
            yields=draw(st.sampled_from([1, 1, 1, None])),
            exit_code=draw(st.sampled_from([True, True, True, False])),
        )
        flavours: list[Flavour] = ["async", "quick", "thread", "loop"]
        steps.append((step, draw(st.sampled_from(flavours))))
    return steps


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=150, deadline=None)
@given(
    some_steps(),
    st.sampled_from([nothing, raises(Oops, "endpoint")]),
    st.sampled_from(["async", "thread"]),
)
def test_a_request_does_what_nested_with_blocks_do(
    backend: str, steps: list[tuple[Step, Flavour]], action: Any, endpoint: Flavour
) -> None:
    """E2, E3, E8, O2: the same log, and the same exception with the same chain."""
    expected_log, by_hand = Log(), By()
    anyio.run(_run_by_hand, steps, action, expected_log, by_hand, backend="asyncio")

    log = Log()
    variant = Variant(tuple(flavour for _, flavour in steps) or ("async",), endpoint)
    app = build(Program(steps=[step for step, _ in steps], endpoint=action), variant, log)

    answer = anyio.run(request, app, "/", "POST", backend=backend)

    assert log == expected_log
    if by_hand.error is not None:
        assert answer.status == 500
        assert chain_of(answer.raised) == chain_of(by_hand.error)
    elif by_hand.response is None:
        assert answer.status == 500
        assert isinstance(answer.raised, SwallowedExceptionError)
    else:
        assert (answer.status, answer.raised) == (200, None)


class By:
    """What came out of nested blocks."""

    response: str | None = None
    error: Exception | None = None


async def _run_by_hand(
    steps: list[tuple[Step, Flavour]], action: Any, log: Log, outcome: By
) -> None:
    functions = [(step, write_function(step, "async", log, [], step.name)) for step, _ in steps]
    endpoint = write_function(
        Step("endpoint", yields=None, setup=action), "async", log, [], "response"
    )

    async def nested(rest: list[tuple[Step, Any]]) -> None:
        if not rest:
            outcome.response = await endpoint()
            return
        (step, function), *inner = rest
        if step.yields is None:
            await function()
            await nested(inner)
            return
        async with asynccontextmanager(function)():
            await nested(inner)

    try:
        await nested(functions)
    except Exception as error:
        outcome.error = error


def fails_as_it_handles() -> Iterator[None]:
    try:
        yield
    except Oops:
        try:
            raise Conflict("of exit code") from None
        except Conflict:
            raise Oops("of its handler")


def raises_a_group() -> Iterator[None]:
    try:
        yield
    except* Oops:
        raise


def fails_once_it_has_handled() -> Iterator[None]:
    try:
        yield
    except Oops:
        pass
    raise Conflict("of exit code")


def lets_through() -> Iterator[None]:
    yield


@pytest.mark.parametrize("inner", [[], [lets_through]], ids=["alone", "with a neighbour"])
@pytest.mark.parametrize(
    "dependency", [fails_as_it_handles, raises_a_group, fails_once_it_has_handled]
)
async def test_what_exit_code_raises_in_a_thread_has_the_context_that_it_has_in_a_with_block(
    dependency: Callable[[], Iterator[None]], inner: list[Callable[[], Iterator[None]]]
) -> None:
    """E8"""
    app = App(dependencies=[*map(Depends, [dependency, *inner])])

    @app.get("/")
    async def endpoint() -> None:
        raise Oops("endpoint")

    with pytest.raises(Exception) as by_hand, contextmanager(dependency)():  # noqa: PT011
        raise Oops("endpoint")

    answer = await request(app)

    assert chain_of(answer.raised) == chain_of(by_hand.value)


@pytest.mark.parametrize("flavour", ["async", "quick", "thread", "loop"])
@pytest.mark.parametrize("depth", [1, 3, 40])
async def test_tracebacks_show_the_lines_of_the_generated_source(
    flavour: Flavour, depth: int
) -> None:
    """E8"""
    steps = [Step(f"step_{number}") for number in range(depth)]
    program = Program(steps=steps, endpoint=raises(Oops, "x"))
    endpoint: Flavour = "thread" if flavour == "thread" else "async"
    app = build(program, Variant((flavour,), endpoint), Log())

    answer = await request(app, method="POST")

    assert answer.raised is not None
    shown = traceback.extract_tb(answer.raised.__traceback__)
    generated = [frame for frame in shown if frame.filename.startswith("<microfw")]
    source = app.explain("/", "POST").splitlines()
    assert generated
    assert generated[0].name == "handle"
    for frame in generated:
        assert frame.lineno is not None
        assert frame.line == source[frame.lineno - 1].strip()
        assert frame.line == linecache.getline(frame.filename, frame.lineno).strip()
    assert "endpoint(" in (generated[-1].line or "")
    assert all(frame.line for frame in shown)


async def test_the_traceback_of_an_error_does_not_grow_on_its_way_out() -> None:
    """E8: frames of what opens dependencies are not between those of the program."""
    steps = [Step(f"step_{number}") for number in range(10)]
    app = build(
        Program(steps=steps, endpoint=raises(Oops, "x")), Variant(("async",), "async"), Log()
    )

    answer = await request(app, method="POST")

    assert answer.raised is not None
    frames = traceback.extract_tb(answer.raised.__traceback__)
    first = next(n for n, frame in enumerate(frames) if "<microfw" in frame.filename)
    assert [frame.name for frame in frames[first:]] == ["handle", "endpoint", "act"]


# ---------------------------------------------------------------------- E9: not one yield


async def never_async() -> AsyncIterator[None]:
    if inspect.isfunction(never_async):
        return
    yield


def never_sync() -> Iterator[None]:
    if inspect.isfunction(never_sync):
        return
    yield


async def twice_async() -> AsyncIterator[None]:
    yield
    yield


def twice_sync() -> Iterator[None]:
    yield
    yield


def _without_source(name: str, body: str) -> Any:
    """Make a function of which nothing shows that it returns a value: nobody is warned."""
    names: dict[str, Any] = {"Oops": Oops}
    exec(f"def {name}():{body}", names)
    return names[name]


returns_after = _without_source(
    "returns_after",
    """
    yield
    return 1
    """,
)
returns_what_another_returns = _without_source(
    "returns_what_another_returns",
    """
    def other():
        yield
        return False
    return (yield from other())
    """,
)
returns_instead_of_raising = _without_source(
    "returns_instead_of_raising",
    """
    try:
        yield
    except Oops:
        return 0
    """,
)


@pytest.mark.parametrize("endpoint_is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize(
    ("dependency", "does"),
    [
        (never_async, "did not yield"),
        (never_sync, "did not yield"),
        (twice_async, "yielded twice"),
        (twice_sync, "yielded twice"),
    ],
)
async def test_a_generator_that_does_not_yield_once_is_named_with_file_and_line(
    log: Log, dependency: Any, does: str, endpoint_is_async: bool
) -> None:
    """E9"""

    async def outer() -> AsyncIterator[None]:
        with log.opened("outer"):
            yield

    async def endpoint_async() -> None:
        log("endpoint")

    def endpoint_sync() -> None:
        log("endpoint")

    app = App(dependencies=[Depends(outer), Depends(dependency)])
    app.get("/")(endpoint_async if endpoint_is_async else endpoint_sync)

    answer = await request(app, log=log)

    message = f"{place(dependency)} {does}"
    ran = [] if does == "did not yield" else ["endpoint"]
    assert log == ["outer opens", *ran, f"outer sees YieldError({message})", "sends 500"]
    assert type(answer.raised) is YieldError
    assert str(answer.raised) == message


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "loop"])
@pytest.mark.parametrize("dependency", [returns_after, returns_what_another_returns])
async def test_what_a_generator_returns_is_dropped(
    log: Log, dependency: Any, in_thread: bool
) -> None:
    """E9"""

    def outer() -> Iterator[None]:
        with log.opened("outer"):
            yield

    app = App(dependencies=[Depends(outer), Depends(dependency, sync_to_thread=in_thread)])
    app.get("/")(lambda: log("endpoint"))

    answer = await request(app, log=log)

    assert log == lines("outer opens, endpoint, outer exits, sends 200")
    assert answer.raised is None


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "loop"])
async def test_a_generator_that_returns_a_value_in_place_of_an_error_has_swallowed_it(
    log: Log, in_thread: bool
) -> None:
    """E9, E5"""

    def outer() -> Iterator[None]:
        with log.opened("outer"):
            yield

    async def endpoint() -> None:
        raise Oops("x")

    inner = Depends(returns_instead_of_raising, sync_to_thread=in_thread)
    app = App(dependencies=[Depends(outer), inner])
    app.get("/")(endpoint)

    answer = await request(app, log=log)

    assert log == lines("outer opens, outer exits, sends 500")
    assert type(answer.raised) is SwallowedExceptionError
    assert str(answer.raised) == f"{place(returns_instead_of_raising)} swallowed Oops('x')"


@pytest.mark.parametrize("flavour", ["async", "quick", "thread", "loop"])
async def test_a_generator_that_yields_again_after_an_error_chains_that_error(
    log: Log, flavour: Flavour
) -> None:
    """E9, E8"""
    steps = [Step("outer"), Step("twice", yields=2, on_error=swallows)]
    app = build(Program(steps=steps, endpoint=raises(Oops, "x")), Variant((flavour,), "async"), log)

    answer = await request(app, method="POST", log=log)

    assert log == lines(
        """outer opens, twice opens, endpoint, twice sees Oops(x), twice sees GeneratorExit(),
        outer sees YieldError(twice (programs.py) yielded twice), sends 500"""
    )
    assert answer.raised is not None
    assert chain_of(answer.raised.__context__) == of_oops("x")


async def fails_as_it_closes_async() -> AsyncIterator[None]:
    yield
    try:
        yield
    finally:
        raise Oops("closing")


def fails_as_it_closes_sync() -> Iterator[None]:
    yield
    try:
        yield
    finally:
        raise Oops("closing")


@pytest.mark.parametrize("dependency", [fails_as_it_closes_async, fails_as_it_closes_sync])
async def test_a_generator_that_yields_again_is_named_also_if_it_fails_as_it_is_closed(
    dependency: Any,
) -> None:
    """E9, E8"""
    app = App(dependencies=[Depends(dependency)])

    @app.get("/")
    async def endpoint() -> None: ...

    answer = await request(app)

    assert type(answer.raised) is YieldError
    assert str(answer.raised) == f"{place(dependency)} yielded twice"
    assert str(answer.raised.__cause__) == "closing"


async def twice_in_a_group_async() -> AsyncIterator[None]:
    async with anyio.create_task_group():
        yield
        yield


def twice_in_a_group_sync() -> Iterator[None]:
    yield
    try:
        yield
    except* GeneratorExit:
        raise


@pytest.mark.parametrize("dependency", [twice_in_a_group_async, twice_in_a_group_sync])
async def test_a_generator_that_yields_again_is_named_also_if_it_makes_a_group_of_its_end(
    log: Log, dependency: Any
) -> None:
    """E9, E8"""

    async def outer() -> AsyncIterator[None]:
        with log.opened("outer"):
            yield

    app = App(dependencies=[Depends(outer), Depends(dependency)])

    @app.get("/")
    async def endpoint() -> None: ...

    answer = await request(app, log=log)

    message = f"{place(dependency)} yielded twice"
    assert log == lines(f"outer opens, outer sees YieldError({message}), sends 500")
    assert type(answer.raised) is YieldError
    assert isinstance(answer.raised.__cause__, BaseExceptionGroup)


# ---------------------------------------------------------------------- stop iterations


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("flavour", ["async", "quick", "thread", "loop"])
async def test_a_stop_iteration_of_a_sync_endpoint_does_not_end_generators_early(
    log: Log, kind: type[Exception], flavour: Flavour
) -> None:
    """E2: Python does not let it pass through a coroutine; dependencies see an error all the same."""
    app = build(
        Program(steps=[Step("a"), Step("b")], endpoint=raises(kind, "x")),
        Variant((flavour,), "async"),
        log,
    )

    answer = await request(app, method="POST", log=log)

    assert [line.split(" sees ")[0] for line in log] == [
        "a opens",
        "b opens",
        "endpoint",
        "b",
        "a",
        "sends 500",
    ]
    assert isinstance(answer.raised, kind | RuntimeError)


async def test_an_error_that_passes_through_a_thread_is_the_same_object() -> None:
    """E2"""
    seen: list[BaseException] = []

    def dependency() -> Iterator[None]:
        try:
            yield
        except Exception as error:
            seen.append(error)
            raise

    app = App(dependencies=[Depends(dependency), Depends(dependency, use_cache=False)])
    original = Oops("x")

    @app.get("/")
    async def endpoint(inner: Annotated[None, Depends(dependency, use_cache=False)]) -> None:
        raise original

    answer = await request(app)

    assert answer.raised is original
    assert seen == [original] * 3


@dataclass(frozen=True)
class Frozen(Exception):
    """An exception whose attributes cannot be assigned to."""

    text: str


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
async def test_a_frozen_exception_is_seen_by_dependencies_and_handled_like_any_other(
    log: Log, variant: Variant
) -> None:
    """E2, E6"""
    program = Program(steps=[Step("outer"), Step("inner")], endpoint=raises(Frozen, "x"))
    app = build(program, variant, log)

    @app.exception_handler(Frozen)
    async def tell(request: Request, error: Frozen) -> JSONResponse:
        return JSONResponse(error.text, 418)

    answer = await request(app, method="POST", log=log)

    assert log == lines(
        """outer opens, inner opens, endpoint, inner sees Frozen(x), outer sees Frozen(x),
        sends 418"""
    )
    assert (answer.json(), answer.raised) == ("x", None)


# ---------------------------------------------------------------------- E6: what handlers may be


class AsyncHandler:
    async def __call__(self, request: Request, error: Exception) -> JSONResponse:
        return JSONResponse(told(error), 418)

    async def answer(self, request: Request, error: Exception) -> JSONResponse:
        return await self(request, error)


class SyncHandler:
    def __call__(self, request: Request, error: Exception) -> JSONResponse:
        anyio.from_thread.check_cancelled()  # only a worker thread may
        return JSONResponse(told(error), 418)


@dataclass
class EqualHandler(AsyncHandler):
    """Without a hash, since it equals others."""


@pytest.mark.parametrize(
    "handler",
    [AsyncHandler(), AsyncHandler().answer, SyncHandler(), EqualHandler()],
    ids=["async instance", "bound method", "sync instance", "instance without a hash"],
)
async def test_an_exception_handler_is_any_callable(handler: Any) -> None:
    app = App(exception_handlers={Oops: handler})

    @app.get("/")
    async def endpoint() -> None:
        raise Oops("x")

    for _ in range(2):
        answer = await request(app)
        assert (answer.status, answer.json()) == (418, "Oops(x)")
