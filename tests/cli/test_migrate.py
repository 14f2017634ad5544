"""`microfw migrate`: imports and names of FastAPI's become microfw's."""

import inspect
import io
import re
import sys
import textwrap
import tokenize
from pathlib import Path
from types import ModuleType

import fastapi
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("libcst", reason="libcst is not installed")

from microfw import App, Router
from microfw._as_fastapi.names import MODULES
from microfw.cli._migrated_names import METHODS_LEFT_OUT, section_of, target_of
from microfw.cli._migrating import migrated
from microfw.testclient import TestClient
from tests.editions import NAMES
from tests.tutorial.twins import Twins

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "tests" / "tutorial").glob("test_*.py"))
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")

PROGRAM = """
from collections.abc import Iterator
from typing import Annotated

import fastapi
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, status
from fastapi.responses import PlainTextResponse

app = FastAPI(title="Shop")
router = APIRouter(prefix="/orders", tags=["orders"])

def get_session() -> Iterator[str]:
    yield "session"

Session = Annotated[str, Depends(get_session)]

@router.get("/{number}")
def read(number: int, session: Session, token: Annotated[str, Header()]) -> dict[str, str | int]:
    if number > 2:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such order")
    return {"number": number, "session": session, "token": token}

@router.post("/", status_code=fastapi.status.HTTP_201_CREATED, response_class=PlainTextResponse)
def create(name: Annotated[str, fastapi.Body(embed=True)]) -> str:
    return name

app.include_router(router)
"""


def after(source: str) -> str:
    """What becomes of a file, in which nothing is left to do."""
    done = migrated(textwrap.dedent(source).encode())
    assert not done.left
    assert migrated(done.source).source == done.source
    return done.source.decode()


def left(source: str) -> list[tuple[int, str, str]]:
    """What is left to do in a file, of which nothing changes."""
    before = textwrap.dedent(source).encode()
    assert migrated(before).source.decode() == before.decode()
    return found_in(source)


def found_in(source: str) -> list[tuple[int, str, str]]:
    """What is left to do in a file that changes."""
    done = migrated(textwrap.dedent(source).encode())
    return [(finding.line, finding.reason, finding.section) for finding in done.left]


def of_fastapi(source: str) -> str:
    """A page of the tutorial with FastAPI's names."""
    lines = source.splitlines(keepends=True)
    names = {**NAMES, "microfw": "fastapi"}
    for token in reversed([*tokenize.generate_tokens(io.StringIO(source).readline)]):
        if token.type != tokenize.NAME or token.string not in names:
            continue
        row, start = token.start
        line = lines[row - 1]
        if line[start - 1 : start] != "." and not line.startswith("from starlette"):
            lines[row - 1] = line[:start] + names[token.string] + line[token.end[1] :]
    return "".join(lines)


def test_methods_that_are_not_here_are_left() -> None:
    source = """
    import fastapi
    from fastapi import APIRouter, FastAPI

    class Shop:
        def __init__(self) -> None:
            self.app = FastAPI()
            self.app.frontend("/", directory="dist")

    app = other = FastAPI()
    made: APIRouter = make()
    app.frontend("/", directory="dist")
    fastapi.APIRouter().frontend("/")

    def build(router: fastapi.APIRouter, page, more: "str", *rest: int) -> None:
        page.frontend("/")
        router.frontend("/")
        other.frontend
        made.matches({})
        other.matches
        router.get("/")
        made.handle.name
    """
    of_app = "microfw has no FastAPI.frontend", "fastapi.applications"
    of_router = "microfw has no APIRouter.frontend", "fastapi.routing"
    assert found_in(source) == [
        (8, *of_app),
        (12, *of_app),
        (17, *of_router),
        (18, *of_app),
        (19, "microfw has no APIRouter.matches", "fastapi.routing"),
        (22, "microfw has no APIRouter.handle", "fastapi.routing"),
    ]


def test_the_methods_that_are_left_are_all_that_are_not_here() -> None:
    def lacking(theirs: type, ours: type) -> set[str]:
        methods = {name for name, it in inspect.getmembers(theirs, callable) if name[0] != "_"}
        return methods - {name for name, _ in inspect.getmembers(ours, callable)}

    assert {name: set(methods) for name, (_, methods) in METHODS_LEFT_OUT.items()} == {
        "FastAPI": lacking(fastapi.FastAPI, App),
        "APIRouter": lacking(fastapi.APIRouter, Router),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_tutorial_becomes_its_twin(page: Path) -> None:
    ours = page.read_text(encoding="utf-8")

    assert after(of_fastapi(ours)) == re.sub(r"\bAPIRouter\b", "Router", ours)


def test_a_program_answers_as_it_did_with_fastapi() -> None:
    clients = []
    for source in (after(PROGRAM), PROGRAM):
        module = ModuleType("shop")
        exec(source, module.__dict__)
        clients.append(TestClient(module.app))
    twins = Twins(*clients)

    headers = {"token": "oak"}
    assert twins.get("/orders/1", headers=headers).json()["session"] == "session"
    assert twins.get("/orders/3", headers=headers).status_code == 404
    assert twins.get("/orders/x").status_code == 422
    assert twins.post("/orders/", json={"name": "rye"}).status_code == 201


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (
            "from fastapi.status import HTTP_422_UNPROCESSABLE_ENTITY\n",
            "from microfw.status import HTTP_422_UNPROCESSABLE_ENTITY\n",
        ),
        ("from fastapi import Depends\n", "from microfw import Depends\n"),
        ("from fastapi import FastAPI as F\nF()\n", "from microfw import App as F\nF()\n"),
        ("from fastapi import FastAPI\nFastAPI()\n", "from microfw import App\nApp()\n"),
        ("import fastapi\nfastapi.FastAPI()\n", "import microfw\nmicrofw.App()\n"),
        ("import os, fastapi as f\n(f.FastAPI)\n", "import os, microfw as f\n(f.App)\n"),
        (
            "import fastapi\nfastapi.encoders.isoformat\nfastapi.routing.APIRoute.matches\n",
            (
                "import microfw\nimport microfw.encoders\nimport microfw.routing\n"
                "microfw.encoders.isoformat\nmicrofw.routing.Route.matches\n"
            ),
        ),
        (
            "import fastapi.security\nfastapi.security.HTTPBasic()\n",
            "import microfw.security\nmicrofw.security.HTTPBasic()\n",
        ),
        (
            "import fastapi.routing as r\nr.APIRouter\n",
            "import microfw.routing as r\nr.Router\n",
        ),
        (
            "from fastapi import routing, status\nrouting.APIRoute, status\n",
            "from microfw import routing, status\nrouting.Route, status\n",
        ),
        (
            "from fastapi import security\nsecurity.oauth2.OAuth2\n",
            (
                "from microfw import security\nimport microfw.security.oauth2\n"
                "security.oauth2.OAuth2\n"
            ),
        ),
        (
            "import fastapi\nprint(fastapi.status)\n",
            "import microfw\nimport microfw.status\nprint(microfw.status)\n",
        ),
        (
            "from fastapi.dependencies import utils\nutils.get_dependant\n",
            "from microfw import dependants as utils\nutils.get_dependant\n",
        ),
        (
            "if 1: from fastapi import Path; from fastapi import Query\n",
            "if 1: from microfw import Path; from microfw import Query\n",
        ),
        (
            "from fastapi import status\ndef f(status: int): return status\n",
            "from microfw import status\ndef f(status: int): return status\n",
        ),
        (
            "from fastapi.responses import JSONResponse, ORJSONResponse\nORJSONResponse()\n",
            (
                "from microfw.responses import JSONResponse, JSONResponse as ORJSONResponse\n"
                "ORJSONResponse()\n"
            ),
        ),
        (
            "from fastapi.concurrency import AsyncExitStack, run_in_threadpool\n",
            (
                "from contextlib import AsyncExitStack\nfrom microfw.concurrency import"
                " run_in_threadpool\n"
            ),
        ),
        ("from os import *\nfrom .fastapi import X\nfrom . import fastapi\n", None),
        ("import fastapi_users\nfrom fastapi_users import FastAPI\n", None),
        ("x = 'fastapi.log', b'fastapi.routing', title(name='FastAPI')\n", None),
    ],
)
def test_what_becomes_of_an_import(before: str, expected: str | None) -> None:
    assert after(before) == (before if expected is None else expected)


@pytest.mark.parametrize(
    "taken",
    [
        "def f(App): ...",
        "import App",
        "FastAPI = print",
        "__all__ = ['FastAPI']",
        "patch(module, 'FastAPI')",
        "def f():\n    global FastAPI",
    ],
)
def test_a_name_stays_where_the_new_one_is_taken_or_the_old_one_is_needed(taken: str) -> None:
    source = f"from fastapi import FastAPI\n{taken}\nFastAPI()\n"

    assert after(source) == source.replace(
        "fastapi import FastAPI", "microfw import App as FastAPI"
    )


def test_a_router_stays_under_the_name_that_microfw_has_too() -> None:
    source = "from fastapi import APIRouter\nRouter = APIRouter\n"

    assert after(source) == source.replace("fastapi", "microfw")


def test_an_import_with_unknown_names_is_split_with_its_comments() -> None:
    done = migrated(
        textwrap.dedent(
            """
            # first
            from fastapi.routing import (  # why
                APIRoute,
                get_request_handler,
                APIRouter,  # because
                get_websocket_app,
            )
            from fastapi.routing import APIWebSocketRoute, websocket_session; import os
            """
        ).encode()
    )

    assert done.source.decode() == textwrap.dedent(
        """
        # first
        from microfw.routing import (  # why
            Route,
            Router,  # because
        )
        from fastapi.routing import (  # why
            get_request_handler,
            get_websocket_app,
        )
        from microfw.routing import WebSocketRoute; from fastapi.routing import websocket_session; import os
        """
    )
    assert [finding.line for finding in done.left] == [5, 7, 9]


@pytest.mark.parametrize(
    ("source", "line", "reason", "section"),
    [
        ("from fastapi import *\n", 1, "all names of fastapi are imported", "fastapi"),
        (
            "from fastapi.logger import logger\n",
            1,
            "microfw has no fastapi.logger.logger",
            "fastapi.logger",
        ),
        (
            "from fastapi.telemetry import X\n",
            1,
            "microfw has no fastapi.telemetry.X",
            "Whole modules of fastapi",
        ),
        (
            "import fastapi.openapi.models\n",
            1,
            "microfw has no module fastapi.openapi.models",
            "Whole modules of fastapi",
        ),
        (
            "import fastapi\nfastapi.FastAPI, fastapi.__version__\n",
            2,
            "microfw has no fastapi.__version__, or not in the same module",
            "fastapi",
        ),
        (
            "import fastapi.concurrency\nfastapi.concurrency.AsyncExitStack\n",
            2,
            "microfw has no fastapi.concurrency.AsyncExitStack, or not in the same module",
            "fastapi.concurrency",
        ),
        (
            "from fastapi.dependencies import models as m, utils as m\nm.Dependant\n",
            1,
            "m is also another module",
            "Whole modules of fastapi",
        ),
        ("import fastapi\nprint(fastapi)\n", 2, "fastapi is used as a whole", "fastapi"),
        (
            "import fastapi.routing\nfastapi.routing.APIRoute = 1\n",
            2,
            "fastapi.routing.APIRoute, or an attribute of it, is set",
            "fastapi.routing",
        ),
        (
            (
                "try:\n    from fastapi import status\nexcept ImportError:\n"
                "    from starlette import status\nstatus.HTTP_200_OK\n"
            ),
            5,
            "status is also something else",
            "fastapi",
        ),
        (
            "if x:\n    from fastapi import security as s\nelse:\n    import fastapi.params as s\n",
            4,
            "s is also another module",
            "fastapi.params",
        ),
        (
            "import fastapi\ndef f(x: 'fastapi.Request'): ...\n",
            2,
            "an annotation in a string names fastapi",
            "fastapi",
        ),
        (
            "patch('fastapi.routing.APIRoute')\n",
            1,
            "a string names fastapi.routing.APIRoute",
            "fastapi.routing",
        ),
    ],
)
def test_what_is_not_understood_stays_and_is_listed(
    source: str, line: int, reason: str, section: str
) -> None:
    assert left(source) == [(line, reason, section)]


def test_an_annotation_in_a_string_keeps_the_name() -> None:
    done = migrated(
        b"from fastapi import FastAPI\ndef f(x: 'FastAPI', y: Foo[g(z='FastAPI')]): ...\n"
    )

    assert done.source.startswith(b"from microfw import App as FastAPI\ndef f(x: 'FastAPI'")
    assert [(finding.line, finding.reason) for finding in done.left] == [
        (2, "an annotation in a string names FastAPI, so the file keeps that name")
    ]


def test_sections_are_those_of_the_page() -> None:
    headings = re.findall("^### (.*)$", PAGE.replace("`", ""), re.MULTILINE)

    assert {section_of(module) for module in [*MODULES, "fastapi.telemetry"]} <= {*headings}


def test_names_of_packages_that_are_not_installed_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "microfw.templating", None)

    found = target_of("fastapi.templating", "Jinja2Templates")

    assert found == "microfw.templating.Jinja2Templates"


LINES = st.sampled_from(
    [
        "import fastapi",
        "import fastapi as f",
        "import fastapi.routing, os",
        "from fastapi import FastAPI, APIRouter as R, status",
        "from fastapi import APIRouter",
        "from fastapi.routing import (APIRouter, get_request_handler,\n    APIRoute)",
        "from fastapi.responses import ORJSONResponse, UJSONResponse",
        "App = 1",
        "Router: 'APIRouter' = APIRouter()",
        "fastapi.FastAPI(f.status)",
        "fastapi.encoders.isoformat",
        "FastAPI(APIRoute, R, status.HTTP_200_OK)",
        "def g(FastAPI=FastAPI): return FastAPI",
        "fastapi.__version__",
    ]
)


@given(st.lists(LINES, max_size=8))
def test_once_is_as_good_as_twice(lines: list[str]) -> None:
    once = migrated("\n".join(lines).encode())
    twice = migrated(once.source)

    assert twice.source == once.source
    compile(once.source, "once.py", "exec")
