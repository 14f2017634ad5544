"""Starlette's middleware, under the names at which FastAPI has it."""

from starlette.middleware import Middleware

__all__ = ["Middleware"]
