"""The shapes of types that hold others: collections, tuples, dictionaries, unions."""

import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeGuard

from microfw._validation._constraints import Family
from microfw._validation._errors import MOST_ERRORS, Error, Invalid, below, invalid, missing
from microfw._validation._hashes import check_hashes
from microfw._validation._plain import is_array, is_hashable, is_mapping
from microfw._validation._shape import Convert, Shape

# The first that the type is a subclass of decides.
COLLECTIONS: tuple[tuple[type[Any], type[Any], Family, tuple[str, str]], ...] = (
    (
        frozenset,
        frozenset,
        Family.FROZENSET,
        ("frozen_set_type", "Input should be a valid frozenset"),
    ),
    (AbstractSet, set, Family.SET, ("set_type", "Input should be a valid set")),
    (tuple, tuple, Family.TUPLE, ("tuple_type", "Input should be a valid tuple")),
    (deque, deque, Family.DEQUE, ("deque_type", "Input should be a valid deque")),
    (Iterable, list, Family.LIST, ("list_type", "Input should be a valid list")),
)
_TUPLE_REFUSAL = ("tuple_type", "Input should be a valid tuple")
_CONTAINERS = frozenset(
    {Counter, OrderedDict, defaultdict, deque, dict, frozenset, list, set, tuple}
)


def is_container(kind: type[Any]) -> bool:
    """Tell whether a class is one of Python's own containers of values.

    What only iterates is none: a database session, a file, a class of the author's.
    """
    return kind in _CONTAINERS or (
        kind.__module__ == "collections.abc" and issubclass(kind, Iterable)
    )


def collection(
    item: Shape,
    make: type[Any],
    family: Family,
    refusal: tuple[str, str],
    takes: type[Any] | tuple[type[Any], ...],
    checks_hashes: bool,
) -> Shape:
    """Make the shape of any number of items of one type; `takes` is what is converted to it."""
    convert_item = item.convert
    is_set = issubclass(make, set | frozenset)

    def convert(value: Any) -> Any:
        if not _is_collection(value, takes):
            raise invalid(*refusal, value)
        made: list[Any] = []
        errors: list[Error] = []
        for index, entry in enumerate(value):
            try:
                made.append(convert_item(entry))
                if is_set and not is_hashable(made[-1]):
                    raise invalid("set_item_not_hashable", "Set items should be hashable", entry)
            except Invalid as problem:
                errors += below(problem.errors, index)
                if len(errors) >= MOST_ERRORS:
                    break
        if errors:
            raise Invalid(errors)
        if checks_hashes:
            check_hashes(made, value)
        return made if make is list else make(made)

    more = ", ..." if family is Family.TUPLE else ""
    return Shape(f"{make.__name__}[{item.label}{more}]", convert, (make,), family, refusal)


def _is_collection(value: object, takes: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, takes) and not isinstance(value, str | bytes | Mapping)


def fixed_tuple(items: Sequence[Shape]) -> Shape:
    """Make the shape of a tuple with a type for each of its items."""

    def convert(value: Any) -> Any:
        if not is_array(value):
            raise invalid(*_TUPLE_REFUSAL, value)
        return tuple(each(items, value, value, "Tuple", len(items)))

    label = f"tuple[{', '.join(item.label for item in items)}]"
    return Shape(label, convert, (tuple,), Family.TUPLE, _TUPLE_REFUSAL)


def each(
    shapes: Sequence[Shape], entries: Sequence[Any], value: Any, noun: str, required: int
) -> list[Any]:
    """Convert every entry by the shape at its position; `value` is what holds them all."""
    most = len(shapes)
    if len(entries) > most:
        raise invalid(
            "too_long",
            f"{noun} should have at most {most} items after validation, not {len(entries)}",
            value,
            field_type=noun,
            max_length=most,
            actual_length=len(entries),
        )
    made: list[Any] = []
    errors: list[Error] = []
    for index, (shape, entry) in enumerate(zip(shapes, entries, strict=False)):
        try:
            made.append(shape.convert(entry))
        except Invalid as problem:
            errors += below(problem.errors, index)
    errors += [missing(value, index) for index in range(len(entries), required)]
    if errors:
        raise Invalid(errors)
    return made


def dictionary(key_shape: Shape, value_shape: Shape, checks_hashes: bool) -> Shape:
    """Make the shape of any number of keys of one type, with values of another."""
    refusal = ("dict_type", "Input should be a valid dictionary")

    def convert(value: Any) -> dict[Any, Any]:
        if not is_mapping(value):
            raise invalid(*refusal, value)
        keys: list[Any] = []
        entries: list[Any] = []
        errors: list[Error] = []
        for key, entry in value.items():
            place = key if isinstance(key, str | int) else str(key)
            keys.append(_part(key_shape.convert, key, errors, place, "[key]"))
            entries.append(_part(value_shape.convert, entry, errors, place))
            if len(errors) >= MOST_ERRORS:
                break
        if errors:
            raise Invalid(errors)
        if checks_hashes:
            check_hashes(keys, value)
        return dict(zip(keys, entries, strict=True))

    label = f"dict[{key_shape.label},{value_shape.label}]"
    return Shape(label, convert, (dict,), Family.DICTIONARY, refusal)


def _part(convert: Convert, value: Any, errors: list[Error], *loc: int | str) -> Any:
    try:
        return convert(value)
    except Invalid as problem:
        errors += below(problem.errors, *loc)
        return None


# ---------------------------------------------------------------------- unions


def optional(shape: Shape) -> Shape:
    """Add `None` to what a shape takes."""
    inner = shape.convert

    def convert(value: Any) -> Any:
        return None if value is None else inner(value)

    return Shape(f"nullable[{shape.label}]", convert, (*shape.exact, type(None)))


def choice(shapes: Sequence[Shape]) -> Shape:
    """Make the shape of a union: a value keeps its type, or becomes what suits it best.

    Of several models that is the one that knows most of its keys; otherwise the first that fits.
    """

    def convert(value: Any) -> Any:
        for shape in shapes:
            if type(value) in shape.exact:
                try:
                    return shape.convert(value)
                except Invalid:
                    continue
        return _best(shapes, value)

    exact = tuple(kind for shape in shapes for kind in shape.exact)
    label = f"union[{','.join(shape.label for shape in shapes)}]"
    return Shape(label, _Once(convert), exact)


def _best(shapes: Sequence[Shape], value: Any) -> Any:
    errors: list[Error] = []
    fitting: list[tuple[int, Any]] = []
    given = value.keys() if is_mapping(value) else ()
    for shape in shapes:
        try:
            made = shape.convert(value)
        except Invalid as problem:
            errors += below(problem.errors, shape.label)
        else:
            fitting.append((len(shape.keys.intersection(given)), made))
    if not fitting:
        raise Invalid(errors)
    return max(fitting, key=lambda fit: fit[0])[1]


class _Walk(threading.local):
    """What is known in one thread while it converts a value that unions look into."""

    outcomes: dict[tuple[int, int], tuple[Any, Any, Invalid | None]] | None = None
    """What each union has made of which part, by their ids; with the part, whose id stays its own
    by that."""


_walk = _Walk()


class _Once:
    """Remembers what a union has made of the parts of a value, until the whole is made.

    Each member of a union looks into a value. Where a union holds itself, what is inside would be
    looked into twice as often with each level.
    """

    __slots__ = ("_convert",)

    def __init__(self, convert: Convert) -> None:
        self._convert = convert

    def __call__(self, value: Any) -> Any:
        if not (is_array(value) or is_mapping(value)):
            return self._convert(value)
        if _walk.outcomes is not None:
            return self._known(value, _walk.outcomes)
        _walk.outcomes = {}
        try:
            return self._convert(value)
        finally:
            _walk.outcomes = None

    def _known(
        self, value: Any, outcomes: dict[tuple[int, int], tuple[Any, Any, Invalid | None]]
    ) -> Any:
        key = id(self), id(value)
        if key not in outcomes:
            made, problem = None, None
            try:
                made = self._convert(value)
            except Invalid as raised:
                problem = raised
            outcomes[key] = value, made, problem
        _, made, problem = outcomes[key]
        if problem is not None:
            raise Invalid(problem.errors)
        return made


def tagged(key: str, shapes: Mapping[Any, Shape]) -> Shape:
    """Make the shape of a union of models that are told apart by the value under a key."""
    expected = ", ".join(repr(tag) for tag in shapes)

    def convert(value: Any) -> Any:
        tag = _tag_of(value, key, shapes)
        if tag is None:
            message = f"Unable to extract tag using discriminator '{key}'"
            raise invalid("union_tag_not_found", message, value, discriminator=f"'{key}'")
        shape = shapes.get(tag) if is_hashable(tag) else None
        if shape is None:
            raise invalid(
                "union_tag_invalid",
                f"Input tag '{tag}' found using '{key}' does not match any of the expected tags:"
                f" {expected}",
                value,
                discriminator=f"'{key}'",
                tag=str(tag),
                expected_tags=expected,
            )
        try:
            return shape.convert(value)
        except Invalid as problem:
            raise Invalid(below(problem.errors, tag)) from None

    label = f"tagged-union[{','.join(shape.label for shape in shapes.values())}]"
    return Shape(label, convert)


def _tag_of(value: Any, key: str, shapes: Mapping[Any, Shape]) -> Any:
    if is_mapping(value):
        return value.get(key)
    # A result may be of a subclass, which has a tag of its own.
    configs = (getattr(kind, "__struct_config__", None) for kind in type(value).__mro__)
    tags = (getattr(config, "tag", None) for config in configs)
    return next((tag for tag in tags if tag in shapes), None)
