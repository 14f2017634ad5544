"""sqladmin: an administration of SQLAlchemy's models, mounted."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqladmin import Admin, ModelView
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class UserAdmin(ModelView, model=User):
    column_list = [User.id, User.name]


def client() -> TestClient:
    engine = create_engine(
        "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
    )
    Base.metadata.create_all(engine)
    app = FastAPI()

    @app.get("/")
    def show() -> str:
        return "it"

    Admin(app, engine).add_view(UserAdmin)
    return TestClient(app)


def test_pages_are_served() -> None:
    it = client()
    assert "Admin" in it.get("/admin").text
    assert it.get("/admin/user/list").status_code == 200
    assert it.get("/admin/user/list?pageSize=x").status_code in (200, 400)


def test_a_row_is_created() -> None:
    it = client()
    it.post("/admin/user/create", data={"name": "Ann"})
    assert "Ann" in it.get("/admin/user/list").text


def test_files_are_served() -> None:
    assert client().get("/admin/statics/css/main.css").status_code == 200


def test_other_routes_stay() -> None:
    assert client().get("/").json() == "it"
