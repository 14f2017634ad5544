"""Which lines of a traceback are the author's own, and not a library's."""

import os
import traceback
from pathlib import Path
from types import CodeType, TracebackType

_OTHERS = ("<", str(Path(__file__).parent.parent), str(Path(os.__file__).parent))
"""How the files of generated code begin, of microfw's and of Python's own."""
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def own_place(raised: TracebackType | None) -> str | None:
    """The innermost of the author's own lines that an exception went through, `file:line`."""
    own = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(raised)
        if _is_own(frame.f_code)
    ]
    return "{}:{}".format(*own[-1]) if own else None


def innermost_place(raised: TracebackType | None) -> str | None:
    """Where an exception was raised, `file:line`."""
    if raised is None:
        return None
    while raised.tb_next is not None:
        raised = raised.tb_next
    return f"{raised.tb_frame.f_code.co_filename}:{raised.tb_lineno}"


def _is_own(code: CodeType) -> bool:
    """Whether code is none of microfw's, which may be generated, of Python's, of a package's."""
    file = code.co_filename
    return not file.startswith(_OTHERS) and _INSTALLED.isdisjoint(Path(file).parts)
