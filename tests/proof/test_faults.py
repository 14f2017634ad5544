"""Whatever goes wrong, and wherever: exit code runs, once, in order, to its end."""

import gc
from collections import Counter
from itertools import islice

import anyio
import pytest

from proof.faults import (
    FAULTS,
    FLAVOURS,
    PLACES,
    SERVERS,
    combinations,
    failing_cells,
    reason_against,
)

SHARE = 17
"""One of so many cells is tried each time; `python -m proof.faults` tries all."""

RUNS = [(server, flavour) for server in SERVERS for flavour in FLAVOURS]


@pytest.mark.slow
@pytest.mark.parametrize(("server", "flavour"), RUNS)
# Starlette leaves what it streams where it is if sending fails, which trio tells of.
@pytest.mark.filterwarnings("ignore:Async generator '.*(chunks|iterate_in_threadpool)' was garbage")
def test_dependencies_exit_whatever_happens_wherever_it_does(server: str, flavour: str) -> None:
    options, is_bare = SERVERS[server].options, SERVERS[server].is_bare
    cells = combinations([flavour], is_bare=is_bare)
    share = islice(cells, RUNS.index((server, flavour)) % SHARE, None, SHARE)
    assert anyio.run(failing_cells, share, is_bare, **options) == {}
    gc.collect()  # so that what is not closed, or not awaited, shows


@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.filterwarnings("ignore:Async generator '.*(chunks|iterate_in_threadpool)' was garbage")
def test_traces_are_complete_whatever_happens(server: str) -> None:
    options, is_bare = SERVERS[server].options, SERVERS[server].is_bare
    cells = combinations(FLAVOURS, is_bare=is_bare)
    share = islice(cells, [*SERVERS].index(server), None, 5 * SHARE)
    assert anyio.run(failing_cells, share, is_bare, True, **options) == {}
    gc.collect()


@pytest.mark.parametrize("is_bare", [False, True])
def test_there_is_a_reason_for_each_cell_that_is_missing(is_bare: bool) -> None:
    expected: dict[str | None, int] = {
        None: 6929 if is_bare else 7409,
        "there is no client": 72,
        "nothing is open that has exit code": 420,
        "nothing can interrupt code that does not await": 193,
        "nothing runs that could raise": 54,
        "it does not come out of the thread in which Starlette calls an iterator": 12,
    }
    if is_bare:
        expected["there is no task group around"] = 480
    assert expected == Counter(
        reason_against(place, fault, flavour, is_bare=is_bare)
        for place in PLACES
        for fault in FAULTS
        for flavour in FLAVOURS
    )
