"""A release has one version, in pyproject.toml, and a section of the changelog."""

from datetime import date

import pytest

from scripts._release import NotReleasableError, with_section, with_version

PROJECT = '[project]\nname = "microfw-asgi"\nversion = "0.1.0"\nminversion = "9.0"\n'
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-11-25\n"


def test_the_version_is_written_into_pyproject_toml() -> None:
    assert with_version(PROJECT, "0.2.0") == PROJECT.replace("0.1.0", "0.2.0")


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("0.1.0", "0.1.0 does not come after 0.1.0"),
        ("0.0.9", "0.0.9 does not come after 0.1.0"),
        ("1.0", "1.0 is no version, X.Y.Z"),
    ],
)
def test_a_version_that_does_not_come_next_is_refused(version: str, told: str) -> None:
    with pytest.raises(NotReleasableError) as caught:
        with_version(PROJECT, version)

    assert str(caught.value) == told


def test_what_is_unreleased_becomes_the_section_of_the_version() -> None:
    assert with_section(CHANGELOG, "0.2.0", date(2026, 12, 1)) == (
        "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- A thing.\n\n"
        "## [0.1.0] - 2026-11-25\n"
    )


def test_a_release_without_a_change_is_refused() -> None:
    released = with_section(CHANGELOG, "0.2.0", date(2026, 12, 1))

    with pytest.raises(NotReleasableError):
        with_section(released, "0.3.0", date(2026, 12, 2))
