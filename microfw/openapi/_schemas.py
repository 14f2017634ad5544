"""The schemas of one document: asked for one by one, made all at once.

Rules
-----
1. Which library makes the schema of a type, is decided as it is for its values.
2. Each library is called once for all of its types, since it chooses names for all of them. A type
   of the one that stands in a type of the other is referred to by a mark. What was found so is made
   in another round; two are enough as a rule.
3. In the end the marks become what they stand for. Where both libraries chose the same name,
   msgspec's class is called `NameStruct`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from microfw._models import is_array, is_mapping, is_of_msgspec
from microfw.exceptions import DeclarationError
from microfw.openapi._wants import Mode, Want
from microfw.openapi.constants import REF_PREFIX

_MARK = "x-microfw-type"
_VALUES = {"const", "default", "enum", "examples"}
"""What holds values, and no schemas."""

Definitions = dict[str, Any]


class Schemas:
    """Collects what a document needs, and makes it.

    Args:
        separate: Whether a class may have another schema where it is read than where it is written.

    Attributes:
        definitions: By name, what schemas refer to; there after `resolve`.
        mistakes: The types that have none; there after `resolve`.
    """

    def __init__(self, *, separate: bool = True) -> None:
        self._separate = separate
        self._wants: list[Want] = []
        self._known: dict[Any, Want] = {}
        self.definitions: Definitions = {}
        self.mistakes: list[DeclarationError] = []
        self._failed: set[Want] = set()

    def want(self, want: Want) -> Want:
        """Ask for a schema; what has been asked for already, of a class, is the same."""
        key = (want.annotation, want.mode, want.name) if want.is_plain else want
        known = self._known.setdefault(key, want)
        if known is want:
            self._wants.append(want)
        return known

    def resolve(self) -> None:
        """Make the schemas. Those that cannot be made are open, and among the mistakes."""
        wants, separate = self._wants, self._separate
        try:
            self.definitions = _made(wants, separate=separate)
        except Exception:
            self._make_alone()
            self._make_together([want for want in wants if want not in self._failed])

    def _make_alone(self) -> None:
        """Find those that cannot be made."""
        for want in self._wants:
            try:
                _made([want], separate=self._separate)
            except Exception as problem:
                self._fail(want, "has no schema", problem)

    def _make_together(self, wants: list[Want]) -> None:
        """Make those that can be made together, the first ones of those that cannot.

        Those that cannot are found by halves: each is named, whatever the number of the others.
        """
        good: list[Want] = []
        groups = [wants]
        while groups:
            group = groups.pop()
            try:
                _made([*good, *group], separate=self._separate)
            except Exception as problem:
                half = len(group) // 2
                if half:
                    groups += group[half:], group[:half]
                else:
                    self._fail(group[0], "has no schema beside those of the others", problem)
            else:
                good += group
        self.definitions = _made(good, separate=self._separate)

    def _fail(self, want: Want, what: str, problem: Exception) -> None:
        self._failed.add(want)
        want.schema = {}
        text = str(problem).partition("\n")[0]
        self.mistakes.append(
            DeclarationError(
                f"{want.route}: {want.parameter} {what}, so that the OpenAPI document"
                f" allows anything: {text}",
                where=want.place,
                path=want.path,
                cure="use a type that has a JSON schema, or leave the route out of the document:"
                " include_in_schema=False",
            )
        )

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a schema refers to; itself where it does not refer to another."""
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].removeprefix(REF_PREFIX)]
        return schema


def _made(wants: list[Want], *, separate: bool) -> Definitions:
    ours = [want for want in wants if not is_of_msgspec(want.bare)]
    theirs = [want for want in wants if is_of_msgspec(want.bare)]
    return _Round(ours, theirs, separate=separate).definitions


class _Round:
    """Both libraries' schemas; the types of each may hold those of the other."""

    def __init__(self, pydantics: list[Want], msgspecs: list[Want], *, separate: bool) -> None:
        self._separate = separate
        self._pydantics = pydantics
        self._msgspecs = msgspecs
        modes = {want.mode for want in msgspecs}
        self._mode: Mode = "serialization" if modes == {"serialization"} else "validation"
        self._in_pydantic: list[Any] = []
        self._in_msgspec: list[Want] = []
        self._marked: list[dict[str, Any]] = []
        self._taken: set[str] = set()
        self._unions: Definitions = {}
        self._definitions_of_pydantic: Definitions = {}
        self._definitions_of_msgspec: Definitions = {}
        known = -1
        while known != len(self._in_pydantic) + len(self._in_msgspec):
            known = len(self._in_pydantic) + len(self._in_msgspec)
            self._make()
        self.definitions = self._merged()

    def _make(self) -> None:
        if self._pydantics or self._in_msgspec:
            from microfw.openapi._with_pydantic import pydantic_schemas  # if it is needed

            self._definitions_of_pydantic = pydantic_schemas(
                [*self._pydantics, *self._in_msgspec], self._of_msgspec, separate=self._separate
            )
        if self._msgspecs or self._in_pydantic:
            from microfw.openapi._with_msgspec import msgspec_schemas

            self._marked, self._definitions_of_msgspec = msgspec_schemas(
                self._msgspecs, self._in_pydantic, self._of_pydantic
            )

    def _of_msgspec(self, kind: Any) -> dict[str, Any] | None:
        if not is_of_msgspec(kind):
            return None
        if kind not in self._in_pydantic:
            self._in_pydantic.append(kind)
        return {_MARK: ["msgspec", self._in_pydantic.index(kind)]}

    def _of_pydantic(self, kind: Any) -> dict[str, Any]:
        known = [want.annotation for want in self._in_msgspec]
        if kind not in known:
            known.append(kind)
            self._in_msgspec.append(Want(kind, self._mode, "", ""))
        return {_MARK: ["pydantic", known.index(kind)]}

    def _merged(self) -> Definitions:
        ours, theirs = self._definitions_of_pydantic, self._definitions_of_msgspec
        renamed = {
            name: free_name(f"{name}Struct", {*ours, *theirs}) for name in theirs if name in ours
        }
        theirs = {renamed.get(name, name): _with_names(s, renamed) for name, s in theirs.items()}
        for want in self._msgspecs:
            want.schema = _with_names(want.schema, renamed)
        self._marked = [_with_names(schema, renamed) for schema in self._marked]
        self._taken = {*ours, *theirs}
        for want in (*self._pydantics, *self._msgspecs):
            want.schema = self._unmarked(want.schema)
        made = {name: self._unmarked(schema) for name, schema in (*ours.items(), *theirs.items())}
        return made | self._unions

    def _unmarked(self, part: Any) -> Any:
        """Replace the marks."""
        if is_array(part):
            return [self._unmarked(each) for each in part]
        if not is_mapping(part):
            return part
        if _MARK not in part:
            made = {
                name: each if name in _VALUES else self._unmarked(each)
                for name, each in part.items()
                if name != "default" or each is not None
            }
            return self._with_named_unions(made) if "discriminator" in made else made
        mark: tuple[str, int] = part[_MARK]
        library, number = mark
        meant = self._marked[number] if library == "msgspec" else self._in_msgspec[number].schema
        unsaid = {_MARK, "title"} if "$ref" in meant else {_MARK}
        others = {name: each for name, each in part.items() if name not in unsaid}
        return self._unmarked({**meant, **others})

    def _with_named_unions(self, union: dict[str, Any]) -> dict[str, Any]:
        """Refer to the unions in a union: a discriminator names its choices, and holds none."""
        told: Any = union["discriminator"]
        mapping: dict[str, Any] = told.get("mapping", {}) if is_mapping(told) else {}
        nested = {tag: each for tag, each in mapping.items() if is_mapping(each)}
        if not nested:
            return union
        named = {tag: self._reference_to(each) for tag, each in nested.items()}
        choices = [
            {"$ref": self._reference_to(each)} if each in nested.values() else each
            for each in union["oneOf"]
        ]
        return {
            **union,
            "oneOf": choices,
            "discriminator": {**told, "mapping": {**mapping, **named}},
        }

    def _reference_to(self, union: Mapping[str, Any]) -> str:
        known = next((name for name, each in self._unions.items() if each == union), None)
        if known is None:
            members = [each.get("$ref", "").removeprefix(REF_PREFIX) for each in union["oneOf"]]
            known = free_name("_or_".join(members), {*self._taken, *self._unions})
            self._unions[known] = dict(union)
        return REF_PREFIX + known


def _with_names(part: Any, names: Mapping[str, str]) -> Any:
    """Refer to definitions by other names."""
    if not names:
        return part
    if is_array(part):
        return [_with_names(each, names) for each in part]
    if not is_mapping(part):
        return part
    return {key: _with_names_at(key, each, names) for key, each in part.items()}


def _with_names_at(key: str, part: Any, names: Mapping[str, str]) -> Any:
    if key == "$ref" and isinstance(part, str):
        return _renamed(part, names)
    if key == "mapping" and is_mapping(part) and all(isinstance(v, str) for v in part.values()):
        return {tag: _renamed(each, names) for tag, each in part.items()}
    return _with_names(part, names)


def _renamed(reference: str, names: Mapping[str, str]) -> str:
    name = reference.removeprefix(REF_PREFIX)
    return f"{REF_PREFIX}{names.get(name, name)}"


def free_name(name: str, taken: Iterable[str]) -> str:
    """A name like this one that is not taken."""
    number = 2
    free = name
    while free in taken:
        free = f"{name}{number}"
        number += 1
    return free
