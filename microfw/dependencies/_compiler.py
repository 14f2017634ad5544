"""Plan -> function: its source is compiled, and stays to be read by tracebacks."""

import linecache
import weakref
from collections.abc import Callable
from itertools import count
from typing import Any

from msgspec import Struct

from microfw.dependencies._plan import Plan
from microfw.dependencies._probes import probed
from microfw.dependencies._shape import Shape
from microfw.dependencies._writer import Writer, escaped

_serial = count(1)


class CompiledPlan(Struct, frozen=True):
    """A compiled plan.

    Attributes:
        call: The coroutine function; takes the `Run`, then the shape's further parameters.
        source: Its source, as it runs.
    """

    call: Callable[..., Any]
    source: str


def compile_plan(plan: Plan, shape: Shape, *, is_watched: bool = False) -> CompiledPlan:
    """Compile a plan to the function that executes it.

    Args:
        plan: What is executed.
        shape: What is around it.
        is_watched: Whether the same source gets a namespace that writes down what is called.
    """
    writer = Writer(plan, shape)
    source = writer.source()
    namespace = writer.namespace
    if is_watched:
        namespace = probed(namespace, writer.named(), source)
    filename = f"<microfw {escaped(shape.title)} #{next(_serial)}>"
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - rule 2 of the writer
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    handle = namespace["handle"]
    weakref.finalize(handle, linecache.cache.pop, filename, None).atexit = False
    return CompiledPlan(handle, source)
