"""Which library does what is to be done with the values of a type.

msgspec validates and writes Structs, attrs classes and whatever holds one, or is annotated with
`msgspec.Meta`; pydantic everything else. Another library would be another `Converter`.
"""

from collections.abc import Callable, Hashable
from functools import partial
from types import GenericAlias, UnionType
from typing import Any, NamedTuple, Protocol, TypeVar, cast, get_args, get_origin
from weakref import WeakKeyDictionary, WeakValueDictionary

from microfw._models.encoding import plain_data
from microfw._models.errors import Convert, Invalid
from microfw._models.hashes import HARMLESS, HashGuard, hashed_types
from microfw._models.parsing import decoder
from microfw._models.plain import is_builtin
from microfw._models.secrets import Conceal, concealer_of
from microfw._models.selection import Encode, Encoders, Selection
from microfw._models.with_msgspec import MsgspecConverter, is_of_msgspec

Function = TypeVar("Function", bound=Callable[..., Any])


class Converter(Protocol):
    """What a library does with the values of one type.

    It is made when a route is added, and makes the functions that requests call. These raise
    `Invalid` about a value that does not fit.
    """

    def from_text(self) -> Convert:
        """Make the function that takes text; for collections a list, for classes a dict of it."""
        ...

    def from_data(self) -> Callable[[Any, int], Any]:
        """Make the function that takes plain data, and the size of the body in which it was."""
        ...

    def from_json(self) -> Convert:
        """Make the function that takes a body's bytes."""
        ...

    def from_result(self) -> Convert:
        """Make the function that takes a result, and returns what the type names of it."""
        ...

    def to_json(self, selection: Selection, encoders: Encoders) -> Encode:
        """Make the function that takes a result, and writes what the type names of it."""
        ...


_in_use: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
"""Those that some route has; routes have types in common."""


def converter_of(annotation: Any, *, instances: bool = False) -> Converter:
    """Choose the library for a type.

    Args:
        annotation: The type.
        instances: Whether classes that are no types of values stand for their instances.

    Raises:
        UnsupportedTypeError: It makes no values of the type.
        ConstraintError: A constraint does not fit the type.
    """
    key = None if instances else _identity(annotation)
    known: Converter | None = _in_use.get(key)
    if known is None:
        known = _made(annotation, instances=instances)
        if key is not None:
            _in_use[key] = known
    return known


def _identity(annotation: Any) -> Hashable:
    """Tell types apart while they are held: `list[Item]` is the same wherever it is written."""
    if isinstance(annotation, type):
        return id(annotation)
    if type(annotation) is GenericAlias or type(annotation) is UnionType:
        parts = [_identity(each) for each in (get_origin(annotation), *get_args(annotation))]
        return None if None in parts else tuple(parts)
    return None


def _made(annotation: Any, *, instances: bool) -> Converter:
    if not is_builtin(annotation) and is_of_msgspec(annotation):
        return MsgspecConverter(annotation, partial(converter_of, instances=instances))
    from microfw._models.with_pydantic import PydanticConverter  # with the first that needs it

    return PydanticConverter(annotation, instances=instances)


class _Care(NamedTuple):
    """What is done beside converting values of a type."""

    guard: HashGuard | None = None
    conceal: Conceal | None = None


_NO_CARE = _Care()
_known_care: WeakKeyDictionary[Converter, _Care] = WeakKeyDictionary()


def _care_for(converter: Converter, annotation: Any) -> _Care:
    if is_builtin(annotation):
        return _NO_CARE
    care = _known_care.get(converter)
    if care is None:
        types = hashed_types(annotation)
        guard = HashGuard([converter_of(kind).from_text() for kind in types]) if types else None
        care = _known_care[converter] = _Care(guard, concealer_of(annotation))
    return care


def text_converter(annotation: Any, *, instances: bool = False) -> Convert:
    """Make the function that takes what was sent as text.

    Args:
        annotation: The type.
        instances: Whether what is no text, a file, stands in it by its class.

    Raises:
        UnsupportedTypeError: Text cannot become a value of the type.
        ConstraintError: A constraint does not fit the type.
    """
    converter = converter_of(annotation, instances=instances)
    convert = converter.from_text()
    guard, conceal = _care_for(converter, annotation)
    if guard is not None:
        convert = _checked(guard.check, convert)
    return _concealing(convert, conceal)


class JSONConverter:
    """What a route does with JSON for one declared type.

    Raises:
        UnsupportedTypeError: JSON cannot become a value of the type.
        ConstraintError: A constraint does not fit the type.
    """

    __slots__ = ("convert", "decode")

    convert: Callable[[Any, int], Any]
    """Take plain data, and the size of the body in which it was; raise `Invalid`."""
    decode: Convert
    """Take the bytes of a body; raise `Invalid` where they do not fit."""

    def __init__(self, annotation: Any) -> None:
        converter = converter_of(annotation)
        convert, decode = converter.from_data(), converter.from_json()
        guard, conceal = _care_for(converter, annotation)
        if guard is not None:
            convert = _guarded_part(guard, convert)
            decode = _guarded_whole(convert, decode)
        self.convert = _concealing(convert, conceal)
        self.decode = _concealing(decode, conceal)


def _checked(check: Callable[[Any], None], convert: Convert) -> Convert:
    def check_and_convert(sent: Any) -> Any:
        check(sent)
        return convert(sent)

    return check_and_convert


def _guarded_part(
    guard: HashGuard, convert: Callable[[Any, int], Any]
) -> Callable[[Any, int], Any]:
    def convert_guarded(received: Any, size: int) -> Any:
        if size > HARMLESS:
            guard.check(received)
        return convert(received, size)

    return convert_guarded


def _guarded_whole(convert: Callable[[Any, int], Any], decode: Convert) -> Convert:
    decode_large = decoder(convert)
    return lambda data: decode(data) if len(data) <= HARMLESS else decode_large(data)


def _concealing(convert: Function, conceal: Conceal | None) -> Function:
    if conceal is None:
        return convert

    def convert_and_conceal(*received: Any) -> Any:
        try:
            return convert(*received)
        except Invalid as problem:
            if problem.errors[0]["type"] != "json_invalid":  # which shows nothing
                problem.errors = conceal(problem.errors)
            raise

    return cast("Function", convert_and_conceal)


def dumper_of(annotation: Any) -> Convert:
    """Make the function that writes a value as plain data from which its type makes it again.

    What it cannot write makes it raise a `TypeError` or a `ValueError`.
    """
    if annotation is Any or is_of_msgspec(annotation):
        return plain_data
    from pydantic import TypeAdapter  # with the first type that needs it

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    return partial(adapter.dump_python, mode="json", by_alias=True, warnings=False)
