"""B2 to B5: background tasks, beyond the table.

B5, that uploaded files are closed after 9., is tested where forms are.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
import starlette.background
from starlette.responses import PlainTextResponse

from microfw import (
    App,
    BackgroundTask,
    BackgroundTasks,
    Depends,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    WebSocket,
)
from microfw.exceptions import DeclarationError, RequestValueError, YieldError
from tests.lifecycle.programs import Log, Oops, both, lines, place, request, told
from tests.lifecycle.test_websockets import converse

# ---------------------------------------------------------------------- B2: one list


@both
async def test_a_returned_response_keeps_its_own_task_and_the_list_runs_after_it(
    log: Log, is_async: bool
) -> None:
    """B2"""

    async def dependency(tasks: BackgroundTasks) -> AsyncIterator[None]:
        tasks.add_task(log, "setup")
        yield
        tasks.add_task(log, "exit")

    app = App(dependencies=[Depends(dependency)])

    async def endpoint_async(tasks: BackgroundTasks) -> Response:
        tasks.add_task(log, "endpoint")
        return PlainTextResponse("own", background=BackgroundTask(log, "own"))

    def endpoint_sync(tasks: BackgroundTasks) -> Response:
        tasks.add_task(log, "endpoint")
        return PlainTextResponse("own", background=BackgroundTask(log, "own"))

    app.get("/")(endpoint_async if is_async else endpoint_sync)

    await request(app, log=log)

    assert log == lines("sends 200, own, setup, endpoint, exit")


@both
async def test_a_returned_response_may_bring_several_tasks(is_async: bool) -> None:
    """B2"""
    log = Log()
    app = App()

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> Response:
        own = BackgroundTasks() if is_async else starlette.background.BackgroundTasks()
        own.add_task(log, "own")
        own.add_task(log, "own too")
        tasks.add_task(log, "listed")
        return PlainTextResponse("own", background=own)

    await request(app, log=log)

    assert log == lines("sends 200, own, own too, listed")


async def test_a_response_may_be_given_the_injected_list_itself(log: Log, app: App) -> None:
    """B2: each task runs once all the same."""

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> Response:
        tasks.add_task(log, "listed")
        return PlainTextResponse("own", background=tasks)

    await request(app, log=log)

    assert log == lines("sends 200, listed")


async def test_the_list_is_one_object_for_all_steps_and_another_for_each_request() -> None:
    """B2"""
    seen: list[BackgroundTasks] = []

    def dependency(tasks: BackgroundTasks) -> None:
        seen.append(tasks)

    app = App(dependencies=[Depends(dependency)])

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        seen.append(tasks)

    await request(app)
    await request(app)

    assert [seen.index(tasks) for tasks in seen] == [0, 0, 2, 2]


@both
async def test_a_task_may_add_another_one(log: Log, app: App, is_async: bool) -> None:
    """B2"""

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        async def again_async() -> None:
            log("first")
            tasks.add_task(log, "second")

        def again_sync() -> None:
            log("first")
            tasks.add_task(log, "second")

        tasks.add_task(again_async if is_async else again_sync)

    await request(app, log=log)

    assert log == lines("sends 200, first, second")


@both
async def test_a_generator_endpoint_has_its_tasks_run_when_the_stream_has_ended(
    log: Log, app: App, is_async: bool
) -> None:
    """B2, S6"""

    async def endpoint_async(tasks: BackgroundTasks) -> AsyncIterator[int]:
        yield 1
        tasks.add_task(log, "task")

    def endpoint_sync(tasks: BackgroundTasks) -> Iterator[int]:
        yield 1
        tasks.add_task(log, "task")

    app.get("/")(endpoint_async if is_async else endpoint_sync)

    await request(app, log=log)

    assert log == lines("sends 200, sends 1, ends, task")


# ---------------------------------------------------------------------- B3: dependencies of tasks


@both
async def test_what_function_scope_has_opened_is_closed_when_a_task_runs(is_async: bool) -> None:
    """B3"""
    log = Log()

    class Session:
        open = True

    async def session_async() -> AsyncIterator[Session]:
        session = Session()
        yield session
        session.open = False

    def session_sync() -> Iterator[Session]:
        session = Session()
        yield session
        session.open = False

    session = session_async if is_async else session_sync
    app = App()

    @app.get("/")
    async def endpoint(
        tasks: BackgroundTasks,
        narrow: Annotated[Session, Depends(session, scope="function")],
        wide: Annotated[Session, Depends(session, scope="request")],
    ) -> None:
        def look() -> None:
            log(f"function scope is {'open' if narrow.open else 'closed'}")
            log(f"request scope is {'open' if wide.open else 'closed'}")

        tasks.add_task(look)

    await request(app, log=log)

    assert log == lines("sends 200, function scope is closed, request scope is open")


@both
@pytest.mark.parametrize("task_is_async", [True, False], ids=["async task", "sync task"])
async def test_dependencies_of_a_task_open_fresh_for_each_task(
    log: Log, app: App, is_async: bool, task_is_async: bool
) -> None:
    """B3"""

    async def session_async() -> AsyncIterator[str]:
        with log.opened("session"):
            yield "session"

    def session_sync() -> Iterator[str]:
        with log.opened("session"):
            yield "session"

    session = session_async if is_async else session_sync

    async def unit(session: Annotated[str, Depends(session)]) -> AsyncIterator[str]:
        with log.opened("unit"):
            yield f"unit of {session}"

    async def audit_async(
        what: str,
        unit: Annotated[str, Depends(unit)],
        session: Annotated[str, Depends(session)],
        *,
        times: int = 1,
    ) -> None:
        log(f"audit {what} {times} with {unit} and {session}")

    def audit_sync(
        what: str,
        unit: Annotated[str, Depends(unit)],
        session: Annotated[str, Depends(session)],
        *,
        times: int = 1,
    ) -> None:
        log(f"audit {what} {times} with {unit} and {session}")

    audit: Any = audit_async if task_is_async else audit_sync

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks, session: Annotated[str, Depends(session)]) -> None:
        log("endpoint")
        tasks.add_task(audit, "order")
        tasks.add_task(audit, what="stock", times=2)

    await request(app, log=log)

    assert log == lines(
        """session opens, endpoint, session exits, sends 200,
        session opens, unit opens, audit order 1 with unit of session and session, unit exits,
        session exits,
        session opens, unit opens, audit stock 2 with unit of session and session, unit exits,
        session exits"""
    )


@both
async def test_dependencies_of_a_task_see_its_error_by_the_same_rules(
    log: Log, app: App, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """B3, B4, E2"""

    async def session_async() -> AsyncIterator[None]:
        with log.opened("session"):
            yield

    def session_sync() -> Iterator[None]:
        with log.opened("session"):
            yield

    async def mail(session: None = Depends(session_async if is_async else session_sync)) -> None:
        log("mail")
        raise Oops("smtp")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(mail)
        tasks.add_task(log, "next")

    answer = await request(app, log=log)

    assert log == lines("sends 200, session opens, mail, session sees Oops(smtp), next")
    assert told(answer.raised or Exception()) == "Oops(smtp)"
    assert _records(caplog) == ["ERROR background task mail failed <- Oops(smtp)"]


async def test_a_dependency_of_a_task_may_swallow_its_error(
    log: Log, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """B3, E2: a task has no answer that would be missing."""

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            log("swallowed")

    async def mail(session: None = Depends(session)) -> None:
        raise Oops("smtp")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(mail)

    answer = await request(app, log=log)

    assert log == lines("sends 200, swallowed")
    assert answer.raised is None
    assert _records(caplog) == []


async def test_a_broken_generator_in_a_task_is_named(
    log: Log, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """B4, E9"""

    async def never() -> AsyncIterator[None]:
        if log:
            yield

    async def mail(never: Annotated[None, Depends(never)]) -> None: ...

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(mail)

    answer = await request(app)

    assert isinstance(answer.raised, YieldError)
    assert [record.getMessage() for record in caplog.records] == ["background task mail failed"]


@both
async def test_overrides_apply_to_dependencies_of_tasks(log: Log, app: App, is_async: bool) -> None:
    """B3, X1"""

    def session() -> str:
        return "real"

    async def audit_async(session: Annotated[str, Depends(session)]) -> None:
        log(f"audit with {session}")

    def audit_sync(session: Annotated[str, Depends(session)]) -> None:
        log(f"audit with {session}")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(audit_async if is_async else audit_sync)

    await request(app, log=log)
    app.dependency_overrides[session] = lambda: "global fake"
    await request(app, log=log)
    with app.override({session: lambda: "context fake"}):
        await request(app, log=log)

    assert log == lines(
        """sends 200, audit with real, sends 200, audit with global fake,
        sends 200, audit with context fake"""
    )


async def test_a_task_uses_what_app_scope_holds_open(log: Log) -> None:
    """B3, S2"""

    async def engine() -> AsyncIterator[str]:
        with log.opened("engine"):
            yield "engine"

    async def audit(engine: Annotated[str, Depends(engine, scope="app")]) -> None:
        log(f"audit with {engine}")

    app = App(dependencies=[Depends(engine, scope="app")])

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(audit)

    async with app.router.lifespan_context(app):
        await request(app, log=log)

    assert log == lines("engine opens, sends 200, audit with engine, engine exits")


def refused(task: Any, *arguments: Any) -> str:
    with pytest.raises(RequestValueError) as raised:
        BackgroundTasks().add_task(task, *arguments)
    return str(raised.value)


def needs_header(token: Annotated[str, Header()]) -> str:
    return token


def needs_request(request: Request) -> Request:
    return request


def needs_path(item_id: int) -> int:
    return item_id


def in_between(value: Annotated[Any, Depends(needs_header)]) -> Any:
    return value


@pytest.mark.parametrize("through", ["directly", "in between"])
def test_a_task_whose_dependency_needs_the_request_is_refused_when_it_is_added(
    through: str,
) -> None:
    """B3"""

    def direct(user: Annotated[str, Depends(needs_header)]) -> None: ...

    def indirect(user: Annotated[str, Depends(in_between)]) -> None: ...

    task = direct if through == "directly" else indirect
    path = "direct -> needs_header" if task is direct else "indirect -> in_between -> needs_header"

    assert refused(task) == (
        "parameter 'token' needs a value of the request, and there is none in a background task\n"
        f"  in:   {place(needs_header)}\n"
        f"  path: {path}\n"
        "  cure: pass the value: add_task(..., value)"
    )


@pytest.mark.parametrize(
    ("dependency", "parameter"),
    [(needs_request, "request"), (needs_path, "item_id")],
    ids=["a request", "a path or query value"],
)
def test_whatever_of_the_request_it_needs_is_named(dependency: Any, parameter: str) -> None:
    """B3"""

    def task(value: Annotated[Any, Depends(dependency)]) -> None: ...

    assert refused(task) == (
        f"parameter {parameter!r} needs a value of the request,"
        " and there is none in a background task\n"
        f"  in:   {place(dependency)}\n"
        f"  path: task -> {dependency.__name__}\n"
        "  cure: pass the value: add_task(..., value)"
    )


def test_a_parameter_of_the_task_itself_that_is_declared_as_a_request_value_is_refused() -> None:
    """B3"""

    def session() -> None: ...

    def task(
        session: Annotated[None, Depends(session)], page: Annotated[int, Query()] = 1
    ) -> None: ...

    assert refused(task) == (
        "parameter 'page' needs a value of the request, and there is none in a background task\n"
        f"  in:   {place(task)}\n"
        "  cure: pass the value: add_task(..., value)"
    )


@pytest.mark.parametrize("passed", [Depends(in_between), Header()], ids=["Depends", "Header"])
def test_a_declaration_that_is_passed_to_a_task_is_refused(passed: Any) -> None:
    """The function would get it as the value."""

    def task(value: Any) -> None: ...

    for add in (
        lambda: BackgroundTasks().add_task(task, passed),
        lambda: BackgroundTasks().add_task(task, value=passed),
    ):
        with pytest.raises(DeclarationError) as raised:
            add()
        assert str(raised.value) == "\n".join(
            [
                "a declaration is passed to a background task, which would get it as the value",
                f"  in:   {place(task)}",
                "  cure: declare a parameter of the task's function with it, and pass nothing",
            ]
        )


def test_arguments_that_do_not_fit_are_refused_when_the_task_is_added() -> None:
    """B3"""

    def session() -> None: ...

    def task(what: str, session: Annotated[None, Depends(session)]) -> None: ...

    tasks = BackgroundTasks()
    with pytest.raises(TypeError, match="missing a required argument: 'what'"):
        tasks.add_task(task)
    with pytest.raises(TypeError, match="too many positional arguments"):
        tasks.add_task(task, "a", None)
    with pytest.raises(TypeError, match="unexpected keyword argument 'session'"):
        tasks.add_task(task, "a", session=None)


async def test_the_error_of_add_task_passes_through_the_open_dependencies(log: Log) -> None:
    """B3, E2"""

    async def session() -> AsyncIterator[None]:
        with log.opened("session"):
            yield

    def audit(user: Annotated[str, Depends(needs_header)]) -> None: ...

    app = App(dependencies=[Depends(session)])

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(audit)

    answer = await request(app)

    assert isinstance(answer.raised, RequestValueError)
    assert [line.partition("(")[0] for line in log] == [
        "session opens",
        "session sees RequestValueError",
    ]


# ---------------------------------------------------------------------- B4: tasks that raise


@both
async def test_failing_tasks_of_a_response_and_of_the_list_make_one_group(
    log: Log, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """B4"""

    async def wide() -> AsyncIterator[None]:
        with log.opened("wide"):
            yield

    app = App(dependencies=[Depends(wide, scope="request")])

    async def mail_async(what: str) -> None:
        log(what)
        raise Oops(what)

    def mail_sync(what: str) -> None:
        log(what)
        raise Oops(what)

    mail = mail_async if is_async else mail_sync

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> Response:
        tasks.add_task(mail, "second")
        tasks.add_task(log, "third")
        return PlainTextResponse("own", background=BackgroundTask(mail, "first"))

    answer = await request(app, log=log)

    assert log == lines("wide opens, sends 200, first, second, third, wide exits")
    assert isinstance(answer.raised, ExceptionGroup)
    assert answer.raised.message == "background tasks failed"
    assert [told(error) for error in answer.raised.exceptions] == ["Oops(first)", "Oops(second)"]
    name = mail.__name__
    assert _records(caplog) == [
        f"ERROR background task {name} failed <- Oops(first)",
        f"ERROR background task {name} failed <- Oops(second)",
    ]


@both
async def test_an_http_exception_of_a_task_is_no_second_answer(is_async: bool) -> None:
    """B4, E7"""
    log = Log()
    app = App()

    async def mail_async() -> None:
        raise HTTPException(409)

    def mail_sync() -> None:
        raise HTTPException(409)

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> str:
        tasks.add_task(mail_async if is_async else mail_sync)
        return "done"

    answer = await request(app, log=log)

    assert log == ["sends 200"]
    assert answer.json() == "done"
    assert isinstance(answer.raised, HTTPException)


async def test_exit_code_that_fails_after_a_task_has_failed_chains_nothing_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """B4, E7: the task's error is in the log, the exit code's reaches the server."""

    async def wide() -> AsyncIterator[None]:
        yield
        raise Oops("exit")

    app = App(dependencies=[Depends(wide, scope="request")])

    async def mail() -> None:
        raise Oops("smtp")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(mail)

    answer = await request(app)

    assert told(answer.raised or Exception()) == "Oops(exit)"
    assert _records(caplog) == ["ERROR background task mail failed <- Oops(smtp)"]


def _records(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        f"{record.levelname} {record.getMessage()} <- {told(record.exc_info[1])}"
        for record in caplog.records
        if record.name == "microfw" and record.levelno >= logging.WARNING
        if record.exc_info
        if record.exc_info[1]
    ]


@both
async def test_a_task_that_exit_code_of_scope_request_adds_runs_after_it(
    log: Log, app: App, is_async: bool
) -> None:
    """B2: the others have run by then."""

    def add_sync(tasks: BackgroundTasks) -> Iterator[None]:
        yield
        log("exit code adds")
        tasks.add_task(log, "late")
        tasks.always.add_task(log, "late, for always")

    async def add_async(tasks: BackgroundTasks) -> AsyncIterator[None]:
        for each in add_sync(tasks):
            yield each

    adding = Depends(add_async if is_async else add_sync, scope="request")

    @app.get("/", dependencies=[adding])
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(log, "task")

    @app.websocket("/", dependencies=[adding])
    async def talk(websocket: WebSocket, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        tasks.add_task(log, "task")

    order = ["task", "exit code adds", "late", "late, for always"]
    answer = await request(app)
    assert (answer.raised, log) == (None, order)
    log.clear()
    await converse(app)
    assert log == order


async def test_a_late_task_that_fails_is_raised_with_the_others(app: App) -> None:
    """B4"""

    def fail(name: str) -> None:
        raise Oops(name)

    def add(tasks: BackgroundTasks) -> Iterator[None]:
        yield
        tasks.add_task(fail, "late")

    @app.get("/", dependencies=[Depends(add, scope="request")])
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(fail, "task")

    raised: Any = (await request(app)).raised
    assert [repr(each) for each in raised.exceptions] == ["Oops('task')", "Oops('late')"]
