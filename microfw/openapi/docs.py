"""The pages that show the document. They need no other host, and run no inline script."""

import base64
import hashlib
import json
import posixpath
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from microfw.encoders import jsonable_encoder
from microfw.openapi._assets import text_of

__all__ = [
    "get_redoc_html",
    "get_swagger_ui_html",
    "get_swagger_ui_oauth2_redirect_html",
    "swagger_ui_default_parameters",
]

swagger_ui_default_parameters: dict[str, Any] = {
    "dom_id": "#swagger-ui",
    "layout": "BaseLayout",
    "deepLinking": True,
    "showExtensions": True,
    "showCommonExtensions": True,
}
"""The parameters of Swagger UI where the application gives no others."""

_READING: dict[str, Any] = {"supportedSubmitMethods": [], "docExpansion": "full"}
"""The same page to read: everything is open, and nothing can be sent."""
_NO_ICON = "data:,"
_GOOGLE_FONTS = "https://fonts.googleapis.com"


def get_swagger_ui_html(
    *,
    openapi_url: str,
    title: str,
    swagger_js_url: str | None = None,
    swagger_css_url: str | None = None,
    swagger_favicon_url: str | None = None,
    oauth2_redirect_url: str | None = None,
    init_oauth: Mapping[str, Any] | None = None,
    swagger_ui_parameters: Mapping[str, Any] | None = None,
    init_js_url: str | None = None,
) -> HTMLResponse:
    """Make the page that shows a document with Swagger UI.

    Its `Content-Security-Policy` allows no other scripts and styles than those named here.

    Args:
        openapi_url: Of the document. URLs may be relative to the page's.
        title: Of the page.
        swagger_js_url: Of Swagger UI's script. Left out, the script of the package stands in the
            page, as do the other files.
        swagger_css_url: Of Swagger UI's style sheet.
        swagger_favicon_url: Of the page's icon; there is none where left out.
        oauth2_redirect_url: Of the page to which OAuth2 providers lead back.
        init_oauth: The arguments of Swagger UI's `initOAuth`.
        swagger_ui_parameters: Settings of Swagger UI besides, or instead of
            `swagger_ui_default_parameters`.
        init_js_url: Of the script that starts Swagger UI.
    """
    config = {
        "url": openapi_url,
        "oauth2RedirectUrl": oauth2_redirect_url,
        "initOAuth": init_oauth,
        "parameters": {**swagger_ui_default_parameters, **(swagger_ui_parameters or {})},
    }
    page = _Page(title, swagger_favicon_url)
    page.add_style(swagger_css_url, "swagger-ui.css")
    data = escape(json.dumps(jsonable_encoder(config)))
    page.body += f'<div id="swagger-ui" data-config="{data}"></div>\n'
    page.add_script(swagger_js_url, "swagger-ui-bundle.js")
    page.add_script(init_js_url, "init.js")
    return page.response()


def get_redoc_html(
    *,
    openapi_url: str,
    title: str,
    redoc_js_url: str | None = None,
    redoc_favicon_url: str | None = None,
    with_google_fonts: bool = False,
    **urls: Any,
) -> HTMLResponse:
    """Make the page to read a document.

    It is ReDoc's where the URL of ReDoc's script is given. ReDoc needs inline styles, which the
    page allows then. Without it the page is Swagger UI's, with everything open and nothing to send:
    that is in the package already, and needs no other host and no inline styles.

    Args:
        openapi_url: Of the document.
        title: Of the page.
        redoc_js_url: Of ReDoc's script.
        redoc_favicon_url: Of the page's icon; there is none where left out.
        with_google_fonts: Whether ReDoc's page gets its fonts from Google.
        **urls: Of Swagger UI's files; see `get_swagger_ui_html`.
    """
    if redoc_js_url is None:
        return get_swagger_ui_html(
            openapi_url=openapi_url,
            title=title,
            swagger_favicon_url=redoc_favicon_url,
            swagger_ui_parameters=_READING,
            **urls,
        )
    page = _Page(title, redoc_favicon_url)
    page.policy["style-src"].append("'unsafe-inline'")
    page.policy["worker-src"] = ["blob:"]
    if with_google_fonts:
        page.add_style(f"{_GOOGLE_FONTS}/css?family=Montserrat:300,400,700|Roboto:300,400,700", "")
        page.policy["font-src"].append("https://fonts.gstatic.com")
    page.body += f'<redoc spec-url="{escape(openapi_url)}"></redoc>\n'
    page.add_script(redoc_js_url, "")
    return page.response()


def get_swagger_ui_oauth2_redirect_html() -> HTMLResponse:
    """Make the page to which OAuth2 providers redirect; it hands the answer to Swagger UI."""
    page = _Page("OAuth2 redirect", None)
    page.add_script(None, "oauth2-redirect.js")
    return page.response()


class _Page:
    """A page in the making, with the policy that allows what is on it.

    Attributes:
        body: What is in it so far.
        policy: Its `Content-Security-Policy`.
    """

    def __init__(self, title: str, icon: str | None) -> None:
        self._head = f"<title>{escape(title)}</title>\n"
        self._head += f'<link rel="icon" href="{escape(icon or _NO_ICON)}">\n'
        self.body = ""
        self.policy: dict[str, list[str]] = {
            "default-src": ["'none'"],
            "script-src": ["'self'"],
            "style-src": ["'self'"],
            "img-src": ["*", "data:"],  # descriptions may show pictures
            "font-src": ["'self'", "data:"],
            "connect-src": ["*"],  # requests go to the servers that the document names
            "base-uri": ["'none'"],
            "form-action": ["'none'"],
            "frame-ancestors": ["'self'"],
        }

    def add_script(self, url: str | None, file: str) -> None:
        """Add a script: by its URL, or one of the package's with its text."""
        if url is None:
            self.body += f"<script>{self._text(file, 'script-src')}</script>\n"
        else:
            self._allow(url, "script-src")
            self.body += f'<script src="{escape(url)}"></script>\n'

    def add_style(self, url: str | None, file: str) -> None:
        """Add a style sheet in the same way."""
        if url is None:
            self._head += f"<style>{self._text(file, 'style-src')}</style>\n"
        else:
            self._allow(url, "style-src")
            self._head += f'<link rel="stylesheet" href="{escape(url)}">\n'

    def _text(self, file: str, directive: str) -> str:
        text = text_of(file).replace("<!--", r"<\!--")  # which would be HTML's own
        found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        self.policy[directive].append(f"'sha256-{found}'")
        return text

    def _allow(self, url: str, directive: str) -> None:
        parts = urlsplit(url)
        if parts.netloc:
            self.policy[directive].append(f"{parts.scheme or 'https'}://{parts.netloc}")

    def response(self) -> HTMLResponse:
        policy = "; ".join(f"{name} {' '.join(values)}" for name, values in self.policy.items())
        html = (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"{self._head}</head>\n<body>\n{self.body}</body>\n</html>\n"
        )
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        }
        return HTMLResponse(html, headers=headers)


def relative_url(page: str, target: str) -> str:
    """Name what a page of the same application links to, whatever prefix is ahead of both."""
    if urlsplit(target).netloc:
        return target
    return posixpath.relpath(target, posixpath.dirname(page))
