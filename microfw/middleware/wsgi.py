"""Starlette's middleware for WSGI applications. It is deprecated there: `a2wsgi` succeeds it."""

from starlette.middleware.wsgi import WSGIMiddleware

__all__ = ["WSGIMiddleware"]
