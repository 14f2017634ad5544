"""The pages that show the document, as they are served."""

import base64
import gzip
import hashlib
import json
import re
from html import unescape
from importlib.resources import files
from typing import Any

import pytest
from starlette.routing import Mount

from microfw import App
from microfw.exceptions import PathError
from microfw.openapi.docs import (
    get_redoc_html,
    get_swagger_ui_html,
    get_swagger_ui_oauth2_redirect_html,
    relative_url,
)
from microfw.testclient import TestClient

ASSETS = files("microfw.openapi") / "assets"
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src * data:;"
    " font-src 'self' data:; connect-src *; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)


def config_in(html: str) -> dict[str, Any]:
    (found,) = re.findall(r'data-config="([^"]*)"', html)
    config: dict[str, Any] = json.loads(unescape(found))
    return config


def urls_in(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]*)"', html)


# ---------------------------------------------------------------------- what is in the package


def test_the_files_are_those_of_the_version_that_the_manifest_tells() -> None:
    told: Any = json.loads((ASSETS / "manifest.json").read_text())

    assert (told["package"], told["licence"]) == ("swagger-ui-dist", "Apache-2.0")
    for name, expected in told["sha256"].items():
        packed = ASSETS / f"{name}.gz"
        content = gzip.decompress(packed.read_bytes()) if packed.is_file() else None
        content = (ASSETS / name).read_bytes() if content is None else content
        assert hashlib.sha256(content).hexdigest() == expected, name


def test_there_are_no_other_files_than_those_and_the_script_that_starts_the_page() -> None:
    told: Any = json.loads((ASSETS / "manifest.json").read_text())
    names = {each.name.removesuffix(".gz") for each in ASSETS.iterdir()}

    assert names == {*told["sha256"], "manifest.json", "init.js"}


# ---------------------------------------------------------------------- the pages


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_page_has_no_script_of_its_own_and_names_no_other_host(path: str) -> None:
    served = TestClient(App(title="Tea & <Co>")).get(path)

    assert served.headers["content-security-policy"] == STRICT
    assert "<title>Tea &amp; &lt;Co&gt; - " in served.text
    assert re.findall(r"<script[^>]*>([^<]+)<", served.text) == []
    assert "<style" not in served.text
    icon, *urls = urls_in(served.text)
    assert icon == "data:,"
    assert [re.sub("[0-9a-f]{16}", "*", url) for url in urls] == [
        "docs/swagger-ui/*/swagger-ui.css",
        "docs/swagger-ui/*/swagger-ui-bundle.js",
        "docs/swagger-ui/*/init.js",
    ]


def test_the_page_to_try_and_the_page_to_read_are_told_how_to_be() -> None:
    app = App(
        swagger_ui_parameters={"deepLinking": False, "theme": "'</script>"},
        swagger_ui_init_oauth={"clientId": "shop"},
    )
    to_try, to_read = (config_in(TestClient(app).get(path).text) for path in ("/docs", "/redoc"))

    assert to_try == {
        "url": "openapi.json",
        "oauth2RedirectUrl": "docs/oauth2-redirect",
        "initOAuth": {"clientId": "shop"},
        "parameters": {
            "dom_id": "#swagger-ui",
            "layout": "BaseLayout",
            "deepLinking": False,
            "showExtensions": True,
            "showCommonExtensions": True,
            "theme": "'</script>",
        },
    }
    assert to_read["parameters"]["supportedSubmitMethods"] == []


def test_pages_can_be_elsewhere_or_nowhere() -> None:
    app = App(
        docs_url="/api/help/",
        redoc_url=None,
        openapi_url="/api/schema.json",
        swagger_ui_oauth2_redirect_url=None,
    )
    client = TestClient(app)
    config = config_in(client.get("/api/help/").text)

    assert (config["url"], config["oauth2RedirectUrl"]) == ("../schema.json", None)
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect", "/api/help/oauth2-redirect"):
        assert client.get(path).status_code == 404
    names = [getattr(route, "name", None) for route in app.routes]
    assert names == ["openapi", "swagger_ui_html", "swagger_ui_file"]


@pytest.mark.parametrize("name", ["openapi_url", "docs_url", "redoc_url"])
def test_a_path_that_begins_with_no_slash_is_refused(name: str) -> None:
    options: Any = {name: "here"}
    with pytest.raises(PathError, match=r"the path 'here' of the documentation does not start"):
        App(**options)


def test_paths_of_the_documentation_may_have_parameters() -> None:
    app = App(openapi_url="/{version}/openapi.json", docs_url="/{version}/docs")

    assert TestClient(app).get("/v1/openapi.json").status_code == 200
    assert TestClient(app).get("/v1/docs").status_code == 200


def test_the_page_to_read_needs_no_page_to_try() -> None:
    client = TestClient(App(docs_url=None))
    _, css, *_ = urls_in(client.get("/redoc").text)

    assert css.startswith("redoc/swagger-ui/")
    assert client.get(f"/{css}").status_code == 200


def test_without_pages_there_is_nothing_but_the_document() -> None:
    app = App(docs_url=None, redoc_url=None)

    assert [getattr(route, "name", None) for route in app.routes] == ["openapi"]


@pytest.mark.parametrize("docs_url", ["/", "/docs", "/a/b/", "/a/b"])
def test_what_a_page_links_to_is_there_below_any_prefix(docs_url: str) -> None:
    inner = App(docs_url=docs_url)
    outer = App(openapi_url=None, routes=[Mount("/inner/most", inner)])
    client = TestClient(outer)
    page = client.get(f"/inner/most{docs_url}")

    for url in (*urls_in(page.text)[1:], config_in(page.text)["url"]):
        assert client.get(str(page.url.join(url))).status_code == 200


def test_an_absolute_url_of_the_document_is_kept() -> None:
    assert relative_url("/docs", "https://x.example/a.json") == "https://x.example/a.json"


def test_routes_of_the_application_that_match_everything_leave_the_pages_there() -> None:
    app = App()

    @app.get("/{path:path}")
    async def everything(path: str) -> str:
        return path

    client = TestClient(app)
    assert "data-config" in client.get("/docs").text
    assert client.get("/docs/other").json() == "docs/other"


# ---------------------------------------------------------------------- the files


@pytest.fixture
def script() -> str:
    return "/" + urls_in(TestClient(App()).get("/docs").text)[2]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate", "gzip"),
        ("*", "gzip"),
        ("gzip; q=0.5", "gzip"),
        ("gzip;q=0, *", None),
        ("br", None),
        ("gzip;q=0.0", None),
        ("", None),
    ],
)
def test_a_file_is_compressed_for_those_who_take_that(
    script: str, accepted: str, encoding: str | None
) -> None:
    served = TestClient(App()).get(script, headers={"accept-encoding": accepted})

    assert served.headers.get("content-encoding") == encoding
    assert len(served.content) > 1_000_000
    assert served.headers["vary"] == "Accept-Encoding"
    assert served.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert served.headers["content-type"].startswith("text/javascript")


def test_a_file_that_the_client_has_is_not_sent_again(script: str) -> None:
    client = TestClient(App())
    tag = client.get(script).headers["etag"]

    again = client.get(script, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    plain = {"if-none-match": tag, "accept-encoding": "identity"}
    assert client.get(script, headers=plain).status_code == 200


def test_no_other_file_of_the_package_is_served(script: str) -> None:
    folder = script.rpartition("/")[0]

    assert TestClient(App()).get(f"{folder}/manifest.json").status_code == 404


# ---------------------------------------------------------------------- the functions


def sums(html: str, tag: str) -> list[str]:
    """What a policy says of what stands in a page."""
    return [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    ]


def policy_of(response: Any) -> dict[str, list[str]]:
    parts = (each.split() for each in response.headers["content-security-policy"].split(";"))
    return {name: values for name, *values in parts}


def test_a_page_that_is_reported_of_no_files_has_them_in_it_and_allows_no_others() -> None:
    page = get_swagger_ui_html(openapi_url="/openapi.json", title="Shop")
    html = bytes(page.body).decode()

    assert policy_of(page)["script-src"] == ["'self'", *sums(html, "script")]
    assert policy_of(page)["style-src"] == ["'self'", *sums(html, "style")]
    assert len(sums(html, "script")) == 2
    assert "<!--" not in html


def test_a_page_allows_the_scripts_and_styles_that_it_is_reported_of() -> None:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Shop",
        swagger_js_url="https://cdn.example/ui.js",
        swagger_css_url="//cdn.example/ui.css",
        swagger_favicon_url="/icon.png",
        init_js_url="/static/init.js",
    )

    assert policy_of(page)["script-src"] == ["'self'", "https://cdn.example"]
    assert policy_of(page)["style-src"] == ["'self'", "https://cdn.example"]
    assert urls_in(bytes(page.body).decode()) == [
        "/icon.png",
        "//cdn.example/ui.css",
        "https://cdn.example/ui.js",
        "/static/init.js",
    ]


@pytest.mark.parametrize("fonts", [False, True])
def test_the_page_to_read_is_redocs_where_its_script_is_given(fonts: bool) -> None:
    page = get_redoc_html(
        openapi_url="/openapi.json",
        title="Shop",
        redoc_js_url="/static/redoc.js",
        with_google_fonts=fonts,
    )
    html, policy = bytes(page.body).decode(), policy_of(page)

    assert '<redoc spec-url="/openapi.json"></redoc>' in html
    assert policy["script-src"] == ["'self'"]
    assert ("https://fonts.googleapis.com" in policy["style-src"]) is fonts
    assert ("https://fonts.gstatic.com" in policy["font-src"]) is fonts
    assert ("fonts.googleapis.com" in html) is fonts


def test_the_page_to_which_providers_lead_back_allows_its_script_alone() -> None:
    page = get_swagger_ui_oauth2_redirect_html()
    html = bytes(page.body).decode()

    assert policy_of(page)["script-src"] == ["'self'", *sums(html, "script")]
    assert TestClient(App()).get("/docs/oauth2-redirect").text == html
