"""Background tasks whose functions may have dependencies of their own."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import starlette.background
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from microfw._answering.functions import Functions, function_of
from microfw._answering.messages import Enqueueable, Outbox
from microfw._answering.outcomes import ObservedRun
from microfw._answering.state import AppState
from microfw.dependencies import (
    Declared,
    DependencyScope,
    Lifetime,
    Plan,
    Threads,
    arriving,
    current_tracer,
    during,
    name_of,
    place_of,
    subject_of,
)
from microfw.exceptions import DeclarationError, NotCallableError

__all__ = ["BackgroundTask", "BackgroundTasks", "plan_of"]

logger: logging.Logger = logging.getLogger("microfw")

_FUNCTIONS = Functions(
    "background task",
    place="a background task",
    cure="pass the value: add_task(..., value)",
    taker="add_task",
)


class BackgroundTasks(starlette.background.BackgroundTasks):
    """Work to be done after the response has been sent, in the order in which it was added.

    Declared as a parameter of an endpoint or a dependency, it is the request's one list.

    Attributes:
        outbox: The messages for queues, if there are any.
        kept_tasks: Those that were added by `always`, if there are any.
    """

    outbox: Outbox | None = None
    kept_tasks: list[BackgroundTask] | None = None

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Add a call of a sync or async function.

        Its parameters may be dependencies, `Depends(...)`; these are not passed here. They open
        when the task starts and close when it ends.

        Raises:
            RegistrationError: It is no function, or a dependency of it cannot be opened outside
                of a request.
            TypeError: The arguments do not fit the function's other parameters.
        """
        for value in (*args, *kwargs.values()):
            if isinstance(value, Declared):
                raise DeclarationError(
                    "a declaration is passed to a background task, which would get it as the value",
                    where=place_of(func),
                    cure="declare a parameter of the task's function with it, and pass nothing",
                )
        func = function_of(func)
        parameters = _FUNCTIONS.parameters(func)
        positional, named = parameters.fitted(func, args, kwargs)
        kind: Callable[..., BackgroundTask] = BackgroundTask
        if parameters.dependencies:
            kind = _DependentTask
        self.tasks.append(kind(func, *positional, **named))

    def enqueue(self, task: Enqueueable, *args: Any, **kwargs: Any) -> str:
        """Put a call of a queue's task on its queue, once the request has succeeded.

        The message is made now, and sent when function scope has exited without an exception,
        before the response is sent: after the commit. If an exception decides the response, it is
        not sent. Where the queue cannot be reached, that is logged, and the response stands.

        Args:
            task: What `TaskQueue.task` has made of a function.
            *args: Its arguments, without the dependencies.
            **kwargs: The same, by name.

        Returns:
            The id that the task will have.

        Raises:
            NotCallableError: It is no task of a queue.
            TypeError: The arguments do not fit the function's parameters, or cannot be sent.
        """
        message = _enqueueable(task).message(args, kwargs)
        if self.outbox is None:
            self.outbox = Outbox()
        self.outbox.add(message)
        return message.id

    @property
    def always(self) -> "AlwaysTasks":
        """Adds tasks that run whatever decides the response: also after an exception.

        ```python
        tasks.always.add_task(record_attempt, user)
        ```
        """
        return AlwaysTasks(self)

    def kept(self) -> "BackgroundTasks | None":
        """Those that an exception leaves, in the order of the list, if there are any."""
        if self.kept_tasks is None:
            return None
        kept = BackgroundTasks(self.kept_tasks)
        kept.kept_tasks = self.kept_tasks
        return kept

    async def __call__(self) -> None:
        await send_messages(self)
        failures = await run_tasks(self, AppState())
        raise_failures(failures)


class OwnTasks:
    """What runs with one list of background tasks.

    Attributes:
        has_run: The list, when it has run.
    """

    has_run: BackgroundTasks | None = None
    _tasks: BackgroundTasks | None = None
    _ran: int = 0

    @property
    def tasks(self) -> BackgroundTasks:
        """The one list of background tasks."""
        if self._tasks is None:
            self._tasks = BackgroundTasks()
        return self._tasks

    def _note_run(self, tasks: BackgroundTasks) -> None:
        """Note that the list has run; what is added to it from now on is late."""
        self.has_run, self._ran = tasks, len(tasks.tasks)

    def drop_tasks(self) -> None:
        """Leave only those tasks that run always."""
        self._tasks = self._tasks and self._tasks.kept()


class AlwaysTasks:
    """Adds tasks to a list that run whatever decides the response."""

    def __init__(self, tasks: BackgroundTasks) -> None:
        self._tasks = tasks

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Add a call, as `BackgroundTasks.add_task` does."""
        tasks = self._tasks
        tasks.add_task(func, *args, **kwargs)
        tasks.kept_tasks = [*(tasks.kept_tasks or ()), tasks.tasks[-1]]


def _enqueueable(task: object) -> Enqueueable:
    if isinstance(task, Enqueueable):
        return task
    raise NotCallableError(
        f"{task!r} is enqueued, which is no task of a queue",
        where="enqueue(...)",
        cure="declare it with `@queue.task`, or let it run in this process: add_task(...)",
    )


class _DependentTask(BackgroundTask):
    """The call of a task function that has dependencies."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        _FUNCTIONS.handler(func, None, AppState())
        super().__init__(func, *args, **kwargs)

    async def run(self, app_state: AppState, holding: int) -> Any:
        """Run it; return its result, or `None` where a dependency swallowed its error."""
        handler = _FUNCTIONS.handler(self.func, app_state.overrides.active(), app_state)
        run = ObservedRun(app_state.cleanup, app_state.app_values)
        if holding:
            run.threads.holding = holding
        try:
            await handler.call(run, self.args, self.kwargs)
        finally:
            run.swallowed = None
        return None if run.result is None else run.result.value


def plan_of(func: Callable[..., Any], *, default_scope: DependencyScope = "function") -> Plan:
    """Return the plan of a task function: its dependencies in order, and the function itself.

    Args:
        func: The function.
        default_scope: The scope of yield dependencies for which none is given, as `App` has it.

    Raises:
        RegistrationError: A dependency cannot be opened outside of a request.
        ScopeError: There is no such scope.
    """
    default = Lifetime.of_default(default_scope, f"plan_of(default_scope={default_scope!r})")
    return _FUNCTIONS.plan(function_of(func), {}, default)


async def run_tasks(
    background: BackgroundTask, app_state: AppState, threads: Threads | None = None
) -> list[Exception]:
    """Run background work, each task whether or not those before it failed.

    Args:
        background: One task, or several.
        app_state: That of the application.
        threads: Those of the request. While they hold sync dependencies open, no task waits for a
            free thread (T4).

    Returns:
        The exceptions of those that failed; they have been logged.
    """
    failures: list[Exception] = []
    holding = threads.holding if threads else 0
    is_watched = current_tracer.get() is not None
    for task in _single_tasks(background):
        try:
            if is_watched:
                await _run_watched(task, app_state, threads, holding)
            elif isinstance(task, _DependentTask):
                await task.run(app_state, holding)
            elif threads and holding and type(task) is BackgroundTask and not task.is_async:
                await threads.call(partial(task.func, *task.args, **task.kwargs))
            else:
                await task()
        except Exception as error:
            logger.exception("background task %s failed", name_of(task.func))
            # Without this function's frame, which holds the list, and would make a cycle.
            failures.append(
                error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
            )
    try:
        return failures
    finally:
        del failures  # which the frames of the tasks lead back to


async def _run_watched(
    task: BackgroundTask, app_state: AppState, threads: Threads | None, holding: int
) -> None:
    """Run a task, and write down that it runs."""
    subject = subject_of(task.func, name_of(task.func))
    is_dependent = isinstance(task, _DependentTask)
    with during("background" if is_dependent else "task", subject) as span:
        if isinstance(task, _DependentTask):
            await task.run(app_state, holding)
        elif type(task) is BackgroundTask and not task.is_async:
            call = partial(arriving(task.func, subject, span), *task.args, **task.kwargs)
            await (threads.call(call) if threads and holding else run_in_threadpool(call))
        else:
            await task()


async def send_messages(*lists: BackgroundTask | None) -> list[Exception]:
    """Send what was enqueued, now that function scope has exited without an exception.

    Returns:
        Why messages could not be sent; that has been logged.
    """
    errors: list[Exception] = []
    for tasks in lists:
        if isinstance(tasks, BackgroundTasks) and tasks.outbox is not None:
            errors += await tasks.outbox.send()
    return errors


def raise_failures(failures: list[Exception]) -> None:
    """Raise the exceptions of failed tasks: the one there is, or a group of them."""
    if len(failures) == 1:
        raise failures.pop()
    if failures:
        raise ExceptionGroup("background tasks failed", failures)


def _single_tasks(background: BackgroundTask) -> Iterable[BackgroundTask]:
    if isinstance(background, starlette.background.BackgroundTasks):
        return background.tasks
    return (background,)
