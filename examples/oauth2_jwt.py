"""OAuth2 with passwords and bearer tokens. A token is a signed JWT that says whom it is for, what
it allows and until when; passwords are kept as Argon2 hashes.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from httpx2 import Client
from pwdlib import PasswordHash

from microfw import App, Depends, HTTPException, Response, Security
from microfw.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm, SecurityScopes
from microfw.testclient import TestClient

SIGNING_KEY = secrets.token_bytes(32)  # keep one outside of the code, if tokens are to outlive this
ALGORITHM = "HS256"
LIFETIME = timedelta(minutes=15)

SCOPES = {"plan:read": "See the plan for the night", "telescope:move": "Point the telescope"}

hashes = PasswordHash.recommended()
oauth2 = OAuth2PasswordBearer(tokenUrl="token", scopes=SCOPES, scheme_name="observatory")
app = App()


@dataclass(frozen=True)
class Astronomer:
    name: str
    password_hash: str
    may: frozenset[str]


ASTRONOMERS = {
    "caroline": Astronomer("caroline", hashes.hash("eight comets"), frozenset(SCOPES)),
    "william": Astronomer("william", hashes.hash("one planet"), frozenset({"plan:read"})),
}
NOBODY = Astronomer("", hashes.hash(secrets.token_urlsafe()), frozenset())


@dataclass(frozen=True)
class Token:
    access_token: str
    token_type: str
    expires_in: int
    scope: str


def make_token(name: str, scope: str, lifetime: timedelta = LIFETIME) -> str:
    claims = {"sub": name, "scope": scope, "exp": datetime.now(UTC) + lifetime}
    # PyJWT's types name those of a package that is needed for other algorithms alone.
    return jwt.encode(claims, SIGNING_KEY, ALGORITHM)  # pyright: ignore[reportUnknownMemberType]


def refusal(status: int, error: str, detail: str, needed: SecurityScopes) -> HTTPException:
    """Make the answer that RFC 6750, section 3, asks for."""
    challenge = f'Bearer realm="{oauth2.realm}", error="{error}"'
    if needed.scopes:
        challenge += f', scope="{needed.scope_str}"'
    return HTTPException(status, detail, {"WWW-Authenticate": challenge})


async def get_astronomer(
    needed: SecurityScopes, token: Annotated[str, Depends(oauth2)]
) -> Astronomer:
    try:
        claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType] - as above
            token, SIGNING_KEY, [ALGORITHM], options={"require": ["sub", "exp", "scope"]}
        )
        astronomer = ASTRONOMERS[claims["sub"]]
    except (jwt.InvalidTokenError, KeyError):
        raise refusal(401, "invalid_token", "The token is not valid", needed)
    if not set(needed.scopes) <= set(claims["scope"].split()):
        raise refusal(403, "insufficient_scope", "The token does not allow this", needed)
    return astronomer


@app.post("/token", responses={401: {"description": "Wrong name or password"}})
def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()], response: Response) -> Token:
    # Not `async`: a hash takes its time, and a worker thread has it. It does so for unknown names,
    # too, so that nobody learns from the time it takes which names there are.
    astronomer = ASTRONOMERS.get(form.username, NOBODY)
    if not hashes.verify(form.password, astronomer.password_hash):
        raise HTTPException(401, "Wrong name or password", {"WWW-Authenticate": "Bearer"})
    response.headers["Cache-Control"] = "no-store"
    scope = " ".join(sorted(astronomer.may.intersection(form.scopes)))
    token = make_token(astronomer.name, scope)
    return Token(token, "bearer", int(LIFETIME.total_seconds()), scope)


@app.get("/me")
async def read_me(astronomer: Annotated[Astronomer, Depends(get_astronomer)]) -> str:
    return astronomer.name


@app.get("/plan", dependencies=[Security(get_astronomer, scopes=["plan:read"])])
async def read_plan() -> list[str]:
    return ["M31", "M42"]


@app.post("/telescope/{target}")
async def point_telescope(
    target: str,
    astronomer: Annotated[Astronomer, Security(get_astronomer, scopes=["telescope:move"])],
) -> str:
    return f"{astronomer.name} looks at {target}"


def show(client: Client) -> None:
    def ask(method: str, path: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = client.request(method, path, headers=headers)
        print(answer.status_code, answer.text)
        if answer.is_error:
            print("   ", answer.headers["WWW-Authenticate"])

    def get_token(name: str, password: str) -> str:
        form = {"username": name, "password": password, "scope": "plan:read telescope:move"}
        answer = client.post("/token", data=form).json()
        print(f"{name} may", answer.get("scope", answer))
        return str(answer.get("access_token"))

    get_token("william", "a planet")
    williams, carolines = get_token("william", "one planet"), get_token("caroline", "eight comets")
    ask("GET", "/me")
    ask("GET", "/plan", williams)
    ask("POST", "/telescope/M31", williams)
    ask("POST", "/telescope/M31", carolines)
    forged = [*carolines.split(".")[:2], williams.split(".")[2]]
    ask("POST", "/telescope/M31", ".".join(forged))
    ask("GET", "/me", make_token("william", "", timedelta(seconds=-1)))
    print("answer: the last token has expired")


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   william may {'detail': 'Wrong name or password'}
#   william may plan:read
#   caroline may plan:read telescope:move
#   401 {"detail":"Not authenticated"}
#       Bearer realm="observatory"
#   200 ["M31","M42"]
#   403 {"detail":"The token does not allow this"}
#       Bearer realm="observatory", error="insufficient_scope", scope="telescope:move"
#   200 "caroline looks at M31"
#   401 {"detail":"The token is not valid"}
#       Bearer realm="observatory", error="invalid_token", scope="telescope:move"
#   401 {"detail":"The token is not valid"}
#       Bearer realm="observatory", error="invalid_token"
#   answer: the last token has expired
