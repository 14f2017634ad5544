"""Programs as applications: of microfw's, of the reference, of FastAPI's."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any

import anyio.to_thread
import fastapi
import fastapi.params
import fastapi.security
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope
from starlette.websockets import WebSocket

import microfw
from microfw.exceptions import RequestValidationError, ResponseValidationError, WebSocketException
from microfw.exceptions import WebSocketRequestValidationError as InvalidHandshake
from microfw.responses import FinalHeaders
from proof import answers, reference
from proof.functions import (
    Conflict,
    Oops,
    World,
    formed,
    write_dependency,
    write_endpoint,
    write_handler,
    write_task,
)
from proof.programs import (
    AddTask,
    Dependency,
    Endpoint,
    Handled,
    Handler,
    Program,
    SetCookie,
    SetHeader,
    SetStatus,
    Task,
    Use,
    Value,
)

HANDLED: dict[Handled, Any] = {
    "Oops": Oops,
    "Conflict": Conflict,
    "409": 409,
    "500": 500,
    "HTTPException": HTTPException,
    "Exception": Exception,
    "ExceptionGroup": ExceptionGroup,
}


def needs(it: Dependency | Endpoint) -> set[str]:
    """Which objects of the request a function is given: "response", "final", "tasks"."""
    if isinstance(it, Endpoint):
        actions = [*it.does]
    else:
        actions = [*it.setup, *it.on_success, *it.on_error]
    objects = set[str]()
    for action in actions:
        match action:
            case SetHeader() | SetCookie():
                objects.add("final" if action.is_final else "response")
            case SetStatus():
                objects.add("response")
            case AddTask():
                objects.add("tasks")
            case _:
                pass
    return objects


# ---------------------------------------------------------------------- frameworks


@dataclass(frozen=True)
class Framework:
    """What two frameworks have different names for."""

    types: Mapping[str, Any]
    use: Callable[[Use, Dependency, Any], Any]
    has_context_managers: bool


def of_microfw(use: Use, it: Dependency, call: Any) -> Any:
    choices: dict[str, Any] = {
        "use_cache": use.cache,
        "scope": use.scope,
        "sync_to_thread": it.flavour != "loop",
        "max_concurrency": use.limit,
    }
    if use.security:
        return microfw.Security(call, scopes=use.security, **choices)
    return microfw.Depends(call, **choices)


def of_fastapi(use: Use, it: Dependency, call: Any) -> Any:
    """Ask for scope "function" also where nothing yields; what replaces it may."""
    choices: dict[str, Any] = {"use_cache": use.cache, "scope": "function"}
    if use.security:
        return fastapi.params.Security(call, scopes=use.security, **choices)
    return fastapi.Depends(call, **choices)


MICROFW = Framework(
    {
        "response": microfw.Response,
        "final": FinalHeaders,
        "tasks": microfw.BackgroundTasks,
        "websocket": microfw.WebSocket,
        "scopes": microfw.SecurityScopes,
        "body": Annotated[int, microfw.Body()],
        "outcome": microfw.Outcome,
    },
    of_microfw,
    has_context_managers=True,
)
FASTAPI = Framework(
    {
        "response": fastapi.Response,
        "tasks": fastapi.BackgroundTasks,
        "websocket": fastapi.WebSocket,
        "scopes": fastapi.security.SecurityScopes,
    },
    of_fastapi,
    has_context_managers=False,
)


class Builder:
    """Writes a program's functions for a framework."""

    def __init__(self, program: Program, world: World, framework: Framework) -> None:
        self.program, self.world, self.framework = program, world, framework
        self.calls: list[Any] = []
        for number, it in enumerate(program.dependencies):
            function = write_dependency(it, f"d{number}", world)
            form = it.form
            if form == "context manager" and not framework.has_context_managers:
                form = "function"
            self.calls.append(formed(function, form, self.parameters(it)))
        world.tasks[:] = [self.task(it, number) for number, it in enumerate(program.tasks)]

    def task(self, it: Task, number: int) -> Any:
        text = inspect.Parameter("text", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str)
        task = write_task(it, f"task{number}", self.world)
        return formed(task, "function", [text, *map(self.parameter, range(len(it.uses)), it.uses)])

    def endpoint(self) -> Any:
        it = self.program.endpoint
        endpoint = write_endpoint(it, self.world)
        parameters = self.parameters(it)
        if self.program.protocol == "websocket":
            parameters.append(keyword("websocket", self.framework.types["websocket"]))
        endpoint.__signature__ = inspect.Signature(
            parameters,
            return_annotation=int if it.returns == "no integer" else inspect.Signature.empty,
        )
        return endpoint

    def parameters(self, it: Dependency | Endpoint) -> list[inspect.Parameter]:
        types = self.framework.types
        return [
            *map(self.parameter, range(len(it.uses)), it.uses),
            *(keyword(value, types.get(value, int)) for value in it.takes),
            *(keyword(name, types[name]) for name in sorted(needs(it))),
        ]

    def parameter(self, number: int, use: Use) -> inspect.Parameter:
        return keyword(f"p{number}", Annotated[Any, self.use(use)])

    def use(self, use: Use) -> Any:
        it = self.program.dependencies[use.dependency]
        return self.framework.use(use, it, self.calls[use.dependency])

    def add_to(self, app: Any, router: Any) -> None:
        """Declare the endpoint and the handlers, and include the router."""
        self.declare(app, router)
        app.include_router(router, prefix="/route")

    def declare(self, app: Any, router: Any) -> None:
        """Declare the endpoint and the handlers."""
        program = self.program
        route: dict[str, Any] = {"dependencies": [*map(self.use, program.route)]}
        if program.protocol == "websocket":
            router.websocket("/", **route)(self.endpoint())
        else:
            if program.status is not None:
                route["status_code"] = program.status
            router.post("/", **route)(self.endpoint())
        for it in program.handlers:
            app.add_exception_handler(HANDLED[it.handled], write_handler(it, self.world))

    @property
    def overrides(self) -> dict[Any, Any]:
        return {self.calls[number]: self.calls[other] for number, other in self.program.overrides}


def keyword(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)


def microfw_app(program: Program, world: World) -> microfw.App:
    """Build a program with microfw."""
    builder = Builder(program, world, MICROFW)
    app = microfw.App(
        dependencies=[*map(builder.use, program.app)], default_scope=program.default_scope
    )
    router = microfw.Router(dependencies=[*map(builder.use, program.router)])
    if program.overrides_here:
        world.overriding = lambda: app.override(builder.overrides)
    else:
        app.dependency_overrides = builder.overrides
    builder.add_to(app, router)
    return app


def fastapi_app(program: Program, world: World) -> fastapi.FastAPI:
    """Build a program with FastAPI."""
    builder = Builder(program, world, FASTAPI)
    app = fastapi.FastAPI(dependencies=[*map(builder.use, program.app)], openapi_url=None)
    router = fastapi.APIRouter(dependencies=[*map(builder.use, program.router)])
    app.dependency_overrides = builder.overrides
    builder.add_to(app, router)
    return app


# ---------------------------------------------------------------------- the reference

SCOPES: dict[Any, Any] = {
    None: None,
    "use": reference.USE,
    "function": reference.FUNCTION,
    "request": reference.REQUEST,
    "app": reference.APP,
}


class SecurityScopes(list[str]):
    scopes = property(list[str])


async def answer_http(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
    return JSONResponse({"detail": error.errors()}, 422)


async def refuse_invalid(websocket: WebSocket, error: InvalidHandshake) -> None:
    await websocket.close(1008, str(error).encode()[:123].decode(errors="ignore"))


async def close_websocket(websocket: WebSocket, error: WebSocketException) -> None:
    await websocket.close(error.code, error.reason)


class ReferenceBuilder:
    """Makes a program's declarations for the reference."""

    def __init__(self, program: Program, world: World) -> None:
        self.program = program
        self.functions: list[reference.Function] = []
        for number, it in enumerate(program.dependencies):
            call = write_dependency(it, f"d{number}", world)
            self.functions.append(self.function(call, f"d{number}", it, it.takes, needs(it)))
        self.tasks: dict[Any, reference.Function] = {}
        for number, task in enumerate(program.tasks):
            call = write_task(task, f"task{number}", world)
            world.tasks.append(call)
            self.tasks[call] = self.function(call, f"task{number}", task, (), set())
        own_task = world.own_task
        self.tasks[own_task] = self.function(own_task, "own task", Task(), (), set())

    def function(
        self,
        call: Any,
        name: str,
        it: Dependency | Endpoint | Task,
        takes: tuple[Value, ...],
        objects: set[str],
        *beside: reference.Use,
    ) -> reference.Function:
        uses = [self.use(use, f"p{number}") for number, use in enumerate(it.uses)]
        readers = {name: READERS[name] for name in (*takes, *sorted(objects))}
        place = name if name == "own task" else f"{name} (functions.py:1)"
        return reference.Function(call, place, (*beside, *uses), readers)

    def use(self, use: Use, parameter: str = "") -> reference.Use:
        function = self.functions[use.dependency]
        scope, is_limited = SCOPES[use.scope], use.limit is not None
        return reference.Use(parameter, function, use.cache, scope, use.security, is_limited)

    def application(self, world: World) -> answers.Application:
        program = self.program
        it = program.endpoint
        default = SCOPES[program.default_scope]
        beside = [self.use(use) for use in (*program.app, *program.router, *program.route)]
        objects = needs(it) | ({"websocket"} if program.protocol == "websocket" else set())
        endpoint = write_endpoint(it, world)
        function = self.function(endpoint, "endpoint", it, it.takes, objects, *beside)
        reference.steps_of(function, {}, default)  # S3: mistakes are told when the route is added
        return answers.Application(
            function,
            self.respond,
            program.status or 200,
            self.tasks,
            {
                HTTPException: answer_http,
                RequestValidationError: answer_invalid,
                InvalidHandshake: refuse_invalid,
                WebSocketException: close_websocket,
                **{HANDLED[it.handled]: async_handler(it, world) for it in program.handlers},
            },
            {self.functions[a]: self.functions[b] for a, b in program.overrides},
            default,
        )

    def respond(self, value: Any) -> Response:
        if self.program.endpoint.returns == "no integer":
            raise ResponseValidationError([invalid_integer("response", "text of endpoint")])
        response = JSONResponse(value)
        response.status_code = self.program.status or 200
        return response


def async_handler(it: Handler, world: World) -> Any:
    handler = write_handler(it, world)

    async def handle_in_thread(connection: Any, error: Exception) -> Any:
        return await anyio.to_thread.run_sync(handler, connection, error)

    return handler if it.flavour == "async" else handle_in_thread


def invalid_integer(*loc_and_text: str) -> dict[str, Any]:
    message = "Input should be a valid integer, unable to parse string as an integer"
    *loc, text = loc_and_text
    return {"type": "int_parsing", "loc": tuple(loc), "msg": message, "input": text}


def of_query(name: str) -> Callable[..., int]:
    """Read an integer as the rules say."""

    def read(execution: Any, step: reference.Step) -> int:
        text = execution.connection.query_params.get(name)
        loc = ("query", name)
        if text is None:
            raise reference.Invalid(
                {"type": "missing", "loc": loc, "msg": "Field required", "input": None}
            )
        if not text.isdecimal():
            raise reference.Invalid(invalid_integer(*loc, text))
        return int(text)

    return read


READERS: dict[str, Callable[[Any, reference.Step], Any]] = {
    "good": of_query("good"),
    "bad": of_query("bad"),
    "missing": of_query("missing"),
    "scopes": lambda execution, step: microfw.SecurityScopes(step.security),
    "outcome": lambda execution, step: execution.outcome(step),
    "response": lambda execution, step: execution.injected,
    "final": lambda execution, step: execution.final,
    "tasks": lambda execution, step: execution.tasks,
    "websocket": lambda execution, step: execution.connection,
    "body": lambda execution, step: execution.body,
}


def reference_app(program: Program, world: World) -> ASGIApp:
    """Make the application in which the reference handles a program."""
    builder = ReferenceBuilder(program, world)
    application = builder.application(world)

    async def handle(scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await answers.Conversation(application, WebSocket(scope, receive, send)).handle()
        else:
            exchange = answers.Exchange(application, Request(scope, receive, send), send)
            await exchange.handle()

    handlers = application.handlers
    outermost = [handlers[key] for key in handlers if key in (500, Exception)]
    return ReferenceApp(handle, outermost[-1] if outermost else None, application.lifespan)


class ReferenceApp(ServerErrorMiddleware):
    """The reference, and around it what answers all other exceptions with 500 (E6)."""

    def __init__(self, app: ASGIApp, handler: Any, lifespan: Any) -> None:
        super().__init__(app, handler)
        self.router = SimpleNamespace(lifespan_context=lifespan)
