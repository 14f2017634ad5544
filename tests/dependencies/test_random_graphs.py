"""Random graphs do the same as the nested `with` blocks that one would have written by hand.

Each graph is executed twice: compiled, with its dependencies written as async or sync functions, and
by `Interpreter`, a model of a page that knows generators and `with`, and no event loop. Both have to
leave the same log, the same exception with the same chain, the same answer.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import pytest
from anyio import CancelScope
from anyio.from_thread import BlockingPortal, start_blocking_portal
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from microfw.dependencies import (
    AppValues,
    Cleanup,
    Declarations,
    DependencyScope,
    Depends,
    Parameter,
    PlainRun,
    Reader,
    ReadValue,
    Shape,
    Site,
    Surrounding,
    compile_plan,
    make_plan,
)

# ---------------------------------------------------------------------- graphs

Flavour = Literal["async", "async, suspends", "thread", "loop"]
Setup = Literal["succeeds", "fails", "has an invalid value"]
OnError = Literal["passes", "raises by name", "swallows", "replaces", "replaces from"]
OnSuccess = Literal["ends", "fails"]
Cancelled = Literal["never", "by its scope", "as a task"]
"""Whether the endpoint is cancelled, and how."""


@dataclass(frozen=True)
class Use:
    """A parameter that is a dependency."""

    node: int
    use_cache: bool = True


@dataclass(frozen=True)
class Node:
    """A dependency, or the endpoint: what it uses and what it does."""

    uses: tuple[Use, ...]
    flavour: Flavour
    yields: bool
    scope: DependencyScope | None
    setup: Setup
    on_error: OnError
    on_success: OnSuccess


@dataclass(frozen=True)
class Graph:
    """Dependencies, each of which uses those before it; the endpoint is the last."""

    nodes: tuple[Node, ...]
    beside: tuple[int, ...]
    """The nodes that are declared with `dependencies=`."""
    response_fails: bool
    cancelled: Cancelled = "never"

    @property
    def endpoint(self) -> Node:
        return self.nodes[-1]


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Draw the usual value more often than all others together."""
    return st.sampled_from([usual] * (2 * len(others) + 1) + list(others))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 9))
    nodes = [draw(nodes_above(number)) for number in range(count)]
    endpoint = replace(
        draw(nodes_above(count)),
        flavour=draw(st.sampled_from(["async", "async, suspends", "thread"])),
        yields=False,
        scope=None,
    )
    beside = draw(st.lists(st.integers(0, count - 1), max_size=2))
    graph = Graph((*nodes, endpoint), tuple(beside), draw(mostly(False, True)))
    return with_possible_scopes(without_unused_nodes(graph))


@st.composite
def cancelled_graphs(draw: st.DrawFn) -> Graph:
    graph = draw(graphs())
    endpoint = replace(graph.endpoint, flavour="async, suspends", setup="succeeds")
    how: Cancelled = draw(st.sampled_from(["by its scope", "as a task"]))
    return replace(graph, nodes=(*graph.nodes[:-1], endpoint), cancelled=how)


@st.composite
def nodes_above(draw: st.DrawFn, number: int) -> Node:
    used = st.builds(Use, st.integers(max(0, number - 4), number - 1), mostly(True, False))
    return Node(
        uses=tuple(draw(st.lists(used, max_size=3)) if number else ()),
        flavour=draw(st.sampled_from(["async", "async, suspends", "thread", "thread", "loop"])),
        yields=draw(mostly(True, False)),
        scope=draw(mostly(None, "request", "function")),
        setup=draw(mostly("succeeds", "succeeds", "succeeds", "fails", "has an invalid value")),
        on_error=draw(st.sampled_from(OnError.__args__)),  # type: ignore[attr-defined]
        on_success=draw(mostly("ends", "fails")),
    )


def without_unused_nodes(graph: Graph) -> Graph:
    used = {len(graph.nodes) - 1, *graph.beside}
    for number in reversed(range(len(graph.nodes))):
        if number in used:
            used.update(use.node for use in graph.nodes[number].uses)
    new_numbers = {number: place for place, number in enumerate(sorted(used))}
    nodes = [
        replace(node, uses=tuple(replace(use, node=new_numbers[use.node]) for use in node.uses))
        for number, node in enumerate(graph.nodes)
        if number in used
    ]
    return Graph(tuple(nodes), tuple(new_numbers[n] for n in graph.beside), graph.response_fails)


def with_possible_scopes(graph: Graph) -> Graph:
    """Leave out `scope="function"` where a dependant of scope "request" forbids it."""
    nodes = list(graph.nodes)
    needs_request: set[int] = set()
    for number in reversed(range(len(nodes))):
        node = nodes[number]
        if number in needs_request and node.scope == "function":
            node = nodes[number] = replace(node, scope=None)
        if node.scope == "request" or number in needs_request:
            needs_request.update(use.node for use in node.uses)
    return replace(graph, nodes=tuple(nodes))


# ---------------------------------------------------------------------- what the functions do


class Oops(Exception):
    pass


class Invalid(Exception):
    pass


class Cancellation(BaseException):
    """What stands in the model for the backends' own."""


class Log(list[str]):
    pass


def shown(error: BaseException) -> str:
    return repr(error) if isinstance(error, Exception) else "a cancellation"


@dataclass
class Behaviour:
    """What happens inside a function, whatever its flavour."""

    node: Node
    name: str
    log: Log

    def opens(self, arguments: dict[str, Any]) -> str:
        self.log.append(f"{self.name} opens with {arguments}")
        if self.node.setup == "fails":
            raise Oops(f"setup of {self.name}")
        return f"value {len(self.log)} of {self.name}"

    def sees(self, error: BaseException) -> None:
        self.log.append(f"{self.name} sees {shown(error)}")
        match self.node.on_error:
            case "passes":
                raise  # noqa: PLE0704 - is called in an `except` block
            case "raises by name":
                raise error
            case "replaces":
                raise Oops(f"exit code of {self.name}")
            case "replaces from":
                raise Oops(f"exit code of {self.name}") from error

    def ends(self) -> None:
        self.log.append(f"{self.name} ends")
        if self.node.on_success == "fails":
            raise Oops(f"success of {self.name}")


def generator_function(does: Behaviour) -> Callable[..., Any]:
    """What the interpreter opens, and what runs in worker threads."""

    def dependency(**arguments: Any) -> Iterator[str]:
        value = does.opens(arguments)
        try:
            yield value
        except BaseException as error:
            does.sees(error)
        else:
            does.ends()

    return dependency


def async_generator_function(does: Behaviour) -> Callable[..., Any]:
    async def dependency(**arguments: Any) -> AsyncIterator[str]:
        value = does.opens(arguments)
        try:
            yield value
        except BaseException as error:
            does.sees(error)
        else:
            does.ends()

    return dependency


def suspending_generator_function(does: Behaviour) -> Callable[..., Any]:
    async def dependency(**arguments: Any) -> AsyncIterator[str]:
        await checkpoint()
        value = does.opens(arguments)
        try:
            yield value
        except BaseException as error:
            await checkpoint()
            does.sees(error)
        else:
            await checkpoint()
            does.ends()

    return dependency


def function(does: Behaviour) -> Callable[..., Any]:
    def dependency(**arguments: Any) -> str:
        return does.opens(arguments)

    return dependency


def async_function(does: Behaviour) -> Callable[..., Any]:
    async def dependency(**arguments: Any) -> str:
        return does.opens(arguments)

    return dependency


def suspending_function(does: Behaviour) -> Callable[..., Any]:
    async def dependency(**arguments: Any) -> str:
        await checkpoint()
        return does.opens(arguments)

    return dependency


YIELDING: dict[Flavour, Callable[[Behaviour], Any]] = {
    "async": async_generator_function,
    "async, suspends": suspending_generator_function,
    "thread": generator_function,
    "loop": generator_function,
}
RETURNING: dict[Flavour, Callable[[Behaviour], Any]] = {
    "async": async_function,
    "async, suspends": suspending_function,
    "thread": function,
    "loop": function,
}


def written(does: Behaviour) -> Any:
    """The function as an author would have written it."""
    makers = YIELDING if does.node.yields else RETURNING
    dependency = makers[does.node.flavour](does)
    dependency.__name__ = does.name
    dependency.__code__ = dependency.__code__.replace(co_qualname=does.name)
    return dependency


# ---------------------------------------------------------------------- the model


@dataclass(eq=False)
class ModelStep:
    """A dependency as it is entered once."""

    node: Node
    name: str
    below: list["ModelStep"]
    is_wide: bool = False
    """Whether its scope is "request"."""
    users: list["ModelStep"] = field(default_factory=list["ModelStep"])


def steps_in_order(graph: Graph) -> list[ModelStep]:
    """The steps of a graph, by the rules O1, O3, S4 and O4."""
    order: list[ModelStep] = []
    shared: dict[int, ModelStep] = {}

    def visit(use: Use) -> ModelStep:
        if use.use_cache and use.node in shared:
            return shared[use.node]
        node = graph.nodes[use.node]
        beside = graph.beside if node is graph.endpoint else ()
        for number in beside:
            visit(Use(number))
        step = ModelStep(node, f"d{use.node}", [visit(below) for below in node.uses])
        for below in step.below:
            below.users.append(step)
        if use.use_cache:
            shared[use.node] = step
        order.append(step)
        return step

    visit(Use(len(graph.nodes) - 1))
    for step in reversed(order):
        step.is_wide = step.node.scope == "request" or any(user.is_wide for user in step.users)

    wide = [step for step in order[:-1] if step.is_wide and step.node.yields]
    if not wide:
        return order
    last = order.index(wide[-1])
    waiting: list[ModelStep] = []
    for step in order[: last + 1]:
        opens_narrow = step.node.yields and not step.is_wide
        if opens_narrow or any(below in waiting for below in step.below):
            waiting.append(step)
    early = [step for step in order[: last + 1] if step not in waiting]
    return early + waiting + order[last + 1 :]


class Interpreter:
    """Executes a graph with nothing but nested `with` blocks."""

    def __init__(self, graph: Graph, log: Log) -> None:
        self.graph = graph
        self.log = log
        self.steps = steps_in_order(graph)
        self.values: dict[ModelStep, str | None] = {}
        self.invalid: list[str] = []
        self.response: str | None = None
        self.swallowed: str | None = None
        wide = [step for step in self.steps[:-1] if step.is_wide and step.node.yields]
        self.last_wide = wide[-1] if wide else None

    def outcome(self) -> str:
        try:
            self.run(0)
        except Exception as error:
            return f"raised {told(error)}"
        except Cancellation:
            return "cancelled"
        return self.response or self.swallowed or "nothing at all"

    def run(self, number: int) -> None:
        """Run a step and, inside of it, all those that follow."""
        step = self.steps[number]
        is_invalid = step.node.setup == "has an invalid value"
        if is_invalid:
            self.invalid.append(step.name)
        arguments = {f"p{place}": self.values[below] for place, below in enumerate(step.below)}
        does = Behaviour(step.node, step.name, self.log)
        if step is self.steps[-1]:
            if self.invalid:
                raise Invalid(*self.invalid)
            value = does.opens(arguments)
            if self.graph.cancelled != "never":
                raise Cancellation
            self.response = respond(self.graph, value)
        elif is_invalid or None in arguments.values():
            self.values[step] = None
            self.run(number + 1)
        elif not step.node.yields:
            self.values[step] = does.opens(arguments)
            self.run(number + 1)
        else:
            self.run_inside(number, does, arguments)

    def run_inside(self, number: int, does: Behaviour, arguments: dict[str, Any]) -> None:
        step = self.steps[number]
        passing: BaseException | None = None
        try:
            with contextmanager(generator_function(does))(**arguments) as self.values[step]:
                try:
                    self.run(number + 1)
                    if step is self.last_wide:
                        send(self.response, self.log)
                except BaseException as error:
                    passing = error
                    raise
        finally:
            if isinstance(passing, Cancellation):  # whatever the dependency has made of it
                raise passing
        if passing is not None and self.swallowed is None:
            self.swallowed = f"{step.name} swallowed {passing!r}"


def respond(graph: Graph, value: str) -> str:
    if graph.response_fails:
        raise Oops("response")
    return f"response of {value}"


def send(response: str | None, log: Log) -> None:
    if response is not None:
        log.append(f"sent {response}")


def told(error: BaseException | None) -> str:
    """An exception with all that is chained to it."""
    if error is None:
        return "none"
    hidden = "hidden " if error.__suppress_context__ else ""
    return f"{error!r} (cause: {told(error.__cause__)}, {hidden}context: {told(error.__context__)})"


# ---------------------------------------------------------------------- the real thing


def execute(graph: Graph, log: Log, portal: BlockingPortal) -> str:
    """Execute a graph, compiled."""
    functions: list[Any] = []
    for number, node in enumerate(graph.nodes):
        does = Behaviour(node, f"d{number}", log)
        function: Any = written(does)
        if node is graph.endpoint and graph.cancelled != "never":
            function = cancelling(does, graph.cancelled)
        function.__signature__ = inspect.Signature([*parameters(node, graph, functions)])
        functions.append(function)
    beside = [depends_on(Use(number), graph, functions) for number in graph.beside]
    plan = make_plan(Declarations(functions[-1], bind, bind, dependencies=beside))

    async def send_it(response: str | None) -> None:
        await checkpoint()
        send(response, log)

    shape = Shape(
        title="a random graph",
        run="run",
        finish="respond(returned)",
        names={
            "respond": lambda value: respond(graph, value),
            "send": send_it,
            "invalid": lambda run: Invalid(*(error["name"] for error in run.errors)),
        },
        between=("await send(run.result)",),
    )
    run = PlainRun(Cleanup(None), AppValues())
    handler = compile_plan(plan, shape)
    try:
        if portal.call(is_cancelled, partial(handler.call, run)):
            return "cancelled"
    except Exception as error:
        return f"raised {told(error)}"
    response: str | None = run.result
    if response is None and run.swallowed is not None:
        by, _, place = run.swallowed.by.partition(" ")
        assert place.startswith(f"({__file__}:")
        return f"{by} swallowed {run.swallowed.error!r}"
    return response or "nothing at all"


def cancelling(does: Behaviour, how: Cancelled) -> Any:
    """Make the endpoint that cancels itself: its cancel scope, or on asyncio its task."""

    async def endpoint(**arguments: Any) -> str:
        value = does.opens(arguments)
        task = asyncio_task() if how == "as a task" else None
        if task is None:
            current_scope.get().cancel()
        else:
            task.cancel()
        await checkpoint()
        return value

    return endpoint


current_scope: ContextVar[CancelScope] = ContextVar("current_scope")


async def is_cancelled(call: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Make a call in a cancel scope and, on asyncio, in a task of its own."""

    async def call_in_scope() -> bool:
        with CancelScope() as scope:
            current_scope.set(scope)
            await call()
        return scope.cancelled_caught

    if asyncio_task() is None:
        return await call_in_scope()
    task = asyncio.create_task(call_in_scope())
    await asyncio.wait([task])
    return task.cancelled() or task.result()


def asyncio_task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:  # on trio
        return None


def parameters(
    node: Node, graph: Graph, functions: Sequence[Callable[..., Any]]
) -> Iterator[inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    for place, use in enumerate(node.uses):
        yield inspect.Parameter(f"p{place}", kind, default=depends_on(use, graph, functions))
    if node.setup == "has an invalid value":
        yield inspect.Parameter("invalid", kind)


def depends_on(use: Use, graph: Graph, functions: Sequence[Callable[..., Any]]) -> Any:
    node = graph.nodes[use.node]
    return Depends(
        functions[use.node],
        use_cache=use.use_cache,
        scope=node.scope,
        sync_to_thread=node.flavour != "loop",
    )


def bind(parameter: Parameter, site: Site) -> Surrounding | None:
    assert parameter.name == "invalid"
    value = ReadValue(parameter.name, Any, ...)
    return Reader(lambda run: run.invalid([{"name": site.signature.name}]), value)


# ---------------------------------------------------------------------- the tests


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def portal(request: pytest.FixtureRequest) -> Iterator[BlockingPortal]:
    with start_blocking_portal(request.param) as started:
        yield started


many = settings(
    max_examples=60,
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(graph=graphs())
def test_a_graph_does_what_nested_with_blocks_do(portal: BlockingPortal, graph: Graph) -> None:
    by_hand, compiled = Log(), Log()
    outcome = Interpreter(graph, by_hand).outcome()
    assert (execute(graph, compiled, portal), compiled) == (outcome, by_hand)


@many
@given(graph=cancelled_graphs())
def test_a_cancelled_graph_does_so_too_and_stays_cancelled(
    portal: BlockingPortal, graph: Graph
) -> None:
    by_hand, compiled = Log(), Log()
    outcome = Interpreter(graph, by_hand).outcome()
    assert (execute(graph, compiled, portal), compiled) == (outcome, by_hand)
