"""The heart: dependencies, their plan, and its execution. It knows no HTTP."""

from microfw.dependencies._annotations import inspect_signature
from microfw.dependencies._app_scope import app_scope
from microfw.dependencies._app_steps import source_of_app_scope
from microfw.dependencies._app_values import AppValues
from microfw.dependencies._calls import EMPTY
from microfw.dependencies._cleanup import Cleanup
from microfw.dependencies._collecting import collected, collecting
from microfw.dependencies._compiler import CompiledPlan, compile_plan
from microfw.dependencies._declarations import Depends, Security
from microfw.dependencies._declared import Declared, DependencyScope, Lifetime, SecurityScopes
from microfw.dependencies._declared import Depends as Dependency
from microfw.dependencies._declared import Security as SecurityDependency
from microfw.dependencies._graph import make_plan
from microfw.dependencies._limits import Limit, Slot
from microfw.dependencies._overrides import (
    Overrides,
    OverridesInForce,
    PlanCache,
    Watched,
)
from microfw.dependencies._own_lines import own_place
from microfw.dependencies._plain_run import PlainRun
from microfw.dependencies._plan import (
    AppValue,
    Argument,
    Attribute,
    Bind,
    Constant,
    Plan,
    Reader,
    ReadValue,
    Recorder,
    Site,
    Step,
    Surrounding,
    Use,
)
from microfw.dependencies._probes import arriving, called, during_if_watched, subject_of
from microfw.dependencies._runtime import INVALID, Run, not_awaited
from microfw.dependencies._scope_conflicts import scope_conflicts
from microfw.dependencies._shape import Shape
from microfw.dependencies._signals import Signal
from microfw.dependencies._signatures import (
    Parameter,
    Signature,
    describe,
    is_async_callable,
    is_generator_function,
    name_of,
    only_returns_none,
    place_of,
)
from microfw.dependencies._spans import (
    LogLine,
    OpenSpan,
    Outcome,
    ShownValue,
    Span,
    SpanKind,
    SpanObserver,
    Subject,
    Tracer,
    current_tracer,
    during,
    outcome_of,
    shown,
    tracer,
)
from microfw.dependencies._swallowing import error_of_swallowing
from microfw.dependencies._threads import Threads
from microfw.dependencies._uninterrupted import (
    current_asyncio_task,
    is_of_cancel_scope,
    uninterrupted,
)
from microfw.dependencies._walk import (
    Declarations,
    dependency_of,
    hashable,
    warn,
    warn_of_uncalled,
)

__all__ = [
    "EMPTY",
    "INVALID",
    "AppValue",
    "AppValues",
    "Argument",
    "Attribute",
    "Bind",
    "Cleanup",
    "CompiledPlan",
    "Constant",
    "Declarations",
    "Declared",
    "Dependency",
    "DependencyScope",
    "Depends",
    "Lifetime",
    "Limit",
    "LogLine",
    "OpenSpan",
    "Outcome",
    "Overrides",
    "OverridesInForce",
    "Parameter",
    "PlainRun",
    "Plan",
    "PlanCache",
    "ReadValue",
    "Reader",
    "Recorder",
    "Run",
    "Security",
    "SecurityDependency",
    "SecurityScopes",
    "Shape",
    "ShownValue",
    "Signal",
    "Signature",
    "Site",
    "Slot",
    "Span",
    "SpanKind",
    "SpanObserver",
    "Step",
    "Subject",
    "Surrounding",
    "Threads",
    "Tracer",
    "Use",
    "Watched",
    "app_scope",
    "arriving",
    "called",
    "collected",
    "collecting",
    "compile_plan",
    "current_asyncio_task",
    "current_tracer",
    "dependency_of",
    "describe",
    "during",
    "during_if_watched",
    "error_of_swallowing",
    "hashable",
    "inspect_signature",
    "is_async_callable",
    "is_generator_function",
    "is_of_cancel_scope",
    "make_plan",
    "name_of",
    "not_awaited",
    "only_returns_none",
    "outcome_of",
    "own_place",
    "place_of",
    "scope_conflicts",
    "shown",
    "source_of_app_scope",
    "subject_of",
    "tracer",
    "uninterrupted",
    "warn",
    "warn_of_uncalled",
]
