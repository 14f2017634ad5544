"""What an application says of itself: metadata, URLs of the pages, further answers, webhooks, clients."""

import importlib
import re
from enum import StrEnum
from html import unescape
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings

from microfw import APIRouter, App, HTTPException, Path, Query, Request
from microfw.openapi.docs import (
    get_redoc_html,
    get_swagger_ui_html,
    get_swagger_ui_oauth2_redirect_html,
)
from microfw.openapi.utils import get_openapi
from microfw.responses import JSONResponse, PlainTextResponse
from microfw.routing import Route
from microfw.testclient import TestClient
from tests.openapi.comparing import compared
from tests.tutorial.twins import Twins, twin_of

# ---------------------------------------------------------------------- metadata, and where it is

app = App(
    title="Tides",
    summary="High water, low water",
    description="## Tides\nOf **one** harbour.",
    version="0.3.1",
    terms_of_service="https://tides.example/terms",
    contact={"name": "Ada", "url": "https://tides.example/ada", "email": "ada@tides.example"},
    license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
    openapi_tags=[
        {"name": "tides", "description": "When the water is high"},
        {
            "name": "gauges",
            "externalDocs": {"description": "More", "url": "https://tides.example/gauges"},
        },
    ],
    openapi_external_docs={"url": "https://tides.example/book"},
    servers=[{"url": "https://tides.example", "description": "The one"}, {"url": "/"}],
    openapi_url="/api/v1/openapi.json",
    docs_url="/documentation",
    redoc_url=None,
    swagger_ui_parameters={"syntaxHighlight": False},
)


class Problem(BaseModel):
    message: str


class Tide(BaseModel):
    height: float
    place: str | None = None


class Kind(StrEnum):
    high = "high"
    low = "low"


common: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such tide"},
    302: {"description": "It has moved"},
}


@app.get(
    "/tides/{tide_id}",
    tags=["tides"],
    response_model=Tide,
    responses={
        **common,
        404: {"model": Problem, "description": "There is no such tide"},
        200: {
            "content": {
                "image/png": {},
                "application/json": {"example": {"height": 2.5}},
            },
            "description": "The tide, or a picture of it",
        },
        "5XX": {"model": Problem},
    },
)
async def read_tide(
    tide_id: Annotated[int, Path(title="The tide", ge=1)],
    kind: Annotated[Kind, Query(description="High or low")] = Kind.high,
):
    if tide_id > 9:
        return JSONResponse({"message": "no such tide"}, 404)
    return Tide(height=tide_id)


@app.get("/raw", tags=["gauges"], response_class=PlainTextResponse, responses=common)
async def read_raw():
    return "2.5"


@app.get("/magic", openapi_extra={"x-aperture-labs-portal": "blue", "tags": ["gauges"]})
async def read_magic():
    return []


@app.post(
    "/logbook",
    openapi_extra={
        "requestBody": {
            "content": {"text/x-logbook": {"schema": Problem.model_json_schema()}},
            "required": True,
        }
    },
)
async def write_logbook(request: Request):
    """
    Write a line into the logbook.

    It has names and values: `message=High`.
    \f
    :param request: Is read by hand, since its media type is one of ours.
    """
    said = dict(part.split("=") for part in (await request.body()).decode().split())
    try:
        return Problem.model_validate(said)
    except ValidationError as error:
        raise HTTPException(422, error.errors(include_url=False)) from error


@app.webhooks.post("new-tide")
def tell_of_tide(body: Tide):
    """When a tide comes, its height is sent to the address that you have registered."""


# ---------------------------------------------------------------------- a document of its own

extended = App()


@extended.get("/items/")
async def read_items():
    return [{"name": "Foo"}]


def make_document():
    if extended.openapi_schema:
        return extended.openapi_schema
    document = get_openapi(
        title="Of its own",
        version="2.5.0",
        summary="A document",
        description="With a **logo**",
        routes=extended.routes,
    )
    document["info"]["x-logo"] = {"url": "/logo.png"}
    extended.openapi_schema = document
    return extended.openapi_schema


extended.openapi = make_document  # type: ignore[method-assign] # as FastAPI's documentation does

# ---------------------------------------------------------------------- names for clients


def name_operation(route: Route):
    return f"{route.tags[0]}-{route.name}"


named = App(generate_unique_id_function=name_operation)
router = APIRouter(tags=["gauges"])


@router.post("/gauges", response_model=Problem)
async def add_gauge(tide: Tide):
    return {"message": "gauge received"}


@router.get("/gauges", response_model=list[Tide])
async def list_gauges():
    return []


named.include_router(router)

by_function = App(separate_input_output_schemas=False)


@by_function.post("/tides")
async def add_tide(tide: Tide) -> Tide:
    return tide


for route in by_function.routes:
    if isinstance(route, Route):
        route.operation_id = route.name

# ---------------------------------------------------------------------- none, and other pages


class Settings(BaseSettings):
    openapi_url: str = "/openapi.json"


settings = Settings(openapi_url="")  # as OPENAPI_URL= in the environment does

silent = App(openapi_url=settings.openapi_url)


@silent.get("/")
async def read_root():
    return {"message": "Hello"}


configured = App(
    swagger_ui_parameters={"syntaxHighlight": {"theme": "obsidian"}, "deepLinking": False}
)

own_pages = App(docs_url=None, redoc_url=None)


@own_pages.get("/docs", include_in_schema=False)
async def show_docs():
    return get_swagger_ui_html(
        openapi_url=str(own_pages.openapi_url),
        title=own_pages.title + " - Swagger UI",
        oauth2_redirect_url=own_pages.swagger_ui_oauth2_redirect_url,
        swagger_js_url="/static/swagger-ui-bundle.js",
        swagger_css_url="/static/swagger-ui.css",
    )


@own_pages.get(str(own_pages.swagger_ui_oauth2_redirect_url), include_in_schema=False)
async def show_where_providers_lead_back():
    return get_swagger_ui_oauth2_redirect_html()


@own_pages.get("/redoc", include_in_schema=False)
async def show_redoc():
    return get_redoc_html(
        openapi_url=str(own_pages.openapi_url),
        title=own_pages.title + " - ReDoc",
        redoc_js_url="/static/redoc.standalone.js",
    )


# ---------------------------------------------------------------------- what comes of it


@pytest.mark.parametrize("path", ["/tides/2?kind=low", "/tides/10", "/tides/0", "/raw", "/magic"])
def test_what_is_said_of_answers_changes_none(client: Twins, path: str) -> None:
    client.get(path)


@pytest.mark.parametrize("name", ["app", "extended", "named", "by_function"])
def test_the_documents_are_served_and_alike(name: str) -> None:
    ours: Any = globals()[name]
    theirs = getattr(twin_of(__name__), name)
    theirs.title = ours.title
    served = [TestClient(each).get(each.openapi_url) for each in (ours, theirs)]
    own, other = compared(*(each.json() for each in served))

    assert [each.status_code for each in served] == [200, 200]
    assert own == other


def test_the_names_are_those_that_were_given() -> None:
    def names(app: App) -> list[str]:
        paths = app.openapi()["paths"].values()
        return [each["operationId"] for methods in paths for each in methods.values()]

    assert sorted(names(named)) == ["gauges-add_gauge", "gauges-list_gauges"]
    assert names(by_function) == ["add_tide"]
    assert extended.openapi()["info"]["x-logo"] == {"url": "/logo.png"}


def without_tags(document: dict[str, Any]) -> dict[str, Any]:
    """Prepare a document for the generation of a client whose methods have short names."""
    for methods in document["paths"].values():
        for each in methods.values():
            each["operationId"] = each["operationId"].removeprefix(f"{each['tags'][0]}-")
    return document


def test_clients_get_shorter_names() -> None:
    for module in (importlib.import_module(__name__), twin_of(__name__)):
        document = without_tags(TestClient(module.named).get("/openapi.json").json())
        (path,) = document["paths"].values()
        assert path["post"]["operationId"] == "add_gauge"
        assert path["get"]["operationId"] == "list_gauges"


@pytest.mark.parametrize("line", ["message=High", "height=2.5"])
def test_a_body_of_another_media_type_is_documented_and_read_by_hand(
    client: Twins, line: str
) -> None:
    client.post("/logbook", content=line, headers={"content-type": "text/x-logbook"})

    written = app.openapi()["paths"]["/logbook"]["post"]
    assert [*written["requestBody"]["content"]] == ["text/x-logbook"]
    assert written["description"].endswith("`message=High`.")


def test_swagger_ui_is_configured() -> None:
    for module in (importlib.import_module(__name__), twin_of(__name__)):
        page = unescape(TestClient(module.configured).get("/docs").text)
        assert re.search(r'"syntaxHighlight": {"theme": "obsidian"}', page)
        assert re.search(r'"deepLinking": false', page)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"])
def test_an_application_without_a_document_has_no_pages(path: str) -> None:
    for module in (importlib.import_module(__name__), twin_of(__name__)):
        with TestClient(module.silent) as client:
            assert client.get(path).status_code == 404


def test_the_pages_are_where_they_are_put() -> None:
    for module in (importlib.import_module(__name__), twin_of(__name__)):
        with TestClient(module.app) as client:
            found = {
                path: client.get(path).status_code
                for path in ("/documentation", "/docs", "/redoc", "/api/v1/openapi.json")
            }
        assert found == {
            "/documentation": 200,
            "/docs": 404,
            "/redoc": 404,
            "/api/v1/openapi.json": 200,
        }


@pytest.mark.parametrize(("path", "script"), [("/docs", "swagger-ui-bundle"), ("/redoc", "redoc")])
def test_pages_of_ones_own_load_the_scripts_that_they_name(path: str, script: str) -> None:
    for module in (importlib.import_module(__name__), twin_of(__name__)):
        with TestClient(module.own_pages) as client:
            assert f'src="/static/{script}' in client.get(path).text
            assert "oauth2" in client.get("/docs/oauth2-redirect").text.lower()
