"""Parameter groups: a class with fields, each of them read from the query, headers, ... by itself.

The group's model is given what was sent for its fields, and beside that what no parameter of the
route has asked for, so that a model that forbids it can say so.
"""

from collections.abc import Callable, Container, Iterable
from typing import Any

from msgspec import Struct

from microfw._models import (
    Convert,
    Field,
    Group,
    Invalid,
    below,
    is_sequence,
    showable,
)
from microfw._reading.forms import sendable
from microfw._reading.sources import SOURCES, Read, Received
from microfw._reading.values import MALFORMED_FORM, default_maker
from microfw.params import RequestValue, Source


class Member(Struct, frozen=True):
    """One field of a group."""

    key: str
    """The name by which the model takes it."""
    sent: str
    """The name in the request."""
    repeats: bool
    """Whether every value of a repeated key is taken."""
    in_memory: bool
    """Whether it is a file whose content is asked for."""


def members_of(
    group: Group, source: Source, *, hyphens: bool, in_memory: Callable[[Field], bool]
) -> list[Member]:
    """Find how the fields of a group are sent; `hyphens` replace underscores in headers."""
    return [
        Member(
            key,
            key.replace("_", "-") if hyphens and key == field.name else key,
            SOURCES[source].repeats and is_sequence(field.annotation),
            in_memory(field),
        )
        for field in group.fields
        for key in field.keys
    ]


def group_reader(
    value: RequestValue,
    convert: Convert,
    members: Iterable[Member],
    known: set[str],
    *,
    forbids: bool,
) -> Read:
    """Make the reader of a group.

    Args:
        value: What is known of it.
        convert: Takes a dict, by the names of the model.
        members: Its fields.
        known: The names that parameters of the route ask for in this source, in lower case for
            headers; complete when all of them have been bound.
        forbids: Whether the model refuses what it does not know.
    """
    source, place, values_of = value.source, value.source.place, SOURCES[value.source].values
    make_default = default_maker(value)
    members = tuple(members)
    is_form = source is Source.FORM
    in_memory = {member.key for member in members if member.in_memory}

    def read(exchange: Received) -> Any:
        if is_form and exchange.form.error is not None:
            return exchange.invalid([MALFORMED_FORM])
        values = values_of(exchange)
        found, is_sent = _found(members, values, skips_empty=is_form)
        for key in in_memory.intersection(found):
            found[key] = exchange.form.content(found[key])
        others = _others(values, known)
        if not (is_sent or (forbids and others)) and make_default is not None:
            return make_default()
        try:
            return convert(found | others)
        except Invalid as problem:
            errors = showable(below(problem.errors, place))
            return exchange.invalid(sendable(errors) if is_form else errors)

    return read


def _found(
    members: Iterable[Member], values: Any, *, skips_empty: bool
) -> tuple[dict[str, Any], bool]:
    """Collect what was sent for the fields; tell whether anything was."""
    found: dict[str, Any] = {}
    is_sent = False
    for member in members:
        if member.sent not in values:
            continue
        is_sent = True
        sent = values.getlist(member.sent) if member.repeats else values[member.sent]
        if sent or not skips_empty:
            found[member.key] = sent
    return found, is_sent


def _others(values: Any, known: Container[str]) -> dict[str, Any]:
    """Collect what no parameter asks for; what was sent several times as a list."""
    found: dict[str, list[Any]] = {}
    # The items of headers have each of those with one name.
    items = values.multi_items() if hasattr(values, "multi_items") else values.items()
    for key, sent in items:
        if key not in known:
            found.setdefault(key, []).append(sent)
    return {key: sent if len(sent) > 1 else sent[0] for key, sent in found.items()}


def names_of(source: Source, keys: Iterable[str]) -> set[str]:
    """The names that are asked for in a source, as they are compared."""
    return {key.lower() for key in keys} if source is Source.HEADER else set(keys)
