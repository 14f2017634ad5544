"""Starlette's middleware that refuses requests for hosts that are not named."""

from starlette.middleware.trustedhost import TrustedHostMiddleware

__all__ = ["TrustedHostMiddleware"]
