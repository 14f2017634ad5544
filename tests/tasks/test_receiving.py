"""K4: workers of brokers that are there in a moment, in the process of the test."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import pytest
from taskiq import AsyncBroker, Context, TaskiqMessage, TaskiqResult
from taskiq.brokers.inmemory_broker import InmemoryResultBackend
from taskiq.receiver import Receiver
from taskiq_redis import ListQueueBroker, RedisStreamBroker

from microfw import App, Depends
from microfw.exceptions import DeclarationError
from microfw.tasks import TaskQueue
from tests.brokers import BrokerServer, nats, redis
from tests.lifecycle.programs import Oops, lines
from tests.tasks.shop import SessionDep, log

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unclosed client session"
)  # taskiq-redis leaves them


@pytest.fixture
def server() -> Any:
    with redis() as running:
        yield running


class Site:
    """An application with a queue, and its workers."""

    def __init__(self, broker: AsyncBroker) -> None:
        self.app = App(cleanup_timeout=2)
        self.broker = broker
        self.queue = TaskQueue(self.app, broker, shutdown_timeout=0.05)
        self.may_end = asyncio.Event()
        self.is_waiting = asyncio.Event()
        self.labels: list[dict[str, Any]] = []

        @self.queue.task(name="invoice", urgent=True)
        async def invoice(order_id: int, session: SessionDep, message: TaskiqMessage) -> None:
            self.labels.append(message.labels)
            if order_id == 0:
                self.is_waiting.set()
                await self.may_end.wait()
            log(f"invoices {order_id}")

        self.invoice = invoice

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Do what `taskiq worker` does."""
        self.broker.is_worker_process = True
        await self.broker.startup()
        receiver = Receiver(
            self.broker, max_async_tasks=10, wait_tasks_timeout=0.05, run_startup=False
        )
        finish = asyncio.Event()
        listening = asyncio.create_task(receiver.listen(finish))
        try:
            yield
        finally:
            finish.set()
            try:
                await listening
            finally:
                await self.broker.shutdown()
                self.broker.is_worker_process = False


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for is a log
            await asyncio.sleep(0.01)


def stream(server: BrokerServer, **options: Any) -> RedisStreamBroker:
    return RedisStreamBroker(server.url, xread_block=50, **options)


@pytest.mark.parametrize("kind", ["stream", "list", "jetstream"])
async def test_an_interrupted_task_is_given_back_and_run_by_the_next_worker(kind: str) -> None:
    """K4"""
    from taskiq_nats import PullBasedJetStreamBroker

    make: dict[str, Callable[[BrokerServer], AsyncBroker]] = {
        "stream": stream,
        "list": lambda server: ListQueueBroker(server.url),
        "jetstream": lambda server: PullBasedJetStreamBroker(server.url, pull_consume_timeout=0.1),
    }
    with nats() if kind == "jetstream" else redis() as server:
        site = Site(make[kind](server))
        async with site.worker():
            await site.invoice.kiq(0)
            await site.is_waiting.wait()
        assert log == lines("engine opens, begins, rolls back CancelledError, engine closes")

        log.clear()
        site.may_end.set()
        async with site.worker():
            await wait_until(lambda: "commits" in log)
        assert log == lines("engine opens, begins, invoices 0, commits, engine closes")
        assert site.labels == [site.invoice.labels, site.invoice.labels]


async def test_what_was_fetched_and_not_begun_is_given_back(server: BrokerServer) -> None:
    """K4"""
    site = Site(stream(server))
    waiting = Site(stream(server))
    await site.broker.startup()
    for number in (0, 1, 2):
        await site.invoice.kiq(number)
    await site.broker.shutdown()

    # A worker with one slot has fetched all three.
    waiting.broker.is_worker_process = True
    receiver = Receiver(waiting.broker, max_async_tasks=1, wait_tasks_timeout=0.05)
    finish = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))
    await waiting.is_waiting.wait()
    finish.set()
    await listening
    await waiting.broker.shutdown()

    log.clear()
    site.may_end.set()
    async with site.worker():
        await wait_until(lambda: log.count("commits") == 3)
    invoiced = [line for line in log if line.startswith("invoices")]
    assert sorted(invoiced) == lines("invoices 0, invoices 1, invoices 2")


async def test_a_message_that_the_stream_has_no_more_is_no_obstacle(server: BrokerServer) -> None:
    """K4"""
    from redis.asyncio import Redis

    site = Site(stream(server))
    async with site.worker():
        await site.invoice.kiq(0)
        await site.is_waiting.wait()
        async with Redis.from_url(server.url) as client:
            await client.xtrim("taskiq", maxlen=0, approximate=False)
    assert log[-1] == "engine closes"


async def test_consumers_that_share_a_name_give_back_nothing_of_each_other(
    server: BrokerServer,
) -> None:
    """K4"""
    from redis.asyncio import Redis

    site = Site(stream(server, consumer_name="ours"))
    async with site.worker():
        await site.invoice.kiq(0)
        await site.is_waiting.wait()
    async with Redis.from_url(server.url) as client:
        assert (await client.xpending("taskiq", "taskiq"))["pending"] == 1


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("stream", "what was not done could not be given back to the broker"),
        ("list", "could not be given back"),
    ],
)
async def test_where_nothing_can_be_given_back_that_is_logged_and_scope_app_closes(
    server: BrokerServer, caplog: pytest.LogCaptureFixture, kind: str, message: str
) -> None:
    """K4"""
    site = Site(stream(server) if kind == "stream" else ListQueueBroker(server.url))
    with caplog.at_level(logging.ERROR, "microfw"):
        with suppress(Exception):  # those of the broker
            async with site.worker():
                await site.invoice.kiq(0)
                await site.is_waiting.wait()
                server.stop()
    assert log[-1] == "engine closes"
    assert [record for record in caplog.records if record.getMessage().endswith(message)]


async def test_a_task_that_something_else_cancels_is_given_back(server: BrokerServer) -> None:
    """K4"""
    site = Site(stream(server))
    cancelled = 0

    @site.queue.task(name="cancel", timeout=None)
    async def cancel(session: SessionDep) -> None:
        nonlocal cancelled
        cancelled += 1
        if cancelled == 1:
            task = asyncio.current_task()
            assert task
            task.cancel()
            await asyncio.sleep(0)

    async with site.worker():
        await cancel.kiq()
        await wait_until(lambda: "rolls back CancelledError" in log)
    async with site.worker():
        await wait_until(lambda: "commits" in log)
    assert cancelled == 2


async def test_a_task_may_acknowledge_its_message_itself(server: BrokerServer) -> None:
    """K2"""
    site = Site(stream(server))

    @site.queue.task(ack_type="manual")
    async def acknowledge(context: Context) -> None:
        await context.ack()
        log(f"acknowledged: {context.is_acked}")

    async with site.worker():
        await acknowledge.kiq()
        await wait_until(lambda: len(log) == 2)
    assert log[1] == "acknowledged: True"


async def test_what_shutdown_raises_is_raised() -> None:
    """K4"""
    with nats() as server:
        from taskiq_nats import PullBasedJetStreamBroker

        site = Site(PullBasedJetStreamBroker(server.url, pull_consume_timeout=0.1))

        async def get_engine() -> AsyncIterator[None]:
            yield
            raise Oops("cannot close")

        @site.queue.task
        async def work(engine: Annotated[None, Depends(get_engine, scope="app")]) -> None: ...

        with pytest.raises(Oops, match="cannot close"):
            async with site.worker():
                await asyncio.sleep(0)


def test_tasks_may_take_less_than_it_takes_until_they_are_delivered_again() -> None:
    """K4"""
    from nats.js.api import ConsumerConfig
    from taskiq_aio_pika import AioPikaBroker
    from taskiq_nats import NatsBroker, PullBasedJetStreamBroker

    async def work() -> None: ...

    def limit(broker: AsyncBroker) -> object:
        return TaskQueue(App(), broker).task(work).labels.get("timeout")

    config = ConsumerConfig(ack_wait=100)
    assert limit(RedisStreamBroker("redis://localhost")) == 480
    assert limit(PullBasedJetStreamBroker("nats://localhost")) == 24
    assert limit(PullBasedJetStreamBroker("nats://localhost", consumer_config=config)) == 80
    assert limit(AioPikaBroker()) == 1440
    assert limit(NatsBroker("nats://localhost")) is None
    assert limit(ListQueueBroker("redis://localhost")) is None

    queue = TaskQueue(App(), RedisStreamBroker("redis://localhost"))
    with pytest.raises(DeclarationError) as info:
        queue.task(timeout=600)(work)
    assert "the task may take 600 s, and after 600 s the broker delivers" in str(info.value)
    assert "or change idle_timeout= of the broker, milliseconds" in str(info.value)
    assert queue.task(timeout=599)(work).labels == {"timeout": 599}


def test_a_default_of_redis_streams_that_loses_messages_is_changed_and_others_are_kept() -> None:
    """K4"""
    default = RedisStreamBroker("redis://localhost")
    chosen = RedisStreamBroker("redis://localhost", consumer_id="7-0")
    TaskQueue(App(), default)
    TaskQueue(App(), chosen)
    assert (default.consumer_id, chosen.consumer_id) == ("0", "7-0")


async def test_a_stream_s_messages_of_a_dead_worker_are_found_without_a_new_one(
    server: BrokerServer,
) -> None:
    """K4"""
    from redis.asyncio import Redis

    site = Site(stream(server, idle_timeout=1))
    await site.broker.startup()
    await site.invoice.kiq(3)
    async with Redis.from_url(server.url) as client:
        assert await client.xreadgroup("taskiq", "dead", {"taskiq": ">"})
    async with site.worker():
        await wait_until(lambda: "commits" in log)
    assert "invoices 3" in log


def messages_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the library has logged, from warnings on."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "microfw" and record.levelno >= logging.WARNING
    ]


async def test_while_redis_is_away_tasks_go_on_and_then_new_ones_come(
    server: BrokerServer, caplog: pytest.LogCaptureFixture
) -> None:
    """K4"""
    site = Site(stream(server))
    async with site.worker():
        await site.invoice.kiq(0)
        await site.is_waiting.wait()
        server.stop()
        await wait_until(lambda: "Redis is away" in caplog.text)
        server.start()
        await wait_until(lambda: "Redis is there again" in caplog.text)
        site.may_end.set()
        await wait_until(lambda: log.count("commits") == 1)
        await site.invoice.kiq(1)
        await wait_until(lambda: log.count("commits") == 2)
    assert log == lines(
        "engine opens, begins, invoices 0, commits, begins, invoices 1, commits, engine closes"
    )
    away, again = messages_of(caplog)
    assert away.startswith("Redis is away, and is tried again each second: ")
    assert again == "Redis is there again"


async def test_what_could_not_be_acknowledged_is_delivered_again(
    server: BrokerServer, caplog: pytest.LogCaptureFixture
) -> None:
    """K4"""
    site = Site(stream(server, idle_timeout=1_000))
    # Nobody waits for a receiver's task: asyncio tells its handler of the error, some time.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with site.worker():
        await site.invoice.kicker().with_labels(timeout=60).kiq(0)
        await site.is_waiting.wait()
        server.stop()
        site.may_end.set()
        await wait_until(lambda: "is not acknowledged" in caplog.text)
        server.start()
        await wait_until(lambda: log.count("commits") == 2)
    assert [line for line in messages_of(caplog) if "of the stream taskiq is not ack" in line]


async def test_an_entry_that_is_no_message_is_logged_and_is_no_obstacle(
    server: BrokerServer, caplog: pytest.LogCaptureFixture
) -> None:
    """K4"""
    from redis.asyncio import Redis

    site = Site(stream(server))
    async with site.worker(), Redis.from_url(server.url) as client:
        await client.xadd("taskiq", {"no": "message"})
        await site.invoice.kiq(1)
        await wait_until(lambda: "commits" in log)
    (said,) = messages_of(caplog)
    assert said.endswith(" of the stream taskiq is no message of taskiq's: {b'no': b'message'}")
    assert said.startswith("entry ")


async def test_what_is_delivered_while_a_worker_leaves_is_not_lost(
    server: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K4"""
    from redis.asyncio import Redis

    site = Site(stream(server))
    looked: list[int] = []
    look = Redis.xpending_range

    async def look_and_deliver(self: Redis, *args: Any, **options: Any) -> Any:
        found = await look(self, *args, **options)
        looked.append(len(found))
        if len(looked) == 1:
            await site.invoice.kiq(1)
            await self.xreadgroup("taskiq", options["consumername"], {"taskiq": ">"})
        return found

    monkeypatch.setattr(Redis, "xpending_range", look_and_deliver)
    async with site.worker():
        pass
    assert looked == [0, 1, 0]
    async with site.worker():
        await wait_until(lambda: "commits" in log)


async def test_a_task_whose_result_is_being_stored_is_acknowledged_and_not_given_back(
    server: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K4"""
    from redis.asyncio import Redis

    is_storing, is_stopping = asyncio.Event(), asyncio.Event()

    class Results(InmemoryResultBackend[Any]):
        async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
            is_storing.set()
            await is_stopping.wait()
            await asyncio.sleep(0)
            await super().set_result(task_id, result)

    site = Site(stream(server).with_result_backend(Results()))
    stop = site.queue.stop

    async def stop_and_say_so() -> None:
        is_stopping.set()
        await stop()

    monkeypatch.setattr(site.queue, "stop", stop_and_say_so)
    async with site.worker():
        sent = await site.invoice.kiq(1)
        await is_storing.wait()
    assert not (await sent.get_result()).is_err
    async with Redis.from_url(server.url) as client:
        assert await client.xlen("taskiq") == 1
