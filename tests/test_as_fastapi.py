"""`import fastapi` is answered. Each program runs in a process of its own, as modules stay imported."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from microfw._as_fastapi.names import MODULES, VERSION

PAGE = (Path(__file__).parent.parent / "docs" / "compatibility.md").read_text()
ABSENT = {"fastapi.cli", "fastapi.telemetry"}
"""The modules of which microfw has nothing."""


def run(program: str, *options: str, folder: Path | None = None, **variables: str) -> str:
    """What a program prints, errors included."""
    command = [sys.executable, *options, "-c", dedent(program)]
    return _output(command, folder, variables)


def _output(command: list[str], folder: Path | None, variables: dict[str, str]) -> str:
    import os

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    return done.stdout.strip()


def test_a_document_without_a_title_has_fastapis() -> None:
    program = """
        import microfw

        if {answered}:
            microfw.install_as_fastapi()
        print(microfw.App().openapi()["info"]["title"], microfw.App(title="Shop").title)
    """
    titles = [run(program.format(answered=answered)) for answered in (False, True)]
    assert titles == ["microfw Shop", "FastAPI Shop"]


def test_what_can_go_wrong_is_documented_as_fastapi_does() -> None:
    program = """
        import microfw

        if {answered}:
            microfw.install_as_fastapi()
        app = microfw.App()

        @app.get("/")
        async def search(text: str = "") -> None: ...

        @app.post("/")
        async def take(text: str = microfw.Form()) -> None: ...

        for each in app.openapi()["paths"]["/"].values():
            print(*each["responses"], end="; ")
    """
    answers = [run(program.format(answered=answered)) for answered in (False, True)]
    assert answers == ["200; 200 400 413 422;", "200 422; 200 422;"]


def modules_of_the_page() -> set[str]:
    """Those that have a table, and those in the table of whole modules."""
    tables = set(re.findall(r"^### `(fastapi[\w.]*)`$", PAGE, re.MULTILINE))
    whole = PAGE.partition("### Whole modules of `fastapi`")[2]
    return tables | {
        f"fastapi.{name}" for name in re.findall(r"^\| `([\w.]+)`", whole, re.MULTILINE)
    }


def test_the_modules_are_those_of_the_compatibility_page() -> None:
    known = modules_of_the_page()

    assert known - ABSENT - set(MODULES) == set()
    assert {name for name in MODULES if not any(k.startswith(name) for k in known)} == {
        "fastapi.dependencies.models",
        "fastapi.dependencies.utils",
        "fastapi.status",
    }
    assert VERSION in PAGE


def test_every_name_that_the_page_calls_the_same_is_there_at_its_place() -> None:
    program = f"""
        import importlib, sys
        sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
        import microfw
        microfw.install_as_fastapi()
        import fastapi
        names = {sorted(names_of_the_page())!r}
        missing = [n for m, n in names if not hasattr(importlib.import_module(m), n)]
        print(len(names) > 100, missing)
        from fastapi import FastAPI, status
        from fastapi.routing import APIRoute, APIRouter, APIWebSocketRoute, Mount
        print(FastAPI is microfw.App, APIRoute is microfw.Route, status.HTTP_200_OK)
    """

    assert run(program, "-Wignore").splitlines() == ["True []", "True True 200"]


def names_of_the_page() -> set[tuple[str, str]]:
    """The module and the name of what is the same."""
    found: set[tuple[str, str]] = set()
    module = ""
    for line in PAGE.splitlines():
        heading = re.fullmatch(r"### `(fastapi[\w.]*)`", line)
        if heading:
            module = heading[1]
        row = re.match(r"\| (`[^|]*`) \|[^|]*\| same \|", line)
        if row:
            found |= {(module, name) for name in re.findall(r"`(\w+)`", row[1])}
    return found


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("fastapi", "APIRouter Depends FastAPI"),
        ("fastapi.responses", "FileResponse JSONResponse"),
        ("fastapi.params", "Depends Query Security"),
        ("fastapi.exception_handlers", "http_exception_handler"),
    ],
)
def test_all_names_of_a_module_can_be_imported(module: str, names: str) -> None:
    program = f"""
        import microfw
        microfw.install_as_fastapi()
        from {module} import *
        print(*sorted(set({names.split()}) & set(globals())))
    """
    assert run(program) == names


def test_machinery_that_libraries_import_is_there() -> None:
    program = """
        import asyncio, warnings, importlib.metadata
        warnings.simplefilter("error")
        import microfw
        microfw.install_as_fastapi()
        microfw.install_as_fastapi()
        import fastapi.routing, fastapi.exceptions
        from fastapi.dependencies.models import Dependant
        from fastapi.dependencies.utils import (
            _get_body_field, _get_flat_body_params, get_dependant, get_flat_params,
            get_parameterless_sub_dependant, get_typed_annotation, get_typed_return_annotation,
            get_typed_signature, lenient_issubclass)
        from fastapi.logger import logger
        from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
        from fastapi.openapi import models
        from fastapi.responses import JSONResponse, ORJSONResponse
        from fastapi.routing import _IncludedRouter, get_request_handler, serialize_response

        def below(c: int): ...
        def call(a: int, b: "str", d: int = fastapi.Depends(below)) -> "list[int]": ...
        def unknown(a: "Nowhere"): ...

        tree = get_dependant(path="/{a}", call=call)
        print([f.name for f in get_flat_params(tree)], _get_flat_body_params(tree))
        print(_get_body_field(body_params=[], name="x", embed_body_fields=True), type(tree) is Dependant)
        print(get_typed_return_annotation(call), get_typed_return_annotation(below))
        print(get_typed_signature(unknown), get_typed_annotation("int", {}), get_typed_annotation(str, {}))
        print(lenient_issubclass(int, object), lenient_issubclass(3, int), logger.name)
        flows = models.OAuthFlows(password=models.OAuthFlow(tokenUrl="t"), implicit=None)
        print(flows, flows.password, flows.implicit, hasattr(models, "lower"))
        print(ORJSONResponse is JSONResponse, importlib.metadata.version("fastapi"))
        print([d.metadata["Name"] for d in importlib.metadata.distributions(name="fastapi")][0])
        print(importlib.metadata.distribution("fastapi").read_text("RECORD"))
        try: serialize_response()
        except fastapi.exceptions.FastAPIError as error: print(error)
        try: importlib.metadata.distribution("fastapi").locate_file("x")
        except FileNotFoundError as error: print("no files")
    """
    lines = run(program).splitlines()

    assert lines == [
        "['a', 'b', 'c'] []",
        "None True",
        "list[int] None",
        "(a: 'Nowhere') <class 'int'> <class 'str'>",
        "True False microfw",
        "{'password': {'tokenUrl': 't'}} {'tokenUrl': 't'} None False",
        f"True {VERSION}",
        "fastapi",
        "None",
        "serialize_response is inside of FastAPI, and microfw has no such step: use `microfw.encoders.jsonable_encoder`",
        "no files",
    ]


def test_what_is_not_there_cannot_be_imported() -> None:
    program = """
        import microfw
        microfw.install_as_fastapi()
        for statement in ("import fastapi.cli", "from fastapi import nothing", "import fastapi_other"):
            try: exec(statement)
            except ImportError as error: print(error)
        import fastapi.openapi
        print(hasattr(fastapi, "__nothing__"))
    """

    assert run(program).splitlines() == [
        "microfw has nothing for the module fastapi.cli",
        "cannot import name 'nothing' from 'fastapi' (unknown location)",
        "No module named 'fastapi_other'",
        "False",
    ]


def test_fastapi_itself_may_not_be_imported_before() -> None:
    program = """
        import sys, types
        user = types.ModuleType("library")
        exec("import fastapi\\nfrom fastapi.routing import APIRoute", vars(user))
        sys.modules["library"] = user
        import microfw
        try: microfw.install_as_fastapi()
        except microfw.exceptions.AlreadyImportedError as error: print(error.what)
        del sys.modules["library"]
        try: microfw.install_as_fastapi()
        except microfw.exceptions.AlreadyImportedError as error: print(error.what)
    """

    assert run(program).splitlines() == [
        "fastapi is imported already, by library",
        "fastapi is imported already, by a module that is gone",
    ]


def test_what_nothing_calls_is_replaced_with_a_warning() -> None:
    program = """
        import warnings
        import microfw
        microfw.install_as_fastapi()
        import fastapi.routing
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fastapi.routing.solve_dependencies = None
            fastapi.routing.get_request_handler = fastapi.routing.get_request_handler
        print(type(fastapi.security) is type(fastapi))
        print(len(caught), caught[0].message)
        print(fastapi.routing.get_request_handler().__name__)
    """

    assert run(program).splitlines() == [
        "True",
        "1 fastapi.routing.solve_dependencies is replaced by <string>:8, and microfw does not call it: instrument the application with OpenTelemetry's FastAPIInstrumentor alone",
        "handle_request",
    ]


def test_the_middleware_for_exit_stacks_does_nothing() -> None:
    program = """
        import microfw
        microfw.install_as_fastapi()
        from fastapi import FastAPI
        from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
        from fastapi.testclient import TestClient
        app = FastAPI()
        app.add_middleware(AsyncExitStackMiddleware)
        app.get("/")(lambda: "it")
        print(TestClient(app).get("/").json())
    """

    assert run(program) == "it"


def test_nothing_of_it_is_imported_otherwise() -> None:
    program = """
        import sys, microfw, microfw.cli, microfw.applications
        print([name for name in sys.modules if "as_fastapi" in name])
    """

    assert run(program) == "[]"


# ---------------------------------------------------------------------- the command, workers, tests

APP = """
import fastapi
app = fastapi.FastAPI(title=type(fastapi.FastAPI()).__module__)
@app.get("/")
def show(q: int = fastapi.Query(1)) -> int: return q
"""


@pytest.mark.parametrize("value", ["1", "0"])
def test_the_variable_has_it_answered_in_the_command(tmp_path: Path, value: str) -> None:
    (tmp_path / "main.py").write_text(APP)
    command = [sys.executable, "-m", "microfw", "openapi"]

    output = _output(command, tmp_path, {"MICROFW_AS_FASTAPI": value})

    told = '"title": "microfw.applications"' if value == "1" else "holds no application"
    assert told in output


def test_tests_have_it_answered_before_the_first_conftest(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import fastapi")
    (tmp_path / "test_it.py").write_text(
        "import fastapi\ndef test_it(): assert fastapi.FastAPI.__name__ == 'App'"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    assert "1 failed" in _output(command, tmp_path, {})
    assert "1 passed" in _output([*command, "-p", "microfw.as_fastapi"], tmp_path, {})


def test_two_lifespans_are_put_together_as_tortoise_orm_does() -> None:
    program = """
        from contextlib import asynccontextmanager

        import microfw

        if {answered}:
            microfw.install_as_fastapi()
        from fastapi import FastAPI, Request
        from fastapi.routing import _merge_lifespan_context
        from fastapi.testclient import TestClient

        def lifespan(name, state):
            @asynccontextmanager
            async def run(app):
                print(name, "starts")
                yield state
                print(name, "ends")

            return run

        for state in (None, {{"a": 1, "b": 1}}):
            app = FastAPI(lifespan=lifespan("own", state))

            @app.get("/")
            def read(request: Request):
                print(sorted(request.state._state.items()))

            orm = lifespan("orm", state and {{"b": 2}})
            app.router.lifespan_context = _merge_lifespan_context(orm, app.router.lifespan_context)
            with TestClient(app) as client:
                client.get("/")
    """
    ours, theirs = (run(program.format(answered=answered)) for answered in (True, False))
    starts, ends = ["orm starts", "own starts"], ["own ends", "orm ends"]
    assert ours.splitlines() == [
        *(*starts, "[]", *ends),
        *(*starts, "[('a', 1), ('b', 2)]", *ends),
    ]
    assert ours == theirs
