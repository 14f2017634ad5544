"""The rules as a table: a program, and everything that happens when it answers one request.

Each row names its rule in docs/lifecycle.md. Each runs with its dependencies and its endpoint sync,
async and mixed (`programs.VARIANTS`): the log must not depend on it.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from microfw import BackgroundTasks, Body, Header, HTTPException, Outcome, Response
from microfw.responses import JSONResponse
from tests.lifecycle.programs import (
    VARIANTS,
    Action,
    Conflict,
    Log,
    Oops,
    Program,
    Step,
    Variant,
    build,
    lines,
    plain,
    raises,
    re_raises,
    replaces,
    replaces_from,
    request,
    swallows,
    told,
    without_places,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A program and what becomes of one request to it.

    Attributes:
        rule: Its name in docs/lifecycle.md.
        says: What the scenario shows, in a sentence.
        log: The whole log.
        answer: Status and JSON body.
        raised: What the server's log gets.
        cause: The `__cause__` of that.
        records: The log records of microfw's logger.
    """

    rule: str
    says: str
    program: Program
    log: str
    answer: tuple[int, Any] = (200, "done")
    raised: str | None = None
    cause: str | None = None
    records: Sequence[str] = ()
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


FAILED = (500, None)
"""What the client gets when the error is for the server's log: no JSON."""


def adds_task(name: str, then: Action | None = None) -> Action:
    """Make an action that adds a background task, which writes its name and does something."""

    def act(given: Any) -> None:
        def task() -> None:
            given.log(f"task {name}")
            if then is not None:
                then(given)

        task.__name__ = name
        given.tasks.add_task(task)

    return act


TASKS = {"tasks": BackgroundTasks}
OUTCOME = {"outcome": Outcome}


def looks(given: Any) -> None:
    """Write down what the outcome says."""
    outcome = given.outcome
    status = outcome.response.status_code if outcome.response else "nothing"
    error = f" after {told(outcome.error)}" if outcome.error else ""
    given.log(f"sees {'ok' if outcome.ok else 'not ok'} {status}{error}")


def sets_status(status: int) -> Action:
    """Make an action that sets the status of the response under construction."""

    def act(given: Any) -> None:
        given.response.status_code = status

    return act


ORDER = [
    Scenario(
        "O1",
        "without dependencies the endpoint stands alone",
        Program(steps=[]),
        "endpoint, sends 200",
    ),
    Scenario(
        "O1",
        "parameters open from left to right",
        Program(steps=[Step("a"), Step("b"), Step("c")]),
        "a opens, b opens, c opens, endpoint, c exits, b exits, a exits, sends 200",
    ),
    Scenario(
        "O1",
        "a step enters after all that it depends on",
        Program(
            steps=[Step("a"), Step("b", uses=["a"]), plain("user", uses=["a", "b"]), Step("c")]
        ),
        "a opens, b opens, user, c opens, endpoint, c exits, b exits, a exits, sends 200",
    ),
    Scenario(
        "O2",
        "exit code runs in the exact reverse on an error, too",
        Program(steps=[Step("a"), Step("b"), Step("c")], endpoint=raises(HTTPException, 418)),
        """a opens, b opens, c opens, endpoint, c sees HTTPException(418), b sees HTTPException(418),
        a sees HTTPException(418), sends 418""",
        (418, {"detail": "I'm a Teapot"}),
    ),
    Scenario(
        "O3",
        "a dependency that several use is one step",
        Program(
            steps=[
                Step("bottom"),
                Step("left", uses=["bottom"]),
                Step("right", uses=["bottom"]),
                plain("top", uses=["left", "right"]),
            ]
        ),
        """bottom opens, left opens, right opens, top, endpoint, right exits, left exits,
        bottom exits, sends 200""",
    ),
    Scenario(
        "O4",
        "what opens in request scope goes ahead of what opens in function scope",
        Program(steps=[Step("narrow"), plain("value"), Step("wide", scope="request")]),
        "value, wide opens, narrow opens, endpoint, narrow exits, sends 200, wide exits",
    ),
    Scenario(
        "O4",
        "what depends on what moves, moves with it; the rest keeps its place",
        Program(
            steps=[
                Step("narrow"),
                plain("below_narrow", uses=["narrow"]),
                plain("first"),
                Step("wide", scope="request"),
                plain("last"),
                Step("wider", scope="request"),
                Step("narrow_too"),
            ]
        ),
        """first, wide opens, last, wider opens, narrow opens, below_narrow, narrow_too opens,
        endpoint, narrow_too exits, narrow exits, sends 200, wider exits, wide exits""",
    ),
]

SETUP_FAILS = [
    Scenario(
        "E1",
        "setup raises: the endpoint does not run and what is open sees it",
        Program(steps=[Step("a"), Step("b"), Step("c", setup=raises(Oops, "c")), Step("d")]),
        "a opens, b opens, c opens, b sees Oops(c), a sees Oops(c), sends 500",
        FAILED,
        raised="Oops(c)",
    ),
    Scenario(
        "E1",
        "a dependency that returns raises: what is open sees it",
        Program(steps=[Step("a"), plain("user", setup=raises(HTTPException, 401)), Step("b")]),
        "a opens, user, a sees HTTPException(401), sends 401",
        (401, {"detail": "Unauthorized"}),
    ),
    Scenario(
        "E1",
        "the very first setup raises: nothing else happens",
        Program(steps=[Step("a", setup=raises(Oops, "a")), Step("b")]),
        "a opens, sends 500",
        FAILED,
        raised="Oops(a)",
    ),
    Scenario(
        "E1",
        "setup in function scope raises: request scope sees it before the answer",
        Program(steps=[Step("a", scope="request"), Step("b", setup=raises(HTTPException, 409))]),
        "a opens, b opens, a sees HTTPException(409), sends 409",
        (409, {"detail": "Conflict"}),
    ),
    Scenario(
        "E1",
        "an outer dependency may replace what setup raised",
        Program(
            steps=[
                Step("a"),
                Step("b", on_error=replaces(HTTPException, 503)),
                Step("c", setup=raises(Oops, "c")),
            ]
        ),
        "a opens, b opens, c opens, b sees Oops(c), a sees HTTPException(503), sends 503",
        (503, {"detail": "Service Unavailable"}),
    ),
]

ENDPOINT_FAILS = [
    Scenario(
        "E2",
        "the exception is thrown in at each yield, last entered first",
        Program(steps=[Step("a"), Step("b"), Step("c")], endpoint=raises(Oops, "x")),
        """a opens, b opens, c opens, endpoint, c sees Oops(x), b sees Oops(x), a sees Oops(x),
        sends 500""",
        FAILED,
        raised="Oops(x)",
    ),
    Scenario(
        "E2",
        "raising the exception by its name is letting it pass",
        Program(
            steps=[Step("a", on_error=re_raises), Step("b", on_error=re_raises)],
            endpoint=raises(HTTPException, 404),
        ),
        """a opens, b opens, endpoint, b sees HTTPException(404), a sees HTTPException(404),
        sends 404""",
        (404, {"detail": "Not Found"}),
    ),
    Scenario(
        "E2",
        "a dependency without exit code lets it pass",
        Program(
            steps=[Step("a"), Step("b", exit_code=False), Step("c")],
            endpoint=raises(HTTPException, 404),
        ),
        """a opens, b opens, c opens, endpoint, c sees HTTPException(404),
        a sees HTTPException(404), sends 404""",
        (404, {"detail": "Not Found"}),
    ),
    Scenario(
        "E2",
        "the innermost replaces it: the outer ones see the new one",
        Program(
            steps=[Step("a"), Step("b"), Step("c", on_error=replaces(HTTPException, 409))],
            endpoint=raises(Oops, "x"),
        ),
        """a opens, b opens, c opens, endpoint, c sees Oops(x), b sees HTTPException(409),
        a sees HTTPException(409), sends 409""",
        (409, {"detail": "Conflict"}),
    ),
    Scenario(
        "E2",
        "one in the middle replaces it",
        Program(
            steps=[Step("a"), Step("b", on_error=replaces(Conflict, "b")), Step("c")],
            endpoint=raises(Oops, "x"),
        ),
        """a opens, b opens, c opens, endpoint, c sees Oops(x), b sees Oops(x), a sees Conflict(b),
        sends 500""",
        FAILED,
        raised="Conflict(b)",
    ),
    Scenario(
        "E2",
        "the outermost replaces it",
        Program(
            steps=[Step("a", on_error=replaces_from(HTTPException, 409)), Step("b"), Step("c")],
            endpoint=raises(Oops, "x"),
        ),
        """a opens, b opens, c opens, endpoint, c sees Oops(x), b sees Oops(x), a sees Oops(x),
        sends 409""",
        (409, {"detail": "Conflict"}),
    ),
    Scenario(
        "E2",
        "each replaces what it sees",
        Program(
            steps=[
                Step("a", on_error=replaces(HTTPException, 418)),
                Step("b", on_error=replaces_from(Conflict, "b")),
                Step("c", on_error=replaces(Oops, "c")),
            ],
            endpoint=raises(HTTPException, 404),
        ),
        """a opens, b opens, c opens, endpoint, c sees HTTPException(404), b sees Oops(c),
        a sees Conflict(b), sends 418""",
        (418, {"detail": "I'm a Teapot"}),
    ),
    Scenario(
        "E2",
        "request scope sees the endpoint's exception before it is answered",
        Program(
            steps=[Step("a", scope="request"), Step("b", scope="request"), Step("c")],
            endpoint=raises(HTTPException, 404),
        ),
        """a opens, b opens, c opens, endpoint, c sees HTTPException(404),
        b sees HTTPException(404), a sees HTTPException(404), sends 404""",
        (404, {"detail": "Not Found"}),
    ),
    Scenario(
        "E2",
        "request scope may replace it",
        Program(
            steps=[Step("a", scope="request", on_error=replaces(HTTPException, 409)), Step("b")],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, endpoint, b sees Oops(x), a sees Oops(x), sends 409",
        (409, {"detail": "Conflict"}),
    ),
]

EXIT_FAILS = [
    Scenario(
        "E3",
        "exit code raises after a success: it goes on outward and the response is dropped",
        Program(steps=[Step("a"), Step("b"), Step("c", on_success=raises(Oops, "c"))]),
        "a opens, b opens, c opens, endpoint, c exits, b sees Oops(c), a sees Oops(c), sends 500",
        FAILED,
        raised="Oops(c)",
    ),
    Scenario(
        "E3",
        "exit code answers with an HTTPException",
        Program(steps=[Step("a", on_success=raises(HTTPException, 409)), Step("b")]),
        "a opens, b opens, endpoint, b exits, a exits, sends 409",
        (409, {"detail": "Conflict"}),
    ),
    Scenario(
        "E3",
        "an outer dependency swallows it: the built response stands",
        Program(
            steps=[
                Step("a"),
                Step("b", on_error=swallows),
                Step("c", on_success=raises(Oops, "c")),
            ]
        ),
        "a opens, b opens, c opens, endpoint, c exits, b sees Oops(c), a exits, sends 200",
    ),
    Scenario(
        "E3",
        "request scope swallows it: the built response stands",
        Program(
            steps=[
                Step("a", scope="request", on_error=swallows),
                Step("b", on_success=raises(Oops, "b")),
            ]
        ),
        "a opens, b opens, endpoint, b exits, a sees Oops(b), sends 200",
    ),
    Scenario(
        "E3",
        "one of two in request scope swallows it: the response is sent when both have exited",
        Program(
            steps=[
                Step("a", scope="request"),
                Step("b", scope="request", on_error=swallows),
                Step("c", on_success=raises(Oops, "c")),
            ]
        ),
        "a opens, b opens, c opens, endpoint, c exits, b sees Oops(c), a exits, sends 200",
    ),
    Scenario(
        "E3",
        "an outer dependency replaces it",
        Program(
            steps=[
                Step("a"),
                Step("b", on_error=replaces(HTTPException, 409)),
                Step("c", on_success=raises(Oops, "c")),
            ]
        ),
        """a opens, b opens, c opens, endpoint, c exits, b sees Oops(c), a sees HTTPException(409),
        sends 409""",
        (409, {"detail": "Conflict"}),
    ),
    Scenario(
        "E3",
        "a swallowed error and then another one",
        Program(
            steps=[
                Step("a", on_success=raises(HTTPException, 418)),
                Step("b", on_error=swallows),
                Step("c", on_success=raises(Oops, "c")),
            ]
        ),
        "a opens, b opens, c opens, endpoint, c exits, b sees Oops(c), a exits, sends 418",
        (418, {"detail": "I'm a Teapot"}),
    ),
    Scenario(
        "E3",
        "the tasks of the dropped response do not run",
        Program(
            steps=[Step("a", on_success=raises(HTTPException, 409))],
            endpoint=adds_task("mail"),
            takes=TASKS,
        ),
        "a opens, endpoint, a exits, sends 409",
        (409, {"detail": "Conflict"}),
    ),
    Scenario(
        "E3",
        "the tasks of a response that stands do",
        Program(
            steps=[
                Step("a", on_error=swallows),
                Step("b", on_success=raises(Oops, "b")),
            ],
            endpoint=adds_task("mail"),
            takes=TASKS,
        ),
        "a opens, b opens, endpoint, b exits, a sees Oops(b), sends 200, task mail",
    ),
]

INVALID = (
    422,
    {
        "detail": [
            {
                "type": "int_parsing",
                "loc": ["query", "limit"],
                "msg": "Input should be a valid integer, unable to parse string as an integer",
                "input": "x",
            }
        ]
    },
)

OTHER_ERRORS = [
    Scenario(
        "E4",
        "a validation error passes through the open dependencies",
        Program(steps=[Step("a"), Step("b")], takes={"limit": int}),
        """a opens, b opens, b sees RequestValidationError, a sees RequestValidationError,
        sends 422""",
        INVALID,
        query="limit=x",
    ),
    Scenario(
        "E4",
        "a dependency may replace a validation error",
        Program(
            steps=[Step("a"), Step("b", on_error=replaces(HTTPException, 400))],
            takes={"limit": int},
        ),
        "a opens, b opens, b sees RequestValidationError, a sees HTTPException(400), sends 400",
        (400, {"detail": "Bad Request"}),
        query="limit=x",
    ),
    Scenario(
        "E4",
        "an error while building the response passes through the open dependencies",
        Program(steps=[Step("a"), Step("b")], result_type=int),
        """a opens, b opens, endpoint, b sees ResponseValidationError,
        a sees ResponseValidationError, sends 500""",
        FAILED,
        raised="ResponseValidationError",
    ),
    Scenario(
        "E4",
        "request scope sees it, too",
        Program(steps=[Step("a", scope="request"), Step("b")], result_type=int),
        """a opens, b opens, endpoint, b sees ResponseValidationError,
        a sees ResponseValidationError, sends 500""",
        FAILED,
        raised="ResponseValidationError",
    ),
]

SWALLOWED = [
    Scenario(
        "E5",
        "the innermost swallows: the others exit as after a success and the log names it",
        Program(
            steps=[Step("a"), Step("b"), Step("c", on_error=swallows)],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, c opens, endpoint, c sees Oops(x), b exits, a exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(c (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E5",
        "one in the middle swallows",
        Program(
            steps=[Step("a"), Step("b", on_error=swallows), Step("c")],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, c opens, endpoint, c sees Oops(x), b sees Oops(x), a exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(b (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E5",
        "the outermost swallows",
        Program(
            steps=[Step("a", on_error=swallows), Step("b"), Step("c")],
            endpoint=raises(Oops, "x"),
        ),
        """a opens, b opens, c opens, endpoint, c sees Oops(x), b sees Oops(x), a sees Oops(x),
        sends 500""",
        FAILED,
        raised="SwallowedExceptionError(a (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E5",
        "one of request scope swallows",
        Program(
            steps=[
                Step("a", scope="request"),
                Step("b", scope="request", on_error=swallows),
                Step("c"),
            ],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, c opens, endpoint, c sees Oops(x), b sees Oops(x), a exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(b (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E5",
        "one of function scope swallows below request scope",
        Program(
            steps=[Step("a", scope="request"), Step("b", on_error=swallows)],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, endpoint, b sees Oops(x), a exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(b (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E5",
        "the exception of a setup is swallowed",
        Program(
            steps=[
                Step("a"),
                Step("b", on_error=swallows),
                plain("user", setup=raises(Conflict, "user")),
                Step("c"),
            ]
        ),
        "a opens, b opens, user, b sees Conflict(user), a exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(b (programs.py) swallowed Conflict('user'))",
        cause="Conflict(user)",
    ),
    Scenario(
        "E5",
        "an HTTPException is swallowed: it is not the answer any more",
        Program(steps=[Step("a", on_error=swallows)], endpoint=raises(HTTPException, 404)),
        "a opens, endpoint, a sees HTTPException(404), sends 500",
        FAILED,
        raised="SwallowedExceptionError(a (programs.py) swallowed"
        " HTTPException(status_code=404, detail='Not Found'))",
        cause="HTTPException(404)",
    ),
    Scenario(
        "E5",
        "a replaced exception is swallowed: the log has the one that was swallowed",
        Program(
            steps=[
                Step("a"),
                Step("b", on_error=swallows),
                Step("c", on_error=replaces(Conflict, "c")),
            ],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, c opens, endpoint, c sees Oops(x), b sees Conflict(c), a exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(b (programs.py) swallowed Conflict('c'))",
        cause="Conflict(c)",
    ),
    Scenario(
        "E5",
        "two swallow: the log names the one that has swallowed first",
        Program(
            steps=[
                Step("a", on_error=swallows),
                Step("b", on_success=raises(Conflict, "b")),
                Step("c", on_error=swallows),
            ],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, c opens, endpoint, c sees Oops(x), b exits, a sees Conflict(b), sends 500",
        FAILED,
        raised="SwallowedExceptionError(c (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E5",
        "an exception raised after the swallowed one is an answer again",
        Program(
            steps=[
                Step("a", on_success=raises(HTTPException, 418)),
                Step("b", on_error=swallows),
            ],
            endpoint=raises(Oops, "x"),
        ),
        "a opens, b opens, endpoint, b sees Oops(x), a exits, sends 418",
        (418, {"detail": "I'm a Teapot"}),
    ),
    Scenario(
        "E5",
        "an error while building the response is swallowed: no response was built",
        Program(steps=[Step("a", on_error=swallows), Step("b")], result_type=int),
        """a opens, b opens, endpoint, b sees ResponseValidationError,
        a sees ResponseValidationError, sends 500""",
        FAILED,
        raised="SwallowedExceptionError(a (programs.py) swallowed ResponseValidationError(["
        "{'type': 'int_parsing', 'loc': ('response',), 'msg': 'Input should be a valid integer, unable to parse string as an integer',"
        " 'input': 'done'}]))",
        cause="ResponseValidationError",
    ),
    Scenario(
        "E5",
        "the tasks of a response that was never built do not run",
        Program(
            steps=[
                plain("planner", takes=TASKS, setup=adds_task("mail")),
                Step("a", on_error=swallows),
            ],
            endpoint=raises(Oops, "x"),
        ),
        "planner, a opens, endpoint, a sees Oops(x), sends 500",
        FAILED,
        raised="SwallowedExceptionError(a (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
]

HANDLERS = [
    Scenario(
        "E6",
        "a handler runs when all dependencies have exited",
        Program(
            steps=[Step("a", scope="request"), Step("b")],
            endpoint=raises(Oops, "x"),
            handlers=[Oops],
        ),
        """a opens, b opens, endpoint, b sees Oops(x), a sees Oops(x), handler for Oops,
        sends 418""",
        (418, {"handled": "Oops(x)"}),
    ),
    Scenario(
        "E6",
        "the nearest class along the MRO has its handler called",
        Program(steps=[], endpoint=raises(Conflict, "x"), handlers=[Oops, Conflict]),
        "endpoint, handler for Conflict, sends 418",
        (418, {"handled": "Conflict(x)"}),
    ),
    Scenario(
        "E6",
        "a handler for the base class answers, where the class itself has none",
        Program(steps=[], endpoint=raises(Conflict, "x"), handlers=[Oops, ValueError]),
        "endpoint, handler for Oops, sends 418",
        (418, {"handled": "Conflict(x)"}),
    ),
    Scenario(
        "E6",
        "a handler for the status goes ahead of one for the class",
        Program(
            steps=[Step("a")],
            endpoint=raises(HTTPException, 404),
            handlers=[HTTPException, 404, 409],
        ),
        "a opens, endpoint, a sees HTTPException(404), handler for 404, sends 418",
        (418, {"handled": "HTTPException(404)"}),
    ),
    Scenario(
        "E6",
        "a handler for Exception answers at the outermost layer and the exception is still raised",
        Program(steps=[Step("a")], endpoint=raises(Oops, "x"), handlers=[Exception]),
        "a opens, endpoint, a sees Oops(x), handler for Exception, sends 418",
        (418, {"handled": "Oops(x)"}),
        raised="Oops(x)",
    ),
    Scenario(
        "E6",
        "a handler for 500 does, too",
        Program(steps=[Step("a")], endpoint=raises(Oops, "x"), handlers=[500]),
        "a opens, endpoint, a sees Oops(x), handler for 500, sends 418",
        (418, {"handled": "Oops(x)"}),
        raised="Oops(x)",
    ),
    Scenario(
        "E6",
        "a handler for the class goes ahead of those for Exception",
        Program(steps=[], endpoint=raises(Conflict, "x"), handlers=[Exception, Oops]),
        "endpoint, handler for Oops, sends 418",
        (418, {"handled": "Conflict(x)"}),
    ),
    Scenario(
        "E6",
        "a swallowed exception is answered by the handler for Exception",
        Program(
            steps=[Step("a", on_error=swallows)],
            endpoint=raises(Oops, "x"),
            handlers=[Exception, Oops],
        ),
        "a opens, endpoint, a sees Oops(x), handler for Exception, sends 418",
        (418, {"handled": "SwallowedExceptionError(a (programs.py) swallowed Oops('x'))"}),
        raised="SwallowedExceptionError(a (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E7",
        "request-scope exit code raises after the answer: it is raised to the server",
        Program(
            steps=[
                Step("a", scope="request"),
                Step("b", scope="request", on_success=raises(Oops, "b")),
                Step("c"),
            ],
        ),
        "a opens, b opens, c opens, endpoint, c exits, sends 200, b exits, a sees Oops(b)",
        raised="Oops(b)",
    ),
    Scenario(
        "E7",
        "an exception with a handler is no second answer: it is raised to the server",
        Program(
            steps=[Step("a", scope="request", on_success=raises(Conflict, "a"))],
            handlers=[Oops],
        ),
        "a opens, endpoint, sends 200, a exits",
        raised="Conflict(a)",
    ),
    Scenario(
        "E7",
        "what is raised after the answer can be swallowed",
        Program(
            steps=[
                Step("a", scope="request"),
                Step("b", scope="request", on_error=swallows),
                Step("c", scope="request", on_success=raises(Oops, "c")),
            ]
        ),
        """a opens, b opens, c opens, endpoint, sends 200, c exits, b sees Oops(c), a exits""",
    ),
]

GENERATORS = [
    Scenario(
        "E9",
        "a generator that never yields is named; the others exit",
        Program(steps=[Step("a"), Step("b", yields=0), Step("c")]),
        """a opens, b opens, a sees YieldError(b (programs.py) did not yield), sends 500""",
        FAILED,
        raised="YieldError(b (programs.py) did not yield)",
    ),
    Scenario(
        "E9",
        "one that yields twice is closed and named; the others exit",
        Program(steps=[Step("a"), Step("b", yields=2), Step("c")]),
        """a opens, b opens, c opens, endpoint, c exits, b exits, b sees GeneratorExit(),
        a sees YieldError(b (programs.py) yielded twice), sends 500""",
        FAILED,
        raised="YieldError(b (programs.py) yielded twice)",
    ),
    Scenario(
        "E9",
        "one that yields again instead of raising is named; the others exit",
        Program(
            steps=[Step("a"), Step("b", yields=2, exit_code=False), Step("c")],
        ),
        """a opens, b opens, c opens, endpoint, c exits,
        a sees YieldError(b (programs.py) yielded twice), sends 500""",
        FAILED,
        raised="YieldError(b (programs.py) yielded twice)",
    ),
    Scenario(
        "E9",
        "one of request scope that yields twice is named after the answer",
        Program(steps=[Step("a", scope="request", yields=2, exit_code=False), Step("b")]),
        "a opens, b opens, endpoint, b exits, sends 200",
        raised="YieldError(a (programs.py) yielded twice)",
    ),
]

TOKEN = {"token": Annotated[str, Header()]}
NO_TOKEN = {"type": "missing", "loc": ["header", "token"], "msg": "Field required", "input": None}
NO_SIZE = {"type": "missing", "loc": ["query", "size"], "msg": "Field required", "input": None}

VALUES = [
    Scenario(
        "V1",
        "values are read when the turn of their step comes",
        Program(
            steps=[
                Step("a", setup=raises(HTTPException, 401)),
                Step("b", takes={"limit": int}),
            ]
        ),
        "a opens, sends 401",
        (401, {"detail": "Unauthorized"}),
        query="limit=x",
    ),
    Scenario(
        "V2",
        "what is invalid does not run, nor what depends on it; the rest does, and can answer 401",
        Program(
            steps=[
                Step("a"),
                Step("limits", takes={"limit": int}),
                Step("page", uses=["limits"]),
                plain("user", setup=raises(HTTPException, 401)),
            ]
        ),
        "a opens, user, a sees HTTPException(401), sends 401",
        (401, {"detail": "Unauthorized"}),
        query="limit=x",
    ),
    Scenario(
        "V2",
        "all errors of all steps are in one answer, in order, raised inside of what is open",
        Program(
            steps=[
                Step("a"),
                Step("limits", takes={"limit": int, "size": int}),
                plain("page", uses=["limits"]),
                Step("b"),
                plain("user", takes=TOKEN),
                Step("c"),
            ],
            takes={"limit": int},
        ),
        """a opens, b opens, c opens, c sees RequestValidationError, b sees RequestValidationError,
        a sees RequestValidationError, sends 422""",
        (422, {"detail": [*INVALID[1]["detail"], NO_SIZE, NO_TOKEN, *INVALID[1]["detail"]]}),
        query="limit=x",
    ),
    Scenario(
        "V2",
        "valid values cost nothing",
        Program(
            steps=[
                Step("limits", takes={"limit": int}),
                Step("page", uses=["limits"]),
                plain("user", takes=TOKEN),
            ]
        ),
        "limits opens, page opens, user, endpoint, page exits, limits exits, sends 200",
        query="limit=3",
        headers={"token": "t"},
    ),
    Scenario(
        "V2",
        "one error of a value in request scope does not stop function scope",
        Program(
            steps=[
                Step("wide", scope="request", takes={"limit": int}),
                Step("other_wide", scope="request"),
                Step("narrow"),
            ]
        ),
        """other_wide opens, narrow opens, narrow sees RequestValidationError,
        other_wide sees RequestValidationError, sends 422""",
        INVALID,
        query="limit=x",
    ),
    Scenario(
        "V3",
        "a failing auth dependency answers before a malformed body",
        Program(
            steps=[Step("session"), plain("user", setup=raises(HTTPException, 401))],
            takes={"order": dict[str, int]},
        ),
        "session opens, user, session sees HTTPException(401), sends 401",
        (401, {"detail": "Unauthorized"}),
        body=b'{"amount": ',
    ),
    Scenario(
        "V3",
        "a malformed body is told inside of what is open",
        Program(steps=[Step("session")], takes={"order": dict[str, int]}),
        "session opens, session sees RequestValidationError, sends 422",
        (
            422,
            {
                "detail": [
                    {
                        "type": "json_invalid",
                        "loc": ["body", 11],
                        "msg": "JSON decode error",
                        "input": {},
                        "ctx": {"error": "Expecting value"},
                    }
                ]
            },
        ),
        body=b'{"amount": ',
    ),
]

BACKGROUND = [
    Scenario(
        "B2",
        "tasks of all steps are one list, exit code of function scope included",
        Program(
            steps=[
                Step(
                    "a",
                    takes=TASKS,
                    setup=adds_task("a setup"),
                    on_success=adds_task("a exit"),
                ),
                plain("b", takes=TASKS, setup=adds_task("b")),
            ],
            takes=TASKS,
            endpoint=adds_task("endpoint"),
        ),
        """a opens, b, endpoint, a exits, sends 200, task a setup, task b, task endpoint,
        task a exit""",
    ),
    Scenario(
        "B3",
        "tasks run between the answer and the exit of request scope",
        Program(
            steps=[Step("wide", scope="request"), Step("narrow")],
            takes=TASKS,
            endpoint=adds_task("mail"),
        ),
        "wide opens, narrow opens, endpoint, narrow exits, sends 200, task mail, wide exits",
    ),
    Scenario(
        "B2",
        "tasks do not run when an exception decides the response",
        Program(
            steps=[Step("a", takes=TASKS, setup=adds_task("mail"))],
            endpoint=raises(HTTPException, 404),
        ),
        "a opens, endpoint, a sees HTTPException(404), sends 404",
        (404, {"detail": "Not Found"}),
    ),
    Scenario(
        "B4",
        "a task raises: it is logged by name, the next ones run, request scope sees nothing of it",
        Program(
            steps=[
                Step("wide", scope="request"),
                plain("first", takes=TASKS, setup=adds_task("mail", raises(Oops, "smtp"))),
                plain("second", takes=TASKS, setup=adds_task("audit")),
            ],
        ),
        """wide opens, first, second, endpoint, sends 200, task mail, task audit, wide exits""",
        raised="Oops(smtp)",
        records=["ERROR background task mail failed <- Oops(smtp)"],
    ),
    Scenario(
        "B4",
        "several tasks raise: the server gets a group",
        Program(
            steps=[
                Step("wide", scope="request"),
                plain("first", takes=TASKS, setup=adds_task("mail", raises(Oops, "smtp"))),
                plain("second", takes=TASKS, setup=adds_task("audit", raises(Conflict, "db"))),
            ],
        ),
        """wide opens, first, second, endpoint, sends 200, task mail, task audit, wide exits""",
        raised="ExceptionGroup(background tasks failed (2 sub-exceptions))",
        records=[
            "ERROR background task mail failed <- Oops(smtp)",
            "ERROR background task audit failed <- Conflict(db)",
        ],
    ),
]

OUTCOMES = [
    Scenario(
        "R1",
        "exit code sees the status of the response",
        Program(steps=[Step("a", takes=OUTCOME, on_success=looks), Step("b")]),
        "a opens, b opens, endpoint, b exits, a exits, sees ok 200, sends 200",
    ),
    Scenario(
        "R1",
        "exit code sees the status of a response that the endpoint returns, which is no success",
        Program(
            steps=[
                Step("a", takes=OUTCOME, on_success=looks, scope="request"),
                Step("b", takes=OUTCOME, on_success=looks),
            ],
            returns=JSONResponse("conflict", 409),
        ),
        """a opens, b opens, endpoint, b exits, sees not ok 409, sends 409, a exits,
        sees not ok 409""",
        (409, "conflict"),
    ),
    Scenario(
        "R1",
        "after an exception that another one swallowed nothing is ok",
        Program(
            steps=[
                Step("a", takes=OUTCOME, on_success=looks),
                Step("b", on_error=swallows),
            ],
            endpoint=raises(Oops, "x"),
        ),
        """a opens, b opens, endpoint, b sees Oops(x), a exits, sees not ok nothing after Oops(x),
        sends 500""",
        FAILED,
        raised="SwallowedExceptionError(b (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "R2",
        "scope function sees what would be sent by then, scope request what was sent",
        Program(
            steps=[
                Step("wide", takes=OUTCOME, on_success=looks, scope="request"),
                Step("outer", takes={"response": Response}, on_success=sets_status(203)),
                Step("inner", takes=OUTCOME, on_success=looks),
            ],
            takes={"response": Response},
            endpoint=sets_status(202),
        ),
        """wide opens, outer opens, inner opens, endpoint, inner exits, sees ok 202, outer exits,
        sends 203, wide exits, sees ok 203""",
        (203, "done"),
    ),
    Scenario(
        "R3",
        "what other exit code raises is not ok, though a response was built",
        Program(
            steps=[
                Step("a", on_error=swallows),
                Step("b", on_success=raises(Oops, "x")),
                Step("c", takes=OUTCOME, on_success=looks),
            ],
        ),
        """a opens, b opens, c opens, endpoint, c exits, sees ok 200, b exits, a sees Oops(x),
        sends 200""",
    ),
]

USED = [
    Scenario(
        "S7",
        "it opens before the first that uses it and exits after the last: what they return lives on",
        Program(
            steps=[
                Step("session", scope="use"),
                plain("other"),
                plain("user", uses=["other", "session"]),
                plain("rights", uses=["user", "session"]),
                plain("greeting", uses=["rights"]),
            ]
        ),
        "other, session opens, user, rights, session exits, greeting, endpoint, sends 200",
    ),
    Scenario(
        "S7",
        "what follows the last that uses it is not inside of it: it sees nothing of the endpoint",
        Program(
            steps=[Step("session", scope="use"), plain("user", uses=["session"]), Step("work")],
            endpoint=raises(HTTPException, 404),
        ),
        """session opens, user, session exits, work opens, endpoint, work sees HTTPException(404),
        sends 404""",
        (404, {"detail": "Not Found"}),
    ),
    Scenario(
        "S7",
        "it sees what those that use it raise; nothing else has opened",
        Program(
            steps=[
                Step("session", scope="use"),
                plain("user", uses=["session"], setup=raises(HTTPException, 401)),
                Step("work"),
            ],
        ),
        "session opens, user, session sees HTTPException(401), sends 401",
        (401, {"detail": "Unauthorized"}),
    ),
    Scenario(
        "S7",
        "its exit code raises: what follows does not run, what is open sees it",
        Program(
            steps=[
                Step("work"),
                Step("session", scope="use", uses=["work"], on_success=raises(Oops, "commit")),
                plain("user", uses=["session"]),
            ],
        ),
        "work opens, session opens, user, session exits, work sees Oops(commit), sends 500",
        FAILED,
        raised="Oops(commit)",
    ),
    Scenario(
        "S7",
        "one that the endpoint uses exits when it has returned, and sees what it raises",
        Program(
            steps=[Step("session", scope="use"), Step("work")], endpoint=raises(HTTPException, 404)
        ),
        """work opens, session opens, endpoint, session sees HTTPException(404),
        work sees HTTPException(404), sends 404""",
        (404, {"detail": "Not Found"}),
    ),
    Scenario(
        "E5",
        "what another one swallows of its exit code leaves nothing to answer with",
        Program(
            steps=[
                Step("work", on_error=swallows),
                Step("session", uses=["work"], scope="use", on_success=raises(Oops, "x")),
            ]
        ),
        "work opens, session opens, endpoint, session exits, work sees Oops(x), sends 500",
        FAILED,
        raised="SwallowedExceptionError(work (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "S7",
        "one that uses another one of this scope keeps it open",
        Program(
            steps=[
                Step("connection", scope="use"),
                Step("session", uses=["connection"], scope="use"),
                plain("user", uses=["session"]),
            ]
        ),
        """connection opens, session opens, user, session exits, connection exits, endpoint,
        sends 200""",
    ),
    Scenario(
        "E5",
        "one of scope use swallows an exception: nothing that follows runs, and it is named",
        Program(
            steps=[
                Step("work", scope="request"),
                Step("session", uses=["work"], scope="use", on_error=swallows),
                plain("user", uses=["session"], setup=raises(Oops, "x")),
                Step("other"),
            ],
        ),
        "work opens, session opens, user, session sees Oops(x), work exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(session (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "E5",
        "one of scope use swallows an exception of the endpoint",
        Program(
            steps=[Step("work"), Step("session", scope="use", on_error=swallows)],
            endpoint=raises(Oops, "x"),
        ),
        "work opens, session opens, endpoint, session sees Oops(x), work exits, sends 500",
        FAILED,
        raised="SwallowedExceptionError(session (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "R3",
        "one of scope use sees whether what used it has come to its end",
        Program(
            steps=[
                Step("session", scope="use", takes=OUTCOME, on_success=looks),
                plain("user", uses=["session"]),
                Step("work", takes=OUTCOME, on_success=looks),
            ],
        ),
        """session opens, user, session exits, sees ok nothing, work opens, endpoint, work exits,
        sees ok 200, sends 200""",
    ),
    Scenario(
        "R3",
        "one of scope use sees that another one has swallowed an exception inside of it",
        Program(
            steps=[
                Step("session", scope="use", takes=OUTCOME, on_success=looks),
                Step("inner", uses=["session"], scope="use", on_error=swallows),
                plain("user", uses=["inner"], setup=raises(Oops, "x")),
            ],
        ),
        """session opens, inner opens, user, inner sees Oops(x), session exits,
        sees not ok nothing after Oops(x), sends 500""",
        FAILED,
        raised="SwallowedExceptionError(inner (programs.py) swallowed Oops('x'))",
        cause="Oops(x)",
    ),
    Scenario(
        "S8",
        "what would open inside of it in a wider scope waits, and what depends on that",
        Program(
            steps=[
                Step("session", scope="use"),
                plain("user", uses=["session"]),
                Step("work"),
                plain("unit", uses=["work"]),
                plain("between"),
                plain("rights", uses=["session"]),
            ]
        ),
        """session opens, user, between, rights, session exits, work opens, unit, endpoint,
        work exits, sends 200""",
    ),
    Scenario(
        "S8",
        "what one of its users needs opens before it",
        Program(
            steps=[
                Step("session", scope="use"),
                plain("user", uses=["session"]),
                plain("name", uses=["user"]),
                Step("work"),
                plain("rights", uses=["session", "work"]),
            ]
        ),
        """work opens, session opens, user, name, rights, session exits, endpoint, work exits,
        sends 200""",
    ),
    Scenario(
        "S8",
        "one that opens inside of another one ends inside of it",
        Program(
            steps=[
                Step("outer", scope="use"),
                plain("a", uses=["outer"]),
                Step("inner", scope="use"),
                plain("b", uses=["inner"]),
                plain("c", uses=["outer"]),
                plain("d", uses=["inner"]),
            ]
        ),
        "outer opens, a, inner opens, b, c, d, inner exits, outer exits, endpoint, sends 200",
    ),
    Scenario(
        "S8",
        "of two that open in one place the one that is used longer is outside",
        Program(
            steps=[
                Step("short", scope="use"),
                Step("long", scope="use"),
                plain("a", uses=["short", "long"]),
                plain("b", uses=["long"]),
            ]
        ),
        "long opens, short opens, a, short exits, b, long exits, endpoint, sends 200",
    ),
    Scenario(
        "V2",
        "one of scope use does not open for an invalid value; those that use it do not run",
        Program(
            steps=[
                Step("session", scope="use", takes={"page": int}),
                plain("user", uses=["session"]),
                plain("other"),
            ],
        ),
        "other, sends 422",
        (
            422,
            {
                "detail": [
                    {
                        "type": "missing",
                        "loc": ["query", "page"],
                        "msg": "Field required",
                        "input": None,
                    }
                ]
            },
        ),
    ),
]

BODY: dict[str, Any] = {"body": Annotated[int, Body()]}

RECEIVED = [
    Scenario(
        "V4",
        "the body is received when all has run that leaves nothing open",
        Program(
            steps=[
                plain("key"),
                Step("session", scope="use"),
                plain("user", uses=["key", "session"]),
                Step("work"),
            ],
            takes=BODY,
        ),
        """key, session opens, user, session exits, receives, work opens, endpoint, work exits,
        sends 200""",
        body=b"5",
    ),
    Scenario(
        "V4",
        "one who is refused by then has not sent it",
        Program(
            steps=[
                plain("key"),
                Step("session", scope="use"),
                plain("user", uses=["session"], setup=raises(HTTPException, 401)),
            ],
            takes=BODY,
        ),
        "key, session opens, user, session sees HTTPException(401), sends 401",
        (401, {"detail": "Unauthorized"}),
        body=b"5",
    ),
    Scenario(
        "V4",
        "it is received ahead of a step that reads it",
        Program(steps=[plain("key"), plain("item", takes=BODY), plain("last"), Step("work")]),
        "key, receives, item, last, work opens, endpoint, work exits, sends 200",
        body=b"5",
    ),
    Scenario(
        "V4",
        "it is received ahead of all that is open while a step reads it",
        Program(
            steps=[
                plain("key"),
                Step("outer", scope="use"),
                Step("inner", uses=["outer"], scope="use"),
                plain("item", uses=["inner"], takes=BODY),
            ]
        ),
        """key, receives, outer opens, inner opens, item, inner exits, outer exits, endpoint,
        sends 200""",
        body=b"5",
    ),
    Scenario(
        "V4",
        "invalid values refuse nobody before it is received: the answer tells all errors",
        Program(steps=[plain("page", takes={"page": int}), plain("last")], takes=BODY),
        "last, receives, sends 422",
        (
            422,
            {
                "detail": [
                    {
                        "type": "missing",
                        "loc": ["query", "page"],
                        "msg": "Field required",
                        "input": None,
                    },
                    {
                        "type": "int_parsing",
                        "loc": ["body"],
                        "msg": "Input should be a valid integer, unable to parse string as an"
                        " integer",
                        "input": "x",
                    },
                ]
            },
        ),
        body=b'"x"',
    ),
]

SCENARIOS = [
    *ORDER,
    *SETUP_FAILS,
    *ENDPOINT_FAILS,
    *EXIT_FAILS,
    *OTHER_ERRORS,
    *SWALLOWED,
    *HANDLERS,
    *GENERATORS,
    *VALUES,
    *BACKGROUND,
    *OUTCOMES,
    *USED,
    *RECEIVED,
]


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture(scope="module", autouse=True)
async def one_event_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keep one event loop for all scenarios: they are many."""
    yield  # noqa: PT022 - the loop lives as long as a fixture is open in it


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.rule}: {s.says}")
async def test_a_program_leaves_the_log_that_its_rule_says(
    log: Log, scenario: Scenario, variant: Variant, caplog: pytest.LogCaptureFixture
) -> None:
    app = build(scenario.program, variant, log)

    with caplog.at_level(logging.DEBUG, logger="microfw"):
        answer = await request(
            app,
            method="POST",
            query=scenario.query,
            headers=scenario.headers,
            body=scenario.body,
            log=log,
            logs_receiving=scenario.rule == "V4",
        )

    raised = answer.raised
    assert log == lines(scenario.log)
    assert (raised and without_places(told(raised))) == scenario.raised
    assert (raised and raised.__cause__ and told(raised.__cause__)) == scenario.cause
    status, body = scenario.answer
    assert answer.status == status
    if body is not None:
        assert answer.json() == body
    else:
        assert answer.body == b"Internal Server Error"
    assert [_shown(record) for record in caplog.records if record.name == "microfw"] == [
        *scenario.records
    ]


def _shown(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return f"{record.levelname} {record.getMessage()}" + (f" <- {told(error)}" if error else "")
