"""Types for annotations, under the names at which FastAPI has them."""

from collections.abc import Callable
from typing import Any, TypeVar

from microfw._routes.options import IncEx

__all__ = ["DecoratedCallable", "IncEx"]

DecoratedCallable = TypeVar("DecoratedCallable", bound=Callable[..., Any])
