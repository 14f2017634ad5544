"""V4: the body is received at the last moment at which nothing is open."""

import socket
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from starlette.requests import HTTPConnection

from microfw import App, Body, Depends, Form, Header, HTTPException, Outcome, Request, UploadFile
from microfw.responses import Response
from microfw.routing import Route
from microfw.security import HTTPAuthorizationCredentials, HTTPBearer
from tests.lifecycle.programs import Log, lines, request
from tests.servers import Server, serve

JSON = {"content-type": "application/json"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
MULTIPART_BODY = (
    b'--b\r\nContent-Disposition: form-data; name="word"\r\n\r\nhello\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nfile\r\n--b--\r\n'
)


# ---------------------------------------------------------------------- who reads it


async def test_who_takes_the_request_may_read_the_body_and_gets_it(log: Log) -> None:
    """V4"""

    async def read(request: Request) -> None:
        log(f"reads {(await request.body()).decode()}")

    app = App()

    @app.post("/", dependencies=[Depends(read)])
    async def endpoint(item: Annotated[int, Body()]) -> None:
        log(f"endpoint {item}")

    await request(app, method="POST", body=b"5", log=log, logs_receiving=True)

    assert log == lines("receives, reads 5, endpoint 5, sends 200")


async def test_security_schemes_and_whoever_takes_the_connection_run_before_it_is_received(
    log: Log,
) -> None:
    """V4"""
    bearer = HTTPBearer()

    async def user(found: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
        log(f"user {found.credentials}")
        return found.credentials

    def agent(connection: HTTPConnection) -> None:
        log(f"agent {connection.headers['user-agent']}")

    app = App(dependencies=[Depends(agent)])

    @app.post("/")
    async def endpoint(
        request: Request, item: Annotated[int, Body()], user: Annotated[str, Depends(user)]
    ) -> None:
        body = (await request.body()).decode()
        log(f"endpoint {item} {body} {[part async for part in request.stream()]}")

    headers = {"authorization": "Bearer me", "user-agent": "test"}
    await request(app, method="POST", headers=headers, body=b"5", log=log, logs_receiving=True)
    refused = await request(app, method="POST", headers={"user-agent": "other"}, log=log)

    assert refused.status == 401
    assert log == [
        *lines("agent test, user me, receives"),
        "endpoint 5 5 [b'5', b'']",
        *lines("sends 200, agent other, sends 401"),
    ]


@pytest.mark.parametrize(
    ("headers", "body"), [(URLENCODED, b"word=hello"), (MULTIPART, MULTIPART_BODY)]
)
async def test_a_form_is_received_late_too_and_the_request_has_it(
    log: Log, headers: dict[str, str], body: bytes
) -> None:
    """V4"""

    def agent(connection: HTTPConnection) -> None:
        log("agent")

    app = App(dependencies=[Depends(agent)])

    @app.post("/")
    async def endpoint(request: Request, word: Annotated[str, Form()]) -> None:
        log(f"endpoint {word} {(await request.form())['word']}")

    await request(app, method="POST", headers=headers, body=body, log=log, logs_receiving=True)

    assert log == lines("agent, receives, endpoint hello hello, sends 200")


async def test_files_are_received_late_too(log: Log) -> None:
    """V4"""

    def agent(x_key: Annotated[str, Header()]) -> None:
        log("agent")
        if x_key != "key":
            raise HTTPException(401)

    app = App(dependencies=[Depends(agent)])

    @app.post("/")
    async def endpoint(file: UploadFile) -> None:
        log(f"endpoint {(await file.read()).decode()}")

    for key in ("key", "none"):
        await request(
            app,
            method="POST",
            headers={**MULTIPART, "x-key": key},
            body=MULTIPART_BODY,
            log=log,
            logs_receiving=True,
        )

    assert log == lines("agent, receives, endpoint file, sends 200, agent, sends 401")


@pytest.mark.parametrize(
    ("headers", "body"),
    [(JSON, b'"hello"'), (URLENCODED, b"word=hello"), (MULTIPART, MULTIPART_BODY)],
)
async def test_who_reads_the_body_of_a_connection_takes_nothing_from_the_others(
    headers: dict[str, str], body: bytes
) -> None:
    """V4: the connection is the request, whatever the annotation says."""

    async def peek(connection: HTTPConnection) -> None:
        assert isinstance(connection, Request)
        assert await connection.body() == body

    app = App(dependencies=[Depends(peek)])

    @app.post("/")
    async def endpoint(word: Annotated[str, Form() if headers is not JSON else Body()]) -> str:
        return word

    answer = await request(app, method="POST", headers=headers, body=body)

    assert answer.json() == "hello"


async def test_an_exception_handler_can_read_the_body_of_one_who_was_refused_before() -> None:
    """V4"""

    def key() -> None:
        raise HTTPException(401)

    app = App(dependencies=[Depends(key)])

    @app.exception_handler(401)
    async def handle(request: Request, error: Exception) -> Response:
        return Response(b"you sent " + await request.body(), 401)

    @app.post("/")
    async def endpoint(item: Annotated[int, Body()]) -> None: ...

    answer = await request(app, method="POST", body=b"5")

    assert answer.body == b"you sent 5"


async def test_a_route_with_code_of_its_own_receives_late_too(log: Log) -> None:
    """V4"""

    class LoggedRoute(Route):
        def get_route_handler(self) -> Any:
            handle = super().get_route_handler()

            async def logged(request: Request) -> Response:
                log("before")
                return await handle(request)

            return logged

    def key(x_key: Annotated[str, Header()]) -> None:
        log("key")

    app = App(dependencies=[Depends(key)])
    app.router.route_class = LoggedRoute

    @app.post("/")
    async def endpoint(item: Annotated[int, Body()]) -> None:
        log(f"endpoint {item}")

    await request(
        app, method="POST", headers={"x-key": "key"}, body=b"5", log=log, logs_receiving=True
    )

    assert log == lines("before, key, receives, endpoint 5, sends 200")


async def test_sync_steps_ahead_of_it_are_a_call_of_their_own(log: Log) -> None:
    """V4, T2"""

    def key() -> None:
        log("key")

    def user() -> str:
        log("user")
        return "user"

    def work() -> Iterator[str]:
        with log.opened("work"):
            yield "work"

    app = App(dependencies=[Depends(key)])

    @app.post("/")
    def endpoint(
        user: Annotated[str, Depends(user)],
        work: Annotated[str, Depends(work)],
        item: Annotated[int, Body()],
    ) -> None:
        log(f"endpoint {item}")

    await request(app, method="POST", body=b"5", log=log, logs_receiving=True)

    assert app.explain("/", "POST").count("await call_in_thread(") == 2
    assert log == lines("key, user, receives, work opens, endpoint 5, work exits, sends 200")


# ---------------------------------------------------------------------- what wins


@pytest.mark.parametrize("knows", [True, False])
async def test_auth_answers_before_a_body_that_is_too_large_does(knows: bool) -> None:
    """V4"""

    def key(x_key: Annotated[str, Header()]) -> None:
        if x_key != "key":
            raise HTTPException(401)

    app = App(dependencies=[Depends(key)], max_body_size=3)

    @app.post("/")
    async def endpoint(item: Annotated[int, Body()]) -> None: ...

    headers = {"x-key": "key" if knows else "none", "content-length": "4"}
    answer = await request(app, method="POST", headers=headers, body=b"5000")

    assert answer.status == (413 if knows else 401)


async def test_what_stays_open_waits_for_no_upload(log: Log) -> None:
    """V4: nothing is open while the body is received."""

    async def work() -> AsyncIterator[None]:
        with log.opened("work"):
            yield

    async def wide() -> AsyncIterator[None]:
        with log.opened("wide"):
            yield

    def plain() -> None:
        log("plain")

    app = App()

    @app.post("/", dependencies=[Depends(plain), Depends(work), Depends(wide, scope="request")])
    async def endpoint(item: Annotated[int, Body()]) -> None:
        log("endpoint")

    await request(app, method="POST", body=b"5", log=log, logs_receiving=True)

    assert log == lines(
        """plain, receives, wide opens, work opens, endpoint, work exits, sends 200, wide exits"""
    )


@pytest.mark.parametrize("is_held", [True, False])
async def test_no_place_of_a_limit_is_held_while_it_is_received(log: Log, is_held: bool) -> None:
    """V4, L2"""

    def session() -> Iterator[str]:
        yield "session"

    in_use = Depends(session, scope="use", max_concurrency=1)
    held = Depends(session, max_concurrency=1)

    def user(session: Annotated[str, in_use]) -> str:
        log("user")
        return session

    app = App()

    async def endpoint(user: Annotated[str, Depends(user)], item: Annotated[int, Body()]) -> None:
        log("endpoint")

    async def holding_endpoint(
        user: Annotated[str, Depends(user)],
        item: Annotated[int, Body()],
        session: Annotated[str, held],
    ) -> None:
        log("endpoint")

    app.post("/")(holding_endpoint if is_held else endpoint)

    await request(app, method="POST", body=b"5", log=log, logs_receiving=True)

    first = "receives, user" if is_held else "user, receives"
    assert log == lines(f"{first}, endpoint, sends 200")


# ---------------------------------------------------------------------- a real server


def get_session(outcome: Outcome) -> Iterator[str]:
    yield "session"
    assert not outcome.disconnected


def get_user(
    x_key: Annotated[str, Header()], session: Annotated[str, Depends(get_session, scope="use")]
) -> str:
    if x_key != "key":
        raise HTTPException(401)
    return session


app = App()


@app.post("/")
async def create(
    item: Annotated[list[int], Body()], user: Annotated[str, Depends(get_user)]
) -> int:
    return len(item)


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_client_that_asks_first_sends_its_body_only_where_it_is_let_in(http: str) -> None:
    """V4: no `100 Continue` goes out ahead of the 401."""
    with serve(app, http=http) as server:
        refused = conversation(server, "none")
        accepted = conversation(server, "key")

    assert refused.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in refused
    assert accepted.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert accepted.endswith(b"\r\n\r\n3")


def conversation(server: Server, key: str) -> bytes:
    """Send the head of a request, and the body where the server asks for it; return the answers."""
    body = b"[1,2,3]"
    head = (
        f"POST / HTTP/1.1\r\nHost: test\r\nX-Key: {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = b""
        while not answer.endswith((b"}", b"\r\n\r\n3")):
            answer += connection.recv(65536)
            if answer == b"HTTP/1.1 100 Continue\r\n\r\n":
                connection.sendall(body)
        return answer
