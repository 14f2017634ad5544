"""What msgspec does: Structs, attrs classes, and whatever `msgspec.Meta` annotates."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, get_origin

import msgspec

from microfw._models.annotations import bare, is_sequence, name_of_type, types_in
from microfw._models.constraints import ConstraintError, Constraints
from microfw._models.encoding import NoJSONValueError, encode_declared, encoder_of_subclass
from microfw._models.errors import Convert, Invalid, UnsupportedTypeError, error
from microfw._models.exact_structs import exact_classes, is_flat
from microfw._models.fields import fields_of, is_attrs, is_model, is_named_tuple, is_struct
from microfw._models.msgspec_errors import RefusedError, errors_of
from microfw._models.parsing import REFUSED, parse_json, with_whole_numbers
from microfw._models.plain import is_array, is_class, is_mapping, kind_of
from microfw._models.selection import EVERYTHING, Encode, Encoders, Selection, selector

_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")


class MsgspecConverter:
    """See `Converter`.

    Args:
        annotation: The type.
        converter_of: Makes the converter of a type that stands in this one and that msgspec does
            not know.
    """

    def __init__(self, annotation: Any, converter_of: Callable[[Any], Any]) -> None:
        self._type = _with_limits(annotation)
        self._others = _converters(annotation, converter_of)
        self._declared = tuple(kind for kind in self._others if is_class(kind))
        self._readable = _readable(annotation)
        self._is_flat = is_flat(self._type)
        self._lacks_defaults = any(_leaves_defaults(kind) for kind, _ in types_in(annotation))
        try:
            self._decoder = msgspec.json.Decoder(self._type, dec_hook=self._received)
        except (TypeError, ValueError, KeyError, NotImplementedError) as problem:
            raise _refusal(str(problem)) from None
        self._pack = msgspec.msgpack.Encoder(enc_hook=_known).encode
        self._unpack = msgspec.msgpack.Decoder(self._type, dec_hook=self._returned).decode
        dated = (datetime, *_ANYTHING)
        self._may_be_dated = any(kind in dated for kind, _ in types_in(annotation))

    def from_text(self) -> Convert:
        return partial(self._convert, strict=False)

    def from_data(self) -> Callable[[Any, int], Any]:
        return lambda received, size: self._convert_data(received)

    def from_json(self) -> Convert:
        decode_directly, lacks_defaults = self._decoder.decode, self._lacks_defaults

        def decode(data: bytes) -> Any:
            try:
                made = decode_directly(data)
                return _completed(made) if lacks_defaults else made
            except REFUSED:
                pass
            received = parse_json(data)
            try:
                return self._convert_data(received)
            except Invalid as problem:
                problem.received = received
                raise

        return decode

    def from_result(self) -> Convert:
        reads_items = is_sequence(self._type)

        def narrow(value: Any) -> Any:
            value = _seen(value, reads_items=reads_items)
            try:
                made = self._narrowed(value)
            except msgspec.ValidationError as problem:
                raise Invalid(errors_of(problem, value)) from None
            return _completed(made) if self._lacks_defaults else made

        return narrow

    def _narrowed(self, value: Any) -> Any:
        hook = self._returned
        try:
            made = msgspec.convert(value, self._type, from_attributes=True, dec_hook=hook)
            # It leaves what is of the very class as it is, with whatever stands in it.
            is_new = self._is_flat and made is not value
            return made if is_new else self._copy(made)
        except msgspec.ValidationError:
            if self._readable is None:
                raise
            try:
                return self._copy_with(value, partial(_attributes, names=self._readable))
            except msgspec.ValidationError:
                pass  # the first says more
            raise

    def to_json(self, selection: Selection, encoders: Encoders) -> Encode:
        narrow = self.from_result()
        if selection == EVERYTHING and not encoders:
            return self._exact_first(lambda value: encode_declared(narrow(value)))
        if selection.exclude_unset:
            raise UnsupportedTypeError(
                "msgspec does not keep track of what was set, which response_model_exclude_unset"
                " asks for",
                "give the Struct `omit_defaults=True`, or return a model of pydantic's",
            )
        select = selector(selection, encoders)
        return lambda value: encode_declared(select(narrow(value)))

    def _exact_first(self, encode: Encode) -> Encode:
        """Copy at once what is of exactly the declared classes, which converting leaves as it is.

        What shows nothing but plain values is written as it is, if it is valid.
        """
        classes, in_lists = exact_classes(self._type)
        if self._lacks_defaults or not classes | in_lists:
            return encode
        are_flat = all(map(is_flat, classes | in_lists))
        write = encode_declared if are_flat else msgspec.json.Encoder(enc_hook=_known).encode
        decode, copy = self._decoder.decode, self._copy
        reads_json = are_flat or self._may_be_dated

        def encode_exact(value: Any) -> bytes:
            items: Any = value
            if type(value) in classes or (
                type(value) is list and in_lists.issuperset(map(type, items))
            ):
                try:
                    if not reads_json:
                        return encode_declared(copy(value))
                    data = write(value)
                    made = decode(data)
                    return data if are_flat else encode_declared(made)
                except _UNFIT:
                    pass
            return encode(value)

        return encode_exact

    def _convert_data(self, received: Any) -> Any:
        try:
            return self._convert(received, strict=True)
        except Invalid:
            whole = with_whole_numbers(received)
            if whole is received:
                raise
        return self._convert(whole, strict=True)

    def _convert(self, received: Any, *, strict: bool) -> Any:
        try:
            made = msgspec.convert(received, self._type, strict=strict, dec_hook=self._received)
        except msgspec.ValidationError as problem:
            raise Invalid(errors_of(problem, received)) from None
        except RecursionError:
            raise Invalid([error("json_invalid", "JSON is nested too deeply", {})]) from None
        return _completed(made) if self._lacks_defaults else made

    def _copy(self, value: Any) -> Any:
        """Make all of a value anew, of what the type names and nothing else."""
        if not (self._may_be_dated or self._others):  # MessagePack is faster, and has no offsets
            try:
                return self._unpack(self._pack(value))
            except (_UnknownError, OverflowError):  # or integers of more than 64 bits
                pass
        return self._copy_with(value)

    def _copy_with(self, value: Any, see: Convert | None = None) -> Any:
        """Do the same for a value that may hold something that msgspec does not know.

        Args:
            value: The value.
            see: Makes data of that, where only a class of data is declared for it.
        """
        kept: set[Any] = {datetime, bytes, *self._declared}
        unknown = set[Any]()

        def known(it: Any) -> Any:
            convert = encoder_of_subclass(it)
            if convert is not None:
                return convert(it)
            if see is not None and not isinstance(it, self._declared):
                return see(it)
            unknown.add(kind_of(it))
            return None

        data = msgspec.to_builtins(value, builtin_types=kept, enc_hook=known)
        if unknown:
            data = msgspec.to_builtins(value, builtin_types=kept | unknown, enc_hook=known)
        return msgspec.convert(data, self._type, dec_hook=self._returned)

    # -- types that msgspec does not know

    def _received(self, kind: Any, value: Any) -> Any:
        return _converted(self._others[kind].from_text(), value)

    def _returned(self, kind: Any, value: Any) -> Any:
        made = _converted(self._others[kind].from_result(), value)
        return made if type(made) is kind else _of_class(kind, made)


def _leaves_defaults(kind: Any) -> bool:
    """Whether msgspec leaves the defaults of a dataclass in the class, where no encoder looks."""
    origin = get_origin(kind) or kind
    return is_class(origin) and is_dataclass(origin) and origin.__dictoffset__ != 0


def _completed(value: Any) -> Any:
    """Give the instances of such classes what they lack."""
    left = [value]
    while left:
        part = left.pop()
        if is_array(part) or isinstance(part, set | frozenset):
            left += part
        elif is_mapping(part):
            left += part.values()
        elif is_dataclass(part):
            known = vars(part) if hasattr(part, "__dict__") else {}
            for field in fields(part):
                if field.default is not MISSING:
                    known.setdefault(field.name, field.default)
            left += [getattr(part, field.name) for field in fields(part)]
        elif is_struct(type(part)):
            left += [getattr(part, name) for name in part.__struct_fields__]
    return value


class _UnknownError(Exception):
    """A value holds an object that msgspec does not know."""


_UNFIT: tuple[type[Exception], ...] = (*REFUSED, NoJSONValueError, _UnknownError)


def _converted(convert: Convert, value: Any) -> Any:
    try:
        return convert(value)
    except Invalid as problem:
        raise RefusedError(problem.errors) from None


def _known(value: Any) -> Any:
    convert = encoder_of_subclass(value)
    if convert is None:
        raise _UnknownError
    return convert(value)


def _of_class(kind: Any, value: Any) -> Any:
    """Make one of the very class of a value of a subclass, which may show more."""
    construct = getattr(kind, "model_construct", None)
    if construct is None:
        return value
    values = {name: getattr(value, name) for name in kind.__pydantic_fields__}
    return construct(_fields_set=value.model_fields_set & values.keys(), **values)


def _seen(value: Any, *, reads_items: bool) -> Any:
    """See a result as msgspec does: rows of a database as dicts, what can be iterated as a list."""
    if not reads_items:
        return _row(value)
    items: Any = value
    if isinstance(value, Iterable) and not isinstance(value, _AS_THEY_ARE):
        items = [*value]
    if is_array(items) and items and hasattr(items[0], "_fields"):
        return [*map(_row, items)]
    return items


_AS_THEY_ARE: Any = (list, tuple, set, frozenset, str, bytes, Mapping)


def _readable(annotation: Any) -> dict[str, str] | None:
    """The attributes that the classes in a type name, with their keys; `None` if any may count."""
    kinds = [kind for kind, _ in types_in(annotation, into_models=False)]
    if any(kind in _ANYTHING for kind in kinds):
        return None
    return {field.name: field.keys[0] for kind in kinds for field in fields_of(kind) or ()}


_ANYTHING = (Any, object, dict, list, tuple, set, frozenset)


def _attributes(value: Any, names: Mapping[str, str]) -> dict[str, Any]:
    found = ((key, getattr(value, name, msgspec.UNSET)) for name, key in names.items())
    return {key: attribute for key, attribute in found if attribute is not msgspec.UNSET}


def _row(value: Any) -> Any:
    return dict(zip(value._fields, value, strict=True)) if is_named_tuple(type(value)) else value


# ---------------------------------------------------------------------- types


def _with_limits(annotation: Any) -> Any:
    """The type, with its limits as msgspec writes them."""
    kind, metadata = bare(annotation)
    metas = [entry for entry in metadata if isinstance(entry, msgspec.Meta)]
    limits: dict[str, Any] = {}
    for entry in metadata:
        for name, value in entry.given.items() if isinstance(entry, Constraints) else ():
            if name not in _LIMITS:
                raise ConstraintError(f"{name} says nothing about such values")
            limits[name] = value
    if not limits:
        return Annotated[(kind, *metas)] if metas else kind
    for meta in metas:
        for name in (*_LIMITS, "tz"):
            value = getattr(meta, name)
            if value is not None:
                limits[name] = _stricter(name, value, limits.get(name))
    try:
        return Annotated[kind, msgspec.Meta(**limits)]
    except (TypeError, ValueError) as problem:
        raise ConstraintError(str(problem)) from None


def _stricter(name: str, value: Any, other: Any) -> Any:
    """Take the limit that both allow."""
    if other is None or value == other:
        return value
    if name in ("multiple_of", "pattern"):
        raise ConstraintError(f"{name} is both {value!r} and {other!r}")
    return max(value, other) if name in ("gt", "ge", "min_length") else min(value, other)


def _refusal(problem: str) -> Exception:
    limit = re.match(r"Can only set `(\w+)`", problem)
    if limit:
        return ConstraintError(f"{limit[1]} says nothing about such values")
    cure = ""
    if "union" in problem:
        cure = "tell the Structs apart by tags, `class Item(Struct, tag=True)`"
    return UnsupportedTypeError(problem.partition(" - ")[0], cure)


def _converters(annotation: Any, converter_of: Callable[[Any], Any]) -> dict[Any, Any]:
    """Make the converters of the types within that msgspec does not know.

    Raises:
        UnsupportedTypeError: msgspec would ignore what is meant for another library.
    """
    others: dict[Any, Any] = {}
    for kind, metadata in types_in(annotation, into_models=False):
        for entry in metadata:
            _check_is_known(entry, annotation)
        origin = get_origin(kind) or kind
        if is_model(origin) and is_dataclass(origin):
            raise UnsupportedTypeError(
                f"{name_of_type(kind)} is a dataclass of pydantic's, which msgspec would not"
                f" validate in {name_of_type(annotation)}",
                "make it a model of pydantic's",
            )
        if is_class(origin) and origin not in _OF_MSGSPEC and _is_custom(kind):
            if kind == bare(annotation)[0]:
                raise UnsupportedTypeError(
                    f"msgspec does not know {name_of_type(kind)}, which holds a type of msgspec's",
                    "use a list, tuple, set or dict, or models of pydantic's in it",
                )
            others[kind] = converter_of(kind)
    return others


_OF_MSGSPEC = (msgspec.UnsetType, msgspec.Raw)


def _is_custom(kind: Any) -> bool:
    try:
        return isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType)
    except (TypeError, ValueError, KeyError, NotImplementedError):
        return False  # said when the decoder is made


_OF_OTHERS = {"annotated_types", "pydantic", "pydantic_core"}


def _check_is_known(entry: Any, annotation: Any) -> None:
    if type(entry).__module__.partition(".")[0] in _OF_OTHERS:
        raise UnsupportedTypeError(
            f"{entry!r} says nothing to msgspec, which validates {name_of_type(annotation)}",
            "write msgspec.Meta(...) in its place, or make the class a model of pydantic's",
        )


def is_of_msgspec(annotation: Any) -> bool:
    """Tell whether a type is msgspec's: it holds a Struct, an attrs class or `Meta`."""
    return any(
        is_struct(get_origin(kind) or kind)
        or is_attrs(get_origin(kind) or kind)
        or kind is msgspec.UnsetType
        or any(isinstance(entry, msgspec.Meta) for entry in metadata)
        for kind, metadata in types_in(annotation, into_models=False)
    )
