"""The page "Compatibility" lists what is refused: each place in the code that refuses has its row."""

import ast
from collections.abc import Iterator
from pathlib import Path

from microfw import exceptions

ROOT = Path(__file__).parents[1]
KINDS = {
    name
    for name, kind in vars(exceptions).items()
    if isinstance(kind, type) and issubclass(kind, exceptions.RegistrationError)
}

TOO = "FastAPI refuses it, too"
OURS = "FastAPI has no such thing"
VALUE = "a declaration that would be passed as a value"
PATH = "`Path()` of a name that no path has"
NO_SLASH = "a path without a slash"
NO_OPTION = "`encoders=`, `max_body_size=`, `form_limits=`, `cleanup_timeout=`"
FORM = "a required model or `dict` as `Body()` beside `Form()`"
TEXT = "`File()` for what no file can be"
UNKNOWN = "an annotation that names what is not known"
TASK = "a background task that is a generator function"
NARROWER = "a dependency of a wider scope"

ROWS = {
    "_answering/functions.py:_check_can_be_named": (OURS,),
    "_answering/functions.py:_read_parameters": (TASK,),
    "_answering/tasks.py:BackgroundTasks.add_task": (TASK,),
    "_answering/tasks.py:_enqueueable": (OURS,),
    "_as_fastapi/__init__.py:install": (OURS,),
    "_reading/binding.py:RequestBinder._check_form": (TOO,),
    "_reading/binding.py:RequestBinder._check_has_body": ("a required body or form in a route",),
    "_reading/binding.py:RequestBinder._check_path_is_read": (PATH,),
    "_reading/binding.py:RequestBinder._given": ("a `WebSocket` in a route for HTTP", TOO),
    "_reading/binding.py:RequestBinder._read_from_form": (FORM,),
    "_reading/binding.py:RequestBinder._source": (PATH, TOO),
    "_reading/binding.py:RequestBinder.finish": ("two bodies, one of which is not JSON",),
    "_reading/body_limits.py:_check": (NO_OPTION,),
    "_reading/body_limits.py:changes_of": (NO_OPTION,),
    "_reading/mistakes.py:check_field": (TOO, TEXT),
    "_reading/mistakes.py:check_file": (TEXT,),
    "_reading/mistakes.py:check_is_bound": ("a method that is taken from its class",),
    "_reading/mistakes.py:check_is_no_field": (TOO,),
    "_reading/mistakes.py:check_type": (TOO, TEXT),
    "_reading/mistakes.py:made": (TOO, UNKNOWN, "a limit that says nothing about the type"),
    "_reading/outcomes.py:recorder_of": (OURS,),
    "_reading/outside_request.py:refuse_request_values.bind": (OURS,),
    "_reading/parameters.py:declaration_of": (VALUE,),
    "_routes/mistakes.py:_check_parts": ('`response_model_include="ab"`',),
    "_routes/mistakes.py:check_declares_nothing": (VALUE,),
    "_routes/mistakes.py:check_dependencies": (TOO,),
    "_routes/mistakes.py:check_encoders": (NO_OPTION,),
    "_routes/mistakes.py:check_endpoint": (TOO, "a class of Starlette's"),
    "_routes/mistakes.py:check_is_path": (TOO,),
    "_routes/mistakes.py:check_is_whole": (TOO,),
    "_routes/mistakes.py:check_methods": ('`methods="POST"`',),
    "_routes/mistakes.py:check_options": ("`status_code=` that is", "a `response_class=` that is"),
    "_routes/mistakes.py:check_path": (TOO,),
    "_routes/mistakes.py:check_prefix": (TOO,),
    "_routes/mistakes.py:check_router": (TOO,),
    "_routes/mistakes.py:check_starts_with_slash": (NO_SLASH,),
    "_routes/mistakes.py:check_websocket_endpoint": ("a WebSocket endpoint that is no async",),
    "_routes/route.py:Route._make_finish": (TOO, UNKNOWN),
    "dependencies/_annotations.py:_unknown": (UNKNOWN,),
    "dependencies/_annotations.py:resolved": (TOO,),
    "dependencies/_cleanup.py:_check": (NO_OPTION,),
    "dependencies/_declared.py:Depends._limit": (OURS,),
    "dependencies/_declared.py:Lifetime.of": ("a scope that does not exist",),
    "dependencies/_declared.py:Lifetime.of_default": (OURS,),
    "dependencies/_graph.py:_check_is_filled": (VALUE,),
    "dependencies/_graph.py:_check_limits": (OURS,),
    "dependencies/_graph.py:_narrower": (NARROWER,),
    "dependencies/_order.py:_Order._too_far_apart": (OURS,),
    "dependencies/_signatures.py:_inspected": (VALUE, TOO),
    "dependencies/_walk.py:_check_declaration": (TOO,),
    "dependencies/_walk.py:_cycle": (TOO,),
    "dependencies/_walk.py:_filled_by_name": ("`*args` of an endpoint or a dependency",),
    "dependencies/_walk.py:_not_callable": (TOO, "a context manager that was made already"),
    "dependencies/_walk.py:_override_error": ("an override of, or by",),
    "openapi/_application.py:DescribedApp._add": (TOO,),
    "openapi/_schemas.py:Schemas._fail": (OURS,),
    "security/utils.py:quoted": ("the `realm=` of a security scheme",),
    "tasks/_messages.py:MessageFormat.__init__": (OURS,),
    "tasks/_messages.py:_made": (OURS,),
    "tasks/_queue.py:TaskQueue.__init__": (OURS,),
    "tasks/_queue.py:TaskQueue.labels_of": (OURS,),
    "tracing/_telemetry.py:listen_by_telemetry": (OURS,),
}
"""What each place refuses, by the beginnings of the page's rows."""

OF_NO_MISTAKE = {
    "an exception handler for what is neither a status nor a class",
    "`App(unknown=...)`",
}
"""The rows of what is a `TypeError`."""


def makers(node: ast.AST, name: str = "") -> Iterator[str]:
    """The functions that make an error of an author's mistake."""
    for child in ast.iter_child_nodes(node):
        is_named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        inner = f"{name}.{child.name}" if is_named else name  # type: ignore[attr-defined]
        if isinstance(child, ast.Call) and any(
            isinstance(each, ast.Name) and each.id in KINDS
            for each in (child.func, *child.args[:1])
        ):
            yield inner.removeprefix(".")
        yield from makers(child, inner)


def refused() -> list[str]:
    page = (ROOT / "docs" / "compatibility.md").read_text()
    section = page.partition("## What is refused")[2].partition("## Names")[0]
    rows = [line.removeprefix("| ") for line in section.splitlines() if line.startswith("| ")]
    return rows[1:]


def test_each_place_that_refuses_has_its_row() -> None:
    package = ROOT / "microfw"
    found = {
        f"{path.relative_to(package)}:{maker}"
        for path in package.rglob("*.py")
        for maker in makers(ast.parse(path.read_text()))
    }
    assert found == set(ROWS)


def test_each_row_has_a_place_that_refuses() -> None:
    beginnings = {row for rows in ROWS.values() for row in rows} - {TOO, OURS} | OF_NO_MISTAKE
    rows = refused()

    assert [row for row in rows if not any(map(row.startswith, beginnings))] == []
    assert [each for each in beginnings if not any(row.startswith(each) for row in rows)] == []


def test_a_place_without_a_row_is_found() -> None:
    tree = ast.parse("def f():\n    raise PathError('x', where='y', cure='z')")
    assert [*makers(tree)] == ["f"]
