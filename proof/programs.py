"""Programs: what an application declares and does, as data that can be printed and shrunk.

A `Program` is an application of one endpoint. Its dependencies are numbered, and use those with
lower numbers. `functions.py` writes them as Python functions, `builds.py` makes applications of
them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Literal, TypeVar, get_args

from hypothesis import strategies as st

Scope = Literal["use", "function", "request", "app"]

Flavour = Literal["async", "async, waits", "thread", "loop"]
"""An async function that never gives way to the event loop, one that does wherever it can, a sync
function in a worker thread, one on the event loop."""

Form = Literal["function", "method", "object", "class", "partial", "wrapped", "context manager"]
"""What kind of callable it is. Those that yield are no classes; the others no context managers."""

Failure = Literal["Oops", "Conflict", "409", "500", "group"]
"""`Conflict` is an `Oops`, numbers are the statuses of `HTTPException`s, groups hold two of these."""

Style = Literal["except", "except HTTPException", "except* Oops", "finally", "nothing"]
"""What stands around a `yield`."""

Reaction = Literal[
    "passes", "raises by name", "swallows", "replaces from", "replaces from None", "replaces twice"
]

Held = Literal["nothing", "a cancel scope", "a task group", "a task group with a task"]


# ---------------------------------------------------------------------- what a function does


@dataclass(frozen=True)
class Fail:
    failure: Failure = "Oops"


@dataclass(frozen=True)
class SetHeader:
    """Set a header of the response, or of whatever response is sent."""

    name: str = "x-one"
    is_final: bool = False


@dataclass(frozen=True)
class SetCookie:
    """The same with a cookie."""

    name: str = "one"
    is_final: bool = False


@dataclass(frozen=True)
class SetStatus:
    status: int = 202


@dataclass(frozen=True)
class AddTask:
    """Add a background task, which may be one that runs whatever decides the response."""

    task: int = 0
    always: bool = False


@dataclass(frozen=True)
class Remember:
    """Set the context variable that all write down."""


@dataclass(frozen=True)
class EndHeld:
    """End what a dependency holds open, the innermost: cancel a scope, make a task fail."""


@dataclass(frozen=True)
class CancelRequest:
    """Cancel the request, as a server does whose client has gone."""


@dataclass(frozen=True)
class Accept:
    """Accept the WebSocket."""


@dataclass(frozen=True)
class Say:
    """Send a text over the WebSocket."""


@dataclass(frozen=True)
class Close:
    """Close the WebSocket."""

    code: int = 4000


Action = Fail | SetHeader | SetCookie | SetStatus | AddTask | Remember
Actions = tuple[Action, ...]

Value = Literal["good", "bad", "missing", "scopes", "outcome", "body"]
"""Query parameters: an integer, one that is none, one that is not there; security scopes; what
became of it, for those that yield; and the body, an integer."""


@dataclass(frozen=True)
class Use:
    """A dependency where it is declared."""

    dependency: int
    cache: bool = True
    scope: Scope | None = None
    security: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True)
class Dependency:
    """A dependency, by what it does.

    Attributes:
        yields: How many times; `None` for one that returns.
        on_success: What its exit code does; in `finally`, after an error, too.
        on_error: What it does with an error, ahead of its reaction.
        fails_closing: Whether it fails as it is closed, having yielded again.
    """

    uses: tuple[Use, ...] = ()
    flavour: Flavour = "async"
    form: Form = "function"
    yields: int | None = 1
    takes: tuple[Value, ...] = ()
    setup: Actions = ()
    style: Style = "except"
    on_success: Actions = ()
    on_error: Actions = ()
    reaction: Reaction = "passes"
    holds: Held = "nothing"
    fails_closing: bool = False


Returns = Literal["text", "nothing", "no integer", "response", "response with a task", "stream"]
"""What the endpoint returns: a value, a response of its own, a response that streams. `"no integer"`
is a text where the annotation promises an integer."""


@dataclass(frozen=True)
class Endpoint:
    """The endpoint.

    Attributes:
        streams: How many items it yields; `None` for one that returns.
        fails_after: After how many of these it fails, if it does.
    """

    uses: tuple[Use, ...] = ()
    flavour: Flavour = "async"
    takes: tuple[Value, ...] = ()
    does: tuple[Action | EndHeld | CancelRequest | Accept | Say | Close, ...] = ()
    returns: Returns = "text"
    streams: int | None = None
    fails_after: int | None = None


@dataclass(frozen=True)
class Task:
    """A function for background tasks."""

    uses: tuple[Use, ...] = ()
    flavour: Flavour = "async"
    fails: bool = False


Handled = Literal["Oops", "Conflict", "409", "500", "HTTPException", "Exception", "ExceptionGroup"]
"""What has an exception handler of its own."""


@dataclass(frozen=True)
class Handler:
    """An exception handler.

    Attributes:
        has_task: Whether its response brings a background task.
    """

    handled: Handled = "Oops"
    flavour: Literal["async", "thread"] = "async"
    fails: bool = False
    has_task: bool = False


@dataclass(frozen=True)
class Program:
    """An application of one endpoint, and requests to it.

    Attributes:
        overrides: Which dependency is replaced by which.
        overrides_here: Whether that is for the context of the requests only.
    """

    dependencies: tuple[Dependency, ...] = ()
    endpoint: Endpoint = Endpoint()
    app: tuple[Use, ...] = ()
    router: tuple[Use, ...] = ()
    route: tuple[Use, ...] = ()
    tasks: tuple[Task, ...] = ()
    handlers: tuple[Handler, ...] = ()
    overrides: tuple[tuple[int, int], ...] = ()
    default_scope: Scope = "function"
    status: int | None = None
    protocol: Literal["http", "websocket"] = "http"
    requests: int = 1
    overrides_here: bool = False

    @property
    def reads_body(self) -> bool:
        """Whether a step takes the body, and nobody else receives it, as who watches a stream."""
        holders: tuple[Endpoint | Dependency, ...] = (self.endpoint, *self.dependencies)
        takes_body = any("body" in it.takes for it in holders)
        return takes_body and (self.endpoint.streams is None or not self.overrides)

    @property
    def uses(self) -> Iterator[Use]:
        """Every use of a dependency."""
        holders: tuple[Endpoint | Dependency | Task, ...]
        holders = (self.endpoint, *self.dependencies, *self.tasks)
        for holder in holders:
            yield from holder.uses
        yield from (*self.app, *self.router, *self.route)


# ---------------------------------------------------------------------- drawing programs
#
# What stands in a place is chosen from all that can, the simplest first; what is usual stands among
# it several times. Hypothesis draws bytes, and these say what is chosen: that is four times as quick
# as if it drew each choice, hardly a program comes twice, and zeros make simple ones.

Option = TypeVar("Option")
Taker = TypeVar("Taker", Dependency, Endpoint)


class Choices:
    """Chooses by a byte, or two where there are many options; zero is the first option."""

    def __init__(self, numbers: bytes) -> None:
        self._numbers = iter(numbers)

    def __call__(self, options: Sequence[Option]) -> Option:
        number, bound = next(self._numbers), 256
        if len(options) > bound:
            number, bound = number * bound + next(self._numbers), bound * bound
        return options[number * len(options) // bound]


def mostly(usual: Any, *others: Any) -> list[Any]:
    """The usual value, twice as often as all others together."""
    return [usual] * (2 * len(others) + 1) + list(others)


FAILURES = [Fail(failure) for failure in get_args(Failure)]
CHANGES: list[Any] = [
    *(SetHeader("x-one"), SetHeader("x-two"), SetCookie("one"), SetCookie("two")),
    *(SetStatus(202), SetStatus(404), Remember(), AddTask(0), AddTask(1)),
    *(AddTask(0, always=True), AddTask(1, always=True), SetCookie("one", is_final=True)),
    *(SetHeader("x-one", is_final=True), SetHeader("x-two", is_final=True)),
]
SOME_ACTIONS: list[Actions] = [
    *(actions for length in (1, 2) for actions in product(CHANGES, repeat=length)),
    *((*change, fail) for change in ((), *product(CHANGES)) for fail in FAILURES),
]
ACTIONS: list[Actions] = [*[()] * len(SOME_ACTIONS), *SOME_ACTIONS]
VALUES: list[tuple[Value, ...]] = mostly(
    (),
    ("good",),
    ("good", "bad"),
    ("missing",),
    ("scopes",),
    ("scopes",),
    ("body",),
    ("body", "bad"),
)
STYLES: list[Style] = mostly("except", *get_args(Style))
REACTIONS: tuple[Reaction, ...] = get_args(Reaction)
HELD: list[Held] = mostly("nothing", *get_args(Held))
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
YIELDS = (1, 1, 1, 1, 1, None, None, 0, 2)
KINDS: list[tuple[Flavour, int | None, Form]] = [
    (flavour, yields, form)
    for form in mostly("function", *get_args(Form)[1:])
    for yields in YIELDS
    for flavour in FLAVOURS
    if form != "class" or (yields is None and not flavour.startswith("async"))
    if form != "context manager" or yields is not None
]
SCOPES: list[Scope | None] = [
    *[None] * 24,
    *("request", "request", "request", "request", "function", "function", "app"),
    *("use", "use", "use", "use", "use", "use"),
]
SECURITY: list[tuple[str, ...]] = mostly((), ("read",), ("write", "read"))
SOME_USES = [
    Use(0, use_cache, scope, security, limit if scope != "app" else None)
    for limit in mostly(None, 20)
    for use_cache in mostly(True, False)
    for scope in SCOPES
    for security in SECURITY
]
USES: list[Use | None] = [*[None] * len(SOME_USES), *SOME_USES]


def some_uses(choose: Choices, numbers: range) -> tuple[Use, ...]:
    """Choose up to three uses of dependencies with these numbers."""
    pairs = [(choose(USES), choose(numbers or range(1))) for _ in range(3)]
    return tuple(
        replace(use, dependency=number) for use, number in pairs if use is not None and numbers
    )


def some_dependency(choose: Choices, number: int) -> Dependency:
    """Choose a dependency that uses some of the four before it."""
    flavour, yields, form = choose(KINDS)
    takes, setup = choose(VALUES), choose(ACTIONS)
    style, on_success, on_error = choose(STYLES), choose(ACTIONS), choose(ACTIONS)
    reaction, holds, fails_closing = choose(REACTIONS), choose(HELD), choose((False, True))
    uses = some_uses(choose, range(max(0, number - 4), number))
    sees: tuple[Value, ...] = choose(((), (), ("outcome",)))
    it = Dependency(uses, flavour, form, yields, takes, setup)
    if not yields:
        return it
    can_hold = flavour == "async, waits" and yields == 1
    return replace(
        it,
        takes=(*takes, *sees),
        style=style,
        on_success=on_success,
        on_error=on_error,
        reaction=reaction,
        holds=holds if can_hold else "nothing",
        fails_closing=fails_closing and yields == 2,
    )


STREAMS: list[tuple[int | None, int | None]] = mostly(
    (None, None), (0, None), (1, None), (1, 0), (2, None), (2, 0), (2, 1)
)
ENDS: list[tuple[Any, ...]] = mostly((), (EndHeld(),), (CancelRequest(),))
RETURNS: list[Returns] = mostly("text", *get_args(Returns))
SPEECH: list[Any] = [
    *(None, Accept(), Accept(), Say(), Close(), Remember(), *FAILURES),
    *(AddTask(0), AddTask(1), AddTask(0, always=True)),
]


def some_endpoint(choose: Choices, uses: tuple[Use, ...]) -> Endpoint:
    flavour, takes, does = choose(FLAVOURS[:3]), choose(VALUES), choose(ACTIONS)
    streams, fails_after = choose(STREAMS)
    ends, returns = choose(ENDS), choose(RETURNS)
    if streams is None:
        return Endpoint(uses, flavour, takes, (*does, *ends), returns)
    return Endpoint(uses, flavour, takes, does, streams=streams, fails_after=fails_after)


def some_conversation(choose: Choices, uses: tuple[Use, ...]) -> Endpoint:
    flavour, takes, ends = choose(FLAVOURS[:2]), choose(VALUES), choose(ENDS)
    speech = valid_conversation([choose(SPEECH) for _ in range(4)])
    return Endpoint(uses, flavour, takes, (*speech, *ends))


def valid_conversation(does: list[Any]) -> tuple[Any, ...]:
    """Leave out what the protocol forbids: texts before `Accept`, anything after `Close`."""
    said: list[Any] = []
    for action in does:
        accepted, closed = Accept() in said, Close() in said
        fits = {
            Accept: not accepted and not closed,
            Say: accepted and not closed,
            Close: not closed,
            type(None): False,
        }
        if fits.get(type(action), True):
            said.append(action)
    return tuple(said)


HANDLERS = [
    Handler(handled, flavour, fails, has_task)
    for fails in mostly(False, True)
    for has_task in (False, True)
    for flavour in ("async", "thread")
    for handled in get_args(Handled)
]
SOME_HANDLERS: list[Handler | None] = [*[None] * len(HANDLERS), *HANDLERS]
AROUND: list[tuple[Scope, int | None, int, bool]] = [
    (scope, status, requests, here)
    for here in (False, True)
    for scope in mostly("function", "request")
    for status in mostly(None, 201, 204)
    for requests in mostly(1, 2)
]
PROTOCOLS: list[Literal["http", "websocket"]] = mostly("http", "websocket")


def some_handlers(choose: Choices) -> tuple[Handler, ...]:
    """Choose up to two exception handlers, for different exceptions."""
    chosen = [choose(SOME_HANDLERS), choose(SOME_HANDLERS)]
    return tuple({it.handled: it for it in chosen if it is not None}.values())


@cache
def overrides(count: int) -> list[tuple[tuple[int, int], ...]]:
    """Which dependency can be replaced by which; never by one that uses it."""
    pairs = [(number, other) for number in range(count) for other in range(number)]
    either = [((one,), (one, two)) for one in pairs for two in pairs if one[0] < two[0]]
    several: list[tuple[tuple[int, int], ...]] = [pair for both in either for pair in both] or [()]
    return [*[()] * 2 * len(several), *several]


AROUND_BYTES, BYTES = 80, 24
"""How many say what is around dependencies, and how many what each of these is."""

MANY_BYTES = AROUND_BYTES + 12 * BYTES


def programs() -> st.SearchStrategy[Program]:
    """Draw a program."""
    return st.binary(min_size=MANY_BYTES, max_size=MANY_BYTES).map(program_of)


def program_of(numbers: bytes) -> Program:
    """The program that these numbers choose."""
    choose = Choices(numbers[:AROUND_BYTES])
    starts = range(AROUND_BYTES, len(numbers), BYTES)
    count = choose(range(len(starts) + 1))
    dependencies = [
        some_dependency(Choices(numbers[start : start + BYTES]), number)
        for number, start in enumerate(starts[:count])
    ]
    scope, status, requests, here = choose(AROUND)
    protocol = choose(PROTOCOLS)
    handlers = some_handlers(choose)
    endpoint_uses, app, router, route, *of_tasks = (
        some_uses(choose, range(count)) for _ in range(6)
    )
    tasks = tuple(Task(uses, choose(FLAVOURS), choose((False, True))) for uses in of_tasks)
    chosen = some_endpoint if protocol == "http" else some_conversation
    endpoint = chosen(choose, endpoint_uses)
    replaced = choose(overrides(count))
    return possible(
        Program(
            dependencies=tuple(dependencies),
            endpoint=endpoint,
            app=app,
            router=router,
            route=route,
            tasks=tasks,
            handlers=handlers,
            overrides=replaced,
            default_scope=scope,
            status=None if endpoint.streams is not None and status == 204 else status,
            protocol=protocol,
            requests=requests,
            overrides_here=here,
        )
    )


# ---------------------------------------------------------------------- what is possible


def possible(program: Program) -> Program:
    """Leave out what is refused, values of the request where there is none, and what varies."""
    websocket = program.protocol == "websocket"
    nodes = [without_requests(it) if websocket else it for it in program.dependencies]
    if CancelRequest() in program.endpoint.does and any(it.flavour == "thread" for it in nodes):
        nodes = [*map(without_task, nodes)]
    needing = needing_request(program, "scopes")
    needing_in_task = needing_request(program, "scopes", "outcome")

    def possible_use(use: Use) -> Use:
        is_impossible = use.scope == "app" and use.dependency in needing
        return replace(use, scope=None) if is_impossible else use

    tasks = tuple(
        replace(task, uses=tuple(use for use in task.uses if use.dependency not in needing_in_task))
        for task in program.tasks
    )
    endpoint = without_body(program.endpoint) if websocket else program.endpoint
    program = replace(program, dependencies=tuple(nodes), endpoint=endpoint, tasks=tasks)
    return without_unused(without_keepers(with_uses(program, possible_use)))


def without_keepers(program: Program) -> Program:
    """Ask for no scope where a dependency keeps what is of scope "use", but for some that stay."""
    nodes = [*program.dependencies]
    uses = [use for use in program.uses if use.scope != "use"]
    wide = {use.dependency for use in uses}
    wide |= {other for number, other in program.overrides if number in wide}
    for number in reversed(range(len(nodes))):
        it = nodes[number]
        if it.yields is not None and number in wide:
            stays = [use.scope != "use" or (use.dependency + number) % 7 == 0 for use in it.uses]
            scopes = [use.scope if stay else None for use, stay in zip(it.uses, stays, strict=True)]
            pairs = zip(it.uses, scopes, strict=True)
            nodes[number] = replace(
                it, uses=tuple(replace(use, scope=scope) for use, scope in pairs)
            )
        wide |= {use.dependency for use in nodes[number].uses if use.scope != "use"}
        wide |= {other for replaced, other in program.overrides if replaced in wide}
    return replace(program, dependencies=tuple(nodes))


def with_uses(program: Program, change: Callable[[Use], Use]) -> Program:
    """Change each use of a dependency."""

    def changed(uses: tuple[Use, ...]) -> tuple[Use, ...]:
        return tuple(map(change, uses))

    return replace(
        program,
        dependencies=tuple(replace(it, uses=changed(it.uses)) for it in program.dependencies),
        endpoint=replace(program.endpoint, uses=changed(program.endpoint.uses)),
        app=changed(program.app),
        router=changed(program.router),
        route=changed(program.route),
        tasks=tuple(replace(it, uses=changed(it.uses)) for it in program.tasks),
    )


def without_requests(it: Dependency) -> Dependency:
    """Leave out what a WebSocket has not: a body and a response."""

    def left(actions: Actions) -> Actions:
        return tuple(each for each in actions if isinstance(each, Fail | Remember | AddTask))

    return replace(
        without_body(it),
        setup=left(it.setup),
        on_success=left(it.on_success),
        on_error=left(it.on_error),
    )


def without_body(it: Taker) -> Taker:
    """Leave out the body."""
    return replace(it, takes=tuple(value for value in it.takes if value != "body"))


def without_task(it: Dependency) -> Dependency:
    """Hold a task group open without a task in it.

    On asyncio, AnyIO cancels the group of a task that is cancelled, or does not, depending on
    whether exit code runs by then: how long a thread takes decides that.
    """
    return replace(it, holds="a task group") if it.holds == "a task group with a task" else it


def needing_request(program: Program, *other: Value) -> set[int]:
    """The dependencies that need values of a request, none of the others, or that use such."""
    needing: set[int] = set()
    replaced = dict(program.overrides)
    for number, it in enumerate(program.dependencies):
        acts = (*it.setup, *it.on_success, *it.on_error)
        own = set(it.takes).difference(other) or any(
            not isinstance(a, Fail | Remember) for a in acts
        )
        below = any(use.dependency in needing for use in it.uses)
        if own or below or replaced.get(number) in needing:
            needing.add(number)
    return needing


def without_unused(program: Program) -> Program:
    """Leave out dependencies that nothing uses."""
    holders = [program.endpoint.uses, program.app, program.router, program.route]
    used = {use.dependency for uses in holders for use in uses}
    used |= {use.dependency for task in program.tasks for use in task.uses}
    replaced = dict(program.overrides)
    for number in reversed(range(len(program.dependencies))):
        if number in used:
            used |= {use.dependency for use in program.dependencies[number].uses}
            used |= {replaced[number]} if number in replaced else set()
    places = {number: place for place, number in enumerate(sorted(used))}

    def moved(uses: tuple[Use, ...]) -> tuple[Use, ...]:
        return tuple(replace(use, dependency=places[use.dependency]) for use in uses)

    def rebuilt(it: Any) -> Any:
        return replace(it, uses=moved(it.uses))

    return replace(
        program,
        dependencies=tuple(
            rebuilt(it) for number, it in enumerate(program.dependencies) if number in used
        ),
        endpoint=rebuilt(program.endpoint),
        tasks=tuple(map(rebuilt, program.tasks)),
        app=moved(program.app),
        router=moved(program.router),
        route=moved(program.route),
        overrides=tuple((places[a], places[b]) for a, b in program.overrides if a in used),
    )


# ---------------------------------------------------------------------- printing programs


def written(value: Any) -> str:
    """A program as Python code, without what is as it usually is."""
    if isinstance(value, tuple):
        inner = ", ".join(map(written, value))
        return f"({inner},)" if value else "()"
    if not is_dataclass(value):
        return repr(value)
    given = [
        f"{each.name}={written(getattr(value, each.name))}"
        for each in fields(value)
        if getattr(value, each.name) != each.default
    ]
    return f"{type(value).__name__}({', '.join(given)})"
