"""Those who receive and show values, one module for each."""

from benchmarks.cases import Contender


def microfw() -> Contender:
    """Make the contender that this is all about."""
    from benchmarks.contenders.values.of_microfw import MICROFW

    return MICROFW


def by_hand() -> Contender:
    """Make Starlette's, with every check written by hand."""
    from benchmarks.contenders.values.by_hand import BY_HAND

    return BY_HAND


def with_msgspec() -> Contender:
    """Make Starlette's with msgspec."""
    from benchmarks.contenders.values.with_msgspec import WITH_MSGSPEC

    return WITH_MSGSPEC


def fastapi() -> Contender:
    """Make FastAPI's.

    Raises:
        ImportError: It is not installed.
    """
    from benchmarks.contenders.values.of_fastapi import FASTAPI

    return FASTAPI


def litestar() -> Contender:
    """Make Litestar's.

    Raises:
        ImportError: It is not installed.
    """
    from benchmarks.contenders.values.of_litestar import LITESTAR

    return LITESTAR


ALL = (microfw, with_msgspec, by_hand, fastapi, litestar)
"""They are imported when they are made, so that one can do without what is not installed."""
