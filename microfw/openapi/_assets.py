"""The files that the pages need, as the package has them."""

import gzip
import hashlib
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from microfw.exceptions import HTTPException

_TYPES = {"js": "text/javascript", "css": "text/css"}
_NAMES = ("swagger-ui-bundle.js", "swagger-ui.css", "oauth2-redirect.js", "init.js")
_FOREVER = "public, max-age=31536000, immutable"


@cache
def compressed(name: str) -> bytes:
    """Read a file, compressed by gzip."""
    folder = files("microfw.openapi") / "assets"
    if name == "init.js":
        return gzip.compress((folder / name).read_bytes(), 9, mtime=0)
    return (folder / f"{name}.gz").read_bytes()


def text_of(name: str) -> str:
    """Read a file."""
    return gzip.decompress(compressed(name)).decode()


@cache
def digest() -> str:
    """What changes when one of the files does; a part of their URLs, so that they can be kept."""
    sums = hashlib.sha256()
    for name in _NAMES:
        sums.update(compressed(name))
    return sums.hexdigest()[:16]


def serve_asset(request: Request) -> Response:
    """Serve one of the files; compressed if the client accepts that.

    Raises:
        HTTPException: 404, there is no such file.
    """
    name = request.path_params["file"]
    if name not in _NAMES:
        raise HTTPException(404)
    takes_gzip = _takes_gzip(request.headers.get("accept-encoding", ""))
    tag = f'"{digest()}{"-gzip" if takes_gzip else ""}"'
    headers = {"ETag": tag, "Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    headers["X-Content-Type-Options"] = "nosniff"
    content = compressed(name)
    if takes_gzip:
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, headers=headers, media_type=_TYPES[name.rpartition(".")[2]])


def _takes_gzip(accepted: str) -> bool:
    """Whether a client takes gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, str] = {}
    for each in accepted.lower().replace(" ", "").split(","):
        coding, _, weight = each.partition(";q=")
        weights[coding] = weight or "1"
    return weights.get("gzip", weights.get("*", "0")).strip("0.") != ""
