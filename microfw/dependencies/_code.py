"""What the code of a function shows before it runs: whether it can suspend, whether it returns.

The instructions of CPython change from version to version. So a function counts as one that can
suspend unless each of its instructions is known not to, and what a generator function returns is
looked up in its source. Where there is none, nothing is known before it runs.
"""

import ast
import dis
import functools
import inspect
import linecache
import warnings
from collections.abc import Iterator
from types import CodeType

_KEPT_CODES = 1024
"""For how many functions it is kept what their code shows; many routes use the same ones."""

# Those of CPython 3.11 to 3.15. A test fails on a version that has others.
_NEVER_SUSPENDING = """
ASYNC_GEN_WRAP BEFORE_WITH BINARY_OP BINARY_SLICE BINARY_SUBSCR BUILD_CONST_KEY_MAP
BUILD_INTERPOLATION BUILD_LIST BUILD_MAP BUILD_SET BUILD_SLICE BUILD_STRING BUILD_TEMPLATE
BUILD_TUPLE CACHE CALL CALL_FUNCTION_EX CALL_INTRINSIC_1 CALL_INTRINSIC_2 CALL_KW CHECK_EG_MATCH
CHECK_EXC_MATCH COMPARE_OP CONTAINS_OP CONVERT_VALUE COPY COPY_FREE_VARS DELETE_ATTR DELETE_DEREF
DELETE_FAST DELETE_GLOBAL DELETE_NAME DELETE_SUBSCR DICT_MERGE DICT_UPDATE END_FOR EXTENDED_ARG
FORMAT_SIMPLE FORMAT_VALUE FORMAT_WITH_SPEC FOR_ITER GET_ITER GET_LEN IMPORT_FROM IMPORT_NAME IS_OP
JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT JUMP_FORWARD JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP
KW_NAMES LIST_APPEND LIST_EXTEND LIST_TO_TUPLE LOAD_ASSERTION_ERROR LOAD_ATTR LOAD_BUILD_CLASS
LOAD_CLASSDEREF LOAD_CLOSURE LOAD_COMMON_CONSTANT LOAD_CONST LOAD_DEREF LOAD_FAST
LOAD_FAST_AND_CLEAR LOAD_FAST_BORROW LOAD_FAST_BORROW_LOAD_FAST_BORROW LOAD_FAST_CHECK
LOAD_FAST_LOAD_FAST LOAD_FROM_DICT_OR_DEREF LOAD_FROM_DICT_OR_GLOBALS LOAD_GLOBAL LOAD_LOCALS
LOAD_METHOD LOAD_NAME LOAD_SMALL_INT LOAD_SPECIAL LOAD_SUPER_ATTR MAKE_CELL MAKE_FUNCTION MAP_ADD
MATCH_CLASS MATCH_KEYS MATCH_MAPPING MATCH_SEQUENCE NOP NOT_TAKEN POP_EXCEPT POP_ITER
POP_JUMP_BACKWARD_IF_FALSE POP_JUMP_BACKWARD_IF_NONE POP_JUMP_BACKWARD_IF_NOT_NONE
POP_JUMP_BACKWARD_IF_TRUE POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_NONE
POP_JUMP_FORWARD_IF_NOT_NONE POP_JUMP_FORWARD_IF_TRUE POP_JUMP_IF_FALSE POP_JUMP_IF_NONE
POP_JUMP_IF_NOT_NONE POP_JUMP_IF_TRUE POP_TOP PRECALL PREP_RERAISE_STAR PUSH_EXC_INFO PUSH_NULL
RAISE_VARARGS RERAISE RESUME RETURN_CONST RETURN_GENERATOR RETURN_VALUE SETUP_ANNOTATIONS SET_ADD
SET_FUNCTION_ATTRIBUTE SET_UPDATE STORE_ATTR STORE_DEREF STORE_FAST STORE_FAST_LOAD_FAST
STORE_FAST_STORE_FAST STORE_GLOBAL STORE_NAME STORE_SLICE STORE_SUBSCR SWAP TO_BOOL UNARY_INVERT
UNARY_NEGATIVE UNARY_NOT UNARY_POSITIVE UNPACK_EX UNPACK_SEQUENCE WITH_EXCEPT_START YIELD_VALUE
"""
NEVER_SUSPENDING = frozenset(_NEVER_SUSPENDING.split())

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@functools.lru_cache(_KEPT_CODES)
def can_suspend(code: CodeType) -> bool:
    """Whether an async function may give way to the event loop, `yield` aside."""
    instructions = dis.get_instructions(code)
    return any(instruction.opname not in NEVER_SUSPENDING for instruction in instructions)


@functools.lru_cache(_KEPT_CODES)
def returns_a_value(code: CodeType) -> bool:
    """Whether the source of a generator function, where there is one, returns a value.

    An async generator function cannot.
    """
    if not code.co_flags & inspect.CO_GENERATOR or not _mentions_return(code):
        return False
    own = [*_own_nodes(code)]
    if not any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own):
        return False  # the file has changed since it was imported
    return any(map(_returns_a_value, own))


@functools.lru_cache(_KEPT_CODES)
def only_returns_none(code: CodeType) -> bool:
    """Whether the source of a sync function, where there is one, returns no value and raises none.

    What it calls may raise all the same.
    """
    own = [*_own_nodes(code)]
    ends = any(isinstance(node, ast.Raise) or _returns_a_value(node) for node in own)
    return bool(own) and not ends


def _mentions_return(code: CodeType) -> bool:
    """Whether a function's source contains the word, which is found faster than by parsing."""
    last = max(line or 0 for _, _, line in code.co_lines())
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 : last]
    return any("return" in line for line in lines)


def _own_nodes(code: CodeType) -> Iterator[ast.AST]:
    """The syntax tree of a function without the functions inside of it; nothing if unreadable."""
    pending: list[ast.AST] = [*_body(code)]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            pending += ast.iter_child_nodes(node)


def _body(code: CodeType) -> list[ast.stmt]:
    try:
        source = inspect.getsource(code)
        if source[:1].isspace():
            source = f"if True:\n{source}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were given when it was compiled
            tree = ast.parse(source)
    except Exception:  # there is none, or it is that of something else by now
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            return node.body
    return []


def _returns_a_value(node: ast.AST) -> bool:
    return isinstance(node, ast.Return) and not _is_none(node.value)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)
