"""The schemes of HTTP itself: Basic, Bearer, Digest."""

import binascii
import secrets
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from microfw.security.base import AuthorizationScheme, BearerScheme
from microfw.security.utils import bearer_token_of, credentials_of

__all__ = [
    "HTTPAuthorizationCredentials",
    "HTTPBase",
    "HTTPBasic",
    "HTTPBasicCredentials",
    "HTTPBearer",
    "HTTPDigest",
]

DELETE = "\x7f"


@dataclass(frozen=True, slots=True)
class HTTPBasicCredentials:
    """What `HTTPBasic` finds. The password is left out where the object is printed."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HTTPAuthorizationCredentials:
    """What `HTTPBearer` and `HTTPDigest` find. `credentials` is left out in print.

    Attributes:
        scheme: As the client wrote it: `Bearer`, `bearer`, ...
        credentials: What follows the scheme.
    """

    scheme: str
    credentials: str = field(repr=False)


class HTTPBase(AuthorizationScheme[HTTPAuthorizationCredentials]):
    """Take the credentials of any scheme from the `Authorization` header (RFC 9110, section 11).

    Args:
        scheme: Its name, the case of which does not matter. FastAPI takes those of other schemes
            too.
        scheme_name: Under which it is listed in OpenAPI; the class's name where left out.
        description: For OpenAPI.
        auto_error: Whether a request without credentials is answered with 401.
        realm: What the credentials are for; `scheme_name` where left out.
    """

    def __init__(
        self,
        *,
        scheme: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
        realm: str | None = None,
    ) -> None:
        super().__init__(
            {"type": "http", "scheme": scheme.lower()},
            scheme.title(),
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
            realm=realm,
        )
        self._scheme = scheme

    def read(self, connection: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        found = credentials_of(connection, self._scheme)
        return HTTPAuthorizationCredentials(*found) if found and found[1] else None


class HTTPBasic(AuthorizationScheme[HTTPBasicCredentials]):
    """Take a user's name and password from `Authorization: Basic ...` (RFC 7617).

    Both are UTF-8, which the challenge says: `Basic realm="...", charset="UTF-8"`. Malformed are
    what is no base64, no UTF-8, has no colon, or has control characters. Encode what you compare
    with `secrets.compare_digest`, which takes no other `str` than ASCII.

    FastAPI allows ASCII alone, skips what is no base64, and leaves the realm out if it has none,
    which RFC 7617 does not allow.

    Args:
        scheme_name: Under which it is listed in OpenAPI; the class's name where left out.
        realm: What the password is for; browsers may show it. `scheme_name` where left out.
        description: For OpenAPI.
        auto_error: Whether a request without credentials is answered with 401.
    """

    def __init__(
        self,
        *,
        scheme_name: str | None = None,
        realm: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            {"type": "http", "scheme": "basic"},
            "Basic",
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
            realm=realm,
        )
        self._challenge += ', charset="UTF-8"'

    def read(self, connection: HTTPConnection) -> HTTPBasicCredentials | None:
        found = credentials_of(connection, "Basic")
        if found is None:
            return None
        text = binascii.a2b_base64(found[1], strict_mode=True).decode()
        username, colon, password = text.partition(":")
        if not colon or any(character < " " or character == DELETE for character in text):
            raise ValueError("no colon, or a control character")
        return HTTPBasicCredentials(username, password)


class HTTPBearer(BearerScheme[HTTPAuthorizationCredentials]):
    """Take a token from `Authorization: Bearer ...` (RFC 6750).

    The challenge is `Bearer realm="..."`, with `error="invalid_token"` where a token is malformed.
    FastAPI answers 403 without a challenge; its bearer challenges elsewhere lack the parameter
    that RFC 6750, section 3, asks for.

    Args:
        bearerFormat: How tokens are made, such as `"JWT"`; for OpenAPI.
        scheme_name: Under which it is listed in OpenAPI, and the challenge's realm; the class's
            name where left out.
        description: For OpenAPI.
        auto_error: Whether a request without a token is answered with 401.
    """

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,  # noqa: N803 - OpenAPI's name for it
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            {"type": "http", "scheme": "bearer", "bearerFormat": bearerFormat},
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    def read(self, connection: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        found = bearer_token_of(connection)
        return HTTPAuthorizationCredentials(*found) if found else None


class HTTPDigest(HTTPBase):
    """Take the parameters of `Authorization: Digest ...` as one text (RFC 7616).

    To take them apart, and to compute what the client must have computed, is left to you. The
    challenge asks for SHA-256 and holds a random nonce that nobody remembers: to refuse answers
    that are sent twice, override `make_authenticate_headers` with nonces of your own.

    FastAPI answers 403 without a challenge, so that no client could know the nonce.

    Args:
        scheme_name: Under which it is listed in OpenAPI; the class's name where left out.
        description: For OpenAPI.
        auto_error: Whether a request without credentials is answered with 401.
        realm: What the password is for, a part of what the client computes. `scheme_name` where
            left out.
    """

    def __init__(
        self,
        *,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
        realm: str | None = None,
    ) -> None:
        super().__init__(
            scheme="digest",
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
            realm=realm,
        )

    def make_authenticate_headers(self) -> dict[str, str]:
        nonce = secrets.token_urlsafe()
        challenge = f'{self._challenge}, qop="auth", algorithm=SHA-256, nonce="{nonce}"'
        return {"WWW-Authenticate": challenge}
