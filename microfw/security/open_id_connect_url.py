"""OpenID Connect, discovered by a URL."""

from starlette.requests import HTTPConnection

from microfw.security.base import BearerScheme
from microfw.security.utils import authorization_of, printable

__all__ = ["OpenIdConnect"]


class OpenIdConnect(BearerScheme[str]):
    """Take the whole `Authorization` header of a client that OpenID Connect has given a token.

    The scheme's name is still on it: `Bearer ...` as a rule, since the tokens are bearer tokens
    (RFC 6750). FastAPI 0.117 answers 403 without a challenge.

    Args:
        openIdConnectUrl: Where the provider describes itself; for OpenAPI.
        scheme_name: Under which it is listed in OpenAPI, and the challenge's realm; the class's
            name where left out.
        description: For OpenAPI.
        auto_error: Whether a request without the header is answered with 401.
    """

    def __init__(
        self,
        *,
        openIdConnectUrl: str,  # noqa: N803 - OpenAPI's name for it
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            {"type": "openIdConnect", "openIdConnectUrl": openIdConnectUrl},
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    def read(self, connection: HTTPConnection) -> str | None:
        return printable(authorization_of(connection)) or None
