"""Values -> plain data from which their declared type makes them again."""

from collections.abc import Callable
from functools import partial
from typing import Any

from microfw._models.encoding import plain_data
from microfw._models.with_msgspec import is_of_msgspec


def dumper_of(annotation: Any) -> Callable[[Any], Any]:
    """Make the function that writes a value as data that JSON has, by the library of its type.

    What it cannot write makes it raise a `TypeError` or a `ValueError`.
    """
    if annotation is Any or is_of_msgspec(annotation):
        return plain_data
    from pydantic import TypeAdapter  # with the first type that needs it

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    return partial(adapter.dump_python, mode="json", by_alias=True, warnings=False)
