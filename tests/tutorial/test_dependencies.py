"""Dependencies: functions, classes, sub-dependencies, in decorators, for a whole application."""

from typing import Annotated

import pytest

from microfw import App, Cookie, Depends, Header, HTTPException, Router
from tests.tutorial.conftest import Clients
from tests.tutorial.twins import Twins, error

app = App()


async def get_paging(words: str | None = None, skip: int = 0, limit: int = 100):
    return {"words": words, "skip": skip, "limit": limit}


PagingDep = Annotated[dict[str, object], Depends(get_paging)]


class Paging:
    def __init__(self, words: str | None = None, skip: int = 0, limit: int = 100) -> None:
        self.words = words
        self.skip = skip
        self.limit = limit


class Contains:
    """A dependency with a setting: its instance is called."""

    def __init__(self, fixed: str) -> None:
        self.fixed = fixed

    def __call__(self, words: str = "") -> bool:
        return self.fixed in words


contains_tea = Contains("tea")
drawn: list[int] = []


def get_words(words: str | None = None):
    return words


def get_words_or_last(
    words: Annotated[str | None, Depends(get_words)],
    last_words: Annotated[str | None, Cookie()] = None,
):
    return words or last_words


def draw() -> int:
    drawn.append(len(drawn))
    return len(drawn)


def draw_low(number: Annotated[int, Depends(draw)]) -> int:
    return number


async def check_token(x_token: Annotated[str, Header()]):
    if x_token != "anchor":
        raise HTTPException(status_code=400, detail="The token is not valid")
    return x_token


async def check_key(x_key: Annotated[str, Header()]):
    if x_key != "sail":
        raise HTTPException(status_code=400, detail="The key is not valid")


@app.get("/ships")
async def list_ships(paging: PagingDep):
    return paging


@app.get("/crews")
def list_crews(paging: dict[str, object] = Depends(get_paging)):
    return paging


@app.get("/cargo")
async def list_cargo(paging: Annotated[Paging, Depends(Paging)]):
    return {"words": paging.words, "span": list(range(9))[paging.skip : paging.skip + paging.limit]}


@app.get("/cargo/short")
async def list_cargo_in_short(paging: Annotated[Paging, Depends()]):
    return paging.skip


@app.get("/contains")
async def ask_contains(found: Annotated[bool, Depends(contains_tea)]):
    return {"found": found}


@app.get("/words")
async def read_words(words: Annotated[str | None, Depends(get_words_or_last)]):
    return {"words": words}


@app.get("/draw")
def draw_once(
    one: Annotated[int, Depends(draw)],
    low: Annotated[int, Depends(draw_low)],
    another: Annotated[int, Depends(draw, use_cache=False)],
):
    return [low - one, another - one]


@app.get("/vault", dependencies=[Depends(check_token), Depends(check_key)])
async def open_vault():
    return ["gold"]


guarded_app = App(dependencies=[Depends(check_token)])
cellar = Router(prefix="/cellar", dependencies=[Depends(check_key)])


@guarded_app.get("/hall")
async def read_hall():
    return "hall"


@cellar.get("/wine")
async def read_wine():
    return "wine"


guarded_app.include_router(cellar)


@pytest.mark.parametrize("path", ["/ships", "/crews"])
def test_a_dependencys_parameters_are_those_of_the_path(client: Twins, path: str) -> None:
    wrong = client.get(f"{path}?skip=few")

    message = "Input should be a valid integer, unable to parse string as an integer"
    assert client.get(path).json() == {"words": None, "skip": 0, "limit": 100}
    assert client.get(f"{path}?words=a&limit=5").json() == {"words": "a", "skip": 0, "limit": 5}
    assert wrong.json() == {"detail": [error("int_parsing", ["query", "skip"], message, "few")]}


def test_a_class_is_a_dependency_that_makes_an_instance(client: Twins) -> None:
    assert client.get("/cargo?skip=2&limit=3").json() == {"words": None, "span": [2, 3, 4]}
    assert client.get("/cargo/short?skip=2").json() == 2


def test_an_instance_that_can_be_called_is_a_dependency_with_a_setting(client: Twins) -> None:
    assert client.get("/contains?words=green+tea").json() == {"found": True}
    assert client.get("/contains?words=tin").json() == {"found": False}


def test_a_dependency_may_depend_on_another(client: Twins) -> None:
    kept = {"cookie": "last_words=old"}

    assert client.get("/words?words=new", headers=kept).json() == {"words": "new"}
    assert client.get("/words", headers=kept).json() == {"words": "old"}


def test_a_dependency_is_called_once_in_a_request_unless_that_is_not_wanted(client: Twins) -> None:
    assert client.get("/draw").json() == [0, 1]


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ({"x-token": "anchor", "x-key": "rope"}, 400, "The key is not valid"),
        ({"x-token": "rope", "x-key": "rope"}, 400, "The token is not valid"),
    ],
)
def test_a_dependency_in_the_decorator_may_refuse(client: Twins, headers, status, detail) -> None:
    answer = client.get("/vault", headers=headers)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


def test_dependencies_in_the_decorator_let_pass_who_satisfies_them(client: Twins) -> None:
    answer = client.get("/vault", headers={"x-token": "anchor", "x-key": "sail"})

    assert (answer.status_code, answer.json()) == (200, ["gold"])


def test_what_dependencies_in_the_decorator_need_is_required(client: Twins) -> None:
    answer = client.get("/vault")

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("missing", ["header", "x-token"], "Field required", None),
            error("missing", ["header", "x-key"], "Field required", None),
        ]
    }


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/hall", {"x-token": "anchor"}, 200),
        ("/hall", {"x-token": "rope"}, 400),
        ("/hall", {}, 422),
        ("/cellar/wine", {"x-token": "anchor"}, 422),
        ("/cellar/wine", {"x-token": "anchor", "x-key": "sail"}, 200),
        ("/cellar/wine", {"x-token": "anchor", "x-key": "rope"}, 400),
    ],
)
def test_dependencies_of_the_application_and_of_a_router_hold_for_all_of_their_paths(
    clients: Clients, path: str, headers: dict[str, str], status: int
) -> None:
    assert clients("guarded_app").get(path, headers=headers).status_code == status
