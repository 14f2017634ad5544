"""Those who do the work, one module for each way of writing it."""

from collections.abc import Callable, Sequence

from benchmarks.cases import Contender
from benchmarks.contenders.by_hand import BY_HAND, BY_HAND_WITH_MSGSPEC
from benchmarks.contenders.declared import Framework
from benchmarks.contenders.raw import RAW


def framework_microfw() -> Framework:
    """Take what dependencies are declared with from microfw."""
    from microfw import App, BackgroundTasks, Depends, HTTPException, Router

    return Framework("microfw", ("microfw",), App, Router, Depends, HTTPException, BackgroundTasks)


def framework_fastapi() -> Framework:
    """Take it from FastAPI; imported only here, as others are below, so that one can do without it.

    Raises:
        ImportError: FastAPI is not installed.
    """
    from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException

    def application() -> FastAPI:
        return FastAPI(openapi_url=None)  # no other routes than the others have

    return Framework(
        "FastAPI",
        ("fastapi", "pydantic"),
        application,
        APIRouter,
        Depends,
        HTTPException,
        BackgroundTasks,
    )


def microfw() -> Contender:
    """Make the contender that this is all about."""
    return framework_microfw().contender()


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
    """Make FastAPI's.

    Raises:
        ImportError: FastAPI is not installed.
    """
    return framework_fastapi().contender()


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
