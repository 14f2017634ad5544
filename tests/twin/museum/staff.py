"""Who works in the museum, and what they may do."""

import hashlib
import secrets
from typing import Annotated

import jwt
from pydantic import BaseModel

from microfw import Depends, HTTPException, Response, Router, Security
from microfw.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OAuth2PasswordRequestFormStrict,
    SecurityScopes,
)
from tests.twin.museum.journal import note

SIGNING_KEY = "a key that only the museum knows"
ALGORITHM = "HS256"
END_OF_TIME = 32_503_680_000

SCOPES = {"exhibits:write": "Change the collection", "vault:open": "Open the vault"}

router = Router(
    prefix="/staff",
    tags=["staff"],
    responses={400: {"description": "Wrong name"}, 403: {"description": "Not allowed"}},
)
oauth2 = OAuth2PasswordBearer(tokenUrl="staff/token", scopes=SCOPES)


class Employee(BaseModel):
    name: str
    may: list[str]
    password: str


class ShownEmployee(BaseModel):
    name: str
    may: list[str]


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"


def hashed(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


EMPLOYEES = {
    "ada": Employee(name="ada", may=list(SCOPES), password=hashed("engine")),
    "ben": Employee(name="ben", may=["exhibits:write"], password=hashed("brass")),
    "cleo": Employee(name="cleo", may=[], password=hashed("needle")),
}


def get_employee(needed: SecurityScopes, token: Annotated[str, Depends(oauth2)]) -> Employee:
    challenge = f'Bearer scope="{needed.scope_str}"' if needed.scopes else "Bearer"
    refusal = HTTPException(401, "Who are you?", {"WWW-Authenticate": challenge})
    try:
        claims = jwt.decode(token, SIGNING_KEY, [ALGORITHM])
        employee = EMPLOYEES[claims["sub"]]
        granted = claims.get("scope", "").split()
    except (jwt.InvalidTokenError, KeyError):
        note("refused")
        raise refusal from None
    for scope in needed.scopes:
        if scope not in granted:
            note(f"{employee.name} may not {scope}")
            raise HTTPException(403, f"Needs {scope}", {"WWW-Authenticate": challenge})
    note(f"{employee.name} for {needed.scope_str or 'anything'}")
    return employee


async def get_curator(
    employee: Annotated[Employee, Security(get_employee, scopes=["exhibits:write"])],
) -> Employee:
    return employee


@router.post("/token")
def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()], response: Response) -> Token:
    employee = EMPLOYEES.get(form.username)
    if employee is None or not secrets.compare_digest(employee.password, hashed(form.password)):
        raise HTTPException(400, "Wrong name or password")
    response.headers["Cache-Control"] = "no-store"
    scope = " ".join(scope for scope in form.scopes if scope in employee.may)
    claims = {"sub": employee.name, "scope": scope, "exp": END_OF_TIME}
    return Token(access_token=jwt.encode(claims, SIGNING_KEY, ALGORITHM))


@router.post("/token/strict")
async def log_in_strictly(
    form: Annotated[OAuth2PasswordRequestFormStrict, Depends()],
) -> dict[str, str | None]:
    return {"grant_type": form.grant_type, "client_id": form.client_id}


@router.get("/me", response_model=ShownEmployee)
async def read_me(employee: Annotated[Employee, Depends(get_employee)]) -> Employee:
    return employee


@router.get("/vault", response_model=ShownEmployee)
async def open_vault(
    curator: Annotated[Employee, Security(get_curator, scopes=["vault:open"])],
) -> Employee:
    return curator


@router.get("/locker")
async def open_locker(
    credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic(realm="lockers"))],
) -> dict[str, str]:
    return {"name": credentials.username, "locker": str(len(credentials.password))}


@router.get("/radio")
async def use_radio(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> dict[str, str]:
    return {"scheme": credentials.scheme, "channel": credentials.credentials}


@router.get("/doors/{door}")
async def open_door(
    door: int,
    chip: Annotated[str | None, Depends(APIKeyHeader(name="X-Chip", auto_error=False))],
    code: Annotated[str | None, Depends(APIKeyQuery(name="code", auto_error=False))],
    badge: Annotated[str | None, Depends(APIKeyCookie(name="badge", auto_error=False))],
) -> dict[str, str | int | None]:
    return {"door": door, "chip": chip, "code": code, "badge": badge}


@router.get("/alarm")
async def stop_alarm(
    chip: Annotated[str, Depends(APIKeyHeader(name="X-Chip"))],
) -> dict[str, str]:
    return {"stopped with": chip}
