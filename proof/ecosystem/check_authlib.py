"""authlib: OAuth clients of Starlette's in an application, with its sessions."""

from authlib.integrations.starlette_client import OAuth
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.middleware.sessions import SessionMiddleware


def client() -> TestClient:
    oauth = OAuth()
    oauth.register(
        "it",
        client_id="id",
        client_secret="secret",
        authorize_url="https://it.example/authorize",
        access_token_url="https://it.example/token",
        client_kwargs={"scope": "profile"},
    )
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key="secret")

    @app.get("/login")
    async def login(request: Request):
        return await oauth.it.authorize_redirect(request, request.url_for("auth"))

    @app.get("/auth")
    async def auth(request: Request):
        try:
            return await oauth.it.authorize_access_token(request)
        except Exception as error:
            return type(error).__name__

    return TestClient(app, follow_redirects=False)


def test_login_redirects_and_remembers() -> None:
    answer = client().get("/login")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("https://it.example/authorize?")
    assert "redirect_uri=http%3A%2F%2Ftestserver%2Fauth" in answer.headers["location"]
    assert "session" in answer.headers["set-cookie"]


def test_a_state_that_is_unknown_is_refused() -> None:
    assert client().get("/auth?code=x&state=y").json() == "MismatchingStateError"
