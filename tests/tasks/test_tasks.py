"""K2: tasks of a queue, in the process that sends them."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import pytest
from msgspec import Meta, Struct
from pydantic import BaseModel
from taskiq import (
    Context,
    InMemoryBroker,
    SimpleRetryMiddleware,
    SmartRetryMiddleware,
    TaskiqDepends,
    TaskiqMessage,
)

from microfw import App, BackgroundTasks, Depends, Header, Request
from microfw.exceptions import (
    DeclarationError,
    RequestValueError,
    SwallowedExceptionError,
    TaskQueueError,
    TaskValidationError,
)
from microfw.tasks import Task, TaskQueue
from microfw.testclient import TestClient
from microfw.tracing import Trace
from tests.lifecycle.programs import Oops, lines
from tests.tasks.shop import (
    ConnectionDep,
    SessionDep,
    Shop,
    get_connection,
    get_engine,
    get_session,
    log,
    result_of,
    value_of,
)


async def send_invoice(order_id: int, session: SessionDep, connection: ConnectionDep) -> int:
    log(f"invoices {order_id!r} by {session}, {connection}")
    return order_id + 1


def send_invoice_sync(order_id: int, session: SessionDep, connection: ConnectionDep) -> int:
    log(f"invoices {order_id!r} by {session}, {connection}")
    return order_id + 1


both = pytest.mark.parametrize("function", [send_invoice, send_invoice_sync], ids=["async", "sync"])

RUN = (
    "engine opens; begins; connects; invoices 7 by session on engine, connection; disconnects;"
    " commits; engine closes"
)


def run_lines() -> list[str]:
    return [*map(str, RUN.split("; "))]


# ---------------------------------------------------------------------- running


@both
async def test_a_task_opens_its_dependencies_and_closes_them_before_its_result_is_stored(
    function: Callable[..., Any],
) -> None:
    """K2"""
    shop = Shop()
    task = shop.queue.task(function)

    async with shop.app.running():
        assert await value_of(await task.kiq(7)) == 8

    assert log == run_lines()


@both
async def test_the_values_of_a_message_are_converted_to_their_types(
    function: Callable[..., Any],
) -> None:
    """K2"""
    shop = Shop()
    task = shop.queue.task(function)

    async with shop.app.running():
        assert await value_of(await task.kiq(order_id="7")) == 8

    assert log == run_lines()


async def test_a_task_that_taskiq_s_own_decorator_declares_is_one_of_the_queue() -> None:
    """K2"""
    shop = Shop()
    task = shop.broker.task(task_name="invoice")(send_invoice)

    async with shop.app.running():
        assert await value_of(await task.kiq(7)) == 8  # type: ignore[call-overload]

    assert log == run_lines()
    assert isinstance(task, Task)


async def test_invalid_values_fail_the_task_before_anything_opens() -> None:
    """K2"""
    shop = Shop()
    task = shop.queue.task(retries=5)(send_invoice)

    async with shop.app.running():
        result = await result_of(await task.kiq("many"))

    error = result.error
    assert isinstance(error, TaskValidationError)
    assert error.errors() == [
        {
            "type": "int_parsing",
            "loc": ("message", "order_id"),
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "input": "many",
        }
    ]
    assert log == lines("engine opens, engine closes")


async def test_a_message_of_another_producer_may_hold_too_much_or_too_little() -> None:
    """K2"""
    shop = Shop()

    @shop.queue.task(name="pay")
    async def pay(order_id: int, cents: int = 0) -> None: ...

    async def errors_of(*args: Any, **kwargs: Any) -> list[Any]:
        from taskiq.kicker import AsyncKicker

        kicker: Any = AsyncKicker("pay", shop.broker, {})
        error = (await result_of(await kicker.kiq(*args, **kwargs))).error
        assert isinstance(error, TaskValidationError)
        return [(each["type"], each["loc"]) for each in error.errors()]

    async with shop.app.running():
        assert await errors_of() == [("missing", ("message", "order_id"))]
        assert await errors_of(1, 2, 3) == [("unexpected_argument", ("message", 2))]
        assert await errors_of(1, order_id=2) == [
            ("unexpected_keyword_argument", ("message", "order_id"))
        ]
        assert await errors_of(1, tip=2) == [("unexpected_keyword_argument", ("message", "tip"))]


@dataclass
class Line:
    item: str
    price: Decimal


class Order(Struct):
    id: UUID
    lines: list[Line]
    at: datetime


class Customer(BaseModel):
    name: str
    since: date


async def test_arguments_of_all_types_arrive_as_they_were() -> None:
    """K2"""
    shop = Shop()
    order = Order(UUID(int=7), [Line("book", Decimal("12.50"))], datetime(2026, 1, 2, tzinfo=UTC))
    customer = Customer(name="ada", since=date(2026, 1, 1))

    @shop.queue.task
    async def keep(
        order: Order,
        customer: Customer,
        tags: set[str],
        share: Decimal,
        anything,
        /,
        note: str = "none",
        *,
        urgent: bool = False,
    ) -> None:
        kept.append((order, customer, tags, share, anything, note, urgent))

    kept: list[Any] = []
    async with shop.app.running():
        await value_of(await keep.kiq(order, customer, {"a"}, Decimal("0.10"), [1], urgent=True))

    assert kept == [(order, customer, {"a"}, Decimal("0.10"), [1], "none", True)]


async def test_arguments_that_cannot_be_sent_are_refused_where_they_are_passed() -> None:
    """K2"""
    shop = Shop()

    @shop.queue.task
    async def keep(anything: Any, text: str = "") -> None: ...

    async with shop.app.running():
        with pytest.raises(
            TypeError, match=r"the argument 'anything' of the task .*keep .*cannot be sent"
        ):
            await keep.kiq(object())
        with pytest.raises(TypeError, match="missing a required argument: 'anything'"):
            await keep.kiq()
        with pytest.raises(TypeError, match="missing a required argument: 'anything'"):
            await keep.kicker().with_labels(priority=1).kiq()


async def test_a_task_gets_taskiq_s_context_and_message_and_so_do_its_dependencies() -> None:
    """K2"""
    shop = Shop()

    async def get_task_id(message: TaskiqMessage, context: Context) -> str:
        assert context.message is message
        return message.task_id

    @shop.queue.task(color="red")
    async def tell(
        number: int, task_id: Annotated[str, Depends(get_task_id)], context: Context
    ) -> list[Any]:
        return [number, task_id, context.message.labels["color"], context.broker is shop.broker]

    async with shop.app.running():
        sent = await tell.kiq(3)
        assert await value_of(sent) == [3, sent.task_id, "red", True]


async def test_a_message_has_the_id_and_the_labels_that_it_is_given_but_no_classes() -> None:
    """K2"""
    shop = Shop()

    @shop.queue.task(types_of_exceptions=[Oops], color="red", weight=1.5)
    async def tell(message: TaskiqMessage) -> list[Any]:
        return [message.task_id, message.labels]

    async with shop.app.running():
        sent = await tell.kicker().with_task_id("own").with_labels(urgent=True).kiq()
        assert await value_of(sent) == ["own", {"color": "red", "weight": 1.5, "urgent": True}]


async def test_context_variables_of_setup_are_seen_by_the_task() -> None:
    """K2, T3"""
    from contextvars import ContextVar

    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
    shop = Shop()

    def get_tenant() -> None:
        tenant.set("ada")

    @shop.queue.task
    async def tell(_: Annotated[None, Depends(get_tenant)]) -> str:
        return tenant.get()

    async with shop.app.running():
        assert await value_of(await tell.kiq()) == "ada"


# ---------------------------------------------------------------------- failing


async def test_exit_code_that_fails_fails_the_task_and_it_is_tried_again() -> None:
    """K3"""
    shop = Shop()
    commits = 0

    async def get_flaky() -> AsyncIterator[str]:
        nonlocal commits
        log("begins")
        yield "flaky"
        commits += 1
        if commits < 3:
            log("commit fails")
            raise Oops("commit")
        log("commits")

    @shop.queue.task(retries=2)
    async def work(session: Annotated[str, Depends(get_flaky)]) -> str:
        return session

    async with shop.app.running():
        assert await value_of(await work.kiq()) == "flaky"

    assert log == lines("begins, commit fails, begins, commit fails, begins, commits")


async def test_after_the_last_retry_the_result_is_the_exception() -> None:
    """K3"""
    shop = Shop()
    runs = 0

    @shop.queue.task(retries=2)
    async def fail() -> None:
        nonlocal runs
        runs += 1
        raise Oops

    async with shop.app.running():
        result = await result_of(await fail.kiq())

    assert isinstance(result.error, Oops)
    assert runs == 3


@pytest.mark.parametrize(
    "middleware",
    [SimpleRetryMiddleware(), SmartRetryMiddleware(default_delay=0, use_jitter=False)],
    ids=["simple", "smart"],
)
async def test_a_middleware_for_retries_that_the_broker_has_is_the_one_that_retries(
    middleware: Any,
) -> None:
    """K3"""
    app = App()
    broker = InMemoryBroker(await_inplace=True).with_middlewares(middleware)
    queue = TaskQueue(app, broker)
    runs = 0

    @queue.task(retries=2)
    async def fail() -> None:
        nonlocal runs
        runs += 1
        raise Oops

    async with app.running():
        await result_of(await fail.kiq())
        await broker.wait_all()

    assert runs == 3
    assert len(broker.middlewares) == 2


async def test_an_exception_that_a_dependency_swallows_fails_the_task() -> None:
    """K3, E5"""
    shop = Shop()

    async def swallow() -> AsyncIterator[None]:
        try:
            yield
        except Oops:
            pass

    @shop.queue.task
    async def fail(_: Annotated[None, Depends(swallow)]) -> None:
        raise Oops

    async with shop.app.running():
        result = await result_of(await fail.kiq())

    assert isinstance(result.error, SwallowedExceptionError)


async def test_a_time_limit_rolls_back_and_fails_the_task() -> None:
    """K3"""
    import anyio

    shop = Shop()

    @shop.queue.task(timeout=0.01)
    async def wait(session: SessionDep) -> None:
        await anyio.sleep_forever()

    async with shop.app.running():
        result = await result_of(await wait.kiq())

    assert isinstance(result.error, TimeoutError)
    assert log == lines("engine opens, begins, rolls back CancelledError, engine closes")


# ---------------------------------------------------------------------- declaring


def test_a_task_that_needs_a_request_is_refused_where_it_is_declared() -> None:
    """K2"""
    queue = Shop().queue

    async def get_token(token: Annotated[str, Header()]) -> str:
        return token

    async def work(token: Annotated[str, Depends(get_token)]) -> None: ...

    async def respond(request: Request) -> None: ...

    with pytest.raises(RequestValueError) as info:
        queue.task(work)
    assert "there is none in a task of a queue" in str(info.value)
    assert "work -> get_token" in str(info.value)
    assert "pass the value with the message: task.kiq(value)" in str(info.value)
    with pytest.raises(RequestValueError):
        queue.task(respond)


def test_parameters_that_no_message_can_fill_are_refused() -> None:
    """K2"""
    queue = Shop().queue

    async def takes_all(*orders: int) -> None: ...

    async def takes_connection(connection: Shop) -> None: ...

    async def takes_negative(text: Annotated[datetime, Meta(gt=3)]) -> None: ...

    with pytest.raises(DeclarationError, match=r"the task takes \*orders: int"):
        queue.task(takes_all)
    with pytest.raises(
        DeclarationError, match="'connection' of the task cannot come with a message"
    ):
        queue.task(takes_connection)
    with pytest.raises(DeclarationError, match="'text' of the task cannot come with a message"):
        queue.task(takes_negative)
    with pytest.raises(DeclarationError, match="the parameters of the task cannot be found out"):
        queue.task(name="max")(max)


def test_a_limit_that_cannot_be_kept_is_refused() -> None:
    """K3"""
    queue = Shop().queue

    def work(number: int) -> None: ...

    with pytest.raises(DeclarationError, match="all of it runs in a worker thread"):
        queue.task(timeout=3)(work)
    assert queue.task(timeout=None)(work).labels == {}


def test_a_broker_has_one_queue() -> None:
    """K2"""
    shop = Shop()
    with pytest.raises(DeclarationError, match="the broker has a queue already"):
        TaskQueue(shop.app, shop.broker)


def test_a_task_can_be_explained() -> None:
    """K2"""
    shop = Shop()
    task = shop.queue.task(send_invoice)

    assert shop.app.explain(task) == task.explain()
    assert task.explain().splitlines()[:2] == [
        "# task send_invoice",
        "async def handle(run, args, kwargs):",
    ]
    assert (
        "await send_invoice(session=session, connection=connection, *args, **kwargs)"
        in task.explain()
    )
    assert shop.app.explain(send_invoice).startswith("# call send_invoice\n")


def test_the_plan_of_a_task_is_data() -> None:
    """K2"""
    task = Shop().queue.task(send_invoice)
    names = [step.signature.name for step in task.plan.steps]
    assert names == ["get_session", "get_connection", "send_invoice"]
    assert repr(task) == "<Task tests.tasks.test_tasks:send_invoice>"


# ---------------------------------------------------------------------- in place of the function


async def test_a_task_is_called_like_its_function() -> None:
    """K2"""
    task = Shop().queue.task(send_invoice)
    assert await task(7, "mine", "own") == 8
    assert log == ["invoices 7 by mine, own"]


async def test_a_task_can_be_called_here_with_its_dependencies() -> None:
    """K1, K2"""
    shop = Shop()
    task = shop.queue.task(send_invoice)

    async with shop.app.running():
        assert await shop.app.call(task, 7) == 8

    assert log == run_lines()


async def test_a_task_can_be_a_background_task() -> None:
    """K2, B3"""
    shop = Shop()
    task = shop.queue.task(send_invoice)

    @shop.app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(task, 7)

    with TestClient(shop.app) as client:
        client.get("/")

    assert log == run_lines()


# ---------------------------------------------------------------------- overrides, life


async def test_overrides_are_in_force_in_tasks() -> None:
    """K2, X2"""
    shop = Shop()
    task = shop.queue.task(send_invoice)

    async with shop.app.running():
        with shop.app.override({get_session: lambda: "fake"}):
            await value_of(await task.kiq(7))

    assert "invoices 7 by fake, connection" in log


async def test_overrides_that_are_there_at_start_up_open_in_scope_app() -> None:
    """K2, X1, S2"""
    from tests.tasks.shop import get_engine

    shop = Shop()
    task = shop.queue.task(send_invoice)

    async def get_other_engine() -> AsyncIterator[str]:
        log("other engine opens")
        yield "other"
        log("other engine closes")

    shop.app.dependency_overrides[get_engine] = get_other_engine
    async with shop.app.running():
        assert log == ["other engine opens"]
        await value_of(await task.kiq(7))
    assert log[-1] == "other engine closes"


async def test_scope_app_of_tasks_opens_at_start_up() -> None:
    """K2, S2"""
    shop = Shop()
    shop.queue.task(send_invoice)
    async with shop.app.running():
        assert log == ["engine opens"]


async def test_an_embedded_broker_starts_the_application_where_nobody_has() -> None:
    """K4"""
    shop = Shop()
    task = shop.queue.task(send_invoice)

    await shop.broker.startup()
    await value_of(await task.kiq(7))
    await shop.broker.shutdown()

    assert log == run_lines()


async def test_a_start_up_that_fails_fails_the_worker() -> None:
    """K4"""
    shop = Shop()

    async def get_engine() -> None:
        raise Oops("no engine")

    @shop.queue.task
    async def work(engine: Annotated[None, Depends(get_engine, scope="app")]) -> None: ...

    with pytest.raises(Oops, match="no engine"):
        await shop.broker.startup()


async def test_where_trio_is_not_imported_tasks_are_sent_on_asyncio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K2"""
    shop = Shop()
    task = shop.queue.task(send_invoice)
    monkeypatch.setattr("microfw.tasks._task.sys", SimpleNamespace(modules={}))

    async with shop.app.running():
        assert await value_of(await task.kiq(7)) == 8


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio_is_refused_with_a_sentence(anyio_backend: str) -> None:
    """K2"""
    shop = Shop()
    task = shop.queue.task(send_invoice)

    with pytest.raises(TaskQueueError, match="taskiq does not run on trio"):
        async with shop.app.running():
            raise AssertionError
    with pytest.raises(TaskQueueError, match="taskiq does not run on trio"):
        await task.kiq(7)


async def test_tasks_go_on_for_a_while_at_shutdown_and_are_then_interrupted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K4"""
    import anyio

    app = App()
    broker = InMemoryBroker()
    queue = TaskQueue(app, broker, shutdown_timeout=0.05)

    @queue.task
    async def finish(session: SessionDep) -> str:
        await anyio.sleep(0.01)
        log("finishes")
        return "done"

    @queue.task
    async def wait(session: SessionDep) -> None:
        await anyio.sleep_forever()

    with caplog.at_level(logging.ERROR, "microfw"):
        async with app.running():
            await finish.kiq()
            await wait.kiq()

    assert log == lines(
        "engine opens, begins, begins, finishes, commits, rolls back CancelledError, engine closes"
    )
    (record,) = caplog.records
    assert "wait (" in record.getMessage()
    assert record.getMessage().endswith("was interrupted, and is lost")


async def test_a_task_in_a_thread_is_waited_for_at_shutdown() -> None:
    """K4, T1"""
    import threading

    import anyio.to_thread

    app = App()
    queue = TaskQueue(app, InMemoryBroker(), shutdown_timeout=0.01)
    started, go_on = threading.Event(), threading.Event()

    @queue.task
    def work(connection: ConnectionDep) -> None:
        started.set()
        go_on.wait(5)
        log("works")

    async with app.running():
        await work.kiq()
        await anyio.to_thread.run_sync(started.wait)
        threading.Timer(0.1, go_on.set).start()

    assert log == lines("connects, works, disconnects")


async def test_a_task_that_ignores_its_cancellation_is_left_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K4"""
    import asyncio

    app = App(cleanup_timeout=0.05)
    broker = InMemoryBroker()
    queue = TaskQueue(app, broker, shutdown_timeout=0)
    go_on = asyncio.Event()

    @queue.task(name="stubborn")
    async def work() -> None:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                pass

    with caplog.at_level(logging.ERROR, "microfw"):
        async with app.running():
            await work.kiq()
            await asyncio.sleep(0)
    go_on.set()
    await broker.wait_all()

    assert caplog.records[0].getMessage() == (
        "these tasks do not end, and are left behind: stubborn"
    )


async def test_what_is_scheduled_runs_where_tasks_run_in_the_process_that_sends_them() -> None:
    """K4"""
    import anyio

    shop = Shop()
    ran = anyio.Event()

    @shop.queue.task(schedule=[{"interval": 1}])
    async def sweep() -> None:
        ran.set()

    with anyio.fail_after(10):
        async with shop.app.running():
            await ran.wait()


async def test_nothing_that_is_scheduled_runs_before_scope_app_is_open() -> None:
    """K4"""
    import anyio

    shop = Shop()
    events: list[str] = []
    ran = anyio.Event()

    async def slow() -> AsyncIterator[None]:
        await anyio.sleep(1.5)
        events.append("open")
        yield
        events.append("closed")

    @shop.queue.task(schedule=[{"interval": 1}])
    async def sweep(_: Annotated[None, Depends(slow, scope="app")]) -> None:
        events.append("sweep")
        ran.set()

    with anyio.fail_after(10):
        async with shop.app.running():
            await ran.wait()

    assert events[:2] == ["open", "sweep"]
    assert events[-1] == "closed"


async def test_tasks_that_were_declared_before_the_queue_stay_taskiq_s() -> None:
    """K2"""
    app = App()
    broker = InMemoryBroker(await_inplace=True)

    @broker.task
    async def theirs(number: int) -> int:
        return number + 1

    TaskQueue(app, broker)
    async with app.running():
        assert await value_of(await theirs.kiq(1)) == 2


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("taskiq", "ImportError: microfw.tasks needs taskiq: pip install 'microfw-asgi[taskiq]'"),
        ("taskiq.api", "ModuleNotFoundError: import of taskiq.api halted;"),
    ],
)
def test_without_taskiq_the_error_says_what_to_install(missing: str, says: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; import microfw.tasks"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1].startswith(says)


async def test_a_parameter_that_has_to_be_named_is_asked_for() -> None:
    """K2"""
    shop = Shop()

    @shop.queue.task
    async def pay(order_id: int, *, cents: int) -> int:
        return cents

    async with shop.app.running():
        assert await value_of(await pay.kiq(7, cents=5)) == 5
        with pytest.raises(TypeError, match=r"missing a required .*argument: 'cents'"):
            await pay.kiq(7)


# ---------------------------------------------------------------------- traces


@pytest.mark.parametrize("wants_tasks", [True, False], ids=["listening", "to requests alone"])
async def test_a_task_has_a_trace_of_its_own_and_none_of_it_is_in_that_of_its_sender(
    wants_tasks: bool,
) -> None:
    """Y2"""
    shop = Shop()
    traces: list[Trace] = []

    @shop.queue.task(name="invoice")
    async def invoice(session: SessionDep) -> None: ...

    @shop.queue.task(name="remind")
    async def remind(context: Context, session: SessionDep) -> None: ...

    @shop.app.get("/")
    async def place() -> None:
        await invoice.kiq()
        await remind.kiq()

    with (
        TestClient(shop.app) as client,
        shop.app.tracing.listen(
            traces.append, when=lambda scope: wants_tasks or scope["type"] == "http"
        ),
    ):
        client.get("/")

    *tasks, request = traces
    assert request.order == ["endpoint place", "send"]
    assert [(task.kind, task.name, task.order) for task in tasks] == [
        ("task", name, ["setup get_session", f"task {name}", "exit get_session"])
        for name in ("invoice", "remind")
        if wants_tasks
    ]


# ---------------------------------------------------------------------- mistakes


def test_what_is_no_broker_or_no_application_is_refused() -> None:
    """K2"""
    nothing: Any = object()
    with pytest.raises(TypeError, match=r"the broker is <object .*should be one of taskiq's, such"):
        TaskQueue(App(), nothing)
    with pytest.raises(TypeError, match=r"the application is <object .*, and no App"):
        TaskQueue(nothing, InMemoryBroker())


async def test_taskiq_s_own_dependencies_are_refused_but_for_the_context() -> None:
    """K2"""
    shop = Shop()

    async def by_default(engine: Any = TaskiqDepends(get_engine)) -> None: ...  # noqa: B008

    async def annotated(engine: Annotated[Any, TaskiqDepends(get_engine)]) -> None: ...

    for function in (by_default, annotated):
        with pytest.raises(DeclarationError, match="'engine' of the task is filled by `TaskiqDep"):
            shop.queue.task(function)

    @shop.queue.task(name="look")
    async def look(context: Context = TaskiqDepends()) -> str:  # noqa: B008
        return context.message.task_name

    async with shop.app.running():
        assert await value_of(await look.kiq()) == "look"


def test_a_task_that_is_called_without_its_dependencies_says_who_fills_them() -> None:
    """K2"""
    shop = Shop()

    @shop.queue.task
    def archive(day: int, connection: ConnectionDep) -> str:
        return connection

    assert archive(7, "one's own") == "one's own"
    with pytest.raises(TypeError, match=r"archive\(\): missing .*'connection'.* `await app.call\("):
        archive(7)


async def test_each_of_several_tasks_at_once_sees_its_own_message() -> None:
    """K2"""
    import anyio

    shop = Shop()
    seen: list[tuple[int, Any, Any]] = []
    all_started = anyio.Event()

    async def get_message(message: TaskiqMessage, context: Context) -> TaskiqMessage:
        assert context.message is message
        return message

    @shop.queue.task
    async def look(
        number: int, message: Annotated[TaskiqMessage, Depends(get_message)], context: Context
    ) -> None:
        seen.append((number, *message.args, *context.message.args))
        if len(seen) == 3:
            all_started.set()
        await all_started.wait()

    async with shop.app.running(), anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(look.kiq, number)

    assert sorted(seen) == [(number, number, number) for number in range(3)]


async def test_an_override_may_take_the_message_where_what_it_replaces_does_not() -> None:
    """K2, X2"""
    shop = Shop()

    @shop.queue.task
    async def look(number: int, connection: ConnectionDep) -> str:
        return connection

    def get_other(context: Context, message: TaskiqMessage) -> str:
        return f"{message.args} {context.message is message}"

    async with shop.app.running():
        with shop.app.override({get_connection: get_other}):
            assert await value_of(await look.kiq(7)) == "[7] True"


async def test_what_is_not_shared_in_scope_app_opens_once_for_each_use() -> None:
    """K4, O3"""
    shop = Shop()

    @shop.queue.task
    async def look(
        one: Annotated[str, Depends(get_engine, scope="app", use_cache=False)],
        other: Annotated[str, Depends(get_engine, scope="app", use_cache=False)],
    ) -> None:
        log("looks")

    async with shop.app.running():
        await value_of(await look.kiq())
        await value_of(await look.kiq())

    opened = lines("engine opens, engine opens, looks, looks")
    assert log == [*opened, *lines("engine closes, engine closes")]
