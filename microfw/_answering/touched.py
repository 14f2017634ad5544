"""Detects whether other code has replaced Starlette's or microfw's.

Tools that watch applications replace methods of Starlette's classes, wrap its functions, and take
its layers apart. Where they have, requests pass every layer.
"""

import sys
from types import FunctionType
from typing import Any


def is_original(owner: Any, name: str, module: str) -> bool:
    """Whether a function is still the one that a module defines.

    Args:
        owner: The class or module that has the function.
        name: The function's name there.
        module: The name of the module whose code it is.
    """
    function: Any = getattr(owner, name, None)
    # A wrapper may pose as what it wraps, by its class and attributes; by its type it cannot.
    is_plain = type(function) is FunctionType
    return is_plain and function.__globals__ is vars(sys.modules[module])
