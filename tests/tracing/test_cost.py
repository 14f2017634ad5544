"""What is not watched costs nothing: not one instruction more is executed."""

import pytest

from benchmarks.cases import LIFECYCLE
from benchmarks.tracing import COUNTED, instructions_of


@pytest.mark.parametrize("name", COUNTED)
async def test_who_is_not_watched_executes_not_one_instruction_of_tracing(name: str) -> None:
    case = next(each for each in LIFECYCLE if each.name == name)
    never, off_again, watched = (await instructions_of(case)).values()
    assert never.of_tracing == off_again.of_tracing == 0
    assert never.all == off_again.all > 100
    assert watched.of_tracing > 100
