# pyright: strict
"""What users write, and what type checkers make of it. Checked, never run."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from enum import Enum
from typing import Annotated, Any, assert_type

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from taskiq import AsyncTaskiqTask, InMemoryBroker, TaskiqResult

from microfw import (
    APIRouter,
    App,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    Header,
    HTTPException,
    Path,
    Query,
    Request,
    RequestValidationError,
    Response,
    Route,
    Router,
    Security,
    SecurityScopes,
    WebSocket,
    WebSocketException,
)
from microfw.exception_handlers import http_exception_handler
from microfw.tasks import TaskQueue
from microfw.testclient import TestClient


class Session:
    async def commit(self) -> None: ...


async def get_session() -> AsyncIterator[Session]:
    yield Session()


def get_name() -> Iterator[str]:
    yield "name"


@contextmanager
def get_lock() -> Generator[bool]:
    yield True


class Pager:
    def __init__(self, page: int = 1) -> None:
        self.page = page


class Checker:
    def __call__(self, scopes: SecurityScopes) -> str:
        return scopes.scope_str


SessionDep = Annotated[Session, Depends(get_session)]
NameDep = Annotated[str, Depends(get_name, scope="request", use_cache=False)]
LockDep = Annotated[bool, Depends(get_lock, sync_to_thread=False)]
PagerDep = Annotated[Pager, Depends()]
UserDep = Annotated[str, Security(Checker(), scopes=["read"])]


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[dict[str, int]]:
    yield {"answer": 42}


app = App(
    debug=True,
    lifespan=lifespan,
    dependencies=[Depends(get_session)],
    middleware=[Middleware(GZipMiddleware, minimum_size=1)],
    default_response_class=PlainTextResponse,
    default_scope="request",
    cleanup_timeout=None,
    max_body_size=1024,
)
router = APIRouter(prefix="/items", tags=["items"], default_scope="function")


# -- decorators leave the function as it is


@app.get("/{item}", status_code=200, tags=["items"], dependencies=[Depends(get_name)])
async def read_item(
    item: Annotated[int, Path(ge=1)],
    session: SessionDep,
    name: NameDep,
    lock: LockDep,
    pager: PagerDep,
    user: UserDep,
    request: Request,
    response: Response,
    tasks: BackgroundTasks,
    q: Annotated[str | None, Query(max_length=3)] = None,
    user_agent: Annotated[str, Header()] = "",
    seen: bool = Cookie(False),
) -> dict[str, int]:
    assert_type(session, Session)
    assert_type(name, str)
    assert_type(lock, bool)
    assert_type(pager, Pager)
    assert_type(user, str)
    assert_type(q, str | None)
    assert_type(seen, bool)
    tasks.add_task(write_log, "read")
    tasks.add_task(write_log, text="read")
    if item > 10:
        raise HTTPException(404, {"item": item}, {"x-item": str(item)})
    await session.commit()
    return {"item": item}


async def write_log(text: str, session: SessionDep) -> None: ...


@router.post("", response_class=PlainTextResponse, response_model=None, middleware=[])
def create_item(body: dict[str, int], note: str = Body("", embed=True)) -> str:
    return f"{body} {note}"


@router.websocket("/feed", "feed", dependencies=[Depends(get_name)])
async def feed(websocket: WebSocket, session: SessionDep) -> None:
    raise WebSocketException(1008, "no")


@app.api_route("/stream", methods=["GET", "POST"])
async def stream(session: SessionDep) -> AsyncGenerator[int]:
    yield 1


assert_type(create_item({}, ""), str)
serve_feed: Callable[[WebSocket, Session], Coroutine[Any, Any, None]] = feed
assert_type(stream(Session()), AsyncGenerator[int])


async def call_by_hand(request: Request, response: Response, tasks: BackgroundTasks) -> None:
    result = await read_item(
        1, Session(), "name", True, Pager(), "user", request, response, tasks, seen=True
    )
    assert_type(result, dict[str, int])


# -- routers


app.include_router(router, prefix="/v1", tags=["v1"], dependencies=[Depends(get_name)])
Router().include_router(router, responses={404: {"description": "missing"}}, deprecated=True)
app.add_api_route("/more", create_item, methods=["PUT"], name="more")
app.add_api_websocket_route("/more", feed)


# -- custom routes, and what schemas tell their readers


class MarkedRoute(Route):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_marked(request: Request) -> Response:
            response = await handle(request)
            response.headers["x-marked"] = "yes"
            return response

        return handle_marked


class Tags(Enum):
    ITEMS = "items"


def name_route(route: Route) -> str:
    return route.name


marked = Router(route_class=MarkedRoute, tags=[Tags.ITEMS], callbacks=router.routes)
marked.get("/tagged", tags=[Tags.ITEMS, "more"], generate_unique_id_function=name_route)(feed)
app.router.route_class = MarkedRoute
App(title="Shop", version="1.0", contact={"name": "Anna"}, deprecated=True)


# -- handlers, middleware, events


@app.exception_handler(HTTPException)
async def note(request: Request, exc: HTTPException) -> Response:
    return await http_exception_handler(request, exc)


@app.exception_handler(422)
def invalid(request: Request, exc: RequestValidationError) -> Response:
    return PlainTextResponse(str(exc.errors()))


@app.middleware("http")
async def timed(request: Request, call_next: Callable[[Request], Any]) -> Response:
    response: Response = await call_next(request)
    return response


@app.on_event("startup")
async def start() -> None: ...


call_start: Callable[[], Coroutine[Any, Any, None]] = start


# -- calls outside of a request


async def count_items(day: int, session: SessionDep) -> int:
    return day


def name_session(session: SessionDep) -> str:
    return str(session)


async def work() -> None:
    async with app.running():
        assert_type(await app.call(count_items, 3), int)
        assert_type(await app.call(name_session), str)


assert_type(app.call_sync(count_items, day=3), int)
assert_type(app.call_sync(name_session), str)


# -- task queues

queue = TaskQueue(app, InMemoryBroker(), shutdown_timeout=None)


@queue.task(retries=3, schedule=[{"cron": "0 3 * * *"}], priority=1)
async def send_invoice(order_id: int, session: SessionDep) -> str:
    return str(order_id)


@queue.task
async def sweep(day: int = 0, session: Session = Depends(get_session)) -> None: ...


@queue.task(timeout=None)
def archive(day: int, session: SessionDep) -> bytes:
    return b""


async def send(tasks: BackgroundTasks) -> None:
    assert_type(await send_invoice.kiq(7), AsyncTaskiqTask[str])
    assert_type(await send_invoice.kiq(order_id=7), AsyncTaskiqTask[str])
    assert_type(await sweep.kiq(), AsyncTaskiqTask[None])
    assert_type(await archive.kiq(7), AsyncTaskiqTask[bytes])
    assert_type(await (await send_invoice.kiq(7)).wait_result(), TaskiqResult[str])
    assert_type(tasks.enqueue(send_invoice, 7), str)
    assert_type(await send_invoice(7, Session()), str)
    assert_type(await send_invoice(7), str)
    assert_type(archive(7), bytes)
    assert_type(archive(7, Session()), bytes)
    assert_type(await app.call(send_invoice, 7), str)
    assert_type(await app.call(archive, 7), bytes)
    tasks.add_task(send_invoice, 7)


assert_type(app.explain(send_invoice), str)


# -- tests


def get_fake_session() -> Session:
    return Session()


app.dependency_overrides[get_session] = get_fake_session
app.dependency_overrides = {get_session: get_fake_session}
assert_type(app.override({get_session: get_fake_session}), AbstractContextManager[None])
assert_type(app.explain("/items", "POST"), str)
with TestClient(app) as client:
    assert_type(client.get("/items").status_code, int)
