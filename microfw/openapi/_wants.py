"""One schema that a document needs."""

from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Struct, field

from microfw._models import Constraints, is_class
from microfw.params import Documentation

Mode = Literal["validation", "serialization"]
"""Whether values of the type are read or written."""

NO_DOCUMENTATION = Documentation()


class Want(Struct, eq=False):
    """A type whose schema is needed, and the documentation of its values.

    Args:
        annotation: The type.
        mode: See `Mode`.
        name: The value's, from which a title is made; `""` where it has none.
        place: Where the type is written, for messages.
        path: The names of the callables that lead there.
        route: The route that is described, for messages.
        parameter: What is wrong where the type has no schema.
        documentation: That of its declaration.
        default: The value where none was sent; `...` where there is none to show.

    Attributes:
        schema: There after `Schemas.resolve`.
    """

    annotation: Any
    mode: Mode
    name: str
    place: str
    path: tuple[str, ...] = ()
    route: str = ""
    parameter: str = ""
    documentation: Documentation = NO_DOCUMENTATION
    default: Any = ...
    schema: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_plain(self) -> bool:
        """Whether it is a class without documentation of its own."""
        is_said = self.documentation != NO_DOCUMENTATION or self.default is not ...
        return is_class(self.annotation) and not is_said

    @property
    def bare(self) -> Any:
        """The type without the limits of the declaration."""
        return _split(self.annotation)[0]

    @property
    def limits(self) -> dict[str, Any]:
        """The limits of the declaration, by name."""
        return _split(self.annotation)[1]

    def titled(self) -> dict[str, Any]:
        """The schema, with a title; one that only refers to another has none."""
        schema = self._said()
        if "$ref" in schema or not self.name:
            return schema
        return {**schema, "title": self.documentation.title or title_of(self.name)}

    def as_field(self) -> dict[str, Any]:
        """The same for a field, which has no title of its own where it may be `null` besides."""
        choices = self.schema.get("anyOf", ())
        others = [each for each in choices if each != {"type": "null"}]
        is_nullable = len(others) == 1 < len(choices) and "$ref" in others[0]
        return self._said() if is_nullable else self.titled()

    def _said(self) -> dict[str, Any]:
        """The schema, with what libraries take for fields of their models alone."""
        is_deprecated = bool(self.documentation.deprecated)
        return {**self.schema, "deprecated": True} if is_deprecated else self.schema


def title_of(name: str) -> str:
    return name.title().replace("_", " ")


def _split(annotation: Any) -> tuple[Any, dict[str, Any]]:
    if get_origin(annotation) is not Annotated:
        return annotation, {}
    kind, *metadata = get_args(annotation)
    limits: dict[str, Any] = {}
    for entry in metadata:
        if isinstance(entry, Constraints):
            limits |= entry.given
    others = [entry for entry in metadata if not isinstance(entry, Constraints)]
    return (Annotated[(kind, *others)] if others else kind), limits
