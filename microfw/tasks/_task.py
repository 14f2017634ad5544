"""A task: the function that others get in place of the one they have declared."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, overload

from taskiq import AsyncTaskiqDecoratedTask, AsyncTaskiqTask, Context, TaskiqDepends, TaskiqMessage
from taskiq.kicker import AsyncKicker

from microfw._answering import Enqueueable, FunctionRun, Functions, Message
from microfw.background import BackgroundTasks
from microfw.dependencies import Attribute, CompiledPlan, Overrides, Plan, name_of
from microfw.tasks._messages import MessageFormat
from microfw.tasks._middleware import current_message

if TYPE_CHECKING:
    from microfw.tasks._queue import TaskQueue

Params = ParamSpec("Params")
Result = TypeVar("Result")
Returned = TypeVar("Returned")

FUNCTIONS = Functions(
    "task",
    place="a task of a queue",
    cure="pass the value with the message: task.kiq(value)",
    taker="queue.task",
    given={BackgroundTasks: "tasks", TaskiqMessage: "message", Context: "context"},
)


class TaskRun(FunctionRun):
    """One run of a task.

    Attributes:
        context: Of taskiq's, where the task or a dependency takes it.
    """

    context: Context

    @property
    def message(self) -> TaskiqMessage:
        """The message for which it runs."""
        return current_message.get()


class Kicker(AsyncKicker[Any, Any]):
    """Sends messages for a task: checks the arguments, and makes plain data of them.

    Args:
        task: The task.
    """

    def __init__(self, task: "Task[..., Any]", **options: Any) -> None:
        super().__init__(**options)
        self._task = task

    def _prepare_message(self, *args: Any, **kwargs: Any) -> TaskiqMessage:
        self._task.queue.check_backend()
        positional, named = self._task.format.sent(args, kwargs)
        return super()._prepare_message(*positional, **named)


class TaskMessage(Message):
    """A message for a task, with its arguments as plain data."""

    def __init__(
        self, task: "Task[..., Any]", args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
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
        self.plan: Plan = FUNCTIONS.plan(original_func, {}, queue.app_state.default)
        self.format: MessageFormat = MessageFormat(original_func, FUNCTIONS)
        # What the constructor of taskiq's does, but for what it does to the author's function.
        self.broker: Any = broker
        self.task_name: str = task_name
        self.labels: dict[str, Any] = queue.labels_of(self, labels)
        self.return_type: Any = return_type
        self.original_func: Any = _executed(self)

    @property
    def is_interruptible(self) -> bool:
        """Whether a cancellation can end it before its time; a thread runs to its end."""
        return not all(step.in_thread for step in self.plan.steps)

    def __call__(self, *args: Params.args, **kwargs: Params.kwargs) -> Returned:
        return self.function(*args, **kwargs)  # type: ignore[no-any-return]

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
        return await self.kicker().kiq(*args, **kwargs)

    def kicker(self) -> Any:
        """What sends messages with other labels: `task.kicker().with_labels(delay=5).kiq(1)`."""
        return Kicker(
            self,
            task_name=self.task_name,
            broker=self.broker,
            labels=dict(self.labels),
            return_type=self.return_type,
        )

    def message(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> TaskMessage:
        """Make the message that `BackgroundTasks.enqueue` sends."""
        return TaskMessage(self, args, kwargs)

    def explain(self) -> str:
        """Return the source of the function that runs the task."""
        app_state = self.queue.app_state
        return FUNCTIONS.handler(self.function, app_state.overrides.active(), app_state).source

    def __repr__(self) -> str:
        return f"<Task {self.task_name}>"


def _executed(task: Task[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make the function that taskiq runs in place of the author's."""
    app, app_state, runs = task.queue.app, task.queue.app_state, task.queue.runs
    function, read, name = task.function, task.format.read, task.task_name
    is_interruptible = task.is_interruptible

    @cache
    def unchanged() -> CompiledPlan:
        return FUNCTIONS.handler(function, None, app_state)

    def changed(overrides: Overrides) -> CompiledPlan:
        return FUNCTIONS.handler(function, overrides, app_state)

    async def execute(*args: Any, **kwargs: Any) -> Any:
        with app.tracing.of_message(name, app):
            return await runs.run(name, *prepared(args, kwargs), is_interruptible=is_interruptible)

    async def execute_with_context(
        *args: Any,
        microfw_context: Context = TaskiqDepends(),  # noqa: B008 - taskiq's way
        **kwargs: Any,
    ) -> Any:
        with app.tracing.of_message(name, app):
            run, work = prepared(args, kwargs)
            run.context = microfw_context
            return await runs.run(name, run, work, is_interruptible=is_interruptible)

    def prepared(
        args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[TaskRun, Coroutine[Any, Any, Any]]:
        positional, named = read(args, kwargs)
        overrides = app_state.overrides.active()
        handler = unchanged() if overrides is None else changed(overrides)
        run = TaskRun(app_state)
        return run, run.finish(handler, positional, named)

    executed = execute_with_context if _takes_context(task.plan) else execute
    executed.__name__ = executed.__qualname__ = name_of(function)
    return executed


def _takes_context(plan: Plan) -> bool:
    return any(source.name == "context" for source in plan.sources(Attribute))
