"""What is around the steps of a plan in its source."""

from collections.abc import Mapping

from msgspec import Struct

from microfw.dependencies._spans import SpanKind


class Shape(Struct, frozen=True):
    """What a kind of execution (HTTP request, WebSocket, task) has around its steps.

    Args:
        title: What the source is for, as its first line says.
        run: The name of the parameter that is the `Run`.
        finish: What becomes of what the endpoint has `returned`, as an expression.
        names: What these lines refer to.
        parameters: Further parameters of the handler.
        pass_on: What the endpoint is called with besides the arguments of the plan.
        receive: A statement that receives what steps read, while nothing is open.
        receives_for: The attributes of the `Run` by which steps may read it, too.
        between: Statements after scope "function" has ended and before scope "request" does.
        last: What follows once the handler has returned, for the reader of the source.
        is_lifespan: Whether the function is an async generator. It calls no endpoint: it yields the
            values of all steps, and keeps them open until it is resumed.
        finisher: The name in `finish` of what takes its time with the result, for who watches.
        kind: What the last step is, for who watches.
    """

    title: str
    run: str
    finish: str
    names: Mapping[str, object]
    parameters: tuple[str, ...] = ()
    pass_on: str = ""
    receive: str = ""
    receives_for: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    last: str = ""
    is_lifespan: bool = False
    finisher: str = ""
    kind: SpanKind = "endpoint"
