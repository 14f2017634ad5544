"""Starlette's middleware for requests from pages of other origins (CORS)."""

from starlette.middleware.cors import CORSMiddleware

__all__ = ["CORSMiddleware"]
