"""What an application adds to its routes: the document that describes them, and its pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import starlette.routing
from starlette.concurrency import run_in_threadpool
from starlette.convertors import CONVERTOR_TYPES
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from microfw._answering import Exchange, answered, app_state_of
from microfw._routes import AppDocumentation, MatchesInLinearTime, PathPattern
from microfw.exceptions import PathError
from microfw.routing import Route, Router

_KEPT_PREFIXES = 16
_METHODS = {"GET", "HEAD"}
_FILES = "/swagger-ui/{digest}/{file}"
_OF_FILES = dict.fromkeys(("digest", "file"), CONVERTOR_TYPES["str"])
_NO_CONVERTORS: dict[str, Any] = {}
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

    Attributes:
        is_direct: Whether a request can go straight to `respond`: until others replace `app` or
            `handle` to get at its requests.
        limits_body: Whether it holds bodies to the limit. It reads none.
    """

    is_direct: bool = True
    limits_body: bool = True

    def __init__(self, path: str, endpoint: Any, name: str) -> None:
        vars(self).update(
            path=path,
            path_format=path,
            endpoint=endpoint,
            app=self._answer,
            name=name,
            methods=_METHODS,
            include_in_schema=False,
            param_convertors=_OF_FILES if path.endswith(_FILES) else _NO_CONVERTORS,
        )
        if "{" in path.removesuffix(_FILES):
            PathPattern.set_path(self, path)

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self)[name] = value
        if name in ("app", "handle"):
            self.is_direct = False

    def exchange(self, scope: Scope, receive: Receive, send: Send) -> Exchange:
        """Make what accompanies one request."""
        return Exchange(app_state_of(scope), scope, receive, send)

    async def respond(self, exchange: Exchange) -> None:
        """Answer a request.

        Raises:
            Exception: What no exception handler of the application answers.
        """
        try:
            exchange.result = await self.endpoint(exchange.scope)
            await exchange.deliver()
        except Exception as error:
            if not await answered(exchange, error):
                raise

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.respond(self.exchange(scope, receive, send))


class Webhook(Route):
    """A request that the application sends: it has a name in place of a path."""

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
    openapi_schema: dict[str, Any] | None = None
    title: str = "microfw"
    version: str = "0.1.0"
    summary: str | None = None
    description: str = ""
    openapi_version: str = "3.1.0"
    openapi_url: str | None = "/openapi.json"
    docs_url: str | None = "/docs"
    redoc_url: str | None = "/redoc"
    swagger_ui_oauth2_redirect_url: str | None = "/docs/oauth2-redirect"
    swagger_ui_init_oauth: Mapping[str, Any] | None = None
    swagger_ui_parameters: Mapping[str, Any] | None = None
    openapi_tags: Sequence[Mapping[str, Any]] | None = None
    openapi_external_docs: Mapping[str, Any] | None = None
    servers: Sequence[Mapping[str, Any]] | None = None
    terms_of_service: str | None = None
    contact: Mapping[str, Any] | None = None
    license_info: Mapping[str, Any] | None = None
    root_path_in_servers: bool = True
    separate_input_output_schemas: bool = True
    document_lifecycle: bool | None = None
    limits_bodies: bool
    _made: tuple[Any, Any] = None, None
    _bytes: tuple[Any, dict[str, bytes]] = ..., {}
    _webhooks: Sequence[BaseRoute] | Router = ()

    def _document(self, documentation: AppDocumentation, *, limits_bodies: bool) -> None:
        """Keep the options of the application."""
        self.documentation = documentation
        self.limits_bodies = limits_bodies
        for name, value in documentation.items():
            setattr(self, name, value)

    @property
    def webhooks(self) -> Router:
        """The requests that the application sends."""
        if not isinstance(self._webhooks, Router):
            self._webhooks = Router(self._webhooks, route_class=Webhook)
        return self._webhooks

    @webhooks.setter
    def webhooks(self, webhooks: Sequence[BaseRoute] | Router | None) -> None:
        self._webhooks = webhooks or ()

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
            self._files = first.rstrip("/") + _FILES
            self._add(self._files, self._serve_asset, "swagger_ui_file")

    def _add(self, path: str, endpoint: Any, name: str) -> None:
        if not path.startswith("/"):
            what = f"the path {path!r} of the documentation does not start with '/'"
            raise PathError(what, where="App(...)", cure=f"write {'/' + path!r}")
        self.router.routes.append(DocumentationRoute(path, endpoint, name))

    async def _serve_page(self, scope: Scope) -> Response:
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

    async def _serve_redirect(self, scope: Scope) -> Response:
        from microfw.openapi.docs import get_swagger_ui_oauth2_redirect_html

        return get_swagger_ui_oauth2_redirect_html()

    async def _serve_reading(self, scope: Scope) -> Response:
        from microfw.openapi.docs import get_redoc_html, relative_url

        page = str(self.redoc_url)
        return get_redoc_html(
            openapi_url=relative_url(page, str(self.openapi_url)),
            title=f"{self.title} - Reference",
            **self._urls_of_assets(page),
        )

    async def _serve_asset(self, scope: Scope) -> Response:
        from microfw.openapi._assets import serve_asset

        return serve_asset(Request(scope))

    def _urls_of_assets(self, page: str) -> dict[str, Any]:
        from microfw.openapi._assets import digest
        from microfw.openapi.docs import relative_url

        folder = relative_url(page, self._files.removesuffix("/{file}"))
        folder = folder.replace("{digest}", digest())
        return {
            "swagger_js_url": f"{folder}/swagger-ui-bundle.js",
            "swagger_css_url": f"{folder}/swagger-ui.css",
            "init_js_url": f"{folder}/init.js",
        }

    async def _serve_document(self, scope: Scope) -> Response:
        prefix = scope.get("root_path", "").rstrip("/")
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
