"""sqlmodel: the tutorial's application, with its models as bodies and results."""

from collections.abc import Iterator

from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.testclient import TestClient
from sqlalchemy.pool import StaticPool
from sqlmodel import Field, Relationship, Session, SQLModel, create_engine, select


class TeamBase(SQLModel):
    name: str = Field(index=True)


class Team(TeamBase, table=True):
    id: int | None = Field(default=None, primary_key=True)
    heroes: list["Hero"] = Relationship(back_populates="team")


class HeroBase(SQLModel):
    name: str = Field(index=True)
    age: int | None = Field(default=None, index=True)
    team_id: int | None = Field(default=None, foreign_key="team.id")


class Hero(HeroBase, table=True):
    id: int | None = Field(default=None, primary_key=True)
    secret: str
    team: Team | None = Relationship(back_populates="heroes")


class HeroCreate(HeroBase):
    secret: str


class HeroUpdate(SQLModel):
    name: str | None = None
    age: int | None = None


class HeroPublic(HeroBase):
    id: int


class TeamPublic(TeamBase):
    id: int
    heroes: list[HeroPublic] = []


def client() -> TestClient:
    engine = create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )
    SQLModel.metadata.create_all(engine)

    def get_session() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    app = FastAPI()

    @app.post("/heroes/", response_model=HeroPublic)
    def create(*, session: Session = Depends(get_session), hero: HeroCreate):
        made = Hero.model_validate(hero)
        session.add(made)
        session.commit()
        session.refresh(made)
        return made

    @app.get("/heroes/", response_model=list[HeroPublic])
    def read_all(
        *,
        session: Session = Depends(get_session),
        offset: int = 0,
        limit: int = Query(default=100, le=100),
    ):
        return session.exec(select(Hero).offset(offset).limit(limit)).all()

    @app.patch("/heroes/{hero_id}", response_model=HeroPublic)
    def update(*, session: Session = Depends(get_session), hero_id: int, hero: HeroUpdate):
        found = session.get(Hero, hero_id)
        if not found:
            raise HTTPException(status_code=404, detail="Hero not found")
        found.sqlmodel_update(hero.model_dump(exclude_unset=True))
        session.add(found)
        session.commit()
        session.refresh(found)
        return found

    @app.post("/teams/", response_model=TeamPublic)
    def create_team(*, session: Session = Depends(get_session), team: TeamBase):
        made = Team.model_validate(team)
        session.add(made)
        session.commit()
        session.refresh(made)
        return made

    @app.get("/teams/{team_id}", response_model=TeamPublic)
    def read_team(*, session: Session = Depends(get_session), team_id: int):
        return session.get(Team, team_id)

    return TestClient(app)


HERO = {"name": "Ant", "secret": "x"}


def test_a_model_is_created_and_filtered() -> None:
    answer = client().post("/heroes/", json=HERO)
    assert answer.json() == {"name": "Ant", "age": None, "team_id": None, "id": 1}


def test_models_are_listed() -> None:
    it = client()
    for number in range(3):
        it.post("/heroes/", json={**HERO, "age": number})
    assert [each["age"] for each in it.get("/heroes/?offset=1&limit=1").json()] == [1]
    assert it.get("/heroes/?limit=101").status_code == 422


def test_a_model_is_changed_by_what_was_sent() -> None:
    it = client()
    it.post("/heroes/", json={**HERO, "age": 3})
    assert it.patch("/heroes/1", json={"name": "Bee"}).json()["age"] == 3
    assert it.patch("/heroes/2", json={}).json() == {"detail": "Hero not found"}


def test_a_relationship_loads_while_the_session_is_open() -> None:
    it = client()
    it.post("/teams/", json={"name": "T"})
    it.post("/heroes/", json={**HERO, "team_id": 1})
    assert [each["name"] for each in it.get("/teams/1").json()["heroes"]] == ["Ant"]


def test_models_are_documented() -> None:
    schemas = client().get("/openapi.json").json()["components"]["schemas"]
    assert {"HeroCreate", "HeroPublic", "HeroUpdate", "TeamPublic"} <= {*schemas}
    assert "secret" not in schemas["HeroPublic"]["properties"]
