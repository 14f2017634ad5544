"""What an application adds to its routes: the document that describes them, and its pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import starlette.routing
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from microfw._routes import AppDocumentation, MatchesInLinearTime, PathPattern
from microfw.exceptions import PathError
from microfw.routing import Route, Router

_KEPT_PREFIXES = 16
_SAID = {
    "title": "title",
    "version": "version",
    "summary": "summary",
    "description": "description",
    "tags": "openapi_tags",
    "servers": "servers",
    "terms_of_service": "terms_of_service",
    "contact": "contact",
    "license_info": "license_info",
    "separate_input_output_schemas": "separate_input_output_schemas",
    "external_docs": "openapi_external_docs",
    "openapi_version": "openapi_version",
}
"""The parameters of `get_openapi`, and the attributes of an application that they are."""


class DocumentationRoute(MatchesInLinearTime, starlette.routing.Route):
    """A route of the documentation's own; it is not documented.

    Every application has five of these: to make one takes a tenth of what Starlette's takes.
    """

    def __init__(self, path: str, endpoint: Any, name: str) -> None:
        self.path = self.path_format = path
        self.endpoint = endpoint
        self.app = self._answer
        self.name = name
        self.methods = {"GET", "HEAD"}
        self.include_in_schema = False
        self.param_convertors = {}
        if "{" in path:
            PathPattern.set_path(self, path)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


class Webhook(Route):
    """A request that the application sends: what stands for its path is a name."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(f"/{path.removeprefix('/')}", endpoint, **options)
        self.path_format = path


class DescribedApp:
    """The part of an application that describes its routes.

    Attributes:
        documentation: What was said of it when the application was made.
        openapi_schema: The document, once it has been asked for. One that is put here is served as
            it is.
        webhooks: The requests that the application sends, declared as routes are:
            `@app.webhooks.post("new-order")`. They are described, and nothing else.
    """

    router: Router
    documentation: AppDocumentation
    openapi_schema: dict[str, Any] | None
    title: str
    version: str
    summary: str | None
    description: str
    openapi_version: str
    openapi_url: str | None
    docs_url: str | None
    redoc_url: str | None
    swagger_ui_oauth2_redirect_url: str | None
    swagger_ui_init_oauth: Mapping[str, Any] | None
    swagger_ui_parameters: Mapping[str, Any] | None
    openapi_tags: Sequence[Mapping[str, Any]] | None
    openapi_external_docs: Mapping[str, Any] | None
    servers: Sequence[Mapping[str, Any]] | None
    terms_of_service: str | None
    contact: Mapping[str, Any] | None
    license_info: Mapping[str, Any] | None
    root_path_in_servers: bool
    separate_input_output_schemas: bool
    document_lifecycle: bool | None
    limits_bodies: bool

    def _document(self, documentation: AppDocumentation, *, limits_bodies: bool) -> None:
        """Keep what is said of the application."""
        self.documentation = documentation
        self.limits_bodies = limits_bodies
        self.openapi_schema = None
        self._made: tuple[Any, Any] = None, None
        self._bytes: tuple[Any, dict[str, bytes]] = None, {}
        self._webhooks: Sequence[BaseRoute] | Router | None = documentation.get("webhooks")
        for name, default in _DEFAULTS.items():
            setattr(self, name, documentation.get(name, default))

    @property
    def webhooks(self) -> Router:
        """The requests that the application sends."""
        if not isinstance(self._webhooks, Router):
            self._webhooks = Router(self._webhooks or (), route_class=Webhook)
        return self._webhooks

    @webhooks.setter
    def webhooks(self, webhooks: Sequence[BaseRoute] | Router) -> None:
        self._webhooks = webhooks

    def openapi(self) -> dict[str, Any]:
        """Return the document that describes the routes, OpenAPI.

        It is made at the first call, and again when routes have been added; see `get_openapi`.
        Replace the function to serve another one: `app.openapi = make_my_own`.
        """
        routes, webhooks = self.router.routes, self.webhooks.routes
        lists = [(id(each), len(each), getattr(each, "changes", 0)) for each in (routes, webhooks)]
        made, made_from = self._made
        if self.openapi_schema and (self.openapi_schema is not made or lists == made_from):
            return self.openapi_schema
        from microfw.openapi.utils import get_openapi

        said = {parameter: getattr(self, name) for parameter, name in _SAID.items()}
        self.openapi_schema = get_openapi(
            routes=routes,
            webhooks=webhooks,
            limits_bodies=self.limits_bodies,
            document_lifecycle=bool(self.document_lifecycle),
            **said,
        )
        self._made = self.openapi_schema, lists
        return self.openapi_schema

    def setup(self) -> None:
        """Add the routes of the documentation; called once, when the application is made."""
        if not self.openapi_url:
            return
        self._add(self.openapi_url, self._serve_document, "openapi")
        if self.docs_url:
            self._add(self.docs_url, self._serve_page, "swagger_ui_html")
            if self.swagger_ui_oauth2_redirect_url:
                back = self.swagger_ui_oauth2_redirect_url
                self._add(back, self._serve_redirect, "swagger_ui_redirect")
        if self.redoc_url:
            self._add(self.redoc_url, self._serve_reading, "redoc_html")
        first = self.docs_url or self.redoc_url
        if first:
            self._assets = f"{first.rstrip('/')}/swagger-ui"
            self._add(f"{self._assets}/{{digest}}/{{file}}", self._serve_asset, "swagger_ui_file")

    def _add(self, path: str, endpoint: Any, name: str) -> None:
        if not path.startswith("/"):
            what = f"the path {path!r} of the documentation does not start with '/'"
            raise PathError(what, where="App(...)", cure=f"write {'/' + path!r}")
        self.router.routes.append(DocumentationRoute(path, endpoint, name))

    async def _serve_page(self, request: Request) -> Response:
        from microfw.openapi.docs import get_swagger_ui_html, relative_url

        page, back = str(self.docs_url), self.swagger_ui_oauth2_redirect_url
        return get_swagger_ui_html(
            openapi_url=relative_url(page, str(self.openapi_url)),
            title=f"{self.title} - Swagger UI",
            oauth2_redirect_url=relative_url(page, back) if back else None,
            init_oauth=self.swagger_ui_init_oauth,
            swagger_ui_parameters=self.swagger_ui_parameters,
            **self._urls_of_assets(page),
        )

    async def _serve_redirect(self, request: Request) -> Response:
        from microfw.openapi.docs import get_swagger_ui_oauth2_redirect_html

        return get_swagger_ui_oauth2_redirect_html()

    async def _serve_reading(self, request: Request) -> Response:
        from microfw.openapi.docs import get_redoc_html, relative_url

        page = str(self.redoc_url)
        return get_redoc_html(
            openapi_url=relative_url(page, str(self.openapi_url)),
            title=f"{self.title} - Reference",
            **self._urls_of_assets(page),
        )

    async def _serve_asset(self, request: Request) -> Response:
        from microfw.openapi._assets import serve_asset

        return await serve_asset(request)

    def _urls_of_assets(self, page: str) -> dict[str, Any]:
        from microfw.openapi._assets import digest
        from microfw.openapi.docs import relative_url

        folder = relative_url(page, f"{self._assets}/{digest()}")
        return {
            "swagger_js_url": f"{folder}/swagger-ui-bundle.js",
            "swagger_css_url": f"{folder}/swagger-ui.css",
            "init_js_url": f"{folder}/init.js",
        }

    async def _serve_document(self, request: Request) -> Response:
        prefix = request.scope.get("root_path", "").rstrip("/")
        # To make it takes long where there are many routes, and others are not to wait for that.
        made = self.openapi_schema
        document = self.openapi() if made else await run_in_threadpool(self.openapi)
        served, bodies = self._bytes
        if served is not document:
            bodies = {}
            self._bytes = document, bodies
        body = bodies.get(prefix)
        if body is None:
            body = self._encoded(document, prefix)
            if len(bodies) < _KEPT_PREFIXES:
                bodies[prefix] = body
        return Response(body, media_type="application/json")

    def _encoded(self, document: dict[str, Any], prefix: str) -> bytes:
        from microfw._models import encode_json

        servers = document.get("servers", [])
        if prefix and self.root_path_in_servers and all(each["url"] != prefix for each in servers):
            document = {**document, "servers": [{"url": prefix}, *servers]}
        return encode_json(document)


_DEFAULTS: dict[str, Any] = {
    "title": "microfw",
    "version": "0.1.0",
    "summary": None,
    "description": "",
    "openapi_version": "3.1.0",
    "openapi_url": "/openapi.json",
    "docs_url": "/docs",
    "redoc_url": "/redoc",
    "swagger_ui_oauth2_redirect_url": "/docs/oauth2-redirect",
    "swagger_ui_init_oauth": None,
    "swagger_ui_parameters": None,
    "openapi_tags": None,
    "openapi_external_docs": None,
    "servers": None,
    "terms_of_service": None,
    "contact": None,
    "license_info": None,
    "root_path_in_servers": True,
    "separate_input_output_schemas": True,
    "document_lifecycle": None,
}
