"""The trees of dependencies that libraries made for FastAPI read: `route.dependant`."""

from microfw._routes.dependants import (
    Dependant,
    ModelField,
    get_dependant,
    get_parameterless_sub_dependant,
)

__all__ = ["Dependant", "ModelField", "get_dependant", "get_parameterless_sub_dependant"]
