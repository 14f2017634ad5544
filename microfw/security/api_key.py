"""Keys that a client sends under a name that the application chooses. No RFC describes them."""

from starlette.requests import HTTPConnection

from microfw.security.base import SecurityScheme
from microfw.security.utils import printable

__all__ = ["APIKeyBase", "APIKeyCookie", "APIKeyHeader", "APIKeyQuery"]


class APIKeyBase(SecurityScheme[str]):
    """Take a key from the request.

    An empty one has not been sent; one that is not printable ASCII is malformed. The challenge is
    `APIKey`, a name of no RFC, since a 401 must have one (RFC 9110, section 15.5.2).
    FastAPI 0.117 answers 403 without a challenge, and takes any text.

    Args:
        name: Of the header, query parameter or cookie.
        scheme_name: Under which it is listed in OpenAPI; the class's name where left out.
        description: For OpenAPI.
        auto_error: Whether a request without the key is answered with 401.
    """

    place = ""
    """What OpenAPI calls the part of the request that holds the key."""

    def __init__(
        self,
        *,
        name: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            {"type": "apiKey", "in": self.place, "name": name},
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )
        self.name = name

    def make_authenticate_headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "APIKey"}


class APIKeyQuery(APIKeyBase):
    """Take a key, a `str`, from the query string, where logs and browsers' histories keep it.

    Without one, the answer is 401; with `auto_error=False` the value is `None`.
    """

    place = "query"

    def read(self, connection: HTTPConnection) -> str | None:
        return printable(connection.query_params.get(self.name, "")) or None


class APIKeyHeader(APIKeyBase):
    """Take a key, a `str`, from a header.

    Without one, the answer is 401; with `auto_error=False` the value is `None`.
    """

    place = "header"

    def read(self, connection: HTTPConnection) -> str | None:
        return printable(connection.headers.get(self.name, "")) or None


class APIKeyCookie(APIKeyBase):
    """Take a key, a `str`, from a cookie.

    Without one, the answer is 401; with `auto_error=False` the value is `None`. Browsers send
    cookies with requests that other sites start, too.
    """

    place = "cookie"

    def read(self, connection: HTTPConnection) -> str | None:
        return printable(connection.cookies.get(self.name, "")) or None
