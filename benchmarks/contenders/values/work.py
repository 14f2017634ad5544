"""What the endpoints of all contenders do themselves."""

from os import SEEK_END
from types import SimpleNamespace
from typing import IO, Any

END = 16
"""How many bytes are read of an upload, to see that it is all there."""


def objects(count: int) -> list[Any]:
    """Make what a database's session might return: orders with attributes, and more of them."""
    return [
        SimpleNamespace(
            id=number,
            customer=SimpleNamespace(id=7 * number, name=f"Customer {number}", password="xyzzy"),
            lines=[SimpleNamespace(sku=f"LMP-{n:04}", quantity=n, price=2.5) for n in (1, 2, 3)],
            paid=number % 3 == 0,
            margin=0.25,
        )
        for number in range(1, count + 1)
    ]


def size_and_end(file: IO[bytes]) -> tuple[int, str]:
    """Measure a file, and read its last bytes."""
    file.seek(0, SEEK_END)
    size = file.tell()
    file.seek(size - END)
    return size, file.read().decode()
