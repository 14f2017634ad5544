"""Users, and who is asking."""

import hashlib
import secrets
from typing import Annotated

from sqlalchemy import select

from examples.shop.database import BriefSession, SessionDep
from examples.shop.models import User
from examples.shop.schemas import CreatedUser, NewUser, PublicUser
from microfw import Depends, Router
from microfw.security import HTTPAuthorizationCredentials, HTTPBearer

router = Router(prefix="/users", tags=["users"])


bearer = HTTPBearer(scheme_name="shop", description="The token that `POST /users` has answered")


async def get_current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], session: BriefSession
) -> User:
    """Find the user by the token, before the body is received: the session is closed by then."""
    mine = User.token_digest == digest(credentials.credentials)
    user = await session.scalar(select(User).where(mine))
    if user is None:
        raise bearer.make_invalid_credentials_error()
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


@router.post("", status_code=201)
async def create_user(new: NewUser, session: SessionDep) -> CreatedUser:
    """Become a customer. The token is shown this once."""
    token = secrets.token_urlsafe()
    user = User(name=new.name, token_digest=digest(token))
    session.add(user)
    await session.flush()  # gives it an id; the commit follows after this function
    return CreatedUser(id=user.id, name=user.name, token=token)


@router.get("/me", response_model=PublicUser)
async def read_current_user(user: CurrentUser) -> User:
    """Tell who is asking."""
    return user


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
