"""The mistakes in the declaration of a parameter that are reported when a route is added."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

from starlette.datastructures import UploadFile

from microfw._models import (
    ConstraintError,
    Field,
    UnsupportedTypeError,
    is_field,
    is_scalar,
    is_scalar_sequence,
)
from microfw._reading.parameters import (
    bare,
    declarations_in,
    error,
    holds,
    is_content,
    shown,
    written,
)
from microfw._reading.sources import SOURCES
from microfw.dependencies import (
    EMPTY,
    Parameter,
    Site,
    warn_of_uncalled,
)
from microfw.exceptions import (
    DeclarationError,
    UnfillableParameterError,
    UnresolvableAnnotationError,
)
from microfw.param_functions import DECLARING
from microfw.params import Declaration, RequestValue, Source


def check_is_bound(parameter: Parameter, site: Site) -> None:
    """A method that is taken from its class would read `self` from the query string."""
    is_bare = parameter.annotation is EMPTY and parameter.default is EMPTY
    if parameter.name == "self" and is_bare and parameter is site.signature.parameters[0]:
        raise error(
            UnfillableParameterError,
            f"{site.signature.name!r} is a method without its object: nothing can be 'self'",
            site,
            "name the method of an object, `views.method`, or make a function of it",
        )


def check_is_called(parameter: Parameter, source: Source, site: Site) -> None:
    """Warn of a function itself in place of what it returns, unless the type says it too."""
    for entry in (*parameter.metadata, parameter.default):
        is_class = isinstance(entry, type) and issubclass(entry, Declaration)
        if is_class or (isinstance(entry, FunctionType) and entry in DECLARING):
            name = entry.__name__
            if entry is not parameter.default and name.upper() == source.name:
                continue
            warn_of_uncalled(parameter.name, name, site.signature.where)


def check_is_no_field(parameter: Parameter, site: Site) -> None:
    """What pydantic's `Field()` says in an annotation counts; as a default, it is for models."""
    if is_field(parameter.default):
        raise error(
            DeclarationError,
            f"{parameter.name!r} has pydantic's Field() as its default, which is for the fields of"
            " models",
            site,
            "write Query(), Header(), Cookie() or Body(), which take the same options",
        )


def check_type(value: RequestValue, parameter: Parameter, site: Site) -> None:
    source = value.source
    if source is Source.FILE:
        check_file(value, parameter, site)
    if is_scalar(value.annotation):
        return
    one = "use a type that one piece of text can hold, such as str, int or datetime"
    if source is Source.PATH:
        cure = one
    elif is_scalar_sequence(value.annotation):
        return
    else:
        cure = f"{one}, or a list of these"
    raise error(
        UnfillableParameterError,
        f"{parameter.name!r} has the type {shown(value.annotation)}, which no value of the"
        f" {SOURCES[source].noun} can have",
        site,
        cure,
    )


def check_file(value: RequestValue, parameter: Parameter, site: Site) -> None:
    annotation = bare(value.annotation)
    if annotation is not Any and not (holds(annotation, UploadFile) or is_content(annotation)):
        raise error(
            UnfillableParameterError,
            f"{parameter.name!r} has the type {shown(annotation)}, which no file can have",
            site,
            "use UploadFile, or bytes for its content, or a list of these; or declare it as Form()",
        )


def check_field(field: Field, value: RequestValue, parameter: Parameter, site: Site) -> None:
    """A group's field is one value, or several under one name, and is declared by the group."""
    what = f"{parameter.name!r} has the type {shown(value.annotation)}, whose field {field.name!r}"
    for declaration in declarations_in(field):
        if value.source is not Source.FORM or declaration.source is not Source.FILE:
            raise error(
                UnfillableParameterError,
                f"{what} is declared as {written(declaration)}",
                site,
                "leave that out: the group's declaration says where the fields come from; limits"
                " are set by msgspec.Meta, annotated_types or pydantic.Field",
            )
    if not (is_scalar(field.annotation) or is_scalar_sequence(field.annotation)):
        raise error(
            UnfillableParameterError,
            f"{what} has the type {shown(field.annotation)}, which no value of the"
            f" {SOURCES[value.source].noun} can have",
            site,
            "use fields that one piece of text can hold, such as str, int or datetime, or lists of"
            " these",
        )


def made(make: Callable[[Any], Any], value: RequestValue, parameter: Parameter, site: Site) -> Any:
    """Make the converter of a value, or say what about its type makes that impossible."""
    name, kind = parameter.name, shown(value.annotation)
    try:
        return make(value.annotation)
    except UnsupportedTypeError as problem:
        raise error(
            UnfillableParameterError,
            f"{name!r} has the type {kind}, which nothing in a request can become: {problem}",
            site,
            problem.cure
            or f"if a dependency makes it, write {name}: Annotated[{kind}, Depends(...)]",
        ) from None
    except ConstraintError as problem:
        raise error(
            DeclarationError,
            f"{name!r} has the type {kind}, for which a constraint makes no sense: {problem}",
            site,
            "remove the constraint, or change the type",
        ) from None
    except NameError as problem:
        raise error(
            UnresolvableAnnotationError,
            f"{name!r} has the type {kind}, an annotation of which names {problem.name!r}, which"
            " is not known",
            site,
            f"define or import {problem.name!r} at the top level of the module of {kind}",
        ) from problem
