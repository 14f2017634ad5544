"""Which credentials a route asks for."""

from collections.abc import Iterable
from typing import Any

from microfw.dependencies import Plan
from microfw.openapi._values import steps_from_endpoint
from microfw.security.base import SecurityBase, SecurityScheme

Requirement = dict[str, list[str]]


class Security:
    """The security schemes among the dependencies of a route.

    Attributes:
        schemes: The security scheme objects, by name.
        requirements: What is to be sent: all that is in one of these.
        may_refuse: Whether a scheme answers 401 by itself.
    """

    def __init__(self, plan: Plan) -> None:
        self.schemes: dict[str, Any] = {}
        self.may_refuse = False
        required: Requirement = {}
        optional: Requirement = {}
        for step in steps_from_endpoint(plan):
            scheme: Any = step.signature.declared
            if not isinstance(scheme, SecurityBase):
                continue
            self.may_refuse |= isinstance(scheme, SecurityScheme)
            name = scheme.scheme_name
            self.schemes[name] = _described(scheme)
            among = required if getattr(scheme, "auto_error", True) else optional
            scopes = among.setdefault(name, [])
            scopes += [each for each in step.security_scopes if each not in scopes]
        self.requirements = _alternatives(required, optional)


def _alternatives(required: Requirement, optional: Requirement) -> list[Requirement]:
    """All of the required ones; beside them one of the others, or none."""
    others = {name: scopes for name, scopes in optional.items() if name not in required}
    chosen: Iterable[Requirement] = ({**required, name: s} for name, s in others.items())
    return [*chosen, required] if required or others else []


def _described(scheme: SecurityBase) -> dict[str, Any]:
    """The security scheme object, without what is not said of it."""
    return {name: value for name, value in scheme.openapi.items() if value is not None}
