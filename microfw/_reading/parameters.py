"""What a parameter says of the value that it takes, as data."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar, get_args, get_origin

from msgspec import structs
from starlette.datastructures import UploadFile

from microfw._models import (
    Constraints,
    Field,
    is_field,
)
from microfw.dependencies import (
    EMPTY,
    Declared,
    Parameter,
    Site,
)
from microfw.exceptions import (
    DeclarationError,
    RegistrationError,
    UnfillableParameterError,
)
from microfw.params import Declaration, Kept, RequestValue, Source, keys_in


def value_of(
    parameter: Parameter, declaration: Declaration | None, source: Source, site: Site
) -> RequestValue:
    default = parameter.default
    factory = _factory_of_field(parameter, site.signature.declared)
    if declaration is not None and (default is declaration or default is EMPTY):
        default = declaration.default if declaration.has_default else ...
        factory = declaration.given.get("default_factory")
    if source is Source.PATH or default is EMPTY:
        default = ...
    key, *others = _keys_of(parameter, declaration, source)
    return RequestValue(
        key,
        annotation_of(parameter),
        default,
        source=source,
        default_factory=None if source is Source.PATH else factory,
        others=tuple(others),
        validates_default=_validates_default(parameter, declaration),
        declaration=declaration,
    )


def _keys_of(
    parameter: Parameter, declaration: Declaration | None, source: Source
) -> tuple[str, ...]:
    """The names under which the value may be sent; the first that is there counts."""
    keys = declaration.keys if declaration else ()
    if source is not Source.PATH:
        for field in filter(is_field, parameter.metadata):
            keys = keys or keys_in(field.validation_alias or field.alias)
    hyphens = source is Source.HEADER and (not declaration or declaration.convert_underscores)
    return keys or (parameter.name.replace("_", "-") if hyphens else parameter.name,)


def _validates_default(parameter: Parameter, declaration: Declaration | None) -> bool:
    fields = filter(is_field, parameter.metadata)
    said = declaration.given.get("validate_default") if declaration else None
    return bool(said or any(field.validate_default for field in fields))


def _factory_of_field(parameter: Parameter, call: Any) -> Callable[[], Any] | None:
    """Makes the default of a field of pydantic's, which the signature does not show."""
    if type(parameter.default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
        for name, field in getattr(call, "__pydantic_fields__", {}).items():
            if parameter.name in (name, field.alias, field.validation_alias):
                return partial(field.get_default, call_default_factory=True)
    return None  # also for dataclasses, which take their own mark for it


def annotation_of(parameter: Parameter) -> Any:
    """The type with its annotations; a declaration is replaced by its limits."""
    annotation = Any if parameter.annotation is EMPTY else parameter.annotation
    entries = (parameter.default, *parameter.metadata)
    metadata = [e.constraints if isinstance(e, Declaration) else e for e in entries]
    if not isinstance(parameter.default, Declaration):
        del metadata[0]
    metadata = [entry for entry in metadata if not isinstance(entry, Constraints) or entry]
    return Annotated[(annotation, *metadata)] if metadata else annotation


def unfolded(parameter: Parameter) -> Parameter:
    """A parameter whose default is a field of a model, with what the field says in its place.

    Libraries make signatures of a model's fields. A field that was declared with `Query(...)` or
    the like still is.
    """
    field = parameter.default
    if not is_field(field) or (field.default_factory and not declared_by(field)):
        return parameter
    limits = [entry for entry in field.metadata if not isinstance(entry, Kept)]
    default = EMPTY if field.is_required() else field.default
    kept = declared_by(field)
    if kept is None:
        metadata = (*parameter.metadata, field)
        return structs.replace(parameter, default=default, metadata=metadata)
    declaration = kept.of_field(field, default is EMPTY)
    return structs.replace(parameter, default=declaration, metadata=(*parameter.metadata, *limits))


def declared_by(field: Any) -> Declaration | None:
    """What a model's field was declared with."""
    kept = [entry.declaration for entry in field.metadata if isinstance(entry, Kept)]
    return kept[-1] if kept else None


def declarations(parameter: Parameter) -> list[Declaration]:
    entries = (*parameter.metadata, parameter.default)
    return [entry for entry in entries if isinstance(entry, Declaration)]


def declaration_of(parameter: Parameter, site: Site) -> Declaration | None:
    """The declaration of a parameter: its default, or the last one in `Annotated`."""
    found = declarations(parameter)
    if len(found) > 1 and found[-1] is parameter.default:
        raise error(
            UnfillableParameterError,
            f"{parameter.name!r} is declared as {' and '.join(map(written, found))}",
            site,
            "keep one of the declarations",
        )
    if not found:
        return None
    for declaration in found:
        if declaration.has_default and isinstance(declaration.default, Declared):
            raise error(
                DeclarationError,
                f"{parameter.name!r} has another declaration inside of {written(declaration)}, as"
                " its default",
                site,
                "keep one of the two",
            )
        if declaration is parameter.default or not declaration.has_default:
            continue
        raise error(
            UnfillableParameterError,
            f"{parameter.name!r} has a default inside of Annotated[..., {written(declaration)}]",
            site,
            f"write it behind the annotation, {parameter.name}: ... = <default>",
        )
    return found[-1]


def declarations_in(field: Field) -> list[Declaration]:
    metadata = getattr(field.annotation, "__metadata__", ())
    entries = (entry.declaration if isinstance(entry, Kept) else entry for entry in metadata)
    return [entry for entry in entries if isinstance(entry, Declaration)]


def holds(annotation: Any, kind: type[Any]) -> bool:
    """Tell whether a type is of a kind, or has a part that is."""
    if isinstance(annotation, type):
        return issubclass(annotation, kind)
    return any(holds(part, kind) for part in get_args(annotation))


def is_content(annotation: Any) -> bool:
    """Tell whether the content of a file is asked for, and not the file."""
    return holds(annotation, bytes) and not holds(annotation, UploadFile)


def is_file_in_memory(field: Field) -> bool:
    is_file = any(each.source is Source.FILE for each in declarations_in(field))
    return is_file and is_content(field.annotation)


_Mistake = TypeVar("_Mistake", bound=RegistrationError)


def error(kind: type[_Mistake], what: str, site: Site, cure: str) -> _Mistake:
    return kind(what, where=site.signature.where, path=site.path, cure=cure)


def written(declaration: Declaration) -> str:
    return f"{declaration.source.value.capitalize()}()"


def bare(annotation: Any) -> Any:
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


def shown(annotation: Any) -> str:
    annotation = bare(annotation)
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
