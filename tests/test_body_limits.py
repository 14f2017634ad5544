"""How large a body may be: what is refused with 413, when, and who may read more."""

import socket
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.routing import Route as StarletteRoute

from microfw import App, Body, Depends, HTTPException, Request, Response, Router, UploadFile
from microfw.exceptions import DeclarationError
from microfw.responses import JSONResponse
from microfw.testclient import TestClient
from tests.lifecycle.programs import Log
from tests.servers import Server, serve
from tests.uploads import MULTIPART, multipart, part, upload

JSON = {"content-type": "application/json"}
TOO_LARGE = {"detail": "Content Too Large"}
MEBIBYTE = 2**20


class Words(msgspec.Struct):
    words: list[str]


def sized(size: int, **headers: str) -> dict[str, str]:
    """The headers of a body that says how large it is."""
    return {**JSON, "content-length": str(size), **headers}


both = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


class TestDeclaredBodies:
    def app(self, log: Log, is_async: bool, **limits: Any) -> App:
        async def session_async() -> AsyncIterator[None]:
            with log.opened("session"):
                yield

        def session_sync() -> Iterator[None]:
            with log.opened("session"):
                yield

        async def endpoint_async(words: list[str]) -> int:
            return len(words)

        def endpoint_sync(words: list[str]) -> int:
            return len(words)

        app = App(**limits)
        session = session_async if is_async else session_sync
        endpoint = endpoint_async if is_async else endpoint_sync
        app.post("/", dependencies=[Depends(session)])(endpoint)
        return app

    @both
    async def test_a_length_that_is_too_large_is_refused_before_anything_is_received(
        self, is_async
    ):
        log = Log()
        app = self.app(log, is_async, max_body_size=10)

        answer = await upload(app, [b"[]"], headers=sized(11), log=log)

        assert (log, answer.json()) == (["sends 413"], TOO_LARGE)

    @both
    async def test_chunks_are_refused_as_soon_as_they_are_too_many(self, is_async):
        log = Log()
        app = self.app(log, is_async, max_body_size=10)

        answer = await upload(app, [b'["12345"', b",", b'"6"]', b" "], headers=JSON, log=log)

        assert (log, answer.json()) == (["chunk", "chunk", "chunk", "sends 413"], TOO_LARGE)

    @both
    async def test_a_body_may_be_as_large_as_the_limit(self, is_async):
        log = Log()
        app = self.app(log, is_async, max_body_size=10)

        answer = await upload(app, [b'["1234', b'56"]'], headers=sized(10), log=log)

        assert answer.json() == 1
        assert log == ["chunk", "chunk", "session opens", "session exits", "sends 200"]

    async def test_a_length_that_is_too_small_does_not_count(self):
        app = self.app(Log(), True, max_body_size=10)

        for length in ("1", "-1", "one"):
            answer = await upload(app, [b'["123456789"]'], headers={"content-length": length})
            assert answer.status == 413

    @pytest.mark.parametrize("length", ["11", "9" * 21, "9" * 5000, "0" * 5000 + "11"])
    async def test_a_length_that_is_too_large_is_refused_however_it_is_written(self, length):
        log = Log()
        app = self.app(log, True, max_body_size=10)

        answer = await upload(app, [], headers={**JSON, "content-length": length}, log=log)

        assert answer.status == 413
        assert log == ["sends 413"]

    async def test_sixteen_mebibytes_are_the_limit_where_none_is_set(self, app):
        @app.post("/")
        async def endpoint(request: Request) -> int:
            return len(await request.body())

        size = 16 * MEBIBYTE
        assert (await upload(app, [b"x" * size])).json() == size
        assert (await upload(app, [b"x" * size, b"x"])).status == 413
        assert (await upload(app, [], headers=sized(size + 1))).status == 413

    async def test_an_application_may_be_without_limit(self):
        app = App(max_body_size=None)

        @app.post("/")
        async def endpoint(request: Request) -> int:
            return len(await request.body())

        assert (await upload(app, [b"x" * 17 * MEBIBYTE])).json() == 17 * MEBIBYTE

    async def test_a_limit_of_nothing_lets_empty_bodies_through(self):
        app = App(max_body_size=0)

        @app.post("/")
        async def endpoint(word: Annotated[str | None, Body()] = None) -> Any:
            return word

        assert (await upload(app, [b""], headers=sized(0))).json() is None
        assert (await upload(app, [b"x"])).status == 413

    async def test_a_form_is_refused_while_it_is_parsed(self):
        log = Log()
        app = App(max_body_size=1000)

        @app.post("/")
        async def endpoint(file: UploadFile) -> None: ...

        chunks = [multipart(part("file", b"x" * 2000, "a.txt")), b"more"]
        answer = await upload(app, chunks, log=log)
        assert (log, answer.json()) == (["chunk", "sends 413"], TOO_LARGE)

        log.clear()
        answer = await upload(app, chunks, headers={**MULTIPART, "content-length": "2999"}, log=log)
        assert (log, answer.json()) == (["sends 413"], TOO_LARGE)


class TestRoutes:
    def app(self) -> App:
        app = App(max_body_size=10)
        router = Router(prefix="/router")

        async def endpoint(request: Request) -> int:
            return len(await request.body())

        app.post("/own")(endpoint)
        app.post("/more", max_body_size=20)(endpoint)
        app.post("/less", max_body_size=5)(endpoint)
        app.post("/all", max_body_size=None)(endpoint)
        router.post("/more", max_body_size=20)(endpoint)
        app.include_router(router)
        return app

    @pytest.mark.parametrize(
        ("path", "limit"),
        [("/own", 10), ("/more", 20), ("/less", 5), ("/all", 2**25), ("/router/more", 20)],
    )
    async def test_a_route_may_have_a_limit_of_its_own(self, path, limit):
        app = self.app()

        assert (await upload(app, [b"x" * limit], path=path)).json() == limit
        if path != "/all":
            assert (await upload(app, [b"x" * limit, b"x"], path=path)).json() == TOO_LARGE

    def test_what_is_no_size_is_reported(self):
        sizes: list[Any] = [-1, "1", 1.5, True]
        for size in sizes:
            with pytest.raises(DeclarationError) as of_app:
                App(max_body_size=size)
            with pytest.raises(DeclarationError) as of_route:
                App().post("/", max_body_size=size)(lambda: None)

            what = f"max_body_size={size!r} is no limit\n"
            cure = "  cure: write a number of bytes, or None, from 0 on"
            assert str(of_app.value) == f"{what}  in:   App(...)\n{cure}"
            assert str(of_route.value) == f"{what}  in:   {of_route.value.where}\n{cure}"

    async def test_a_route_that_reads_no_body_answers_whatever_is_sent(self):
        app = App(max_body_size=10)
        app.post("/")(lambda page: page)
        log = Log()

        answer = await upload(app, [b"x" * 20], headers=sized(20), log=log)

        assert (answer.status, log) == (422, ["sends 422"])

    async def test_an_exception_handler_reads_no_more_than_the_limit(self):
        app = App(max_body_size=10)

        @app.exception_handler(HTTPException)
        async def handle(request: Request, error: HTTPException) -> Response:
            with pytest.raises(HTTPException, match="413"):
                await request.body()
            return JSONResponse("handled", 418)

        @app.post("/")
        async def endpoint(page: int = 1) -> None:
            raise HTTPException(400)

        answer = await upload(app, [b"x" * 20])

        assert (answer.status, answer.json()) == (418, "handled")

    def test_the_answer_to_what_a_middleware_reads_goes_through_those_around_it(self):
        class Reader:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await Request(scope, receive).body()
                await self.app(scope, receive, send)

        around = Middleware(CORSMiddleware, allow_origins=["https://shop.example"])
        app = App(max_body_size=1, middleware=[around, Middleware(Reader)])

        answer = TestClient(app).post("/", json=[], headers={"origin": "https://shop.example"})

        assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"

    async def test_the_answer_is_the_applications(self):
        app = App(max_body_size=1)

        @app.exception_handler(413)
        async def handle(request: Request, error: HTTPException) -> Response:
            return JSONResponse({"error": error.detail}, 413)

        @app.post("/")
        async def endpoint(words: list[str]) -> None: ...

        assert (await upload(app, [b"[]"])).json() == {"error": "Content Too Large"}


class TestStreams:
    async def test_dependencies_see_the_refusal_of_what_an_endpoint_reads(self):
        log = Log()
        app = App(max_body_size=10)

        async def session() -> AsyncIterator[None]:
            with log.opened("session"):
                yield

        @app.post("/", dependencies=[Depends(session)])
        async def endpoint(request: Request) -> None:
            async for chunk in request.stream():
                log(f"reads {chunk.decode()}")

        answer = await upload(app, [b"12345", b"67890", b"1", b"2"], log=log)

        assert log == [
            "session opens",
            "chunk",
            "reads 12345",
            "chunk",
            "reads 67890",
            "chunk",
            "session sees HTTPException(413)",
            "sends 413",
        ]
        assert answer.json() == TOO_LARGE

    async def test_a_stream_may_be_as_long_as_its_route_says(self):
        app = App(max_body_size=10)

        @app.post("/", max_body_size=None)
        async def endpoint(request: Request) -> int:
            return sum([len(chunk) async for chunk in request.stream()])

        assert (await upload(app, [b"x" * 100] * 5)).json() == 500

    async def test_reading_on_is_refused_again(self):
        app = App(max_body_size=10)

        @app.post("/")
        async def endpoint(request: Request) -> Any:
            refused: list[int] = []
            for _ in range(2):
                try:
                    await request.body()
                except HTTPException as error:
                    refused.append(error.status_code)
            return refused

        answer = await upload(app, [b"x" * 11, b"y"])

        assert answer.json() == [413, 413]


async def read(request: StarletteRequest) -> Response:
    """An endpoint of Starlette's."""
    return PlainTextResponse(str(len(await request.body())))


class Reads:
    """A middleware that reads the body, and answers by itself what is not passed on."""

    def __init__(self, app: Any, log: Log, path: str = "") -> None:
        self.app = app
        self.log = log
        self.path = path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith(self.path):
            body = await StarletteRequest(scope, receive).body()
            self.log(f"middleware reads {len(body)}")
            messages = [{"type": "http.request", "body": body, "more_body": False}]

            async def again() -> Any:
                return messages.pop()

            await self.app(scope, again, send)
        else:
            await self.app(scope, receive, send)


class TestWhatIsNotOurs:
    async def test_routes_of_starlettes_are_held_to_the_limit(self):
        app = App(
            routes=[
                StarletteRoute("/", read, methods=["POST"]),
                Mount("/mount", Starlette(routes=[StarletteRoute("/", read, methods=["POST"])])),
            ],
            max_body_size=10,
        )

        assert (await upload(app, [b"x" * 10])).body == b"10"
        assert (await upload(app, [b"x" * 11])).json() == TOO_LARGE
        assert (await upload(app, [b"x" * 10], path="/mount/")).body == b"10"
        assert (await upload(app, [b"x" * 11], path="/mount/")).status == 413

    async def test_a_mounted_application_has_its_own_limit(self):
        app = App(max_body_size=10)
        inner = App(max_body_size=20)

        async def endpoint(request: Request) -> int:
            return len(await request.body())

        inner.post("/own")(endpoint)
        inner.post("/all", max_body_size=None)(endpoint)
        app.mount("/inner", inner)

        assert (await upload(app, [b"x" * 20], path="/inner/own")).json() == 20
        assert (await upload(app, [b"x" * 21], path="/inner/own")).json() == TOO_LARGE
        assert (await upload(app, [b"x" * 100], path="/inner/all")).json() == 100

    async def test_middleware_is_held_to_the_applications_limit(self):
        log = Log()
        app = App(max_body_size=10, middleware=[Middleware(Reads, log)])

        @app.post("/", max_body_size=None)
        async def endpoint(request: Request) -> int:
            return len(await request.body())

        assert (await upload(app, [b"x" * 10], log=log)).json() == 10
        assert (await upload(app, [b"x" * 11], log=log)).json() == TOO_LARGE
        assert log == ["chunk", "middleware reads 10", "sends 200", "chunk", "sends 413"]

    async def test_behind_middleware_a_route_may_lift_the_limit(self):
        app = App(max_body_size=10, middleware=[Middleware(Reads, Log(), "/read")])

        @app.post("/", max_body_size=None)
        async def endpoint(request: Request) -> int:
            return len(await request.body())

        assert (await upload(app, [b"x" * 100])).json() == 100

    async def test_middleware_of_a_mounted_application_is_answered_for(self):
        app = App(max_body_size=None)
        inner = App(max_body_size=10, middleware=[Middleware(Reads, Log())])
        inner.post("/")(lambda: None)
        app.mount("/inner", inner)

        assert (await upload(app, [b"x" * 11], path="/inner/")).json() == TOO_LARGE

    async def test_middleware_of_a_route_is_held_to_its_limit(self):
        log = Log()
        app = App(max_body_size=10)

        async def endpoint(words: list[str]) -> int:
            return len(words)

        options: Any = {"middleware": [Middleware(Reads, log)]}
        app.post("/own", **options)(endpoint)
        app.post("/more", **options, max_body_size=20)(endpoint)

        words = [b'["a", "b", "c"]']
        assert (await upload(app, words, path="/more", headers=JSON)).json() == 3
        assert (await upload(app, words, path="/own", headers=JSON)).json() == TOO_LARGE
        assert log == ["middleware reads 15"]

    async def test_middleware_that_reads_on_after_the_answer_is_only_told_that_the_client_goes(
        self,
    ):
        log = Log()

        class Answers:
            def __init__(self, app: Any) -> None: ...

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await PlainTextResponse("answered")(scope, receive, send)
                log(f"receives {len((await receive())['body'])}")

        app = App(max_body_size=10, middleware=[Middleware(Answers)])

        answer = await upload(app, [b"x" * 20], headers=sized(20), log=log)

        assert (answer.body, log) == (b"answered", ["sends 200", "chunk", "receives 20"])

    async def test_a_refusal_after_the_answer_has_begun_is_raised_to_the_server(self):
        class Answers:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                async def ignore(message: Any) -> None: ...

                await PlainTextResponse("answered")(scope, receive, send)
                await self.app(scope, receive, ignore)
                raise refusals[0]

        refusals: list[Exception] = []
        app = App(max_body_size=10, middleware=[Middleware(Answers)])

        @app.exception_handler(413)
        async def handle(request: Request, error: HTTPException) -> None:
            refusals.append(error)
            raise error

        @app.post("/")
        async def endpoint(words: list[str]) -> None: ...

        answer = await upload(app, [b'["a", "b", "c"]'])

        assert (answer.body, repr(answer.raised)) == (b"answered", repr(refusals[0]))

    def test_middleware_of_websockets_has_no_limit(self):
        app = App(max_body_size=0, middleware=[Middleware(Reads, Log())])

        @app.websocket("/")
        async def endpoint(websocket: Any) -> None: ...

        with TestClient(app) as client:
            assert client.get("/").status_code == 404


@pytest.mark.parametrize("http", ["h11", "httptools"])
class TestServers:
    """What a real server's client sees, which sends no more than the test says."""

    def app(self) -> App:
        app = App(max_body_size=MEBIBYTE)

        @app.post("/")
        async def endpoint(words: list[str]) -> None: ...

        return app

    def test_a_client_is_refused_before_it_sends_its_body(self, http):
        with serve(self.app(), http=http) as server:
            answer = answer_to(
                server, b"Content-Length: 1073741824\r\nExpect: 100-continue\r\n\r\n"
            )

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert answer.endswith(b'{"detail":"Content Too Large"}')

    def test_a_client_is_refused_while_it_sends(self, http):
        chunk = b"40000\r\n" + b"x" * 0x40000 + b"\r\n"
        head = b"Transfer-Encoding: chunked\r\n\r\n"

        with serve(self.app(), http=http) as server:
            answer = answer_to(server, head + chunk * 5)

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert answer.endswith(b'{"detail":"Content Too Large"}')


def answer_to(server: Server, request: bytes) -> bytes:
    """Send the beginning of a request; return what is answered to that."""
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\n" + request)
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
        return answer
