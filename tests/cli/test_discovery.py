"""Where a command finds the application that it is about."""

import pytest

from microfw.cli._discovery import find
from tests.cli.conftest import Folder

APP = "from microfw import App\napp = App()\n"
FACTORY = "from microfw import App\ndef create_app(title='made'):\n    return App(title=title)\n"
CURE = (
    "  cure: name it, module:app or path/to/file.py, or write it into pyproject.toml:"
    ' [tool.microfw] app = "module:app"\n'
)


@pytest.mark.parametrize(
    ("files", "target", "found", "reason"),
    [
        ({"main.py": APP}, None, "main:app", "found in main.py"),
        ({"app/main.py": APP}, None, "main:app", "found in app/main.py"),
        ({"app/main.py": APP, "app/__init__.py": ""}, None, "app.main:app", "found in app/main.py"),
        ({"src/shop/api.py": APP, "src/shop/__init__.py": ""}, None, "shop.api:app", "found in src/shop/api.py"),
        ({"src/shop/__init__.py": APP}, None, "shop:app", "found in src/shop/__init__.py"),
        ({"main.py": "from core import app\n", "core.py": APP}, None, "main:app", "found in main.py"),
        ({"main.py": APP, "app.py": "settings = 1\n"}, None, "main:app", "found in main.py"),
        ({"api.py": FACTORY}, None, "api:create_app()", "found in api.py"),
        ({"main.py": "import microfw\nshop = microfw.App()\n"}, None, "main:shop", "found in main.py"),
        (
            {"main.py": "from microfw import App\nshop = App()\nother = shop\n"},
            None,
            "main:other",
            "found in main.py",
        ),
        (
            {"main.py": "def odd(): ...\nodd.__signature__ = 1\nfrom microfw import App\ndef made() -> App:\n    return App()\n"},
            None,
            "main:made()",
            "found in main.py",
        ),
        ({"shop.py": APP}, "shop", "shop:app", "named on the command line"),
        ({"shop.py": APP}, "shop:app", "shop:app", "named on the command line"),
        ({"shop.py": APP}, "shop.py", "shop:app", "named on the command line"),
        ({"in/shop.py": APP}, "in/shop.py:app", "shop:app", "named on the command line"),
        ({"in/main.py": APP}, "in", "main:app", "named on the command line"),
        ({"a/__init__.py": "", "a/b.py": "from .c import app\n", "a/c.py": APP}, "a/b.py", "a.b:app", "named on the command line"),
        ({"shop.py": FACTORY}, "shop:create_app('named')", "shop:create_app('named')", "named on the command line"),
        ({"shop.py": FACTORY}, "shop:create_app(title='named')", "shop:create_app(title='named')", "named on the command line"),
        ({"shop.py": f"{APP}class web:\n    inner = app\n"}, "shop:web.inner", "shop:web.inner", "named on the command line"),
        (
            {"shop.py": APP, "pyproject.toml": '[tool.microfw]\napp = "shop:app"\n'},
            None,
            "shop:app",
            "named in pyproject.toml",
        ),
        (
            {"main.py": APP, "pyproject.toml": '[project]\nname = "shop"\n'},
            None,
            "main:app",
            "found in main.py",
        ),
    ],
)  # fmt: skip
def test_an_application_is_found(
    folder: Folder, files: dict[str, str], target: str | None, found: str, reason: str
) -> None:
    for name, text in files.items():
        folder.write(name, text)

    application = find(target)

    assert (application.target, application.reason) == (found, reason)
    assert type(application.app).__name__ == "App"


def test_the_project_file_of_a_folder_above_names_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("pyproject.toml", '[tool.microfw]\napp = "shop:app"\n')
    folder.write("shop.py", APP)
    monkeypatch.chdir(folder.write("below/here/nothing.txt", "").parent)

    assert find(None).folder == folder.path


def test_an_application_in_the_folder_itself_comes_before_what_a_folder_above_names(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("pyproject.toml", '[tool.microfw]\napp = "shop:app"\n')
    monkeypatch.chdir(folder.write("below/main.py", APP).parent)

    application = find(None)

    assert (application.target, application.folder) == ("main:app", folder.path / "below")
    assert application.reason == "found in main.py"


def test_the_environment_names_it_ahead_of_the_project_file(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("pyproject.toml", '[tool.microfw]\napp = "shop:app"\n')
    folder.write("other.py", APP)
    monkeypatch.setenv("MICROFW_APP", "other:app")

    application = find(None)

    assert (application.target, application.reason) == ("other:app", "named by MICROFW_APP")


@pytest.mark.parametrize(
    ("files", "target", "message"),
    [
        (
            {},
            None,
            ("Error: no application in FOLDER: there is none of main.py, app.py, api.py, app/main.py,"
            f" app/app.py, app/api.py and src/*/\n{CURE}"),
        ),
        (
            {"main.py": APP, "app/main.py": APP},
            None,
            f"Error: there is more than one application: in main.py and app/main.py\n{CURE}",
        ),
        (
            {"main.py": "from microfw import App\nshop, museum = App(), App()\n"},
            None,
            ("Error: 'main' holds more than one application: shop and museum\n"
            "  cure: name one, main:shop\n"),
        ),
        (
            {"main.py": "print\n"},
            None,
            f"Error: 'main' holds no application and no function that makes one\n{CURE}",
        ),
        ({}, "shop:app", f"Error: there is no module 'shop' in FOLDER\n{CURE}"),
        ({"a/__init__.py": ""}, "a.b:app", f"Error: there is no module 'a.b' in FOLDER\n{CURE}"),
        ({"shop.py": APP}, "shop:shop", f"Error: there is no 'shop' in 'shop'\n{CURE}"),
        ({"shop.py": APP}, "shop:1 +", f"Error: '1 +' names nothing in 'shop'\n{CURE}"),
        ({}, "in/shop.py", f"Error: there is no file FOLDER/in/shop.py\n{CURE}"),
        (
            {"in/other.py": APP},
            "in",
            f"Error: FOLDER/in holds none of main.py, app.py, api.py, __init__.py\n{CURE}",
        ),
        ({}, ":app", f"Error: ':app' names no application\n{CURE}"),
        (
            {"shop.py": FACTORY},
            "shop:create_app(name)",
            ("Error: the arguments of 'create_app(name)' are no literals\n"
            "  cure: write numbers, strings, lists, ...\n"),
        ),
        (
            {"pyproject.toml": "[tool.microfw]\napp = 1\n"},
            None,
            ("Error: FOLDER/pyproject.toml says [tool.microfw] app = 1\n"
            '  cure: write "module:app"\n'),
        ),
        (
            {"pyproject.toml": "["},
            None,
            ("Error: FOLDER/pyproject.toml cannot be read: Invalid initial character for a key part"
            " (at end of document)\n  cure: correct it\n"),
        ),
        (
            {"shop.py": "app = 1\n"},
            "shop:app",
            ("Error: shop:app is int, no application of microfw's\n"
            "  cure: name the App inside of it\n"),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_found_is_said_with_a_cure(
    folder: Folder, files: dict[str, str], target: str | None, message: str
) -> None:
    for name, text in files.items():
        folder.write(name, text)

    assert folder.error("routes", *([] if target is None else [target])) == message


@pytest.mark.parametrize(
    ("files", "target", "message"),
    [
        (
            {"main.py": "import shop\napp = 1\n", "shop.py": "\nimport nowhere_to_be_found\n"},
            "main",
            (
                "Error: 'main' could not be imported\n"
                "  shop.py:2: ModuleNotFoundError: No module named 'nowhere_to_be_found'\n"
                "  cure: correct it; --traceback shows the whole traceback\n"
            ),
        ),
        (
            {"main.py": "def broken(:\n"},
            None,
            (
                "Error: 'main' could not be imported\n"
                "  main.py:1: SyntaxError: invalid syntax\n"
                "  cure: correct it; --traceback shows the whole traceback\n"
            ),
        ),
        (
            {"main.py": "import json\napp = json.loads('{')\n"},
            "main",
            (
                "Error: 'main' could not be imported\n"
                "  main.py:2: JSONDecodeError: Expecting property name enclosed in double quotes: line 1"
                " column 2 (char 1)\n"
                "  cure: correct it; --traceback shows the whole traceback\n"
            ),
        ),
        (
            {"main.py": "def create_app():\n    raise ValueError('no settings')\n"},
            "main:create_app()",
            (
                "Error: 'main:create_app()' could not be imported\n"
                "  main.py:2: ValueError: no settings\n"
                "  cure: correct it; --traceback shows the whole traceback\n"
            ),
        ),
        (
            {
                "main.py": "from microfw import App, Depends\napp = App()\n"
                "@app.get('/')\ndef read(db=Depends('db')): ...\n"
            },
            None,
            (
                "Error: 'main' could not be imported\n"
                "  main.py:3: NotCallableError: parameter 'db' depends on 'db', which cannot be called\n"
                "    in:   read (main.py:3)\n"
                "    cure: give `Depends` the function itself, `Depends(get_it)`, not what it returns\n"
            ),
        ),
    ],
)
def test_a_failed_import_shows_the_authors_own_line(
    folder: Folder, files: dict[str, str], target: str | None, message: str
) -> None:
    for name, text in files.items():
        folder.write(name, text)

    assert folder.error("routes", *([] if target is None else [target])) == message


def test_the_whole_traceback_is_shown_when_asked_for(folder: Folder) -> None:
    folder.write("main.py", "import json\napp = json.loads('{')\n")

    shown = folder.error("--traceback", "routes", "main")

    assert shown.startswith("Traceback (most recent call last):\n")
    assert "json/decoder.py" in shown
    assert shown.endswith("cure: correct it; --traceback shows the whole traceback\n")


def test_an_error_without_a_line_of_the_authors_is_shown_as_it_is(folder: Folder) -> None:
    folder.write("main.py", "create_app = int\n")

    assert folder.error("routes", "main:create_app('x')") == (
        "Error: \"main:create_app('x')\" could not be imported\n"
        "  ValueError: invalid literal for int() with base 10: 'x'\n"
        "  cure: correct it; --traceback shows the whole traceback\n"
    )
