"""Functions in the making: their head, their lines, and the blocks that are open in them."""

from enum import Enum
from typing import NamedTuple

from msgspec import Struct, field

INDENT = "    "


class Kind(Enum):
    """How a function in the making is defined, how it goes on in another one, what it is."""

    HANDLER = "async def", "await ", ""
    LIFESPAN = "async def", "", ""
    RETURNING_VALUES = "async def", "await ", "nothing stays open"
    IN_THREAD = "def", "", "in a worker thread"
    IN_THREAD_AROUND_SENDING = (
        "def",
        "yield from ",
        "in a worker thread: up to `yield`; then, once the response is sent, the exit code",
    )
    IN_THREAD_YIELDING_VALUES = (
        "def",
        "yield from ",
        "in a worker thread: setup up to `yield`, later the exit code",
    )
    IN_THREAD_RETURNING_VALUES = "def", "", "in a worker thread, nothing stays open"

    def __init__(self, definition: str, continuation: str, comment: str) -> None:
        self.definition = definition
        self.continuation = continuation
        self.comment = comment

    @property
    def is_async(self) -> bool:
        return self.definition == "async def"

    @property
    def returns_values(self) -> bool:
        return self in (Kind.RETURNING_VALUES, Kind.IN_THREAD_RETURNING_VALUES)

    @property
    def of_values(self) -> "Kind":
        """What a function is that such a one calls for values."""
        return Kind.RETURNING_VALUES if self.is_async else Kind.IN_THREAD_RETURNING_VALUES


class Call(NamedTuple):
    """A call of a function in the making; its first argument is the `Run`."""

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"

    @property
    def in_thread(self) -> str:
        """The same call, in a worker thread."""
        run, *others = self.arguments
        return f"call_in_thread({', '.join((run, self.name, *others))})"


class Function(Struct):
    head: str
    early_return: str = "return"
    """What ends it where a step has not got what it needs."""
    blocks: int = 0
    """How many `with` blocks the current line is inside of."""
    indent: int = 1
    _lines: list[str] = field(default_factory=list[str])
    _closing: list[str] = field(default_factory=list[str])

    def write(self, line: str) -> None:
        self._lines.append(self._indented(line))

    def open_with(self, line: str) -> None:
        """Write the head of a `with` block; what follows is inside of it."""
        self.open_if(line)
        self.blocks += 1

    def open_if(self, line: str) -> None:
        """Write the head of an `if` block; what follows is inside of it."""
        self.write(line)
        self.indent += 1

    def close(self, indent: int, blocks: int) -> None:
        """End what is indented further, and all but so many blocks."""
        self.indent = indent
        self.blocks = blocks

    def close_with(self, *lines: str) -> None:
        """Have these lines follow when the blocks inside of the current one are closed."""
        self._closing[:0] = [self._indented(line) for line in lines]

    def text(self) -> str:
        return "\n".join((self.head, *self._lines, *self._closing))

    def _indented(self, line: str) -> str:
        return f"{INDENT * self.indent}{line}"


def tuple_of(names: list[str]) -> str:
    """A tuple of values, as an expression."""
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names) or "()"
