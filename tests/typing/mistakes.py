# pyright: strict
"""What type checkers refuse. Each comment that is not needed is an error: so each line is one."""

from taskiq import InMemoryBroker

from microfw import App, BackgroundTasks, Depends, HTTPException, Router, Security
from microfw.tasks import TaskQueue
from microfw.testclient import TestClient

app = App()
router = Router()


def get_it() -> int:
    return 1


def serve() -> str:
    return "served"


# fmt: off
Depends(get_it())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Depends(get_it, scope="reqest")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Depends(get_it, cache=False)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Security(get_it, scopes=[1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
App(default_scope="session")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
App(prefix="/items")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
App(tittle="Shop")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
App(title=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Router(route_class=str)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get("/", status_code="201")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get("/", status=201)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.get("/", response_class=dict)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get("/", response_class=str)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get("/", tags="items")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get(serve)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.add_api_route("/", serve())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.include_router(App())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.include_router(router, prefix=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.include_router(router, prefx="/")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
router.include_router(router, prefx="/")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.exception_handler("404")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.dependency_overrides[get_it] = 1  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
app.override({get_it: 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
BackgroundTasks().add_task(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
HTTPException("404")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
TestClient(router, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
number: int = app.get("/")(serve)()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
app.on_event("startup")(serve)(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
queue = TaskQueue(app, InMemoryBroker())
queue.task(retries="3")(serve)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
queue.task(get_it())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
TaskQueue(InMemoryBroker(), app)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
BackgroundTasks().enqueue(serve)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
