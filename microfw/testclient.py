"""Starlette's test client; needs `httpx2`, which the extra `standard` brings."""

from starlette.testclient import TestClient, WebSocketTestSession

__all__ = ["TestClient", "WebSocketTestSession"]
