"""A plugin for pytest: `pytest -p microfw.as_fastapi` answers `import fastapi` in tests.

It does so before the first conftest.py is imported; see `microfw.install_as_fastapi`.
"""

from microfw._as_fastapi import install

__all__ = ["pytest_load_initial_conftests"]


def pytest_load_initial_conftests() -> None:
    """Answer `import fastapi`; pytest calls it."""
    install()
