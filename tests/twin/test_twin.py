"""An application of some size answers the same on FastAPI and on microfw."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.twin.differences import DIFFERENCES, surprises
from tests.twin.loading import ON_FASTAPI, ON_MICROFW, built_museum
from tests.twin.playing import Outcome, Step, play
from tests.twin.session import SESSION

pytestmark = pytest.mark.filterwarnings(
    # Starlette's parser forgets the file with which a truncated form breaks off.
    "ignore:Exception ignored.*SpooledTemporaryFile"
)

STEPS = [*SESSION, Step("SHUTDOWN", "")]


@pytest.fixture(scope="module")
def theirs() -> Iterator[list[Outcome]]:
    """What has come of the session on FastAPI."""
    with built_museum(ON_FASTAPI) as museum:
        yield list(play(museum, SESSION, "asyncio"))


@pytest.mark.unmeasured
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_both_frameworks_give_the_same_answers(theirs, backend):
    with built_museum(ON_MICROFW) as museum:
        ours = list(play(museum, SESSION, backend))

    found, used = surprises(STEPS, theirs, ours)

    assert not found, "\n\n".join(found)
    assert DIFFERENCES.keys() - used == set()


def test_the_session_is_long_and_much_of_it_is_invalid(theirs):
    refused = [
        outcome for outcome in theirs if 400 <= outcome.status < 500 or outcome.status > 1001
    ]

    assert len(SESSION) > 400
    assert len(SESSION) / 2 < len(refused) < len(SESSION) * 2 / 3


def test_a_difference_that_is_not_in_the_table_is_found(theirs):
    found = surprises(STEPS[:1], theirs[:1], [replace(theirs[0], body=b"{}")])[0]
    missed = surprises(STEPS[:1], theirs[:1], [replace(theirs[0], entries=())])[0]

    assert len(found) == len(missed) == 1
    assert found[0].startswith("GET / headers=[]\n  expected Outcome(status=200")
