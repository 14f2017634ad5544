"""Which parameters are given the outcome."""

from microfw._reading.parameters import declarations, error
from microfw.dependencies import Parameter, Recorder, Site
from microfw.exceptions import UnfillableParameterError
from microfw.outcome import Outcome


def recorder_of(parameter: Parameter, site: Site) -> Recorder | None:
    """Return what fills a parameter that is an `Outcome`; `None` for others.

    Raises:
        UnfillableParameterError: It is that of a function that cannot look at it afterwards.
    """
    if parameter.annotation is not Outcome:
        return None
    name = parameter.name
    if declarations(parameter):
        raise error(
            UnfillableParameterError,
            f"{name!r} is an Outcome, and is declared as a value of the request, too",
            site,
            f"write {name}: Outcome, without a declaration",
        )
    is_dependency = len(site.path) > 1
    if not (is_dependency and site.signature.yields):
        raise error(
            UnfillableParameterError,
            f"{name!r} is an Outcome, and nothing of it is known before the `yield` of a"
            f" dependency: {site.signature.name!r} is none that yields",
            site,
            f"declare {name}: Outcome in a dependency that yields, and read it after that",
        )
    return Recorder("outcome")
