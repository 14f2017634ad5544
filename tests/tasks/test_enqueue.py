"""K5: messages that a request enqueues are sent after the commit."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import pytest
from taskiq import BrokerMessage, InMemoryBroker, ScheduledTask
from taskiq.exceptions import SendTaskError

from microfw import (
    App,
    BackgroundTask,
    BackgroundTasks,
    Depends,
    HTTPException,
    Outcome,
    Response,
    WebSocket,
)
from microfw.exceptions import NotCallableError
from microfw.responses import PlainTextResponse, StreamingResponse
from microfw.tasks import TaskQueue
from microfw.testclient import TestClient
from tests.lifecycle.programs import Oops, lines, request
from tests.tasks.shop import log

both = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


class LoggingBroker(InMemoryBroker):
    """Says what is sent; fails as long as it is `down`."""

    down = False
    hangs = False

    async def kick(self, message: BrokerMessage) -> None:
        if self.hangs:
            log("hangs")
            await anyio.sleep_forever()
        if self.down:
            raise ConnectionError("the broker is down")
        log(f"sends message {message.task_id[:2]}")


async def get_session(tasks: BackgroundTasks) -> AsyncIterator[str]:
    try:
        yield "session"
        log("commits")
    except BaseException as error:
        log(f"rolls back {type(error).__name__}")
        raise


SessionDep = Annotated[str, Depends(get_session)]


class Shop:
    def __init__(self, **options: Any) -> None:
        self.app = App()
        self.broker = LoggingBroker().with_id_generator(lambda: "id")
        self.queue = TaskQueue(self.app, self.broker, **options)

        @self.queue.task(name="invoice")
        async def invoice(order_id: int, session: SessionDep) -> None: ...

        self.invoice = invoice


async def test_messages_are_sent_between_the_commit_and_the_response() -> None:
    """K5"""
    shop = Shop()

    @shop.app.post("/")
    async def place(session: SessionDep, tasks: BackgroundTasks) -> str:
        tasks.add_task(log, "background task")
        return tasks.enqueue(shop.invoice, 7)

    await request(shop.app, "/", method="POST", log=log)

    assert log == lines("commits, sends message id, sends 200, background task")


async def test_a_message_of_exit_code_of_scope_request_is_sent_after_it() -> None:
    """K5, B2"""
    shop = Shop()

    async def get_other(tasks: BackgroundTasks) -> AsyncIterator[None]:
        yield
        log("exit code")
        tasks.enqueue(shop.invoice, 8)

    @shop.app.get("/", dependencies=[Depends(get_other, scope="request")])
    async def place(session: SessionDep) -> None: ...

    await request(shop.app, log=log)

    assert log == lines("commits, sends 200, exit code, sends message id")


async def test_messages_of_a_sync_endpoint_and_of_exit_code_are_sent_too() -> None:
    """K5, B2"""
    shop = Shop()

    async def get_other(tasks: BackgroundTasks) -> AsyncIterator[None]:
        yield
        log("exit code")
        tasks.enqueue(shop.invoice, 8)

    @shop.app.get("/")
    def place(
        tasks: BackgroundTasks, other: Annotated[None, Depends(get_other)], session: SessionDep
    ) -> None:
        tasks.enqueue(shop.invoice, 7)

    await request(shop.app, log=log)

    assert log == lines("commits, exit code, sends message id, sends message id, sends 200")


@pytest.mark.parametrize("error", [HTTPException(409), Oops("unhandled")], ids=["handled", "not"])
async def test_messages_are_dropped_where_an_exception_decides_the_response(
    error: Exception,
) -> None:
    """K5"""
    shop = Shop()

    @shop.app.get("/")
    async def place(session: SessionDep, tasks: BackgroundTasks) -> None:
        tasks.enqueue(shop.invoice, 7)
        raise error

    try:
        await request(shop.app, log=log)
    except Oops:
        pass

    assert not [line for line in log if line.startswith("sends message")]


async def test_messages_are_dropped_where_the_commit_fails() -> None:
    """K5, E3"""
    shop = Shop()

    async def get_session() -> AsyncIterator[None]:
        yield
        raise HTTPException(503)

    @shop.app.get("/")
    async def place(session: Annotated[None, Depends(get_session)], tasks: BackgroundTasks) -> None:
        tasks.enqueue(shop.invoice, 7)

    await request(shop.app, log=log)

    assert log == lines("sends 503")


async def test_messages_of_a_handler_s_response_are_its_own() -> None:
    """K5"""
    shop = Shop()

    @shop.app.exception_handler(Oops)
    async def handle(request: object, error: Oops) -> Response:
        tasks = BackgroundTasks()
        tasks.enqueue(shop.invoice, 9)
        return PlainTextResponse("failed", 500, background=tasks)

    @shop.app.get("/")
    async def place(tasks: BackgroundTasks) -> None:
        tasks.enqueue(shop.invoice, 7)
        raise Oops

    await request(shop.app, log=log)

    assert log == lines("sends message id, sends 500")


async def test_messages_are_sent_before_a_returned_stream_begins() -> None:
    """K5"""
    shop = Shop()

    @shop.app.get("/")
    async def place(session: SessionDep, tasks: BackgroundTasks) -> Response:
        tasks.enqueue(shop.invoice, 7)
        return StreamingResponse(iter(["rows"]), background=BackgroundTask(log, "own"))

    await request(shop.app, log=log)

    assert log == lines("commits, sends message id, sends 200, sends rows, ends, own")


async def test_messages_of_a_generator_are_sent_when_its_stream_has_ended() -> None:
    """K5, S6"""
    shop = Shop()

    @shop.app.get("/")
    async def place(session: SessionDep, tasks: BackgroundTasks) -> AsyncIterator[str]:
        tasks.enqueue(shop.invoice, 7)
        yield "row"

    await request(shop.app, log=log)

    assert log == lines('sends 200, sends "row", ends, commits, sends message id')


async def test_messages_are_sent_before_scope_request_exits() -> None:
    """K5, S1"""
    shop = Shop()

    async def get_wide() -> AsyncIterator[None]:
        yield
        log("wide exits")

    @shop.app.get("/")
    async def place(
        wide: Annotated[None, Depends(get_wide, scope="request")],
        session: SessionDep,
        tasks: BackgroundTasks,
    ) -> None:
        tasks.enqueue(shop.invoice, 7)

    await request(shop.app, log=log)

    assert log == lines("commits, sends message id, sends 200, wide exits")


async def test_where_the_broker_is_down_it_is_logged_and_the_response_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K5"""
    shop = Shop()
    shop.broker.down = True

    @shop.app.get("/")
    async def place(session: SessionDep, tasks: BackgroundTasks) -> None:
        tasks.enqueue(shop.invoice, 7)
        tasks.add_task(log, "background task")

    with caplog.at_level(logging.ERROR, "microfw"):
        await request(shop.app, log=log)

    assert log == lines("commits, sends 200, background task")
    assert [record.getMessage() for record in caplog.records] == [
        "invoice (id) could not be enqueued"
    ]


async def test_a_broker_that_does_not_answer_is_waited_for_as_long_as_is_allowed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K5"""
    shop = Shop(send_timeout=0.02)
    shop.broker.hangs = True

    @shop.app.get("/")
    async def place(session: SessionDep, tasks: BackgroundTasks) -> None:
        tasks.enqueue(shop.invoice, 7)

    with caplog.at_level(logging.ERROR, "microfw"):
        await request(shop.app, log=log)

    assert log == lines("commits, hangs, sends 200")
    assert len(caplog.records) == 1


async def test_a_request_that_is_cancelled_after_its_commit_still_sends() -> None:
    """K5, C1"""
    import asyncio

    shop = Shop()
    entered, go_on = anyio.Event(), anyio.Event()

    class SlowBroker(LoggingBroker):
        async def kick(self, message: BrokerMessage) -> None:
            entered.set()
            await go_on.wait()
            await super().kick(message)

    app = App()
    queue = TaskQueue(app, SlowBroker().with_id_generator(lambda: "id"))

    @queue.task(name="invoice")
    async def invoice(order_id: int) -> None: ...

    @app.get("/")
    async def place(session: SessionDep, tasks: BackgroundTasks) -> None:
        tasks.enqueue(invoice, 7)

    serving = asyncio.ensure_future(request(app, log=log))
    await entered.wait()
    serving.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert log == lines("commits, sends message id")
    del shop


@both
def test_messages_of_a_websocket_are_sent_when_function_scope_has_exited(is_async: bool) -> None:
    """K5, W1"""
    shop = Shop()

    @shop.app.websocket("/")
    async def serve(websocket: WebSocket, session: SessionDep, tasks: BackgroundTasks) -> None:
        await websocket.accept()
        tasks.enqueue(shop.invoice, 7)
        if not is_async:
            await websocket.receive_text()

    client = TestClient(shop.app)
    with client.websocket_connect("/") as websocket:
        if is_async:
            websocket.receive()

    if is_async:
        assert log == lines("commits, sends message id")
    else:  # the client has left in the middle of it
        assert log == lines("rolls back WebSocketDisconnect")


async def test_messages_of_a_call_are_sent_when_it_has_succeeded() -> None:
    """K5, K1"""
    shop = Shop()

    async def work(session: SessionDep, tasks: BackgroundTasks, *, fails: bool) -> None:
        tasks.enqueue(shop.invoice, 7)
        if fails:
            raise Oops

    await shop.app.call(work, fails=False)
    with pytest.raises(Oops):
        await shop.app.call(work, fails=True)

    assert log == lines("commits, sends message id, rolls back Oops")


async def test_a_list_of_the_user_s_own_sends_before_its_tasks_run() -> None:
    """K5"""
    shop = Shop()
    tasks = BackgroundTasks()
    tasks.add_task(log, "background task")
    tasks.enqueue(shop.invoice, 7)

    await tasks()

    assert log == lines("sends message id, background task")


async def test_mistakes_are_raised_where_the_message_is_enqueued() -> None:
    """K5"""
    shop = Shop()
    tasks = BackgroundTasks()

    with pytest.raises(NotCallableError, match="which is no task of a queue"):
        tasks.enqueue(log, 7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing a required argument: 'order_id'"):
        tasks.enqueue(shop.invoice)
    with pytest.raises(TypeError, match="cannot be sent"):
        tasks.enqueue(shop.invoice, object())


async def test_what_is_sent_is_what_the_value_was_when_it_was_enqueued() -> None:
    """K5"""
    app = App()
    broker = InMemoryBroker(await_inplace=True)
    queue = TaskQueue(app, broker)
    got: list[Any] = []

    @queue.task
    async def keep(items: list[str]) -> None:
        got.append(items)

    @app.get("/")
    async def place(tasks: BackgroundTasks) -> None:
        items = ["book"]
        tasks.enqueue(keep, items)
        items.append("lamp")

    async with app.running():
        await request(app, log=log)

    assert got == [["book"]]


async def test_the_outcome_of_scope_request_tells_what_could_not_be_sent() -> None:
    """K5"""
    shop = Shop()
    shop.broker.down = True
    seen: list[Any] = []

    async def watch(outcome: Outcome) -> AsyncIterator[None]:
        yield
        seen.append((outcome.ok, [type(error) for error in outcome.unsent]))

    @shop.app.get("/")
    async def place(
        wide: Annotated[None, Depends(watch, scope="request")],
        narrow: Annotated[None, Depends(watch, scope="function")],
        tasks: BackgroundTasks,
    ) -> None:
        tasks.enqueue(shop.invoice, 7)

    await request(shop.app, log=log)

    assert seen == [(True, []), (True, [SendTaskError])]


async def test_messages_of_a_list_that_the_response_is_given_are_sent_once() -> None:
    """K5, B2"""
    shop = Shop()

    @shop.app.get("/")
    async def place(tasks: BackgroundTasks) -> Response:
        tasks.enqueue(shop.invoice, 7)
        return PlainTextResponse("own", background=tasks)

    await request(shop.app, log=log)

    assert log == lines("sends message id, sends 200")


async def test_what_a_scheduler_cannot_send_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K4"""
    shop = Shop()
    shop.broker.down = True
    (source,) = shop.queue.scheduler.sources
    due = ScheduledTask(task_name="invoice", labels={}, args=[7], kwargs={}, cron="* * * * *")

    await shop.queue.scheduler.on_ready(source, due)
    shop.broker.down = False
    await shop.queue.scheduler.on_ready(source, due)

    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        (
            "invoice could not be sent at its time, and will be at the next: the broker is down",
            None,
        )
    ]
    assert len(log) == 1
