"""What `microfw openapi` prints, writes and compares."""

import json

import pytest

from microfw.applications import App
from microfw.cli._commands import _introduction
from microfw.cli._discovery import find
from tests.cli.conftest import Folder

APP = """
from microfw import App
app = App(title="Shop")
@app.get("/items")
def read() -> int: ...
"""
ODD = """
from typing import Annotated
from pydantic import BaseModel, ConfigDict
from microfw import App, Body
class Odd: ...
class Strange(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    odd: Odd
app = App()
@app.post("/")
def create(strange: Annotated[Strange, Body()]): ...
"""


def test_the_document_is_printed(folder: Folder) -> None:
    folder.write("main.py", APP)

    printed = folder.output("openapi")

    assert json.loads(printed)["info"]["title"] == "Shop"
    assert printed.startswith('{\n  "openapi": "3.1.0",\n')
    assert printed.endswith("}\n")


def test_the_document_is_written_and_is_up_to_date_until_something_changes(folder: Folder) -> None:
    folder.write("main.py", APP)

    assert folder.output("openapi", "main", "-o", "api.json") == ""
    assert folder.output("openapi", "main", "--check", "api.json") == ""
    folder.write("api.json", (folder.path / "api.json").read_text().replace('"Shop"', '"Store"'))
    assert folder.error("openapi", "main", "--check", "api.json") == (
        "Error: api.json is not up to date\n"
        "  --- api.json\n"
        "  +++ now\n"
        "  @@ -1,7 +1,7 @@\n"
        "   {\n"
        '     "openapi": "3.1.0",\n'
        '     "info": {\n'
        '  -    "title": "Store",\n'
        '  +    "title": "Shop",\n'
        '       "version": "0.1.0"\n'
        "     },\n"
        '     "paths": {\n'
        "  cure: run microfw openapi -o api.json\n"
    )


def test_a_file_that_is_not_there_is_not_up_to_date(folder: Folder) -> None:
    folder.write("main.py", APP)

    assert folder.error("openapi", "--check", "api.json") == (
        "Error: there is no api.json\n  cure: run microfw openapi -o api.json\n"
    )


def test_a_type_without_a_schema_is_reported(folder: Folder) -> None:
    folder.write("main.py", ODD)

    what, where, cure = folder.error("openapi").splitlines()

    assert what.startswith("Error: POST /: 'strange', which 'create' reads, has no schema")
    assert where == "  in:   create (main.py:10)"
    assert cure.startswith("  cure: use a type that has a JSON schema")


@pytest.mark.parametrize(
    ("options", "address", "told"),
    [
        ("", "127.0.0.1:8000", "documented at http://127.0.0.1:8000/docs"),
        ("docs_url='/help'", None, "documented at /help"),
        ("docs_url=None", None, "timeline at /_microfw"),
        ("openapi_url=None", None, "timeline at /_microfw"),
    ],
)
def test_dev_says_where_the_documentation_is(
    folder: Folder, options: str, address: str | None, told: str
) -> None:
    folder.write("main.py", f"from microfw import App\napp = App({options})\n")
    found = find(None)

    assert isinstance(found.app, App)
    assert [*_introduction(found, address)][-1] == f"  {told}"
