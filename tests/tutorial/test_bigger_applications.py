"""Bigger applications: routers in several files; the other files are in `harbour/`."""

import pytest

from microfw import APIRouter, App, Depends
from tests.tutorial.harbour import crews, office, ships
from tests.tutorial.harbour.dependencies import get_query_token, get_token_header
from tests.tutorial.twins import Twins, error

app = App(dependencies=[Depends(get_query_token)])

outer = APIRouter(prefix="/outer")
inner = APIRouter(prefix="/inner")


@inner.get("/deep")
async def read_deep():
    return "deep"


outer.include_router(inner)
app.include_router(crews.router)
app.include_router(ships.router)
app.include_router(
    office.router,
    prefix="/office",
    tags=["office"],
    dependencies=[Depends(get_token_header)],
    responses={418: {"description": "The office is closed"}},
)
app.include_router(outer)
app.include_router(outer, prefix="/again")


@app.get("/")
async def read_root():
    return {"message": "A big harbour"}


TOKEN = {"X-Token": "anchor"}


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/", {}, {"message": "A big harbour"}),
        ("/crews/", {}, [{"name": "Ada"}, {"name": "Mo"}]),
        ("/crews", {}, [{"name": "Ada"}, {"name": "Mo"}]),
        ("/crews/me", {}, {"name": "mine"}),
        ("/crews/Ada", {}, {"name": "Ada"}),
        ("/ships/", TOKEN, {"aurora": {"name": "Aurora"}, "corona": {"name": "Corona"}}),
        ("/ships/corona", TOKEN, {"name": "Corona", "ship": "corona"}),
        ("/outer/inner/deep", {}, "deep"),
        ("/again/outer/inner/deep", {}, "deep"),
    ],
)
def test_the_paths_of_all_files_are_found(client: Twins, path: str, headers, expected) -> None:
    answer = client.get(f"{path}?token=rope", headers=headers)

    assert (answer.status_code, answer.json()) == (200, expected)


def test_a_router_may_be_included_below_a_prefix_with_dependencies(client: Twins) -> None:
    answer = client.post("/office/?token=rope", headers=TOKEN)
    refused = client.post("/office/?token=rope", headers={"X-Token": "x"})

    assert answer.json() == {"message": "The office is open"}
    assert refused.json() == {"detail": "The X-Token header is not valid"}


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/ships/dart", 404, "No such ship"),
        ("PUT", "/ships/corona", 403, "Only the Aurora may be renamed"),
        ("GET", "/ships/a/b", 404, "Not Found"),
        ("DELETE", "/ships/aurora", 405, "Method Not Allowed"),
    ],
)
def test_errors_are_those_of_the_files(
    client: Twins, method: str, path: str, status: int, detail: str
) -> None:
    answer = client.microfw.request(method, f"{path}?token=rope", headers=TOKEN)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


@pytest.mark.parametrize("path", ["/", "/crews/", "/outer/inner/deep"])
def test_the_dependency_of_the_application_holds_everywhere(client: Twins, path: str) -> None:
    missing = client.get(path)
    wrong = client.get(f"{path}?token=x")

    assert missing.json() == {
        "detail": [error("missing", ["query", "token"], "Field required", None)]
    }
    assert (wrong.status_code, wrong.json()) == (400, {"detail": "The token is not valid"})


def test_what_application_and_router_need_is_reported_together(client: Twins) -> None:
    answer = client.get("/ships/")

    assert answer.json() == {
        "detail": [
            error("missing", ["query", "token"], "Field required", None),
            error("missing", ["header", "x-token"], "Field required", None),
        ]
    }
