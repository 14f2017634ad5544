"""How the parameters of dependencies are filled where there is no request."""

from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.responses import Response

from microfw._reading.outcomes import recorder_of
from microfw.dependencies import EMPTY, Attribute, Bind, Constant, Parameter, Site, Surrounding
from microfw.exceptions import RequestValueError
from microfw.params import Declaration


def refuse_request_values(
    place: str,
    cure: str,
    given: Mapping[type, str] | None = None,
    *,
    has_outcome: bool = False,
) -> Bind:
    """Make a `Bind` that leaves parameters to their defaults and refuses values of a request.

    Args:
        place: Where there is no request, for the message.
        cure: What to do instead.
        given: The attributes of a run that fill parameters by their type alone.
        has_outcome: Whether what happens there has an outcome.
    """
    attributes = [(kind, Attribute(name)) for kind, name in (given or {}).items()]

    def bind(parameter: Parameter, site: Site) -> Surrounding | None:
        for kind, attribute in attributes:
            if parameter.annotation is kind:
                return attribute
        is_passed_by_caller = len(site.path) == 1
        if has_outcome and not is_passed_by_caller:
            recorder = recorder_of(parameter, site)
            if recorder is not None:
                return recorder
        if _names_request_value(parameter) or not (
            is_passed_by_caller or parameter.default is not EMPTY
        ):
            raise RequestValueError(
                f"parameter {parameter.name!r} needs a value of the request,"
                f" and there is none in {place}",
                where=site.signature.where,
                path=site.path,
                cure=cure,
            )
        if parameter.positional_only and not is_passed_by_caller:
            return Constant(parameter.default)  # so that those after it keep their places
        return None

    return bind


refuse_in_app_scope = refuse_request_values(
    'scope "app"', "give the dependency a narrower scope, or the parameter a plain default value"
)


def _names_request_value(parameter: Parameter) -> bool:
    if any(isinstance(d, Declaration) for d in (*parameter.metadata, parameter.default)):
        return True
    annotation = parameter.annotation
    return (
        parameter.default is EMPTY
        and isinstance(annotation, type)
        and issubclass(annotation, HTTPConnection | Response)
    )
