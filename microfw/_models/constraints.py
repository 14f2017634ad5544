"""Limits on a value, as an author writes them."""

from typing import Any

from msgspec import Struct


class ConstraintError(TypeError):
    """A constraint says nothing about values of the declared type."""


class Constraints(Struct, frozen=True):
    """Limits on a value; `None` where there is none. Their names are those of pydantic's."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    strict: bool | None = None
    """Whether only values of the very type are taken, text never for a number."""
    allow_inf_nan: bool | None = None
    max_digits: int | None = None
    decimal_places: int | None = None
    discriminator: Any = None
    """What distinguishes the models of a union; Structs are distinguished by their tags."""
    union_mode: str | None = None
    fail_fast: bool | None = None

    def __bool__(self) -> bool:
        return self != _NONE

    @property
    def given(self) -> dict[str, Any]:
        """Those that say something, by name."""
        values = {name: getattr(self, name) for name in CONSTRAINTS}
        return {name: value for name, value in values.items() if value is not None}


CONSTRAINTS = Constraints.__struct_fields__
_NONE = Constraints()
