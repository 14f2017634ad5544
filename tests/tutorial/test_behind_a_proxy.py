"""Behind a proxy: the path below which it serves the application is stripped, and known."""

import pytest

from microfw import App, Request
from microfw.testclient import TestClient
from tests.tutorial.twins import Twins, twin_of

pytestmark = pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")

app = App(root_path="/api/v1")
admin = App()
outer_app = App()
outer_app.mount("/admin", admin)


@admin.get("/who")
def read_who(request: Request):
    return {"below": request.scope["root_path"]}


@app.get("/where")
def read_where(request: Request):
    return {
        "root_path": request.scope.get("root_path"),
        "url": str(request.url),
        "link": str(request.url_for("read_where")),
    }


@pytest.mark.parametrize("path", ["/where", "/api/v1/where"])
def test_behind_a_proxy_the_root_path_is_known(client: Twins, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.json()["root_path"] == "/api/v1"
    assert answer.json()["link"] == "http://testserver/api/v1/where"


def test_the_root_path_may_come_from_the_server() -> None:
    for each in (outer_app, twin_of(__name__).outer_app):
        answer = TestClient(each, root_path="/behind").get("/behind/admin/who")

        assert answer.json() == {"below": "/behind/admin"}
