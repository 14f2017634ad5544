"""What the tasks under test depend on; it notes what happens."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from taskiq import AsyncTaskiqTask, InMemoryBroker, TaskiqResult

from microfw import App, Depends
from microfw.tasks import TaskQueue
from tests.lifecycle.programs import Log

log = Log()


async def get_engine() -> AsyncIterator[str]:
    log("engine opens")
    yield "engine"
    log("engine closes")


async def get_session(
    engine: Annotated[str, Depends(get_engine, scope="app")],
) -> AsyncIterator[str]:
    log("begins")
    try:
        yield f"session on {engine}"
    except BaseException as error:
        log(f"rolls back {type(error).__name__}")
        raise
    log("commits")


def get_connection() -> Iterator[str]:
    log("connects")
    yield "connection"
    log("disconnects")


SessionDep = Annotated[str, Depends(get_session)]
ConnectionDep = Annotated[str, Depends(get_connection)]


class Shop:
    """An application with a queue in its own process."""

    def __init__(self, **options: Any) -> None:
        self.app = App()
        self.broker = InMemoryBroker(await_inplace=True)
        self.queue = TaskQueue(self.app, self.broker, **options)


async def result_of(sent: AsyncTaskiqTask[Any]) -> TaskiqResult[Any]:
    return await sent.wait_result(check_interval=0.01, timeout=5)


async def value_of(sent: AsyncTaskiqTask[Any]) -> Any:
    result = await result_of(sent)
    result.raise_for_error()
    return result.return_value
