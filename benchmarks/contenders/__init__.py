"""Those who do the work, one module for each way of writing it."""

from collections.abc import Callable, Sequence

from benchmarks.cases import Contender
from benchmarks.contenders.by_hand import BY_HAND, BY_HAND_WITH_MSGSPEC
from benchmarks.contenders.declared import Framework
from benchmarks.contenders.raw import RAW


def microfw() -> Contender:
    """Make the contender that this is all about."""
    from microfw import App, BackgroundTasks, Depends, HTTPException

    packages = ("microfw",)
    framework = Framework("microfw", packages, App, Depends, HTTPException, BackgroundTasks)
    return framework.contender()


def raw() -> Contender:
    """Make the floor."""
    return RAW


def by_hand() -> Contender:
    """Make Starlette's, with the blocks written by hand."""
    return BY_HAND


def by_hand_with_msgspec() -> Contender:
    """Make Starlette's again, with JSON by msgspec."""
    return BY_HAND_WITH_MSGSPEC


def fastapi() -> Contender:
    """Make FastAPI's; imported only here, as the following are, so that one can do without it.

    Raises:
        ImportError: FastAPI is not installed.
    """
    from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException

    def application() -> FastAPI:
        return FastAPI(openapi_url=None)  # no other routes than the others have

    packages = ("fastapi", "pydantic")
    framework = Framework("FastAPI", packages, application, Depends, HTTPException, BackgroundTasks)
    return framework.contender()


def litestar() -> Contender:
    """Make Litestar's.

    Raises:
        ImportError: Litestar is not installed.
    """
    from benchmarks.contenders.of_litestar import LITESTAR

    return LITESTAR


def dishka() -> Contender:
    """Make the one with a container of dishka's.

    Raises:
        ImportError: dishka or wireup is not installed.
    """
    from benchmarks.contenders.containers import DISHKA

    return DISHKA


def wireup() -> Contender:
    """Make the one with a container of wireup's.

    Raises:
        ImportError: dishka or wireup is not installed.
    """
    from benchmarks.contenders.containers import WIREUP

    return WIREUP


Make = Callable[[], Contender]

ALL: Sequence[Make] = (
    microfw,
    by_hand,
    fastapi,
    raw,
    by_hand_with_msgspec,
    litestar,
    dishka,
    wireup,
)
"""The first one is compared with the others."""
