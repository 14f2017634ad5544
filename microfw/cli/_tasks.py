"""Runs workers and schedulers of taskiq's, whose processes find the queue by their environment."""

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from microfw.applications import App
from microfw.cli._discovery import Found, find
from microfw.cli._failures import CommandError
from microfw.cli._serving import install_if_asked

if TYPE_CHECKING:
    from microfw.tasks import TaskQueue

BROKER = "microfw.cli._tasks:broker"
SCHEDULER = "microfw.cli._tasks:scheduler"

_TARGET, _FOLDER = "MICROFW_WORKED", "MICROFW_WORKED_FROM"
_EXIT_CODE = 5.0
"""Seconds that closing the application may take beside the exit code of tasks."""


def work(found: Found, arguments: Sequence[str], *, workers: int, reload: bool) -> None:
    """Run worker processes until they are stopped.

    Args:
        found: The application.
        arguments: Further ones, of the command `taskiq worker`.
        workers: How many processes.
        reload: Whether they start anew when a Python file changes.
    """
    queue = _queue_of(found)
    if queue.is_embedded:
        raise CommandError(
            f"the tasks of {found.target} run in the process that sends them: its broker is"
            f" {type(queue.broker).__name__}",
            "give the queue a broker that is a server, or serve the application: microfw dev",
        )
    _pass_on(found)
    options = [BROKER, "--workers", str(workers), "--app-dir", str(found.folder)]
    if queue.shutdown_timeout is not None:
        options += ["--wait-tasks-timeout", str(1.0 if reload else queue.shutdown_timeout)]
    exit_code = queue.app_state.cleanup.timeout
    options += ["--shutdown-timeout", str((exit_code or 0.0) + _EXIT_CODE)]
    options += arguments
    if not reload:
        raise click.exceptions.Exit(_run_workers(options))
    from watchfiles import PythonFilter, run_process

    run_process(found.folder, target=_run_workers, args=(options,), watch_filter=PythonFilter())


def schedule(found: Found, arguments: Sequence[str]) -> None:
    """Send what is scheduled, until it is stopped.

    Args:
        found: The application.
        arguments: Further ones, of the command `taskiq scheduler`.
    """
    from taskiq.cli.scheduler.cmd import SchedulerCMD

    _queue_of(found)
    _pass_on(found)
    SchedulerCMD().exec([SCHEDULER, "--app-dir", str(found.folder), *arguments])


def broker() -> Any:
    """The broker for which this process works."""
    return _passed_on().broker


def scheduler() -> Any:
    """The scheduler that this process runs."""
    return _passed_on().scheduler


def _run_workers(options: Sequence[str]) -> int:
    from taskiq.cli.worker.cmd import WorkerCMD

    # Each process imports the application itself: brokers have names that must not be shared.
    multiprocessing.set_start_method("spawn", force=True)
    return WorkerCMD().exec(options) or 0


def _pass_on(found: Found) -> None:
    os.environ[_TARGET] = found.target
    os.environ[_FOLDER] = str(found.folder)


def _passed_on() -> "TaskQueue":
    install_if_asked()
    return _queue_of(find(os.environ[_TARGET], Path(os.environ[_FOLDER])))


def _queue_of(found: Found) -> "TaskQueue":
    queues: list[Any] = found.app.app_state.queues if isinstance(found.app, App) else []
    if len(queues) == 1:
        queue: TaskQueue = queues[0]
        return queue
    if queues:
        raise CommandError(
            f"{found.target} has {len(queues)} queues",
            "run the workers of each by its broker: taskiq worker module:broker",
        )
    raise CommandError(
        f"{found.target} has no queue",
        "make one, queue = TaskQueue(app, broker), in a module that it imports",
    )
