"""taskiq-fastapi: tasks with dependencies of the application."""

import asyncio

import taskiq_fastapi
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from taskiq import InMemoryBroker, TaskiqDepends


def test_a_task_gets_the_application_and_a_dependency() -> None:
    broker = InMemoryBroker()
    app = FastAPI()
    app.state.word = "it"
    taskiq_fastapi.init(broker, app)

    def word(request: Request = TaskiqDepends()) -> str:
        return request.app.state.word

    @broker.task
    async def task(number: int, it: str = TaskiqDepends(word)) -> str:
        return f"{it} {number}"

    async def run() -> str:
        await broker.startup()
        taskiq_fastapi.populate_dependency_context(broker, app)
        sent = await task.kiq(3)
        result = await sent.wait_result(timeout=5)
        await broker.shutdown()
        return result.return_value

    assert asyncio.run(run()) == "it 3"


def test_dependencies_of_the_framework_are_resolved_in_a_task() -> None:
    broker = InMemoryBroker()
    app = FastAPI()
    taskiq_fastapi.init(broker, app)

    def below() -> int:
        return 4

    def word(number: int = Depends(below)) -> int:
        return number + 1

    @broker.task
    async def task(it: int = TaskiqDepends(word)) -> int:
        return it

    async def run() -> int:
        taskiq_fastapi.populate_dependency_context(broker, app)
        sent = await task.kiq()
        return (await sent.wait_result(timeout=5)).return_value

    assert asyncio.run(run()) == 5


def test_an_endpoint_sends_a_task() -> None:
    broker = InMemoryBroker(await_inplace=True)
    done: list[int] = []

    @broker.task
    async def task(number: int) -> None:
        done.append(number)

    app = FastAPI()

    @app.post("/{number}")
    async def send(number: int) -> None:
        await task.kiq(number)

    assert TestClient(app).post("/3").status_code == 200
    assert done == [3]
