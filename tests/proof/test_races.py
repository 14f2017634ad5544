"""Many requests at once, cancelled at random: none loses exit code, or sees another's values."""

import gc
from contextlib import ExitStack

import anyio.to_thread
import pytest

from tests.proof.races import Race, changing_overrides, switching_often


async def raced(count: int, seed: int, *, hard: bool) -> Race:
    """Run a race, and check what has to be true after any."""
    race = Race(seed)
    with ExitStack() as stack:
        if hard:
            stack.enter_context(switching_often())
            stack.enter_context(changing_overrides(race.app))
        await race.run(count)
    assert race.mistakes == []
    assert race.entered == race.exited
    assert not any(race.open.values())
    assert race.answered + race.cancelled == count
    assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
    gc.collect()  # so that what is not closed, or not awaited, shows
    return race


@pytest.mark.parametrize("hard", [False, True], ids=["plainly", "with overrides that change"])
async def test_requests_at_once_exit_in_order_whichever_are_cancelled(hard: bool) -> None:
    race = await raced(400 if hard else 1000, seed=6, hard=hard)
    assert race.cancelled > 20
    assert race.answered > 20


@pytest.mark.slow
@pytest.mark.parametrize("hard", [False, True], ids=["plainly", "with overrides that change"])
async def test_ten_thousand_requests_at_once_exit_in_order(hard: bool) -> None:
    race = await raced(10_000, seed=7, hard=hard)
    assert race.cancelled > 200
    assert race.answered > 200
