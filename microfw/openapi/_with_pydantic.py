"""Schemas of the types that pydantic validates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from starlette.datastructures import UploadFile

from microfw._models import is_array, is_mapping
from microfw.openapi._wants import Want
from microfw.openapi.constants import REF_TEMPLATE

FILE = {"type": "string", "contentMediaType": "application/octet-stream"}

_JSON = (str, int, bool, type(None))
_SAID = ("title", "description", "examples", "json_schema_extra")


def pydantic_schemas(
    wants: Sequence[Want], refer: Callable[[type[Any]], dict[str, Any] | None], *, separate: bool
) -> dict[str, Any]:
    """Set the schema of each, and return those to which they refer, by name.

    Args:
        wants: What is needed.
        refer: Returns the reference to a class of the other library.
        separate: Whether a class may have another schema where it is read than where it is written.

    Raises:
        TypeError: One of the types has no schema; pydantic's errors are `TypeError`s, too.
    """

    class Generator(GenerateJsonSchema):
        # A default that is no JSON is not shown, as it is with msgspec's types.
        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

        def is_instance_schema(self, schema: Any) -> Any:
            kind = schema["cls"]
            if issubclass(kind, UploadFile):
                return dict(FILE)
            return refer(kind) or super().is_instance_schema(schema)

        def bytes_schema(self, schema: Any) -> Any:
            made = super().bytes_schema(schema)
            del made["format"]  # it is of bytes that are written, here of those that are read, too
            config = self._config
            writes = self.mode == "serialization"
            encoding = config.ser_json_bytes if writes else config.val_json_bytes
            encoded = {"contentEncoding": "base64"} if encoding == "base64" else {}
            return {**made, **encoded, **FILE}

        def encode_default(self, dft: Any) -> Any:
            # pydantic makes an adapter for each.
            is_json = type(dft) in _JSON or (type(dft) in (list, dict) and not dft)
            return dft if is_json else super().encode_default(dft)

    inputs: dict[Any, Any] = {}
    keys = [_add_input(want, inputs, separate=separate) for want in wants]
    made, definitions = TypeAdapter.json_schemas(
        [*inputs.values()], ref_template=REF_TEMPLATE, schema_generator=Generator
    )
    for want, key in zip(wants, keys, strict=True):
        number, mode, _ = inputs[key]
        want.schema = _with_description(made[number, mode], want)
    found: dict[str, Any] = definitions.get("$defs", {})
    return found


def _with_description(schema: dict[str, Any], want: Want) -> dict[str, Any]:
    """Add what a type that makes its schema itself leaves out."""
    description = want.documentation.description
    return {**schema, "description": description} if description else schema


def _add_input(want: Want, inputs: dict[Any, Any], *, separate: bool) -> Any:
    """Add what pydantic needs to make a schema, unless that is there; return its key."""
    bare, said = want.bare, _said(want)
    # Unions are equal in any order, and numbers whatever their type: `repr` distinguishes both.
    key: Any = bare, want.mode, repr((bare, said)), *said.values()
    try:
        known = key in inputs
    except TypeError:  # something of it cannot be hashed
        key, known = len(inputs), False
    if not known:
        adapter = _adapter(bare, said)
        mode = want.mode if separate or _is_computed(adapter) else "validation"
        inputs[key] = len(inputs), mode, adapter
    return key


def _said(want: Want) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: value for name in _SAID if (value := getattr(want.documentation, name)) is not None
    }
    if want.default is not ...:
        said["default"] = want.default
    return said | want.limits


def _adapter(bare: Any, said: Mapping[str, Any]) -> TypeAdapter[Any]:
    annotation: Any = Annotated[bare, Field(**said)] if said else bare
    try:
        return TypeAdapter(annotation)
    except PydanticUserError:  # a class that pydantic does not know, as Starlette's `UploadFile`
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))


def _is_computed(adapter: TypeAdapter[Any]) -> bool:
    """Whether a type, or one in it, has fields that are computed when it is written."""
    return _holds_computed(adapter.core_schema)


def _holds_computed(part: Any) -> bool:
    if is_mapping(part):
        return bool(part.get("computed_fields")) or any(map(_holds_computed, part.values()))
    return is_array(part) and any(map(_holds_computed, part))
