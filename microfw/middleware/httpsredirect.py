"""Starlette's middleware that redirects `http:` and `ws:` to `https:` and `wss:`."""

from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware

__all__ = ["HTTPSRedirectMiddleware"]
