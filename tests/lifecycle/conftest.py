"""What programs write into."""

import pytest

from tests.lifecycle.programs import Log


@pytest.fixture
def log() -> Log:
    return Log()
