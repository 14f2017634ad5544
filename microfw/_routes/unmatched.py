"""What is answered where no route takes a request, but one with another slash or method would."""

from collections.abc import Collection
from urllib.parse import quote

from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import Receive, Scope, Send

from microfw._routes.matching import path_of

_ASCII = bytes(range(128))


def with_other_slash(scope: Scope) -> Scope | None:
    """The same request with a slash more or less at the end of its path, if it can have one."""
    path = path_of(scope)
    if scope["type"] != "http" or path == "/":
        return None
    whole: str = scope["path"]
    return {**scope, "path": whole.rstrip("/") if path.endswith("/") else f"{whole}/"}


def redirect_to(scope: Scope) -> RedirectResponse:
    """The response that sends a client to the path of another request."""
    # Bytes may have been sent that no URL holds (RFC 3986, section 2).
    query = quote(scope["query_string"], safe=_ASCII).encode()
    return RedirectResponse(str(URL(scope={**scope, "query_string": query, **whole_path(scope)})))


async def refuse_method(
    allowed: Collection[str], scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer with 405 and the methods that the path has (RFC 9110, section 15.5.6)."""
    headers = {"Allow": ", ".join(sorted(allowed))}
    if "app" in scope:
        raise HTTPException(405, headers=headers)
    await PlainTextResponse("Method Not Allowed", 405, headers)(scope, receive, send)


def whole_path(scope: Scope) -> Scope:
    """The path with the `root_path` that a proxy has stripped of it (ASGI has it in both)."""
    path, root_path = scope["path"], scope.get("root_path", "")
    is_whole = not root_path or path == root_path or path.startswith(f"{root_path}/")
    return {} if is_whole else {"path": root_path + path}
