"""Users, and who is asking."""

import hashlib
import secrets
from typing import Annotated

from sqlalchemy import select

from examples.shop.database import SessionDep
from examples.shop.models import User
from examples.shop.schemas import CreatedUser, NewUser, PublicUser
from microfw import Depends, Header, HTTPException, Router

router = Router(prefix="/users", tags=["users"])


async def get_current_user(
    session: SessionDep, authorization: Annotated[str | None, Header()] = None
) -> User:
    """Find the user by `Authorization: Bearer TOKEN`, in the session that the endpoint gets too."""
    scheme, _, token = (authorization or "").partition(" ")
    user = None
    if scheme.lower() == "bearer":
        user = await session.scalar(select(User).where(User.token_digest == digest(token)))
    if user is None:
        raise HTTPException(401, "a valid token is needed", {"www-authenticate": "Bearer"})
    return user


CurrentUser = Annotated[
    User,
    Depends(get_current_user, responses={401: {"description": "A valid token is needed"}}),
]


@router.post("", status_code=201)
async def create_user(new: NewUser, session: SessionDep) -> CreatedUser:
    token = secrets.token_urlsafe()
    user = User(name=new.name, token_digest=digest(token))
    session.add(user)
    await session.flush()  # gives it an id; the commit follows after this function
    return CreatedUser(id=user.id, name=user.name, token=token)


@router.get("/me", response_model=PublicUser)
async def read_current_user(user: CurrentUser) -> User:
    return user


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
