"""What all security schemes have in common.

A scheme takes credentials out of a request, and does not know whether they are the right ones.
There are three cases, the same for every scheme:

1. The credentials are there and have the form that the scheme's RFC gives them: they are the
   dependency's value.
2. No credentials of this scheme are there: 401, "Not authenticated", or the value `None` where
   the scheme was made with `auto_error=False`.
3. They are malformed: 401, "Invalid authentication credentials". `auto_error=False` makes no
   difference: it says that credentials may be missing, not that they may be anything.

Each 401 names in `WWW-Authenticate` what would be accepted (RFC 9110, section 15.5.2).
FastAPI 0.117 answers case 2 with 403 and without a challenge, except for `HTTPBasic` and the
OAuth2 bearer schemes; with `HTTPBearer` and `HTTPDigest` it calls the credentials of other schemes
invalid. It knows case 3 for `HTTPBasic` alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from starlette.requests import HTTPConnection

from microfw.exceptions import HTTPException
from microfw.security.utils import quoted

__all__ = ["AuthorizationScheme", "SecurityBase", "SecurityScheme"]

Credentials = TypeVar("Credentials")

NOT_AUTHENTICATED = "Not authenticated"
INVALID_CREDENTIALS = "Invalid authentication credentials"


class SecurityBase:
    """The base of everything that is to be listed as a security scheme."""

    scheme_name: str
    """Under which it is listed."""
    openapi: dict[str, Any]
    """What OpenAPI calls its security scheme object."""


class SecurityScheme(SecurityBase, ABC, Generic[Credentials]):
    """A dependency that takes credentials from the request: `Depends(scheme)`.

    Override `make_not_authenticated_error` to answer differently where they are missing.
    """

    def __init__(
        self,
        openapi: Mapping[str, Any],
        *,
        scheme_name: str | None,
        description: str | None,
        auto_error: bool,
    ) -> None:
        self.scheme_name: str = scheme_name or type(self).__name__
        self.auto_error = auto_error
        described = {**openapi, "description": description}
        self.openapi: dict[str, Any] = {
            name: value for name, value in described.items() if value is not None
        }

    async def __call__(self, request: HTTPConnection) -> Credentials | None:
        """Return the credentials, or `None` with `auto_error=False` and without credentials.

        Raises:
            HTTPException: 401, they are missing or malformed.
        """
        try:
            credentials = self.read(request)
        except ValueError:
            raise self.make_invalid_credentials_error() from None
        if credentials is None and self.auto_error:
            raise self.make_not_authenticated_error()
        return credentials

    @abstractmethod
    def read(self, connection: HTTPConnection) -> Credentials | None:
        """Return the credentials, `None` where there are none.

        Raises:
            ValueError: They are malformed.
        """

    @abstractmethod
    def make_authenticate_headers(self) -> dict[str, str]:
        """Make the headers of a 401."""

    def make_not_authenticated_error(self) -> HTTPException:
        """Make what is raised where there are no credentials."""
        return HTTPException(401, NOT_AUTHENTICATED, self.make_authenticate_headers())

    def make_invalid_credentials_error(self) -> HTTPException:
        """Make what is raised where the credentials are malformed."""
        return HTTPException(401, INVALID_CREDENTIALS, self.make_authenticate_headers())


class AuthorizationScheme(SecurityScheme[Credentials]):
    """A scheme whose credentials come in the `Authorization` header."""

    def __init__(
        self,
        openapi: Mapping[str, Any],
        challenge: str,
        *,
        scheme_name: str | None,
        description: str | None,
        auto_error: bool,
        realm: str | None = None,
    ) -> None:
        super().__init__(
            openapi, scheme_name=scheme_name, description=description, auto_error=auto_error
        )
        self.realm: str = realm or self.scheme_name
        name = type(self).__name__
        self._challenge = f"{challenge} realm={quoted(self.realm, f'{name}(realm={self.realm!r})')}"

    def make_authenticate_headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": self._challenge}


class BearerScheme(AuthorizationScheme[Credentials]):
    """A scheme whose credentials are a bearer token (RFC 6750)."""

    def __init__(
        self,
        openapi: Mapping[str, Any],
        *,
        scheme_name: str | None,
        description: str | None,
        auto_error: bool,
    ) -> None:
        super().__init__(
            openapi,
            "Bearer",
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    def make_invalid_credentials_error(self) -> HTTPException:
        challenge = f'{self._challenge}, error="invalid_token"'  # RFC 6750, section 3.1
        return HTTPException(401, INVALID_CREDENTIALS, {"WWW-Authenticate": challenge})
