"""The conversion of one object to an instance of a model, field by field."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from microfw._validation._containers import each
from microfw._validation._errors import MOST_ERRORS, Error, Invalid, below, error, invalid, missing
from microfw._validation._models import Field, Model, Style
from microfw._validation._plain import is_array, is_mapping
from microfw._validation._shape import Shape

_NO_OBJECTS = (str, bytes, int, float, set, frozenset)

_REFUSALS = {
    Style.STRUCT: (
        "model_attributes_type",
        "Input should be a valid dictionary or object to extract fields from",
    ),
    Style.DATACLASS: ("dataclass_type", "Input should be a dictionary or an instance of {}"),
    Style.ATTRS: ("dataclass_type", "Input should be a dictionary or an instance of {}"),
    Style.TYPED_DICT: ("dict_type", "Input should be a valid dictionary"),
    Style.NAMED_TUPLE: (
        "named_tuple_type",
        "Input should be a tuple, list, dictionary or an instance of {}",
    ),
}


class ModelConverter:
    """Takes a dict (where JSON holds the model so, a list), and in results any object."""

    __slots__ = ("_known", "_model", "_reads_objects", "shapes")

    def __init__(self, model: Model, *, reads_objects: bool) -> None:
        self._model = model
        self.shapes: Sequence[Shape] = ()
        """Those of the fields, which may hold the same model and so are made after this."""
        self._known = {field.key for field in model.fields}
        if model.tag is not None:
            self._known.add(model.tag[0])
        self._reads_objects = reads_objects

    def __call__(self, value: Any) -> Any:
        if is_mapping(value):
            return self._of_mapping(value, value)
        if self._takes_arrays and is_array(value) and not hasattr(value, "_fields"):
            return self._of_array(value)
        if self._reads_objects and _is_object(value):
            return self._of_mapping(_attributes(value, self._model.fields), value)
        raise self._refused(value)

    @property
    def _takes_arrays(self) -> bool:
        return self._model.is_array or self._model.style is Style.NAMED_TUPLE

    def _refused(self, value: Any) -> Invalid:
        kind, message = _REFUSALS[self._model.style]
        context = {"class_name": self._model.name} if "{}" in message else {}
        return invalid(kind, message.format(self._model.name), value, **context)

    def _of_mapping(self, mapping: Mapping[str, Any], value: Any) -> Any:
        made: dict[str, Any] = {}
        errors: list[Error] = []
        for field, shape in zip(self._model.fields, self.shapes, strict=True):
            if field.key in mapping:
                try:
                    made[field.name] = shape.convert(mapping[field.key])
                except Invalid as problem:
                    errors += below(problem.errors, field.key)
            elif field.required:
                errors.append(missing(value, field.key))
        errors += self._wrong_tag(mapping)
        if self._model.forbids_others:
            errors += self._others(mapping)
        if errors:
            raise Invalid(errors)
        return self._made(made, value)

    def _wrong_tag(self, mapping: Mapping[str, Any]) -> list[Error]:
        if self._model.tag is None:
            return []
        key, tag = self._model.tag
        if mapping.get(key, tag) == tag:
            return []
        message = f"Input should be {tag!r}"
        return [error("literal_error", message, mapping[key], key, expected=repr(tag))]

    def _others(self, mapping: Mapping[str, Any]) -> Iterable[Error]:
        message = "Extra inputs are not permitted"
        others = (key for key in mapping if key not in self._known)
        for key in islice(others, MOST_ERRORS):
            yield error("extra_forbidden", message, mapping[key], key)

    def _of_array(self, value: Sequence[Any]) -> Any:
        entries = value[1:] if self._model.tag is not None else value
        required = sum(field.required for field in self._model.fields)
        made = each(self.shapes, entries, value, "NamedTuple", required)
        names = (field.name for field in self._model.fields)
        return self._made(dict(zip(names, made, strict=False)), value)

    def _made(self, values: dict[str, Any], value: Any) -> Any:
        try:
            return self._model.make(**values)
        except (ValueError, TypeError, AssertionError) as problem:
            message = f"Value error, {problem}"
            raise invalid("value_error", message, value, error=str(problem)) from None


def _is_object(value: Any) -> bool:
    if is_array(value):
        return hasattr(value, "_fields")
    return value is not None and not isinstance(value, _NO_OBJECTS)


def _attributes(value: Any, fields: Sequence[Field]) -> dict[str, Any]:
    """Read the values on an object, by the names that JSON has for them."""
    found = ((field.key, getattr(value, field.attribute, msgspec.UNSET)) for field in fields)
    return {key: attribute for key, attribute in found if attribute is not msgspec.UNSET}
