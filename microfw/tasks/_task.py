"""A task: the function that others get in place of the one they have declared."""

import sys
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from inspect import Signature, signature
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeAlias, TypeVar, overload

from taskiq import AsyncTaskiqDecoratedTask, AsyncTaskiqTask, Context, TaskiqMessage
from taskiq.kicker import AsyncKicker

from microfw._answering import Enqueueable, Functions, Message
from microfw.background import BackgroundTasks
from microfw.dependencies import CompiledPlan, Overrides, Plan, current_tracer, name_of
from microfw.tasks._messages import MessageFormat, labels_sent
from microfw.tasks._runs import InterruptedTaskError, TaskRun

if TYPE_CHECKING:
    from microfw.tasks._queue import TaskQueue

Params = ParamSpec("Params")
Result = TypeVar("Result")
Returned = TypeVar("Returned")

NOTHING = Signature()

FUNCTIONS = Functions(
    "task",
    place="a task of a queue",
    cure="pass the value with the message: task.kiq(value)",
    taker="queue.task",
    given={BackgroundTasks: "tasks", TaskiqMessage: "message", Context: "context"},
)


class Kicker(AsyncKicker[Any, Any]):
    """Sends messages for a task: checks the arguments, and makes plain data of them.

    Args:
        task: The task.
        labels: Labels of the messages.
    """

    def __init__(self, task: "AnyTask", labels: dict[str, Any]) -> None:
        super().__init__(task.task_name, task.broker, labels, task.return_type)
        self._task = task

    def _prepare_message(self, *args: Any, **kwargs: Any) -> TaskiqMessage:
        if "trio" in sys.modules:
            self._task.queue.check_backend()
        positional, named = self._task.format.sent(args, kwargs)
        labels, types = labels_sent(self.labels)
        task_id = self.custom_task_id
        return TaskiqMessage(
            task_id=self.broker.id_generator() if task_id is None else task_id,
            task_name=self.task_name,
            labels=labels,
            labels_types=types,
            args=[*positional],
            kwargs={**named},
        )


class TaskMessage(Message):
    """A message for a task, with its arguments as plain data."""

    def __init__(self, task: "AnyTask", args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self._task = task
        self._args, self._kwargs = task.format.sent(args, kwargs)
        self.id: str = task.broker.id_generator()
        self.name: str = task.task_name
        self.patience: float = task.queue.send_timeout

    async def send(self) -> None:
        self._task.queue.check_backend()
        task = self._task
        kicker: AsyncKicker[..., Any] = AsyncKicker(task.task_name, task.broker, {**task.labels})
        await kicker.with_task_id(self.id).kiq(*self._args, **self._kwargs)


class Task(AsyncTaskiqDecoratedTask[Params, Returned], Enqueueable):
    """A function with dependencies that runs when a worker gets a message that names it.

    Called like the function it calls the function, which tests do; then the dependencies are
    passed. `await app.call(task, value)` opens them here. `kiq` sends a message.

    Type checkers see the parameters of the function in `kiq`, and accept that the dependencies are
    not passed. Whether the others fit is found out when it is called.

    Attributes:
        queue: Where it was declared.
        function: The function, as its author wrote it.
        plan: Its dependencies in order, and the function itself.
        format: What its messages look like.
    """

    queue: ClassVar["TaskQueue"]

    def __init__(
        self,
        broker: Any,
        task_name: str,
        original_func: Callable[Params, Returned],
        labels: dict[str, Any],
        return_type: Any = None,
    ) -> None:
        queue = self.queue
        self.function: Callable[..., Any] = original_func
        self.plan: Plan = FUNCTIONS.kept_plan(original_func, None, queue.app_state)
        self.format: MessageFormat = MessageFormat(original_func, FUNCTIONS)
        # What the constructor of taskiq's does, but for what it does to the author's function.
        self.broker: Any = broker
        self.task_name: str = task_name
        self.labels: dict[str, Any] = queue.labels_of(self, labels)
        self.return_type: Any = return_type
        self.original_func: Any = _executed(self)
        self._kicker = Kicker(self, self.labels)

    @property
    def is_interruptible(self) -> bool:
        """Whether a cancellation can end it before its time; a thread runs to its end."""
        return not all(step.in_thread for step in self.plan.steps)

    @overload
    def __call__(self, *args: Params.args, **kwargs: Params.kwargs) -> Returned: ...

    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> Returned: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            signature(self.function).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{self.function.__name__}(): {error}. Called like this it is the plain function,"
                " and nobody fills its dependencies: `await app.call(...)` opens them here, and"
                " `await ....kiq(...)` in a worker"
            ) from None
        return self.function(*args, **kwargs)

    @overload
    async def kiq(
        self: "Task[Params, CoroutineType[Any, Any, Result]]",
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> AsyncTaskiqTask[Result]: ...

    @overload
    async def kiq(
        self: "Task[Params, CoroutineType[Any, Any, Result]]", *args: Any, **kwargs: Any
    ) -> AsyncTaskiqTask[Result]: ...

    @overload
    async def kiq(
        self: "Task[Params, Coroutine[Any, Any, Result]]",
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> AsyncTaskiqTask[Result]: ...

    @overload
    async def kiq(
        self: "Task[Params, Coroutine[Any, Any, Result]]", *args: Any, **kwargs: Any
    ) -> AsyncTaskiqTask[Result]: ...

    @overload
    async def kiq(
        self, *args: Params.args, **kwargs: Params.kwargs
    ) -> AsyncTaskiqTask[Returned]: ...

    @overload
    async def kiq(self, *args: Any, **kwargs: Any) -> AsyncTaskiqTask[Returned]: ...

    async def kiq(  # pyright: ignore[reportIncompatibleMethodOverride] - it takes more than that
        self, *args: Any, **kwargs: Any
    ) -> Any:
        """Send a message that has a worker run the function: now, whatever becomes of the request.

        Args:
            *args: The function's arguments, without the dependencies.
            **kwargs: The same, by name.

        Returns:
            What waits for the result, if the broker has a result backend.

        Raises:
            TypeError: The arguments do not fit the function's parameters, or cannot be sent.
            SendTaskError: The broker cannot be reached; taskiq's.
        """
        return await self._kicker.kiq(*args, **kwargs)

    def kicker(self) -> Any:
        """What sends messages with other labels: `task.kicker().with_labels(delay=5).kiq(1)`."""
        return Kicker(self, {**self.labels})

    def message(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> TaskMessage:
        """Make the message that `BackgroundTasks.enqueue` sends."""
        return TaskMessage(self, args, kwargs)

    def explain(self) -> str:
        """Return the source of the function that runs the task."""
        app_state = self.queue.app_state
        return FUNCTIONS.handler(self.function, app_state.overrides.active(), app_state).source

    def __repr__(self) -> str:
        return f"<Task {self.task_name}>"


AnyTask: TypeAlias = Task[..., Any]


def _executed(task: AnyTask) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make the function that taskiq runs in place of the author's."""
    app, app_state, runs = task.queue.app, task.queue.app_state, task.queue.runs
    function, read, name, tracing = task.function, task.format.read, task.task_name, app.tracing
    broker, surroundings = task.broker, task.broker.custom_dependency_context

    @cache
    def unchanged() -> CompiledPlan:
        return FUNCTIONS.handler(function, None, app_state)

    def changed(overrides: Overrides) -> CompiledPlan:
        return FUNCTIONS.handler(function, overrides, app_state)

    async def perform(run: TaskRun, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        positional, named = read(args, kwargs)
        overrides = app_state.overrides.active()
        handler = unchanged() if overrides is None else changed(overrides)
        runs.add(run)
        try:
            return await run.finish(handler, positional, named)
        except CancelledError:
            if not run.is_interrupted:
                raise
            raise InterruptedTaskError from None
        finally:
            run.is_over = True
            if broker.is_worker_process:  # until its result is stored, and it is acknowledged
                run.execution.add_done_callback(lambda _: runs.discard(run))
            else:
                runs.remove(run)

    async def execute(*args: Any, **kwargs: Any) -> Any:
        # Taskiq's receiver has put the context there, and has not suspended since.
        run = TaskRun(task, surroundings[Context])
        if tracing.is_on or current_tracer.get() is not None:
            with tracing.of_message(name, app):
                return await perform(run, args, kwargs)
        return await perform(run, args, kwargs)

    execute.__name__ = execute.__qualname__ = name_of(function)
    vars(execute)["__signature__"] = NOTHING  # by which taskiq would validate a second time
    return execute
