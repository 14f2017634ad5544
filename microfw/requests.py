"""Starlette's request, and what it has in common with a WebSocket."""

from starlette.requests import HTTPConnection, Request

__all__ = ["HTTPConnection", "Request"]
