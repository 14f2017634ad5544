"""The annotations of a callable, read and evaluated."""

import functools
import inspect
import re
import sys
from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Annotated, Any, ForwardRef, TypeVar, get_args, get_origin, get_type_hints

from microfw.dependencies._declared import Declared
from microfw.dependencies._declared import Depends as Dependency
from microfw.exceptions import UnresolvableAnnotationError

# Since CPython 3.14 annotations are evaluated when they are read. What is not defined, or not yet,
# is read as a `ForwardRef` there: annotationlib.Format.FORWARDREF.
_IS_LAZY = sys.version_info >= (3, 14)
_OF_FUNCTION: dict[str, Any] = {"format": 3}
_OF_SIGNATURE: dict[str, Any] = {"annotation_format": 3} if _IS_LAZY else {}

annotations_of: Callable[[Any], dict[str, Any]] = (
    functools.partial(inspect.get_annotations, **_OF_FUNCTION)
    if _IS_LAZY
    else attrgetter("__annotations__")
)


def inspect_signature(call: Any) -> inspect.Signature:
    """What `inspect.signature` returns, also where an annotation names something unknown.

    Raises:
        ValueError: It is a callable made in C that does not tell.
        TypeError: As above.
    """
    return inspect.signature(call, **_OF_SIGNATURE)


def names_known_to(function: Any, call: Any) -> dict[str, Any]:
    """The global names, and those of enclosing functions, that annotations may use."""
    module = sys.modules.get(getattr(call, "__module__", ""))
    names = dict(getattr(function, "__globals__", None) or getattr(module, "__dict__", {}))
    code = getattr(function, "__code__", None)
    closure = getattr(function, "__closure__", None) or ()
    for name, cell in zip(getattr(code, "co_freevars", ()), closure, strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return names


def is_evaluated(annotation: Any) -> bool:
    """Whether an annotation is a class, or made of classes alone."""
    if isinstance(annotation, type):
        return True
    if get_origin(annotation) is Annotated:
        return is_evaluated(annotation.__origin__)
    parts = get_args(annotation)
    return bool(parts) and all(map(is_evaluated, parts))


def resolved(
    annotation: Any, names: Callable[[], dict[str, Any]], what: str, place: Callable[[], str]
) -> Any:
    """The annotation with the strings in it evaluated.

    Raises:
        UnresolvableAnnotationError: It names something unknown, or is no type.
    """
    for each in getattr(annotation, "__metadata__", ()):
        reference = _forward_reference_in(each)
        if reference is not None:
            raise _unknown(annotation, repr(reference.__forward_arg__), what, place)
    if is_evaluated(annotation):
        return annotation
    try:
        holder = SimpleNamespace(__annotations__={"it": annotation})
        # With a namespace of its own: one `Optional["X"]` may stand for different classes X.
        return get_type_hints(holder, names(), {}, include_extras=True)["it"]
    except (NameError, AttributeError) as error:
        name = error.name if isinstance(error, NameError) else None
        raise _unknown(
            annotation, repr(name) if name else _as_written(annotation), what, place
        ) from error
    except Exception as error:
        raise UnresolvableAnnotationError(
            f"the annotation {_as_written(annotation)} of {what} is no type: {error}",
            where=place(),
            cure="write a type, without quotes if it is a type already",
        ) from error


def _forward_reference_in(declared: Any, depth: int = 2) -> ForwardRef | None:
    """What a declaration such as `Depends(...)` has been given in place of an unknown object."""
    if isinstance(declared, ForwardRef):
        return declared
    held: Any = vars(declared) if isinstance(declared, Declared) else declared
    if not depth or not isinstance(held, dict):
        return None
    values: list[Any] = [*held.values()]
    return next(filter(None, (_forward_reference_in(each, depth - 1) for each in values)), None)


def _unknown(
    annotation: Any, name: str, what: str, place: Callable[[], str]
) -> UnresolvableAnnotationError:
    return UnresolvableAnnotationError(
        f"the annotation {_as_written(annotation)} of {what} names {name}, which is not known",
        where=place(),
        cure=f"make {name} importable from the function's module: define or import it at the"
        " module's top level, outside of `if TYPE_CHECKING:` and of other functions",
    )


def names_a_dependency(annotation: Any, default: Any) -> bool:
    """Whether a parameter is filled by a dependency, whatever the type in its annotation is."""
    declarations = (default, *getattr(annotation, "__metadata__", ()))
    return any(isinstance(each, Dependency) and callable(each.dependency) for each in declarations)


def without_type(annotation: Any) -> Any:
    """The annotation with `Any` in place of its type."""
    metadata = getattr(annotation, "__metadata__", ())
    return Annotated[Any, *metadata] if metadata else Any


def _as_written(annotation: Any) -> str:
    """An annotation for a message; what it refers to forward is the text in quotes."""
    if get_origin(annotation) is Annotated:
        return f"Annotated[{_as_written(annotation.__origin__)}, ...]"
    if isinstance(annotation, type):
        return annotation.__qualname__
    return re.sub(r"ForwardRef\(('.*?').*?\)", r"\1", repr(annotation))


def with_types(annotation: Any, types: dict[Any, Any]) -> Any:
    """The annotation with its type variables replaced."""
    if isinstance(annotation, TypeVar):
        return types.get(annotation, annotation)
    variables: tuple[Any, ...] = getattr(annotation, "__parameters__", ())
    if not variables or isinstance(annotation, type):
        return annotation
    return annotation[tuple(types.get(variable, variable) for variable in variables)]
