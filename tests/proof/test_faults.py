"""Whatever goes wrong, and wherever: exit code runs, once, in order, to its end."""

import gc
from collections import Counter

import pytest

from tests.proof.faults import FAULTS, FLAVOURS, PLACES, Fault, failing_cells, reason_against

OFTEN = {"asyncio": ("mixed",), "trio": ("mixed the other way",)}
"""The flavours that are tried each time, by backend; `python -m tests.proof.faults` tries all."""


@pytest.fixture(params=[*OFTEN])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_dependencies_exit_whatever_happens_wherever_it_does(
    anyio_backend: str, fault: Fault
) -> None:
    assert await failing_cells([fault], OFTEN[anyio_backend]) == {}
    gc.collect()  # so that what is not closed, or not awaited, shows


def test_there_is_a_reason_for_each_cell_that_is_missing() -> None:
    reasons = Counter(
        reason_against(place, fault, flavour)
        for place in PLACES
        for fault in FAULTS
        for flavour in FLAVOURS
    )
    assert reasons == {
        None: 4360,
        "there is no client": 72,
        "nothing is open that has exit code": 252,
        "nothing can interrupt code that does not await": 110,
    }
