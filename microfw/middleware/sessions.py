"""Starlette's sessions in signed cookies; needs `itsdangerous`, which `standard` brings."""

from starlette.middleware.sessions import SessionMiddleware

__all__ = ["SessionMiddleware"]
