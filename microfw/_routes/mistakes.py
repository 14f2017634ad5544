"""Mistakes in how routes and routers are declared, apart from those in the dependencies' graph.

Each function raises the `RegistrationError` for one kind of mistake, or returns.
"""

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import starlette.routing
from starlette.convertors import CONVERTOR_TYPES
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.responses import Response
from starlette.routing import PARAM_REGEX

from microfw._models import SelectionError, parts_of
from microfw.dependencies import (
    Declared,
    Dependency,
    collected,
    describe,
    inspect_signature,
    name_of,
    only_returns_none,
    place_of,
    warn,
)
from microfw.exceptions import DeclarationError, EndpointError, IncludeError, PathError


def check_is_path(path: object) -> None:
    """`@app.get` without brackets gets the function in place of the path."""
    if not isinstance(path, str):
        raise PathError(
            f"the path is {name_of(path)!r}, a {type(path).__name__}",
            where=place_of(path),
            cure='write the path in brackets, as in `@app.get("/path")`',
        )


def is_of_callback(path: str) -> bool:
    """Tell whether a path begins with an expression, as those of OpenAPI's callbacks do.

    The server of the route is another one, so no request has such a path.
    """
    return path.startswith("{$")


def check_path(path: str, endpoint: Callable[..., Any]) -> None:
    """The parameters of a path are such as Starlette knows."""
    if is_of_callback(path):
        return
    parameters: list[tuple[str, str]] = PARAM_REGEX.findall(path)
    names = [name for name, _ in parameters]
    repeated = [name for name in names if names.count(name) > 1]
    kinds = [kind.removeprefix(":") for _, kind in parameters if kind]
    unknown = [kind for kind in kinds if kind not in CONVERTOR_TYPES]
    if repeated:
        what = f"the path {path!r} has {{{repeated[0]}}} more than once"
        cure = "give each parameter a name of its own"
    elif unknown:
        what = f"the path {path!r} has the convertor {unknown[0]!r}, which is not known"
        known = ", ".join(sorted(CONVERTOR_TYPES))
        cure = f"use one of {known}, or leave it out and annotate the function's parameter"
    else:
        return
    raise PathError(what, where=place_of(endpoint), cure=cure)


def warn_of_braces(path: str, where: str) -> None:
    """Warn of what looks like a parameter of a path or a prefix, and is text as any other."""
    if is_of_callback(path) or not set("{}") & set(PARAM_REGEX.sub("", path)):
        return
    warn(
        f"the path {path!r} has a brace that is no part of a parameter: it matches only requests"
        " that have this brace",
        where=where,
        cure="write {name} or {name:convertor}, in letters, digits and underscores",
    )


def checked_path(path: str, endpoint: Callable[..., Any]) -> str:
    """Return a path that can be; where mistakes are collected, one with the same parameters."""
    with collected():
        check_path(path, endpoint)
        warn_of_braces(path, place_of(endpoint))
        return path
    return "".join(f"/{{{name}}}" for name in dict.fromkeys(re.findall(r"{(\w+)", path)))


def check_starts_with_slash(path: str, endpoint: Callable[..., Any]) -> None:
    """A path begins with a slash, which may be that of a prefix."""
    if path and not path.startswith("/") and not is_of_callback(path):
        raise PathError(
            f"the path {path!r} does not start with '/'",
            where=place_of(endpoint),
            cure=f"write {'/' + path!r}",
        )


def check_is_whole(path: str, endpoint: Callable[..., Any]) -> None:
    """A path without anything in it is none, unless a prefix is ahead of it."""
    check_starts_with_slash(path, endpoint)
    if not path:
        raise PathError(
            f"the path of {name_of(endpoint)!r} is empty, and it is included without a prefix",
            where=place_of(endpoint),
            cure='write "/", or include the router with a prefix',
        )


def check_prefix(prefix: str, where: str) -> None:
    """A prefix begins with a slash, and the path behind it does too."""
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        stripped = prefix.strip("/")
        raise PathError(
            f"the prefix {prefix!r} does not start with '/', or ends with it",
            where=f"{where}(prefix={prefix!r})",
            cure=f"write {'/' + stripped!r}" if stripped else "leave it out",
        )
    warn_of_braces(prefix, f"{where}(prefix={prefix!r})")


def check_endpoint(endpoint: object) -> None:
    """An endpoint is a function, and not one of Starlette's classes."""
    if not callable(endpoint):
        raise EndpointError(
            f"the endpoint is {endpoint!r}, which cannot be called",
            where="add_api_route(path, endpoint)",
            cure="give the function itself, not what it returns",
        )
    if isinstance(endpoint, type) and issubclass(endpoint, HTTPEndpoint | WebSocketEndpoint):
        raise EndpointError(
            f"the endpoint {endpoint.__name__!r} is a class that answers requests by itself",
            where=place_of(endpoint),
            cure="add it as a route of Starlette's: app.add_route(path, endpoint),"
            " or app.add_websocket_route",
        )


def check_websocket_endpoint(endpoint: Callable[..., Any]) -> None:
    """A WebSocket's endpoint awaits its messages, or returns what does."""
    signature = describe(endpoint)
    if signature.yields:
        raise EndpointError(
            f"the WebSocket endpoint {signature.name!r} yields, and nobody takes what it yields",
            where=signature.where,
            cure="send with `await websocket.send_json(...)`",
        )
    if not signature.is_async and only_returns_none(signature):
        raise EndpointError(
            f"the WebSocket endpoint {signature.name!r} is not an async function, and returns"
            " nothing that could be awaited",
            where=signature.where,
            cure="write `async def`: a WebSocket is received from and sent to with `await`",
        )


def check_options(options: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """The options of a route are known, and those that decide the response make sense."""
    unknown = [name for name in options if name not in known]
    if unknown:
        raise TypeError(f"a route has no option {unknown[0]!r}; it has {', '.join(sorted(known))}")
    status_code = options.get("status_code")
    response_class = options.get("response_class", Response)
    if status_code is not None and not (isinstance(status_code, int) and 200 <= status_code < 1000):
        what = f"status_code={status_code!r} is no status of HTTP"
        cure = "write a number of three digits, from 200 on"
    elif not _makes_responses(response_class):
        what = f"response_class={response_class!r} makes no responses"
        cure = "name a subclass of microfw.Response, the class itself, or a function"
    else:
        check_encoders(options.get("encoders"), where)
        for name in ("response_model_include", "response_model_exclude"):
            _check_parts(name, options.get(name), where)
        return
    raise DeclarationError(what, where=where, cure=cure)


def _makes_responses(response_class: object) -> bool:
    while isinstance(response_class, partial):
        response_class = response_class.func
    if isinstance(response_class, type):
        return issubclass(response_class, Response)
    return callable(response_class) and not isinstance(response_class, Response)


def _check_parts(name: str, parts: object, where: str) -> None:
    """Parts of a result are named in a set or a dict."""
    try:
        parts_of(parts)
    except SelectionError as problem:
        raise DeclarationError(
            f"{name}={parts!r}: {problem}",
            where=where,
            cure='write a set, {"name", "price"}, or a dict, {"owner": {"name"}}',
        ) from None


def check_encoders(encoders: Any, where: str) -> dict[type[Any], Callable[[Any], Any]]:
    """Return what `encoders=` holds: functions by class."""
    known: dict[Any, Any] = dict(encoders or {})
    for kind, encode in known.items():
        if not (isinstance(kind, type) and callable(encode)):
            raise DeclarationError(
                f"`encoders=` has {encode!r} for {kind!r}",
                where=where,
                cure="write functions by class, as in encoders={Decimal: str}",
            )
    return known


def check_methods(methods: object, endpoint: Callable[..., Any]) -> None:
    """One string would be taken for a collection of letters."""
    if isinstance(methods, str):
        raise DeclarationError(
            f"methods={methods!r} is one string",
            where=place_of(endpoint),
            cure=f"write methods=[{methods!r}]",
        )


def check_dependencies(declared: Any, where: str) -> list[Dependency]:
    """Return what `dependencies=` holds: nothing but `Depends(...)` and `Security(...)`."""
    if isinstance(declared, Dependency):
        raise DeclarationError(
            "`dependencies=` is one `Depends(...)`, and not a list of them",
            where=where,
            cure="write dependencies=[Depends(...)]",
        )
    dependencies: list[Any] = list(declared or ())
    for each in dependencies:
        if not isinstance(each, Dependency):
            name = getattr(each, "__name__", repr(each))
            with collected():
                raise DeclarationError(
                    f"`dependencies=` holds {name}, which is not declared with `Depends(...)`",
                    where=where,
                    cure=f"write dependencies=[Depends({name})]",
                )
    return [each for each in dependencies if isinstance(each, Dependency)]


def check_router(router: object, *, contains_itself: bool) -> None:
    """Only a router can be included, and not in itself."""
    if not isinstance(router, starlette.routing.Router):
        raise IncludeError(
            f"{router!r} is included, and is no router",
            where="include_router(...)",
            cure='include a Router; an application is mounted, `app.mount("/path", other)`',
        )
    if contains_itself:
        raise IncludeError(
            "a router is included in itself",
            where="include_router(...)",
            cure="include it in the application or in another router",
        )


def check_event(event_type: str) -> None:
    if event_type not in ("startup", "shutdown"):
        raise ValueError(f'the events are "startup" and "shutdown", not {event_type!r}')


def check_handled(key: object, handler: object = None) -> None:
    """Exceptions are handled by their status, or by their class, by what declares nothing."""
    is_class = isinstance(key, type) and issubclass(key, Exception)
    if not (is_class or isinstance(key, int)):
        raise TypeError(f"exceptions are handled by status code or by class, not by {key!r}")
    check_declares_nothing(handler, "an exception handler")


def check_declares_nothing(func: object, what: str) -> None:
    """Parameters are filled for endpoints, dependencies and background tasks alone."""
    try:
        parameters = inspect_signature(func).parameters.values()
    except (TypeError, ValueError):  # made in C, which declares nothing; or nothing to call
        return
    for each in parameters:
        entries = (each.default, *getattr(each.annotation, "__metadata__", ()))
        if any(isinstance(entry, Declared) for entry in entries):
            raise DeclarationError(
                f"{each.name!r} of {name_of(func)!r} declares a dependency or a value of the"
                f" request, and {what} gets neither",
                where=place_of(func),
                cure="call what makes the value in the function itself",
            )
