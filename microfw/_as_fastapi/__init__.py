"""Answers `import fastapi`, for libraries that import it. Nothing else imports this package."""

import importlib.metadata
import sys
import traceback
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from microfw._as_fastapi.names import MODULES, UNCALLED, VERSION
from microfw.applications import App
from microfw.exceptions import AlreadyImportedError
from microfw.openapi._failures import Failures

__all__ = ["install"]

_PACKAGE = "fastapi"


class _Module(ModuleType):
    """A module of FastAPI's that hands on the names of microfw's."""

    def __getattr__(self, name: str) -> Any:
        own, others = MODULES[self.__name__]
        if name == "__all__":  # for `from fastapi import *`
            return [*others, *(_public_names(import_module(own)) if own else ())]
        if name.startswith("__"):
            raise AttributeError(name)
        if f"{self.__name__}.{name}" in MODULES:
            return import_module(f"{self.__name__}.{name}")
        if name in others:
            home, _, real = others[name].rpartition(".")
            found: Any = getattr(import_module(home), real)
        elif own is not None and hasattr(import_module(own), name):
            found = getattr(import_module(own), name)
        else:
            raise AttributeError(f"microfw has nothing for {self.__name__}.{name}")
        vars(self)[name] = found
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if f"{self.__name__}.{name}" in UNCALLED:
            warnings.warn(
                f"{self.__name__}.{name} is replaced by {_place()}, and microfw does not call it:"
                f" {UNCALLED[f'{self.__name__}.{name}']}",
                RuntimeWarning,
                stacklevel=2,
            )
        super().__setattr__(name, value)


def _public_names(module: ModuleType) -> Iterable[str]:
    return getattr(module, "__all__", None) or (
        name for name in vars(module) if not name.startswith("_")
    )


def _place() -> str:
    """Where a name of a module is set."""
    frame = traceback.extract_stack(limit=3)[0]
    return f"{frame.filename}:{frame.lineno}"


class _Distribution(importlib.metadata.Distribution):
    """The version of FastAPI whose names these are."""

    def read_text(self, filename: str) -> str | None:
        if filename == "METADATA":
            return f"Metadata-Version: 2.1\nName: {_PACKAGE}\nVersion: {VERSION}\n"
        return None

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)


class _Finder:
    """Finds the modules of FastAPI's here, ahead of those that may be installed."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if name != _PACKAGE and not name.startswith(f"{_PACKAGE}."):
            return None
        if name not in MODULES:
            raise ModuleNotFoundError(f"microfw has nothing for the module {name}", name=name)
        is_package = any(other.startswith(f"{name}.") for other in MODULES)
        return ModuleSpec(name, _Finder, is_package=is_package)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name, f"{spec.name}, as microfw has it.")

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        if module.__name__ == _PACKAGE:
            vars(module)["__version__"] = VERSION

    @staticmethod
    def find_distributions(context: Any = None) -> Iterable[importlib.metadata.Distribution]:
        return [_Distribution()] if getattr(context, "name", None) == _PACKAGE else []


def install() -> None:
    """Answer `import fastapi` from now on; done once, however often it is called.

    Raises:
        AlreadyImportedError: FastAPI itself has been imported.
    """
    if _Finder in sys.meta_path:
        return
    imported = sys.modules.get(_PACKAGE)
    if imported is not None:
        users = sorted(name for name, module in [*sys.modules.items()] if _uses(module))
        raise AlreadyImportedError(
            f"fastapi is imported already, by {', '.join(users) or 'a module that is gone'}",
            where="install_as_fastapi()",
            cure="call it before anything else is imported, or serve with"
            " `microfw run --as-fastapi`",
        )
    sys.meta_path.insert(0, _Finder)
    App.title = "FastAPI"  # in documents of applications that say none
    Failures.as_fastapi = True


def _uses(module: Any) -> bool:
    """Whether a module of others has something of FastAPI's among its names."""
    if str(getattr(module, "__name__", "")).partition(".")[0] == _PACKAGE:
        return False
    names: dict[str, Any] = getattr(module, "__dict__", {})
    return any(_is_of_fastapi(value) for value in [*names.values()])


def _is_of_fastapi(value: Any) -> bool:
    home = value.__name__ if isinstance(value, ModuleType) else _home_of(value)
    return home.partition(".")[0] == _PACKAGE


def _home_of(value: Any) -> str:
    """The module that a class or a function is defined in."""
    home = getattr(value, "__module__", "") if callable(value) else ""
    return home if isinstance(home, str) else ""
