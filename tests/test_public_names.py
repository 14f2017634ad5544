"""What is public is listed, in order, and documented."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import microfw


def public_modules() -> Iterator[str]:
    """The package and every module below it no part of whose name begins with an underscore."""
    yield microfw.__name__
    for module in pkgutil.walk_packages(microfw.__path__, f"{microfw.__name__}."):
        if "._" not in module.name:
            yield module.name


MODULES = [importlib.import_module(name) for name in public_modules()]
NAMES = [(module, name) for module in MODULES for name in getattr(module, "__all__", ())]
OURS = {
    id(value): value
    for module, name in NAMES
    if str(getattr(value := getattr(module, name, None), "__module__", "")).startswith("microfw.")
    and hasattr(value, "__qualname__")
}.values()


def name_of(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)


@each_module
def test_a_public_module_is_documented(module: ModuleType) -> None:
    assert module.__doc__


@each_module
def test_a_public_module_lists_its_names_in_order_and_has_them(module: ModuleType) -> None:
    assert module.__all__ == sorted(set(module.__all__), key=rank)
    for name in module.__all__:
        assert hasattr(module, name)
        assert not name.startswith("_")


def test_every_name_of_the_package_is_listed_or_is_one_of_its_modules() -> None:
    modules = {module.__name__.removeprefix("microfw.") for module in MODULES}
    names = {name for name in vars(microfw) if not name.startswith("_")}
    assert names - set(microfw.__all__) <= modules


def test_what_is_written_in_applications_comes_from_the_package_itself() -> None:
    for name in ("App", "Depends", "HTTPException", "BackgroundTasks", "Request", "Response"):
        assert name in microfw.__all__


@pytest.mark.parametrize("value", OURS, ids=name_of)
def test_a_public_name_is_documented(value: Any) -> None:
    assert summary(value).endswith(".")


@pytest.mark.parametrize("value", OURS, ids=name_of)
def test_the_public_methods_of_a_public_class_are_documented(value: Any) -> None:
    bases = inspect.getmro(value)[1:] if inspect.isclass(value) else ()
    for name, member in vars(value).items():
        if name.startswith("_") or not callable(getattr(member, "__func__", member)):
            continue
        if isinstance(member, type) or any(hasattr(base, name) for base in bases):
            continue  # what a base class documents
        assert summary(member).endswith("."), f"{value.__qualname__}.{name}"


def rank(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def summary(value: Any) -> str:
    """The first paragraph of a docstring."""
    assert value.__doc__, f"{value.__qualname__} has no docstring"
    paragraph: str = value.__doc__.strip().split("\n\n")[0]
    return paragraph
