"""How much memory a process has."""

import os
import resource
import sys
from pathlib import Path


def resident(process: int | str = "self") -> int:
    """Return the bytes of this process or, on Linux, of another one, that are in memory.

    Where the system does not say it, the most that this process ever had.
    """
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
