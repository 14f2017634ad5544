"""What is secret in requests and defaults is in no source, message, log or answer of microfw's."""

import logging
import re
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct
from pydantic import BaseModel, SecretStr

from microfw import (
    App,
    BackgroundTasks,
    Cookie,
    Depends,
    Form,
    Header,
    HTTPException,
    Query,
    Security,
)
from microfw._answering.state import DEFAULT_CLEANUP_TIMEOUT
from microfw._models.errors import MOST_ERRORS
from microfw._reading.body_limits import Limits
from microfw.exceptions import RegistrationError, RequestValidationError
from microfw.responses import JSONResponse
from microfw.security import APIKeyCookie, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from microfw.testclient import TestClient
from microfw.websockets import WebSocketDisconnect

POLICY = Path(__file__).parent.parent / "SECURITY.md"

MARK = "hunter2"
"""What may be shown nowhere. Every secret holds it."""


class Login(Struct):
    user: str
    password: Annotated[str, Meta(min_length=50)] = f"{MARK} default"


class Vault(BaseModel):
    password: SecretStr = SecretStr(f"{MARK} default")
    pin: int = 0


async def get_token(
    authorization: Annotated[str, Header()] = f"{MARK} header",
    session: Annotated[str, Cookie()] = f"{MARK} cookie",
) -> AsyncIterator[str]:
    yield authorization + session


async def get_key(key: Annotated[str, Query()] = f"{MARK} query") -> str:
    return key


Token = Annotated[str, Depends(get_token)]
Key = Annotated[str, Depends(get_key)]


def secretive() -> App:
    """Make an application that is full of secrets."""
    app = App()
    read_values(app)
    go_wrong(app)
    return app


def read_values(app: App) -> None:
    @app.post("/login/{ticket}")
    async def log_in(
        ticket: int, token: Token, key: Key, login: Login, tasks: BackgroundTasks
    ) -> str:
        return "in"

    @app.post("/vault")
    async def open_vault(vault: Vault, token: Token) -> int:
        return vault.pin

    @app.post("/form")
    async def read_form(
        password: Annotated[str, Form(max_length=5)] = MARK, pin: Annotated[int, Form()] = 0
    ) -> str:
        return "read"

    @app.get("/basic")
    async def read_basic(
        credentials: Annotated[HTTPBasicCredentials, Security(HTTPBasic())],
    ) -> str:
        return "basic"

    @app.get("/bearer", dependencies=[Security(HTTPBearer()), Security(APIKeyCookie(name="key"))])
    async def read_bearer() -> str:
        return "bearer"

    @app.websocket("/socket")
    async def listen(token: Token, pin: int = 0) -> None: ...


def go_wrong(app: App) -> None:
    @app.get("/fails")
    async def fail(token: Token, key: Key) -> None:
        raise LookupError("nothing")

    @app.get("/wrong-result")
    async def answer_wrongly() -> Login:
        return {"user": 1, "password": MARK}  # type: ignore[return-value]

    @app.get("/task")
    async def add_task(token: Token, tasks: BackgroundTasks) -> None:
        tasks.add_task(failing_task, token, key=MARK)

    async def swallow(token: Token) -> AsyncIterator[str]:
        try:
            yield token
        except LookupError:
            pass

    @app.get("/swallowed")
    async def fail_and_swallow(token: Annotated[str, Depends(swallow)]) -> None:
        raise LookupError("nothing")

    async def yield_twice(token: Token) -> AsyncIterator[str]:
        yield token
        yield token

    @app.get("/twice")
    async def use_twice(token: Annotated[str, Depends(yield_twice)]) -> str:
        return "once"


async def failing_task(token: str, *, key: str) -> None:
    raise LookupError("nothing")


SENT: dict[str, Any] = {
    "headers": {"authorization": f"{MARK} header", "cookie": f"session={MARK}; key={MARK}"},
    "params": {"key": MARK, "pin": MARK},
}


@pytest.fixture
def client() -> TestClient:
    return TestClient(secretive(), raise_server_exceptions=False)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    return caplog


def messages(logged: pytest.LogCaptureFixture) -> str:
    """What all but the client has logged."""
    return "\n".join(r.getMessage() for r in logged.records if r.name != "httpx2")


def test_no_source_shows_a_default() -> None:
    app = secretive()
    routes = [("/login/{ticket}", "POST"), ("/vault", "POST"), ("/form", "POST")]
    routes += [(path, "GET") for path in ("/fails", "/task", "/swallowed", "/twice", "/basic")]
    routes += [("/bearer", "GET"), ("/socket", "WEBSOCKET")]
    for path, method in routes:
        source = app.explain(path, method)
        assert "async def handle" in source
        assert MARK not in source


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/fails", 500, "LookupError: nothing"),
        ("/wrong-result", 500, "ResponseValidationError"),
        ("/task", 200, "background task failing_task failed"),
        ("/swallowed", 500, "SwallowedExceptionError"),
        ("/twice", 500, "YieldError"),
        ("/basic", 401, ""),
        ("/bearer", 401, ""),
    ],
)
def test_what_goes_wrong_is_logged_and_answered_without_values(
    logged: pytest.LogCaptureFixture, path: str, status: int, says: str
) -> None:
    raised: list[BaseException] = []
    app = secretive()

    async def server(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            raised.append(error)

    with TestClient(server) as client:
        answer = client.get(path, **SENT)

    told = "".join("".join(traceback.format_exception(each)) for each in raised)
    without_code = "\n".join(line for line in told.splitlines() if not line.startswith("    "))
    assert answer.status_code == status
    assert says in told + logged.text
    assert MARK not in answer.text
    assert MARK not in without_code
    assert MARK not in messages(logged)


def test_errors_in_values_are_logged_nowhere_and_say_only_where_they_are(
    client: TestClient, logged: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []

    async def keep(request: Any, error: RequestValidationError) -> JSONResponse:
        said.append(str(error))
        return JSONResponse({"detail": "invalid"}, 422)

    client.app.add_exception_handler(RequestValidationError, keep)  # type: ignore[attr-defined]

    client.post("/login/x", json={"user": "ada", "password": MARK}, **SENT)
    client.post("/vault", json={"password": MARK, "pin": MARK}, **SENT)
    client.post("/form", data={"password": MARK, "pin": MARK}, **SENT)
    client.post("/vault", content=f'{{"password": "{MARK}', **SENT)

    assert len(said) == 4
    assert said[0].splitlines()[1:3] == [
        "  path.ticket: Input should be a valid integer, unable to parse string as an integer (int_parsing)",
        "  body.password: Expected `str` of length >= 50 (value_error)",
    ]
    assert MARK not in "\n".join(said)
    assert MARK not in messages(logged)


def test_an_answer_shows_input_unless_the_application_leaves_it_out_as_in_the_security_policy() -> (
    None
):
    [block] = re.findall(r"```python\n(.*?)```", POLICY.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    body = {"user": "ada", "password": MARK}
    error = {
        "type": "value_error",
        "loc": ["body", "password"],
        "msg": "Expected `str` of length >= 50",
    }
    usual, quiet = App(), names["app"]
    for app in (usual, quiet):
        read_values(app)

    shown = TestClient(usual).post("/login/1", json=body).json()
    left_out = TestClient(quiet).post("/login/1", json=body)

    assert shown["detail"][0]["input"] == MARK
    assert (left_out.status_code, left_out.json()) == (422, {"detail": [error]})


def test_the_limits_are_those_in_the_security_policy() -> None:
    policy = POLICY.read_text(encoding="utf-8")
    limits = Limits()
    assert f"| {limits.max_body_size // 2**20} MiB, then 413 |" in policy  # type: ignore[operator]
    assert f"| {limits.max_fields}, {limits.max_files}, then 400 |" in policy
    assert f"| {limits.max_part_size // 2**20} MiB, then 400 |" in policy
    assert f"| errors reported of one value | {MOST_ERRORS} |" in policy
    assert f"of an async dependency | {DEFAULT_CLEANUP_TIMEOUT:.0f} |" in policy


def test_a_websocket_is_refused_with_places_only(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client.websocket_connect(f"/socket?pin={MARK}"),
    ):
        pass
    assert caught.value.code == 1008
    assert caught.value.reason.startswith(
        "1 validation error\n  query.pin: Input should be a valid integer"
    )
    assert MARK not in caught.value.reason


def test_a_mistake_about_a_default_does_not_show_it() -> None:
    async def read(key: Annotated[str, Query(f"{MARK} default")]) -> None: ...

    with pytest.raises(RegistrationError) as caught:
        App().get("/")(read)

    assert MARK not in str(caught.value)


def test_an_override_for_a_secret_is_not_shown() -> None:
    app = secretive()
    app.dependency_overrides[get_token] = lambda: MARK
    assert MARK not in app.explain("/fails")
    with TestClient(app, raise_server_exceptions=False) as client:
        assert MARK not in client.get("/fails").text


def test_an_exception_of_the_endpoint_says_what_its_author_lets_it_say(client: TestClient) -> None:
    @client.app.get("/denied")  # type: ignore[attr-defined]
    async def deny() -> None:
        raise HTTPException(403, "no")

    assert client.get("/denied", **SENT).json() == {"detail": "no"}
