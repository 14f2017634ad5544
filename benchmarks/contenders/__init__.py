"""Those who do the work, one module for each way of writing it."""

from benchmarks.cases import Contender
from benchmarks.contenders.by_hand import BY_HAND
from benchmarks.contenders.declared import Framework


def microfw() -> Contender:
    """Make the contender that this is all about."""
    from microfw import App, Depends, HTTPException

    return Framework("microfw", ("microfw",), App, Depends, HTTPException).contender()


def fastapi() -> Contender:
    """Make FastAPI's; imported only here, so that one can do without it.

    Raises:
        ImportError: FastAPI is not installed.
    """
    from fastapi import Depends, FastAPI, HTTPException

    def application() -> FastAPI:
        return FastAPI(openapi_url=None)  # no other routes than the others have

    packages = ("fastapi", "pydantic")
    return Framework("FastAPI", packages, application, Depends, HTTPException).contender()


def by_hand() -> Contender:
    """Make Starlette's, with the blocks written by hand."""
    return BY_HAND


ALL = (microfw, by_hand, fastapi)
