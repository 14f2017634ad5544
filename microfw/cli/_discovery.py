"""Finds the application that a command is about."""

import ast
import inspect
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct

from microfw.applications import App
from microfw.cli._failures import CommandError, ImportFailure

VARIABLE = "MICROFW_APP"
OBJECTS = ("app", "api", "application")
FACTORIES = ("create_app", "make_app", "get_app")
PLACES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
PLACES_IN_SOURCE = ("main.py", "app.py", "api.py", "__init__.py")

_TARGET = re.compile(r"(?P<module>[^:].*?)(?::(?P<object>[^:\\/]+))?")
_CURE = (
    "name it, module:app or path/to/file.py, or write it into pyproject.toml:"
    ' [tool.microfw] app = "module:app"'
)


class Found(Struct, frozen=True):
    """The application, and how it was found.

    Attributes:
        app: The application; what a name stands for may be another ASGI application.
        target: `module:object`, with `()` behind a factory.
        folder: The folder from which the module is imported.
        reason: Why it is this one.
    """

    app: Any
    target: str
    folder: Path
    reason: str


class _Place(Struct, frozen=True):
    """Where to look for an application."""

    module: str
    object: str | None
    folder: Path
    reason: str


def find(target: str | None, here: Path | None = None) -> Found:
    """Find an application and import it.

    By the target, else by the variable `MICROFW_APP`, else by `[tool.microfw] app` in
    `pyproject.toml`, else in the usual places.

    Args:
        target: A module, a file, or one of these with `:object` or `:factory()` behind it.
        here: The folder to start from; the working directory where none is given.

    Raises:
        CommandError: There is none, or more than one.
        ImportFailure: Its module cannot be imported.
    """
    place = _place(target, here or Path.cwd())
    module = _imported(place)
    name = place.object or _name_in(module, place)
    return Found(_made(module, name, place), f"{place.module}:{name}", place.folder, place.reason)


def _place(target: str | None, here: Path) -> _Place:
    if target is not None:
        return _place_of(target, here, "named on the command line")
    named = os.environ.get(VARIABLE)
    if named:
        return _place_of(named, here, f"named by {VARIABLE}")
    return _place_in_project(here) or _usual_place(here)


def _place_in_project(here: Path) -> _Place | None:
    """What the nearest `pyproject.toml` names; one further up only where nothing is here."""
    for folder in (here, *here.parents):
        project = folder / "pyproject.toml"
        if project.is_file():
            named = _named_in(project)
            is_here = folder != here and any(map(_makes_application, _usual_files(here)))
            if named is None or is_here:
                return None
            return _place_of(named, folder, f"named in {project.name}")
    return None


def _named_in(project: Path) -> str | None:
    try:
        tools = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {})
    except ValueError as error:
        raise CommandError(f"{project} cannot be read: {error}", "correct it") from None
    named = tools.get("microfw", {}).get("app")
    if named is not None and not isinstance(named, str):
        raise CommandError(f"{project} says [tool.microfw] app = {named!r}", 'write "module:app"')
    return named


def _place_of(target: str, here: Path, reason: str) -> _Place:
    found = _TARGET.fullmatch(target)
    if found is None:
        raise CommandError(f"{target!r} names no application", _CURE)
    module, name = found["module"], found["object"]
    path = here / module
    if module.endswith(".py") or path.is_dir():
        return _place_of_file(path, name, reason)
    return _Place(module, name, here, reason)


def _place_of_file(path: Path, name: str | None, reason: str) -> _Place:
    if path.is_dir():
        inside = [path / each for each in PLACES_IN_SOURCE if (path / each).is_file()]
        if not inside:
            raise CommandError(f"{path} holds none of {', '.join(PLACES_IN_SOURCE)}", _CURE)
        path = inside[0]
    if not path.is_file():
        raise CommandError(f"there is no file {path}", _CURE)
    path = path.resolve()
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return _Place(".".join(parts), name, folder, reason)


def _usual_files(here: Path) -> list[Path]:
    """The files in the usual places: those that make an application, if any do."""
    existing = [path for each in PLACES if (path := here / each).is_file()]
    for folder in sorted((here / "src").glob("*/")):
        existing += [path for each in PLACES_IN_SOURCE if (path := folder / each).is_file()]
    return [path for path in existing if _makes_application(path)] or existing


def _usual_place(here: Path) -> _Place:
    making = _usual_files(here)
    if not making:
        raise CommandError(
            f"no application in {here}: there is none of {', '.join(PLACES)} and src/*/", _CURE
        )
    if len(making) > 1:
        names = " and ".join(str(path.relative_to(here)) for path in making)
        raise CommandError(f"there is more than one application: in {names}", _CURE)
    return _place_of_file(making[0], None, f"found in {making[0].relative_to(here)}")


def _makes_application(path: Path) -> bool:
    """Tell whether a file looks as if it made an application; it is not imported."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return True  # importing it says what is wrong
    return any(
        (isinstance(node, ast.Call) and _called(node) in ("App", "FastAPI"))
        or (isinstance(node, ast.FunctionDef) and node.name in FACTORIES)
        for node in ast.walk(tree)
    )


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _imported(place: _Place) -> ModuleType:
    folder = str(place.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return import_module(place.module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place.module}.".startswith(f"{error.name}."):
            raise CommandError(
                f"there is no module {error.name!r} in {place.folder}", _CURE
            ) from None
        raise ImportFailure(place.module, error) from error
    except Exception as error:
        raise ImportFailure(place.module, error) from error


def _name_in(module: ModuleType, place: _Place) -> str:
    """The name of a module's application, or of the function that makes it."""
    applications = {name: each for name, each in vars(module).items() if isinstance(each, App)}
    for name in OBJECTS:
        if name in applications:
            return name
    different = {id(each): name for name, each in applications.items()}
    if not different:
        factories = [*_factories(module)]
        if factories:
            return f"{_only(factories, place)}()"
        raise CommandError(
            f"{place.module!r} holds no application and no function that makes one", _CURE
        )
    return _only([*different.values()], place)


def _only(names: Sequence[str], place: _Place) -> str:
    if len(names) > 1:
        raise CommandError(
            f"{place.module!r} holds more than one application: {' and '.join(names)}",
            f"name one, {place.module}:{names[0]}",
        )
    return names[0]


def _factories(module: ModuleType) -> Iterator[str]:
    for name, each in vars(module).items():
        is_own = inspect.isfunction(each) and each.__module__ == module.__name__
        if is_own and (name in FACTORIES or _returns_application(each)):
            yield name


def _returns_application(function: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError, NameError):
        return False
    required = [p for p in signature.parameters.values() if p.default is p.empty]
    return not required and signature.return_annotation in (App, "App")


def _made(module: ModuleType, name: str, place: _Place) -> Any:
    """Evaluate `object`, `object.attribute` or `factory(arguments)`, with literal arguments."""
    try:
        expression = ast.parse(name, mode="eval").body
    except SyntaxError:
        raise CommandError(f"{name!r} names nothing in {place.module!r}", _CURE) from None
    if not isinstance(expression, ast.Call):
        return _looked_up(module, expression, place)
    factory = _looked_up(module, expression.func, place)
    try:
        positional = [ast.literal_eval(each) for each in expression.args]
        named = {each.arg or "": ast.literal_eval(each.value) for each in expression.keywords}
    except ValueError:
        raise CommandError(
            f"the arguments of {name!r} are no literals", "write numbers, strings, lists, ..."
        ) from None
    try:
        return factory(*positional, **named)
    except Exception as error:
        raise ImportFailure(f"{place.module}:{name}", error) from error


def _looked_up(module: ModuleType, expression: ast.expr, place: _Place) -> Any:
    name = ast.unparse(expression)
    found: Any = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise CommandError(f"there is no {name!r} in {place.module!r}", _CURE) from None
    return found
