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
        refusals: What the schemes answer by themselves: by status, whether with a challenge.
    """

    def __init__(self, plan: Plan) -> None:
        self.schemes: dict[str, Any] = {}
        self.refusals: dict[int, bool] = {}
        required: Requirement = {}
        optional: Requirement = {}
        for step in steps_from_endpoint(plan):
            declared: Any = step.signature.declared
            if not isinstance(declared, SecurityBase):
                continue
            scheme: Any = declared
            if isinstance(declared, SecurityScheme):
                self._refuse(scheme)
            name = scheme.scheme_name
            self.schemes[name] = _described(scheme)
            among = required if getattr(scheme, "auto_error", True) else optional
            scopes = among.setdefault(name, [])
            scopes += [each for each in step.security_scopes if each not in scopes]
        self.requirements = _alternatives(required, optional)

    def _refuse(self, scheme: SecurityScheme[Any]) -> None:
        errors = [scheme.make_invalid_credentials_error()]
        if scheme.auto_error:
            errors.append(scheme.make_not_authenticated_error())
        for error in errors:
            challenges = "www-authenticate" in map(str.lower, error.headers or ())
            self.refusals[error.status_code] = challenges or self.refusals.get(
                error.status_code, False
            )


def _alternatives(required: Requirement, optional: Requirement) -> list[Requirement]:
    """All of the required ones; beside them one of the others, or none."""
    others = {name: scopes for name, scopes in optional.items() if name not in required}
    chosen: Iterable[Requirement] = ({**required, name: s} for name, s in others.items())
    return [*chosen, required] if required or others else []


def _described(scheme: SecurityBase) -> dict[str, Any]:
    """The security scheme object, without what is not declared."""
    return {name: value for name, value in scheme.openapi.items() if value is not None}
