"""Functions that libraries made for FastAPI call, at the place where it has them."""

import re

from microfw._routes import generate_unique_id

__all__ = ["generate_unique_id", "get_path_param_names", "is_body_allowed_for_status_code"]

_RANGES = frozenset({"default", "1XX", "2XX", "3XX", "4XX", "5XX"})
_WITHOUT_BODY = frozenset({204, 205, 304})


def is_body_allowed_for_status_code(status_code: int | str | None) -> bool:
    """Whether a response of this status, or of this range of them, may have a body (RFC 9110)."""
    if status_code is None or status_code in _RANGES:
        return True
    status = int(status_code)
    return status >= 200 and status not in _WITHOUT_BODY


def get_path_param_names(path: str) -> set[str]:
    """The names in braces in a path."""
    return set(re.findall("{(.*?)}", path))
