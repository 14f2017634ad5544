"""fastapi-pagination: pages by number, by limit and offset, and of one's own."""

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from fastapi_pagination import LimitOffsetPage, Page, add_pagination, paginate
from fastapi_pagination.customization import CustomizedPage, UseParamsFields
from pydantic import BaseModel


class User(BaseModel):
    name: str


USERS = [User(name=f"user {number}") for number in range(100)]
Small = CustomizedPage[Page, UseParamsFields(size=5)]


def client() -> TestClient:
    app = FastAPI()
    router = APIRouter(prefix="/in")

    @app.get("/pages")
    async def pages() -> Page[User]:
        return paginate(USERS)

    @app.get("/model", response_model=Page[User])
    def with_model():
        return paginate(USERS)

    @app.get("/offsets")
    async def offsets() -> LimitOffsetPage[User]:
        return paginate(USERS)

    @app.get("/small")
    async def small() -> Small[User]:
        return paginate(USERS)

    @app.get("/plain")
    async def plain() -> int:
        return 1

    @router.get("/pages")
    async def routed() -> Page[User]:
        return paginate(USERS)

    app.include_router(router)
    add_pagination(app)
    return TestClient(app)


def test_pages_have_numbers_and_sizes() -> None:
    with client() as it:
        page = it.get("/pages?page=2&size=10").json()
    assert page["items"][0] == {"name": "user 10"}
    assert (page["total"], page["page"], page["size"], page["pages"]) == (100, 2, 10, 10)


def test_pages_of_a_response_model() -> None:
    with client() as it:
        assert len(it.get("/model").json()["items"]) == 50


def test_limits_and_offsets() -> None:
    with client() as it:
        page = it.get("/offsets?limit=3&offset=5").json()
    assert [each["name"] for each in page["items"]] == ["user 5", "user 6", "user 7"]


def test_a_customized_page() -> None:
    with client() as it:
        assert len(it.get("/small").json()["items"]) == 5


def test_limits_are_checked() -> None:
    with client() as it:
        assert it.get("/pages?size=101").status_code == 422
        assert it.get("/pages?page=0").status_code == 422


def test_other_routes_stay_as_they_are() -> None:
    with client() as it:
        assert it.get("/plain").json() == 1


def test_routers_are_paginated() -> None:
    with client() as it:
        assert it.get("/in/pages?size=2").json()["size"] == 2


def test_parameters_are_documented() -> None:
    with client() as it:
        paths = it.get("/openapi.json").json()["paths"]
    names = [each["name"] for each in paths["/pages"]["get"]["parameters"]]
    assert names == ["page", "size"]
    assert "parameters" not in paths["/plain"]["get"]
