"""Sub-applications: an application below a path of another; and others of ASGI or WSGI."""

import pytest
from starlette.responses import PlainTextResponse as StarlettePlainText
from starlette.routing import Route as StarletteRoute

from microfw import App, Depends, HTTPException, Request
from tests.tutorial.twins import Twins

app = App()
admin = App()


def refuse():
    raise HTTPException(status_code=403, detail="Not for everybody")


@app.get("/who")
def read_who():
    return {"who": "the main application"}


@admin.get("/who")
def read_who_of_admin(request: Request):
    return {"who": "the sub-application", "below": request.scope["root_path"]}


@admin.get("/secret", dependencies=[Depends(refuse)])
def read_secret():
    return "secret"


async def read_plain(request: object):
    return StarlettePlainText("Starlette's")


app.mount("/admin", admin)
app.routes.append(StarletteRoute("/plain", read_plain))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/who", {"who": "the main application"}),
        ("/admin/who", {"who": "the sub-application", "below": "/admin"}),
    ],
)
def test_each_application_answers_for_its_paths(client: Twins, path: str, expected) -> None:
    assert client.get(path).json() == expected


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [("/admin/nowhere", 404, "Not Found"), ("/admin/secret", 403, "Not for everybody")],
)
def test_errors_of_the_one_below_are_answered_there(
    client: Twins, path: str, status: int, detail: str
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


def test_routes_of_starlettes_stand_beside_ours(client: Twins) -> None:
    assert client.get("/plain").text == "Starlette's"
