"""fastapi-utils: views that are classes, and simple operation ids."""

from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from fastapi_utils.cbv import cbv
from fastapi_utils.openapi import simplify_operation_ids


def get_word() -> str:
    return "it"


def client() -> TestClient:
    router = APIRouter()

    @cbv(router)
    class Views:
        word: str = Depends(get_word)

        @router.get("/show")
        def show(self) -> str:
            return self.word

        @router.get("/items/{item_id}")
        async def item(self, item_id: int) -> list[str]:
            return [self.word, str(item_id)]

    app = FastAPI()
    app.include_router(router)
    simplify_operation_ids(app)
    return TestClient(app)


def test_methods_are_endpoints_with_the_class_s_dependencies() -> None:
    it = client()
    assert it.get("/show").json() == "it"
    assert it.get("/items/3").json() == ["it", "3"]
    assert it.get("/items/x").status_code == 422


def test_operation_ids_are_the_functions_names() -> None:
    paths = client().get("/openapi.json").json()["paths"]
    assert paths["/show"]["get"]["operationId"].endswith("show")
