"""Middleware: around every request; compression, hosts and sessions are ready-made."""

from starlette.middleware.sessions import SessionMiddleware

from microfw import App, Request
from microfw.middleware.gzip import GZipMiddleware
from microfw.middleware.httpsredirect import HTTPSRedirectMiddleware
from microfw.middleware.trustedhost import TrustedHostMiddleware
from microfw.responses import PlainTextResponse
from tests.tutorial.conftest import Clients
from tests.tutorial.twins import Twins

app = App()
ready_made_app = App()
https_app = App()


@app.middleware("http")
async def count_bells(request: Request, call_next):
    request.state.bells = 2
    response = await call_next(request)
    response.headers["X-Bells"] = str(request.state.bells)
    return response


@app.middleware("http")
async def refuse_pirates(request: Request, call_next):
    if request.headers.get("user-agent") == "pirate":
        return PlainTextResponse("No", status_code=451)
    return await call_next(request)


@app.get("/bells")
async def ring(request: Request):
    request.state.bells += 1
    return request.state.bells


ready_made_app.add_middleware(SessionMiddleware, secret_key="not so secret")
ready_made_app.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=5)
ready_made_app.add_middleware(TrustedHostMiddleware, allowed_hosts=["testserver", "*.example"])


@ready_made_app.get("/long")
async def read_long():
    return "tea " * 500


@ready_made_app.post("/visits")
async def visit(request: Request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return request.session


https_app.add_middleware(HTTPSRedirectMiddleware)


@https_app.get("/")
async def read_root():
    return "safe"


def test_middleware_changes_the_response_of_the_endpoint(client: Twins) -> None:
    answer = client.get("/bells")

    assert (answer.json(), answer.headers["x-bells"]) == (3, "3")


def test_middleware_sees_answers_that_no_endpoint_gives(client: Twins) -> None:
    answer = client.get("/nowhere")

    assert (answer.status_code, answer.headers["x-bells"]) == (404, "2")


def test_the_middleware_that_is_added_last_is_outermost_and_may_answer_itself(
    client: Twins,
) -> None:
    answer = client.get("/bells", headers={"user-agent": "pirate"})

    assert (answer.status_code, answer.text) == (451, "No")
    assert "x-bells" not in answer.headers


def test_long_answers_are_compressed(clients: Clients) -> None:
    answer = clients("ready_made_app").get("/long")

    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 200
    assert answer.json() == "tea " * 500


def test_a_session_is_kept_in_a_cookie(clients: Clients) -> None:
    client = clients("ready_made_app").microfw

    assert [client.post("/visits").json() for _ in range(3)] == [{"visits": n} for n in (1, 2, 3)]


def test_other_hosts_are_refused(clients: Clients) -> None:
    client = clients("ready_made_app")

    assert client.get("/long", headers={"host": "quay.example"}).status_code == 200
    assert client.get("/long", headers={"host": "pirate.test"}).text == "Invalid host header"


def test_plain_http_is_redirected(clients: Clients) -> None:
    answer = clients("https_app").get("/", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (307, "https://testserver/")
