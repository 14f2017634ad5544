"""What a name of FastAPI's is called here, and where the documentation says what became of it."""

import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module

PACKAGE = "fastapi"
OURS = "microfw"

METHODS_LEFT_OUT: Mapping[str, tuple[str, frozenset[str]]] = {
    "FastAPI": (f"{PACKAGE}.applications", frozenset({"frontend"})),
    "APIRouter": (f"{PACKAGE}.routing", frozenset({"frontend", "handle", "matches"})),
}
"""The methods of a class that its counterpart does not have, and its module."""

_WHOLE_MODULES = "Whole modules of fastapi"


def _modules() -> Mapping[str, tuple[str | None, Mapping[str, str]]]:
    from microfw._as_fastapi.names import MODULES  # which nothing else of the command needs

    return MODULES


def is_of_fastapi(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


def home_of(module: str) -> str | None:
    """The public module that has the names of one of FastAPI's."""
    home, _ = _modules().get(module, (None, {}))
    return home if home is not None and _is_public(home) else None


def is_the_same(module: str) -> bool:
    """Whether a module can be passed around as FastAPI's can."""
    return home_of(module) == f"{OURS}{module.removeprefix(PACKAGE)}" and not _modules()[module][1]


def target_of(module: str, name: str) -> str | None:
    """Where a name is found here, such as microfw.routing.Route."""
    home, others = _modules().get(module, (None, {}))
    target = others.get(name, f"{home}.{name}")
    beside = f"{home}.{target.rpartition('.')[2]}" if target.startswith(OURS) else target
    places = [place for place in (beside, target) if _is_public(place) and _exists(place)]
    return places[0] if places else None


def is_place(text: str) -> bool:
    """Whether a text is the name of something of FastAPI's."""
    first = text.split(".")[1]
    return f"{PACKAGE}.{first}" in _modules() or target_of(PACKAGE, first) is not None


def is_alias(home: str, name: str) -> bool:
    """Whether a module has FastAPI's own name, too, as microfw has APIRouter."""
    return _exists(f"{home}.{name}")


def renamed() -> Iterator[str]:
    """FastAPI's names that are other ones here."""
    for _, others in _modules().values():
        for name, target in others.items():
            if name != target.rpartition(".")[2]:
                yield name


def section_of(module: str) -> str:
    """The section of docs/compatibility.md about a module."""
    home, _ = _modules().get(module, (None, {}))
    if module == f"{PACKAGE}.logger":
        return module
    if home != f"{OURS}{module.removeprefix(PACKAGE)}":
        return _WHOLE_MODULES
    return {f"{PACKAGE}.status": PACKAGE, f"{PACKAGE}.openapi": f"{PACKAGE}.openapi.utils"}.get(
        module, module
    )


def _is_public(place: str) -> bool:
    return not place.startswith("None.") and not any(
        part.startswith("_") for part in place.split(".")
    )


def _exists(place: str) -> bool:
    home, _, name = place.rpartition(".")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # names that are deprecated are there, too
            return hasattr(import_module(home), name)
    except ImportError:  # of a package that is not installed; the names are the same
        return True
