"""OAuth 2.0: bearer tokens (RFC 6750), and the form that asks for one (RFC 6749)."""

from collections.abc import Mapping
from typing import Annotated, Any

from starlette.requests import HTTPConnection

from microfw.dependencies import SecurityScopes
from microfw.params import Form
from microfw.security.base import BearerScheme
from microfw.security.utils import authorization_of, bearer_token_of, printable

__all__ = [
    "OAuth2",
    "OAuth2AuthorizationCodeBearer",
    "OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm",
    "OAuth2PasswordRequestFormStrict",
    "SecurityScopes",
]

Flow = Mapping[str, Any]

Text = Annotated[str, Form()]
Secret = Annotated[str, Form(json_schema_extra={"format": "password"})]
OptionalText = Annotated[str | None, Form()]
OptionalSecret = Annotated[str | None, Form(json_schema_extra={"format": "password"})]


class OAuth2PasswordRequestForm:
    """The form with which a client asks for a token, with a user's name and password.

    It is the access token request of RFC 6749, section 4.3.2, sent as
    `application/x-www-form-urlencoded`; use it as a dependency:
    `form: Annotated[OAuth2PasswordRequestForm, Depends()]`. Here `grant_type` may be missing.
    Malformed requests are answered with 422, as in FastAPI; RFC 6749, section 5.2, has 400.

    Attributes:
        grant_type: `"password"`, or `None`.
        username: Of the user.
        password: Of the user.
        scopes: What the token is to allow: the words of the field `scope`.
        client_id: Of the client, where it sends it in the form.
        client_secret: Of the client, where it sends it in the form. One that uses HTTP Basic
            instead (RFC 6749, section 2.3.1) can be read with `HTTPBasic(auto_error=False)`.
    """

    def __init__(
        self,
        *,
        grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
        username: Text,
        password: Secret,
        scope: Text = "",
        client_id: OptionalText = None,
        client_secret: OptionalSecret = None,
    ) -> None:
        self.grant_type = grant_type
        self.username = username
        self.password = password
        self.scopes: list[str] = scope.split()
        self.client_id = client_id
        self.client_secret = client_secret


class OAuth2PasswordRequestFormStrict(OAuth2PasswordRequestForm):
    """The same form, with `grant_type=password` as RFC 6749, section 4.3.2, requires it."""

    def __init__(
        self,
        grant_type: Annotated[str, Form(pattern="^password$")],
        username: Text,
        password: Secret,
        scope: Text = "",
        client_id: OptionalText = None,
        client_secret: OptionalSecret = None,
    ) -> None:
        super().__init__(
            grant_type=grant_type,
            username=username,
            password=password,
            scope=scope,
            client_id=client_id,
            client_secret=client_secret,
        )


class OAuth2(BearerScheme[str]):
    """Take the whole `Authorization` header of a client that has a token by OAuth 2.0.

    The scheme's name is still on it. FastAPI 0.117 answers 403 without a challenge.

    Args:
        flows: How clients get tokens; for OpenAPI.
        scheme_name: Under which it is listed in OpenAPI, and the challenge's realm; the class's
            name where left out.
        description: For OpenAPI.
        auto_error: Whether a request without the header is answered with 401.
    """

    def __init__(
        self,
        *,
        flows: Mapping[str, Flow] | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            {"type": "oauth2", "flows": {name: dict(flow) for name, flow in (flows or {}).items()}},
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    def read(self, connection: HTTPConnection) -> str | None:
        return printable(authorization_of(connection)) or None


class OAuth2PasswordBearer(OAuth2):
    """Take the token from `Authorization: Bearer ...`; clients get it for a user's password.

    The challenge is `Bearer realm="..."`, as RFC 6750 asks, with `error="invalid_token"` where a
    token is malformed; FastAPI's is `Bearer`, and it takes an empty token. That the token is valid
    and covers the scopes you check yourself: answer 401 with `error="invalid_token"`, or 403 with
    `error="insufficient_scope"` (section 3.1).

    Args:
        tokenUrl: Where clients send `OAuth2PasswordRequestForm`; for OpenAPI.
        scheme_name: Under which it is listed in OpenAPI, and the challenge's realm; the class's
            name where left out.
        scopes: Their names and what they allow; for OpenAPI.
        description: For OpenAPI.
        auto_error: Whether a request without a token is answered with 401.
        refreshUrl: Where clients renew a token; for OpenAPI.
    """

    def __init__(
        self,
        tokenUrl: str,  # noqa: N803 - OpenAPI's name for it
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
        refreshUrl: str | None = None,  # noqa: N803 - as tokenUrl
    ) -> None:
        super().__init__(
            flows={"password": _flow(scopes, tokenUrl=tokenUrl, refreshUrl=refreshUrl)},
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    def read(self, connection: HTTPConnection) -> str | None:
        found = bearer_token_of(connection)
        return found[1] if found else None


class OAuth2AuthorizationCodeBearer(OAuth2):
    """Take the token from `Authorization: Bearer ...`; clients get it for an authorization code.

    Otherwise it is as `OAuth2PasswordBearer` is.

    Args:
        authorizationUrl: Where users give their consent; for OpenAPI.
        tokenUrl: Where clients change the code for a token; for OpenAPI.
        refreshUrl: Where clients renew a token; for OpenAPI.
        scheme_name: Under which it is listed in OpenAPI, and the challenge's realm; the class's
            name where left out.
        scopes: Their names and what they allow; for OpenAPI.
        description: For OpenAPI.
        auto_error: Whether a request without a token is answered with 401.
    """

    def __init__(
        self,
        authorizationUrl: str,  # noqa: N803 - OpenAPI's name for it
        tokenUrl: str,  # noqa: N803 - as authorizationUrl
        refreshUrl: str | None = None,  # noqa: N803 - as authorizationUrl
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        flow = _flow(
            scopes, authorizationUrl=authorizationUrl, tokenUrl=tokenUrl, refreshUrl=refreshUrl
        )
        super().__init__(
            flows={"authorizationCode": flow},
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    def read(self, connection: HTTPConnection) -> str | None:
        found = bearer_token_of(connection)
        return found[1] if found else None


def _flow(scopes: Mapping[str, str] | None, **urls: str | None) -> Flow:
    given = {name: url for name, url in urls.items() if url is not None}
    return {**given, "scopes": dict(scopes or {})}
