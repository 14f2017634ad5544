"""`microfw worker` and `microfw schedule`."""

import time
from pathlib import Path

from tests.brokers import redis
from tests.cli.conftest import Folder
from tests.tasks.workers import Events, Workers, workers

EMBEDDED = """
from microfw import App
from microfw.tasks import TaskQueue
from taskiq import InMemoryBroker

app = App()
queue = TaskQueue(app, InMemoryBroker())
"""
SEVERAL = EMBEDDED + "other = TaskQueue(app, InMemoryBroker())\n"


def test_an_application_without_a_queue_has_no_workers(folder: Folder) -> None:
    folder.write("main.py", "from microfw import App\napp = App()\n")
    said = (
        "Error: main:app has no queue\n"
        "  cure: make one, queue = TaskQueue(app, broker), in a module that it imports\n"
    )
    assert folder.error("worker") == said
    assert folder.error("schedule", "main:app") == said


def test_another_application_has_no_workers(folder: Folder) -> None:
    folder.write("main.py", "from starlette.applications import Starlette\napp = Starlette()\n")
    assert "main:app has no queue" in folder.error(
        "worker", "main:app", "--", "--log-level", "INFO"
    )


def test_which_of_several_queues_is_meant_is_not_guessed(folder: Folder) -> None:
    folder.write("main.py", SEVERAL)
    assert folder.error("worker") == (
        "Error: main:app has 2 queues\n"
        "  cure: run the workers of each by its broker: taskiq worker module:broker\n"
    )


def test_tasks_that_run_where_they_are_sent_need_no_worker(folder: Folder) -> None:
    folder.write("main.py", EMBEDDED)
    assert folder.error("worker") == (
        "Error: the tasks of main:app run in the process that sends them: its broker is"
        " InMemoryBroker\n"
        "  cure: give the queue a broker that is a server, or serve the application: microfw dev\n"
    )


PROGRAM = """
import os
from microfw import App
from microfw.tasks import TaskQueue
from taskiq_redis import RedisStreamBroker

app = App(cleanup_timeout=None)
broker = RedisStreamBroker(os.environ["BROKER"], xread_block=100)
queue = TaskQueue(app, broker, shutdown_timeout=None)

@queue.task(schedule=[{"interval": 1}])
async def sweep() -> None:
    with open(os.environ["EVENTS"], "a") as file:
        file.write("sweeps VERSION\\n")
"""


def test_workers_and_a_scheduler_run_and_start_anew_when_a_file_changes(tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(PROGRAM.replace("VERSION", "1"))
    events = Events(tmp_path / "events")
    with redis() as server:
        env = {"BROKER": server.url, "EVENTS": str(events.path), "MICROFW_APP": str(program)}
        logs = [tmp_path / name for name in ("scheduler.log", "worker.log")]
        with (
            workers(env, logs[0], "microfw", "schedule") as scheduler,
            workers(env, logs[1], "microfw", "worker", "--reload") as worker,
        ):
            events.wait_for("sweeps 1")
            time.sleep(1.1)  # the time of a compiled file has no fractions
            program.write_text(PROGRAM.replace("VERSION", "2"))
            events.wait_for("sweeps 2")
            scheduler.terminate()
            worker.terminate()


def test_a_worker_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(PROGRAM.replace("shutdown_timeout=None", ""))
    with redis() as server:
        env = {"BROKER": server.url, "EVENTS": str(tmp_path / "events")}
        command = ["microfw", "worker", str(program), "--workers", "2"]
        worker = Workers(command, env, tmp_path / "log")
        worker.wait_until_ready(2)
        worker.terminate()
    assert worker.process.returncode == 0
