import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from pwdlib import PasswordHash

from harbour.settings import Settings, get_settings
from microfw import App, Depends, HTTPException, Response, Security
from microfw.security import (
    APIKeyHeader,
    HTTPBasic,
    HTTPBasicCredentials,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    SecurityScopes,
)

app = App()


# region first
bearer = OAuth2PasswordBearer(tokenUrl="token", scopes={"berths": "Give away berths"})


@app.get("/token")
async def show_token(token: Annotated[str, Depends(bearer)]) -> str:
    return token


# endregion first


# region password
hashes = PasswordHash.recommended()


@dataclass(frozen=True)
class Pilot:
    name: str
    password_hash: str
    may: frozenset[str]


PILOTS = {
    "ada": Pilot("ada", hashes.hash("deep water"), frozenset({"berths"})),
    "bob": Pilot("bob", hashes.hash("low tide"), frozenset()),
}
NOBODY = Pilot("", hashes.hash(secrets.token_urlsafe()), frozenset())
# endregion password


# region token
SettingsDep = Annotated[Settings, Depends(get_settings, scope="app")]


@app.post("/token")
def log_in(
    form: Annotated[OAuth2PasswordRequestForm, Depends()], settings: SettingsDep, response: Response
) -> dict[str, str]:
    pilot = PILOTS.get(form.username, NOBODY)
    if not hashes.verify(form.password, pilot.password_hash):
        raise HTTPException(401, "wrong name or password", {"WWW-Authenticate": "Bearer"})
    response.headers["Cache-Control"] = "no-store"
    claims = {
        "sub": pilot.name,
        "scope": " ".join(pilot.may.intersection(form.scopes)),
        "exp": datetime.now(UTC) + timedelta(minutes=15),
    }
    key = settings.signing_key.get_secret_value()
    token = jwt.encode(claims, key, "HS256")  # pyright: ignore[reportUnknownMemberType]
    return {"access_token": token, "token_type": "bearer"}


# endregion token


# region pilot
async def get_pilot(
    needed: SecurityScopes, token: Annotated[str, Depends(bearer)], settings: SettingsDep
) -> Pilot:
    key = settings.signing_key.get_secret_value()
    try:
        claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType]
            token, key, ["HS256"], options={"require": ["sub", "exp", "scope"]}
        )
        pilot = PILOTS[claims["sub"]]
    except (jwt.InvalidTokenError, KeyError):
        raise HTTPException(
            401, "the token is not valid", {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        ) from None
    if not set(needed.scopes) <= set(claims["scope"].split()):
        raise HTTPException(403, f"it takes {needed.scope_str}")
    return pilot


@app.get("/me")
async def read_me(pilot: Annotated[Pilot, Depends(get_pilot)]) -> str:
    return pilot.name


@app.put("/berths/{number}")
async def give(number: int, pilot: Annotated[Pilot, Security(get_pilot, scopes=["berths"])]) -> str:
    return f"{pilot.name} gives away berth {number}"


# endregion pilot


# region basic
basic = HTTPBasic(realm="harbour")


async def get_guard(credentials: Annotated[HTTPBasicCredentials, Depends(basic)]) -> str:
    name = secrets.compare_digest(credentials.username.encode(), b"guard")
    password = secrets.compare_digest(credentials.password.encode(), b"open sesame")
    if not (name and password):
        raise HTTPException(401, "wrong", {"WWW-Authenticate": 'Basic realm="harbour"'})
    return credentials.username


@app.get("/gate")
async def read_gate(guard: Annotated[str, Depends(get_guard)]) -> str:
    return f"{guard} is at the gate"


# endregion basic


# region key
key = APIKeyHeader(name="X-Key", auto_error=False)


@app.get("/tides")
async def read_tides(key: Annotated[str | None, Depends(key)]) -> str:
    return "tides of today" if key is None else "tides of the year"


# endregion key
