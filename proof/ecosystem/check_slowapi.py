"""slowapi: limits by a decorator, by default in a middleware, and their handler."""

from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIMiddleware
from slowapi.util import get_remote_address


def client(*defaults: str) -> TestClient:
    limiter = Limiter(key_func=get_remote_address, default_limits=[*defaults], headers_enabled=True)
    app = FastAPI()
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
    if defaults:
        app.add_middleware(SlowAPIMiddleware)

    @app.get("/limited/{x}")
    @limiter.limit("2/minute")
    async def limited(request: Request, response: Response, x: int):
        return {"x": x}

    @app.get("/sync")
    @limiter.limit("1/minute")
    def sync(request: Request, response: Response):
        return {}

    @app.get("/default")
    def default(request: Request):
        return {}

    @app.get("/exempt")
    @limiter.exempt
    def exempt(request: Request):
        return {}

    return TestClient(app)


def test_a_decorator_limits() -> None:
    it = client()
    assert [it.get("/limited/1").status_code for _ in range(3)] == [200, 200, 429]


def test_a_sync_endpoint_is_limited() -> None:
    it = client()
    assert [it.get("/sync").status_code for _ in range(2)] == [200, 429]


def test_values_are_read_through_the_decorator() -> None:
    assert client().get("/limited/x").status_code == 422


def test_headers_tell_what_remains() -> None:
    assert client().get("/limited/1").headers["x-ratelimit-remaining"] == "1"


def test_the_middleware_limits_by_default() -> None:
    it = client("2/minute")
    assert [it.get("/default").status_code for _ in range(3)] == [200, 200, 429]


def test_what_is_exempt_is_not_limited() -> None:
    it = client("1/minute")
    assert [it.get("/exempt").status_code for _ in range(3)] == [200, 200, 200]
