"""fastapi-users with SQLAlchemy: registration, login by bearer and cookie, the current user."""

import asyncio
import uuid
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import (
    AuthenticationBackend,
    BearerTransport,
    CookieTransport,
    JWTStrategy,
)
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import StaticPool

SECRET = "a secret of more than thirty-two bytes"


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


class UserRead(schemas.BaseUser[uuid.UUID]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


class UserUpdate(schemas.BaseUserUpdate):
    pass


def client() -> TestClient:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session

    async def get_user_db(session: AsyncSession = Depends(get_session)):
        yield SQLAlchemyUserDatabase(session, User)

    async def get_user_manager(user_db=Depends(get_user_db)):
        yield UserManager(user_db)

    def strategy() -> JWTStrategy:
        return JWTStrategy(secret=SECRET, lifetime_seconds=3600)

    bearer = AuthenticationBackend(
        "jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=strategy
    )
    cookie = AuthenticationBackend(
        "cookie", transport=CookieTransport(cookie_secure=False), get_strategy=strategy
    )
    users = FastAPIUsers[User, uuid.UUID](get_user_manager, [bearer, cookie])

    app = FastAPI()
    app.include_router(users.get_auth_router(bearer), prefix="/auth/jwt", tags=["auth"])
    app.include_router(users.get_auth_router(cookie), prefix="/auth/cookie", tags=["auth"])
    app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth")
    app.include_router(users.get_reset_password_router(), prefix="/auth")
    app.include_router(users.get_verify_router(UserRead), prefix="/auth")
    app.include_router(users.get_users_router(UserRead, UserUpdate), prefix="/users")

    @app.get("/active")
    def active(user: User = Depends(users.current_user(active=True))) -> str:
        return user.email

    @app.get("/optional")
    def optional(user: User | None = Depends(users.current_user(optional=True))) -> str:
        return user.email if user else "nobody"

    async def create() -> None:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    asyncio.run(create())
    return TestClient(app)


ALICE = {"email": "alice@example.com", "password": "correct horse"}


def logged_in(kind: str) -> TestClient:
    it = client()
    assert it.post("/auth/register", json=ALICE).status_code == 201
    form = {"username": ALICE["email"], "password": ALICE["password"]}
    answer = it.post(f"/auth/{kind}/login", data=form)
    assert answer.status_code == (200 if kind == "jwt" else 204)
    if kind == "jwt":
        it.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return it


def test_a_user_registers_once() -> None:
    it = client()
    first, second = it.post("/auth/register", json=ALICE), it.post("/auth/register", json=ALICE)
    assert (first.status_code, first.json()["email"]) == (201, ALICE["email"])
    assert (second.status_code, second.json()) == (400, {"detail": "REGISTER_USER_ALREADY_EXISTS"})


def test_a_malformed_user_is_refused() -> None:
    assert client().post("/auth/register", json={"email": "x"}).status_code == 422


def test_a_wrong_password_is_refused() -> None:
    it = client()
    it.post("/auth/register", json=ALICE)
    wrong = it.post("/auth/jwt/login", data={"username": ALICE["email"], "password": "x"})
    assert (wrong.status_code, wrong.json()) == (400, {"detail": "LOGIN_BAD_CREDENTIALS"})


def test_a_bearer_is_the_current_user() -> None:
    it = logged_in("jwt")
    assert it.get("/active").json() == ALICE["email"]
    assert it.get("/users/me").json()["email"] == ALICE["email"]
    assert it.patch("/users/me", json={"email": "a@example.com"}).json()["email"] == "a@example.com"
    assert it.get(f"/users/{uuid.uuid4()}").status_code == 403


def test_a_cookie_is_the_current_user() -> None:
    it = logged_in("cookie")
    assert it.get("/active").json() == ALICE["email"]
    assert it.post("/auth/cookie/logout").status_code == 204
    assert it.get("/active").status_code == 401


def test_nobody_is_refused_or_nobody() -> None:
    it = client()
    assert it.get("/active").status_code == 401
    assert it.get("/optional").json() == "nobody"


def test_forgotten_passwords_are_accepted() -> None:
    it = client()
    it.post("/auth/register", json=ALICE)
    assert it.post("/auth/forgot-password", json={"email": ALICE["email"]}).status_code == 202
    assert it.post("/auth/request-verify-token", json={"email": ALICE["email"]}).status_code == 202
    assert it.post("/auth/verify", json={"token": "x"}).status_code == 400


def test_it_is_documented() -> None:
    document = client().get("/openapi.json").json()
    assert {"/auth/register", "/auth/jwt/login", "/users/me", "/users/{id}"} <= {*document["paths"]}
    schemes = {name.lower() for name in document["components"]["securitySchemes"]}
    assert {"oauth2passwordbearer", "apikeycookie"} <= schemes
