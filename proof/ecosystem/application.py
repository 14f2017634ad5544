"""An application with dishka, fastapi-users, sqlmodel and Sentry, written for FastAPI."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import sentry_sdk
from dishka import Provider, Scope, make_async_container, provide
from dishka.integrations.fastapi import DishkaRoute, FromDishka, setup_dishka
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlmodel import Field, SQLModel, select

SECRET = "a secret of more than thirty-two bytes"

sentry_sdk.init(dsn=os.environ["SENTRY_DSN"], traces_sample_rate=0.0)
engine = create_async_engine(os.environ["DATABASE"])
make_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    metadata = SQLModel.metadata


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class NewHero(SQLModel):
    name: str = Field(min_length=2)
    age: int | None = None


class Hero(NewHero, table=True):
    id: int | None = Field(default=None, primary_key=True)
    owner: str


class Heroes:
    """What dishka makes for a request: the heroes, in a session of their own."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def add(self, hero: Hero) -> Hero:
        self.session.add(hero)
        await self.session.flush()
        return hero

    async def of(self, owner: str) -> list[Hero]:
        return [*await self.session.scalars(select(Hero).where(Hero.owner == owner))]


class Services(Provider):
    heroes = provide(Heroes, scope=Scope.REQUEST)

    @provide(scope=Scope.REQUEST)
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with make_session() as session:
            yield session
            await session.commit()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with make_session() as session:
        yield session


async def get_user_db(session: AsyncSession = Depends(get_session)):
    yield SQLAlchemyUserDatabase(session, User)


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def get_user_manager(user_db=Depends(get_user_db)):
    yield UserManager(user_db)


class UserRead(schemas.BaseUser[uuid.UUID]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


backend = AuthenticationBackend(
    name="jwt",
    transport=BearerTransport(tokenUrl="auth/login"),
    get_strategy=lambda: JWTStrategy(secret=SECRET, lifetime_seconds=3600),
)
users = FastAPIUsers[User, uuid.UUID](get_user_manager, [backend])
CurrentUser = Annotated[User, Depends(users.current_user(active=True))]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    yield
    await app.state.dishka_container.close()
    await engine.dispose()


router = APIRouter(prefix="/heroes", tags=["heroes"], route_class=DishkaRoute)


@router.post("", status_code=201, response_model=Hero)
async def add_hero(hero: NewHero, user: CurrentUser, heroes: FromDishka[Heroes]):
    return await heroes.add(Hero(**hero.model_dump(), owner=user.email))


@router.get("", response_model=list[Hero])
async def list_heroes(user: CurrentUser, heroes: FromDishka[Heroes]):
    return await heroes.of(user.email)


@router.get("/{name}", response_model=Hero)
async def get_hero(name: str, user: CurrentUser, heroes: FromDishka[Heroes]):
    found = [hero for hero in await heroes.of(user.email) if hero.name == name]
    if not found:
        raise HTTPException(404, "no such hero")
    return found[0]


app = FastAPI(title="Heroes", lifespan=lifespan)
app.include_router(users.get_auth_router(backend), prefix="/auth", tags=["auth"])
app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth", tags=["auth"])
app.include_router(router)


@app.get("/broken/{number}")
def broken(number: int):
    raise RuntimeError(f"broken {number}")


setup_dishka(make_async_container(Services()), app)
