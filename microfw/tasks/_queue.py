"""TaskQueue: joins an application and a broker of taskiq's."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ParamSpec, TypeVar, cast, overload

from taskiq import (
    AsyncBroker,
    SimpleRetryMiddleware,
    SmartRetryMiddleware,
    TaskiqEvents,
    TaskiqMessage,
    TaskiqScheduler,
    TaskiqState,
)
from taskiq.api import run_scheduler_task
from taskiq.schedule_sources import LabelScheduleSource

from microfw._answering import AppState
from microfw.applications import App
from microfw.dependencies import Plan, current_asyncio_task, place_of, uninterrupted
from microfw.exceptions import DeclarationError, TaskQueueError
from microfw.tasks._brokers import facts_of, give_back_unacknowledged, make_safe
from microfw.tasks._life import WorkerLife
from microfw.tasks._messages import labels_sent
from microfw.tasks._middleware import RetryMiddleware, TaskMiddleware
from microfw.tasks._runs import TaskRun, stop
from microfw.tasks._scheduler import Scheduler
from microfw.tasks._task import FUNCTIONS, AnyTask, Task

Params = ParamSpec("Params")
Returned = TypeVar("Returned")

logger = logging.getLogger("microfw")

SHARE_OF_REDELIVERY = 0.8
"""How much of the time until a broker redelivers a task may take; the rest is for waiting."""

_DEFAULT: Any = object()


class TaskQueue:
    """Runs functions with dependencies as tasks of taskiq, in worker processes.

    The application's lifespan starts and stops the broker; in a worker process the broker starts
    and stops the application. `@broker.task` declares tasks of the queue as `task` does.

    Args:
        app: The application whose settings, overrides and scope "app" the tasks share.
        broker: A broker of taskiq. `InMemoryBroker` runs tasks in the process that sends them.
        shutdown_timeout: Seconds that tasks may go on when their process stops; then they are
            cancelled. `None` is without limit.
        send_timeout: Seconds that sending a message that a request has enqueued may take.

    Attributes:
        broker: The broker.
        app: The application.
        shutdown_timeout: Seconds that tasks may go on at shutdown.
        send_timeout: Seconds that sending may take.
        scheduler: Sends the messages of tasks that were declared with `schedule=`.

    Raises:
        DeclarationError: The broker has a queue.
        TypeError: That is no broker of taskiq's, or no application.
    """

    def __init__(
        self,
        app: App,
        broker: AsyncBroker,
        *,
        shutdown_timeout: float | None = 20.0,
        send_timeout: float = 10.0,
    ) -> None:
        if not isinstance(cast("object", broker), AsyncBroker):
            raise TypeError(
                f"TaskQueue(app, broker): the broker is {broker!r}, and should be one of taskiq's,"
                " such as taskiq.InMemoryBroker()"
            )
        if not isinstance(cast("object", app), App):
            raise TypeError(f"TaskQueue(app, broker): the application is {app!r}, and no App")
        if issubclass(broker.decorator_class, Task):
            raise DeclarationError(
                "the broker has a queue already",
                where="TaskQueue(...)",
                cure="make one queue for each broker, and use that where the second one was made",
            )
        self.app: App = app
        self.broker: AsyncBroker = broker
        self.shutdown_timeout: float | None = shutdown_timeout
        self.send_timeout: float = send_timeout
        self.scheduler: TaskiqScheduler = Scheduler(broker, [LabelScheduleSource(broker)])
        self.runs: set[TaskRun] = set()
        self._facts = facts_of(broker)
        self._life: WorkerLife | None = None
        self._is_served = False
        make_safe(broker)

        class QueuedTask(Task[..., Any]):
            queue = self

        broker.decorator_class = cast("Any", QueuedTask)
        broker.add_middlewares(TaskMiddleware(self._give_back))
        broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, self._start_worker)
        self._shut_down = broker.shutdown
        vars(broker)["shutdown"] = self._shut_down_broker  # some disconnect before they say so
        app.router.add_lifespan(self._lifespan)
        app.app_state.queues.append(self)

    @property
    def app_state(self) -> AppState:
        """What the tasks share with the application's routes."""
        return self.app.app_state

    @property
    def is_embedded(self) -> bool:
        """Whether tasks run in the process that sends them."""
        return self._facts.is_embedded

    # -- declarations

    @overload
    def task(self, function: Callable[Params, Returned], /) -> Task[Params, Returned]: ...

    @overload
    def task(
        self,
        *,
        name: str | None = None,
        retries: int = 0,
        timeout: float | None = ...,
        schedule: Sequence[dict[str, Any]] | None = None,
        **labels: Any,
    ) -> Callable[[Callable[Params, Returned]], Task[Params, Returned]]: ...

    def task(
        self,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        retries: int = 0,
        timeout: float | None = _DEFAULT,
        schedule: Sequence[dict[str, Any]] | None = None,
        **labels: Any,
    ) -> Any:
        """Declare a task: a sync or async function, with dependencies.

        Its parameters that are no dependencies come with the message, validated as the values of a
        request are. Those of the types `BackgroundTasks`, `taskiq.Context` and
        `taskiq.TaskiqMessage` are filled, in dependencies too.

        Args:
            function: The function, where nothing else is said.
            name: On the queue; `module:function` where nothing is said.
            retries: How often it runs again after an exception. Where the broker has a middleware
                of taskiq's for retries, that one decides how; else it is sent again at once.
            timeout: Seconds after which it is cancelled; `None` is without limit. Where nothing is
                said it is less than the time after which the broker would deliver the message to
                another worker. A task of which all is sync cannot be cancelled, and has no limit.
            schedule: When the scheduler sends it: `[{"cron": "0 3 * * *"}]`.
            **labels: Labels of taskiq's, for its middlewares and brokers.

        Raises:
            RegistrationError: The function, a parameter or a dependency cannot be.
        """
        if timeout is not _DEFAULT:
            labels["timeout"] = timeout
        if retries:
            labels.update(retry_on_error=True, max_retries=retries + 1)
        if schedule is not None:
            labels["schedule"] = [*schedule]

        def declare(declared: Callable[..., Any]) -> Any:
            FUNCTIONS.parameters(declared)  # whose errors say more than taskiq's
            task = self.broker.task(task_name=name, **labels)(declared)
            if retries:
                self._add_retries()
            return task

        return declare if function is None else declare(function)

    def labels_of(self, task: AnyTask, labels: dict[str, Any]) -> dict[str, Any]:
        """The labels of a task, with the time that it may take.

        Raises:
            DeclarationError: The task could still be running when the broker delivers its message
                to another worker, or cannot be cancelled at all.
        """
        limit = self._facts.redelivers_after
        if "timeout" not in labels:
            if limit is None or not task.is_interruptible:
                return labels
            return {**labels, "timeout": limit * SHARE_OF_REDELIVERY}
        timeout = labels["timeout"]
        if timeout is None:
            return {key: label for key, label in labels.items() if key != "timeout"}
        if not task.is_interruptible:
            raise DeclarationError(
                f"the task may take {timeout} s, but all of it runs in a worker thread, which"
                " nothing can stop",
                where=place_of(task.function),
                cure="give the limit to what it waits for, or make it `async def`",
            )
        if limit is not None and timeout >= limit:
            raise DeclarationError(
                f"the task may take {timeout} s, and after {limit:g} s the broker delivers its"
                " message to another worker, too: it would run twice at the same time",
                where=place_of(task.function),
                cure=f"allow it less, or change {self._facts.setting}",
            )
        return labels

    def _add_retries(self) -> None:
        kinds = (SimpleRetryMiddleware, SmartRetryMiddleware)
        if not any(isinstance(each, kinds) for each in self.broker.middlewares):
            self.broker.add_middlewares(RetryMiddleware(default_retry_label=False))

    def plans(self) -> Iterator[Plan]:
        """The plans of its tasks, with the overrides that are in force."""
        overrides = self.app_state.overrides.active()
        for task in self.broker.local_task_registry.values():
            if isinstance(task, Task):
                yield FUNCTIONS.kept_plan(task.function, overrides, self.app_state)

    # -- life

    def check_backend(self) -> None:
        """Raise a `TaskQueueError` unless the event loop is asyncio's."""
        if current_asyncio_task() is None:
            raise TaskQueueError(
                "tasks are sent and run on asyncio alone: taskiq does not run on trio. Serve the"
                " application on asyncio, or call the function in this process, with"
                " `BackgroundTasks.add_task` or `app.call`"
            )

    @asynccontextmanager
    async def _lifespan(self, _: App) -> AsyncGenerator[None]:
        """Start and stop the broker with the application, unless the broker has started that."""
        self.check_backend()
        if self.broker.is_worker_process or self._life is not None:
            yield
            return
        self._is_served = True
        try:
            await self.broker.startup()
            try:
                yield
            finally:
                await self.broker.shutdown()
        finally:
            self._is_served = False

    @asynccontextmanager
    async def scheduling(self) -> AsyncGenerator[None]:
        """Send what is scheduled, where tasks run in this process and no other process does."""
        tasks = self.broker.local_task_registry.values()
        is_here = self._is_served and self._facts.is_embedded
        if not (is_here and any("schedule" in task.labels for task in tasks)):
            yield
            return
        scheduling = asyncio.create_task(run_scheduler_task(self.scheduler))
        try:
            yield
        finally:
            scheduling.cancel()
            with suppress(asyncio.CancelledError):
                await scheduling

    async def stop(self) -> None:
        """Stop the tasks that run in this process: wait, cancel, wait for their exit code."""
        patience = 0.0 if self.broker.is_worker_process else self.shutdown_timeout
        await asyncio.sleep(0)  # a message that was just sent to this process begins its run
        await stop(self.runs, patience, self.app_state.cleanup.timeout)

    async def _start_worker(self, _: TaskiqState) -> None:
        if not self._is_served:
            self._life = WorkerLife(self.app)
            await self._life.started()

    async def _shut_down_broker(self) -> None:
        """Stop the tasks, give back what is not done, close scope "app", and the broker."""
        life, self._life = self._life, None
        try:
            if life is not None:
                await uninterrupted(self._stop_worker(life), current_asyncio_task())
        finally:
            await self._shut_down()

    async def _stop_worker(self, life: WorkerLife) -> None:
        await self.stop()
        try:
            await give_back_unacknowledged(self.broker)
        except Exception:
            logger.exception("what was not done could not be given back to the broker")
        await life.stop()

    async def _give_back(self, message: TaskiqMessage) -> bool:
        """Put the message of an interrupted task on the queue again."""
        name, message_id = message.task_name, message.task_id
        if self._facts.is_embedded:
            logger.error("%s (%s) was interrupted, and is lost", name, message_id)
            return True
        if not self._facts.keeps:
            labels, types = labels_sent(message.labels)
            again = message.model_copy(update={"labels": labels, "labels_types": types})
            try:
                await self.broker.kick(self.broker.formatter.dumps(again))
            except Exception:
                logger.exception("%s (%s) could not be given back", name, message_id)
                return False
        logger.warning("%s (%s) was interrupted, and is given back", name, message_id)
        return not self._facts.keeps
