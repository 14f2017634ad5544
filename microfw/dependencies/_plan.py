"""Step and Plan: what one execution does, in order, as frozen data.

Rules
-----
1. A plan lists every step once, in the order in which setup runs; the endpoint is the last step.
   Exit code needs no list: it is the exact reverse, by the nesting of `with` blocks.
2. A step's arguments come from steps before it (`Use`) or from its surroundings (`Attribute`,
   `Reader`, `Constant`). Nothing is looked up by name at run time.
3. Steps of scope "request" that stay open stand before all those of scope "function" that do, so
   that the blocks of the narrower scope nest inside those of the wider one.
4. A step of scope "use" that opens stands directly before the first step that uses it, or before
   others that open there, and says which is the last step inside of its block. Between the two
   nothing opens but steps of scope "use", whose blocks end inside of it.
5. Steps of scope "app" are not entered by the plan that uses them: their values are kept by the
   application and looked up (`AppValue`).
6. A step is `fallible` when a value it reads, or that of a step it uses, may turn out invalid.
   Only then does the compiler guard it.

Theory of operation: `_graph` makes plans from declarations, `_writer` turns them into source.
A plan knows nothing of either, nor of HTTP.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from microfw.dependencies._declared import DependencyScope, Lifetime
from microfw.dependencies._limits import Limit
from microfw.dependencies._signatures import Parameter, Signature


class Use(Struct, frozen=True):
    """The value of an earlier step, by its number in the plan."""

    step: int


class AppValue(Struct, frozen=True):
    """The value of a dependency of scope "app", by the key under which the application keeps it."""

    key: Hashable
    name: str


class Attribute(Struct, frozen=True):
    """An attribute of the object that accompanies one execution, such as `exchange.request`."""

    name: str


class ReadValue(Struct, frozen=True):
    """What is known of a value that is read from an execution's surroundings."""

    key: str
    """Its name there."""
    annotation: Any
    """The type, in `Annotated` with what annotates it; `Any` where none is written."""
    default: Any
    """The value where none was sent; `...` where one is required or a function makes it."""


class Reader(Struct, frozen=True):
    """A function of the object that accompanies one execution.

    It returns the value; or, having noted the errors there, `INVALID`.
    """

    read: Callable[[Any], Any]
    value: ReadValue
    """What it reads."""
    turn: int = 0
    """The readers of one step are called by turns, those of the same turn as declared."""
    is_received: bool = False
    """Whether it reads what an execution receives, and has not got from the start."""

    def again(self) -> "Reader":
        """The same for another step: the errors have been noted by the one before."""
        read = self.read

        @wraps(read)
        def read_again(run: Any) -> Any:
            errors = run.errors
            value = read(run)
            run.errors = errors
            return value

        return replace(self, read=read_again)


class Reading(Struct, frozen=True):
    """A call of a `Reader` for an argument of a step."""

    step: "Step"
    argument: str
    value: ReadValue


class Constant(Struct, frozen=True):
    """A value that is known when the plan is made."""

    value: Any


class Recorder(Struct, frozen=True):
    """A method of the object that accompanies one execution, such as `exchange.outcome`.

    Called with the step's scope, it makes a `Record` for this step alone. Only a step that stays
    open can have one.
    """

    name: str


Surrounding = Attribute | Reader | Constant | Recorder
ArgumentSource = Use | AppValue | Surrounding


class Site(Struct, frozen=True):
    """The place of a parameter in the graph, for messages."""

    signature: Signature
    path: tuple[str, ...]
    """Names from the endpoint down to the callable that has the parameter."""


Bind = Callable[[Parameter, Site], Surrounding | None]
"""Says how the value of a parameter that is no dependency is obtained.

`None` leaves the parameter to its default. Raises a `RegistrationError` where nothing can fill it.
"""


class Argument(Struct, frozen=True):
    """How one parameter of a step is filled."""

    name: str
    positional_only: bool
    source: ArgumentSource


NO_RESPONSES: Mapping[int | str, Any] = MappingProxyType({})


class Step(Struct, frozen=True):
    """One dependency, or the endpoint, as it appears once in a plan."""

    key: Hashable
    signature: Signature
    name: str
    """What the value is called in generated source: the parameter that receives it first."""
    lifetime: Lifetime
    in_thread: bool
    fallible: bool
    arguments: tuple[Argument, ...]
    used_in: str = ""
    """The place of the callable that uses it first: `qualname (file.py:line)`."""
    last_inside: int | None = None
    """The number of the last step inside of its block, for one of scope "use" that is used."""
    asked_in: str | None = None
    """The place of the first that asks for the scope it has; `None` where none does."""
    security_scopes: tuple[str, ...] = ()
    """What the `Security(...)` declarations above it ask for, whoever reads it."""
    limits: tuple[Limit, ...] = ()
    """How often it is used at once at most, by the declarations that use it."""
    responses: Mapping[int | str, Any] = NO_RESPONSES
    """What the declarations that use it say it may answer; of a status, what was said first."""

    @property
    def opens(self) -> bool:
        """Whether something stays open after setup."""
        return self.signature.yields

    @property
    def is_block(self) -> bool:
        """Whether it opens in scope "use", and so closes before the steps have ended."""
        return self.opens and self.lifetime is Lifetime.USE

    @property
    def scope(self) -> DependencyScope:
        """When its exit code runs, if it has any; and how long its value is shared."""
        return self.lifetime.scope

    @property
    def readers(self) -> list[tuple[str, Reader]]:
        """The parameters that are read from the surroundings, in the order in which they are."""
        read = [(a.name, a.source) for a in self.arguments if isinstance(a.source, Reader)]
        return sorted(read, key=lambda each: each[1].turn)


class Plan(Struct, frozen=True):
    """The steps of one execution, in the order in which setup runs; the endpoint is the last.

    A plan is data: it can be listed, documented and traced without being run.

    ```python
    for step in route.plan.steps:
        print(step.signature.name, step.scope, step.in_thread, step.opens)
    for value in route.plan.values:
        print(value.source, value.key, value.annotation, value.default)
    ```
    """

    steps: tuple[Step, ...]
    app_steps: tuple[Step, ...] = ()
    """The dependencies of scope "app" that these steps need, in the order of their setup."""

    @property
    def endpoint(self) -> Step:
        return self.steps[-1]

    @property
    def fallible(self) -> bool:
        """Whether any step reads a value that may be invalid."""
        return any(step.fallible for step in self.steps)

    @property
    def values(self) -> tuple[ReadValue, ...]:
        """What the steps read from their surroundings, in the order in which they read it.

        In the plan of a route each is a `microfw.params.RequestValue`.
        """
        return tuple(reader.value for step in self.steps for _, reader in step.readers)

    def sources(self, kind: type[Any]) -> list[Any]:
        """All sources of one kind that the steps of the plan have, in order."""
        return [
            argument.source
            for step in self.steps
            for argument in step.arguments
            if isinstance(argument.source, kind)
        ]
