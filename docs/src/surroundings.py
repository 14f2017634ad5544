import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from microfw import App, Depends, Request, Response, Route, Router
from microfw.middleware import Middleware
from microfw.middleware.cors import CORSMiddleware
from microfw.middleware.trustedhost import TrustedHostMiddleware

# region app
app = App(
    middleware=[
        Middleware(TrustedHostMiddleware, allowed_hosts=["localhost"]),
        Middleware(CORSMiddleware, allow_origins=["https://harbour.example"]),
    ]
)
# endregion app


# region own
class Timed:
    """Says in a header how long the answer took."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                milliseconds = int((time.perf_counter() - began) * 1000)
                message["headers"].append((b"x-milliseconds", b"%d" % milliseconds))
            await send(message)

        await self.app(scope, receive, send_timed)


router = Router(prefix="/tides", middleware=[Middleware(Timed)])
# endregion own


# region route
class Logged(Route):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_log(request: Request) -> Response:
            response = await handle(request)
            print(request.method, request.url.path, response.status_code)
            return response

        return handle_and_log


buoys = Router(prefix="/buoys", route_class=Logged)


@buoys.get("/{number}")
async def read_buoy(number: int) -> str:
    return "green"


# endregion route


async def get_gauge() -> AsyncIterator[float]:
    yield 6.1


@router.get("")
async def read_tide(gauge: Annotated[float, Depends(get_gauge)]) -> float:
    return gauge


app.include_router(router)
app.include_router(buoys)


@app.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError
