"""The `Authorization` header and its answer, `WWW-Authenticate` (RFC 9110, section 11)."""

from starlette.requests import HTTPConnection

from microfw.exceptions import DeclarationError

__all__ = ["get_authorization_scheme_param"]

WHITESPACE = " \t"


def get_authorization_scheme_param(authorization_header_value: str | None) -> tuple[str, str]:
    """Split the value of an `Authorization` header into the scheme and what follows it.

    Both are `""` where the header is missing. The scheme is returned as it was sent: compare it
    without regard to case. Any number of spaces stands between the two, and whitespace around
    them does not count (RFC 9110, sections 5.5 and 11.4).
    """
    scheme, _, parameter = (authorization_header_value or "").strip(WHITESPACE).partition(" ")
    return scheme, parameter.strip(WHITESPACE)


def authorization_of(connection: HTTPConnection) -> str:
    """Return the value of the `Authorization` header, `""` where there is none.

    Raises:
        ValueError: It was sent more than once: whoever looks at another one than we do would
            see another user (RFC 9110, section 5.3).
    """
    values = connection.headers.getlist("authorization")
    if len(values) > 1:
        raise ValueError("more than one Authorization header")
    return values[0].strip(WHITESPACE) if values else ""


def credentials_of(connection: HTTPConnection, scheme: str) -> tuple[str, str] | None:
    """Return the scheme as it was sent, and the credentials; `None` where another scheme was sent.

    Raises:
        ValueError: They are not made of printable ASCII.
    """
    sent, credentials = get_authorization_scheme_param(authorization_of(connection))
    if sent.lower() != scheme.lower():
        return None
    return sent, printable(credentials)


def bearer_token_of(connection: HTTPConnection) -> tuple[str, str] | None:
    """Do the same for a bearer token; one that is empty has not been sent.

    Raises:
        ValueError: It is not one word of printable ASCII. RFC 6750 allows even fewer characters,
            but tokens that have others, such as `|` or `:`, are in use.
    """
    found = credentials_of(connection, "Bearer")
    if found is None or not found[1]:
        return None
    if " " in found[1]:
        raise ValueError("more than one token")
    return found


def printable(text: str) -> str:
    """Return the text if it is printable ASCII.

    Raises:
        ValueError: It is not. Nobody has to expect other text in credentials, and some functions
            that compare them fail with it, as `secrets.compare_digest` does.
    """
    if text.isascii() and text.isprintable():
        return text
    raise ValueError("characters that credentials cannot have")


def quoted(text: str, where: str) -> str:
    """Write a text as a quoted string (RFC 9110, section 5.6.4).

    Raises:
        DeclarationError: It holds what no header should.
    """
    try:
        escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    except ValueError:
        raise DeclarationError(
            f"the realm {text!r} is not made of printable ASCII, as a header must be",
            where=where,
            cure="give another realm=; without one, scheme_name= is the realm",
        ) from None
    return f'"{escaped}"'
