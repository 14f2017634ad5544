"""Refuses clients on other machines."""

from ipaddress import ip_address

from microfw.exceptions import HTTPException
from microfw.requests import Request


def require_loopback(request: Request) -> None:
    """Refuse a client on another machine, or one that used another host name (DNS rebinding).

    Raises:
        HTTPException: 403.
    """
    client = request.client.host if request.client is not None else ""
    if not (_is_loopback(client) and _is_loopback(request.url.hostname or "")):
        raise HTTPException(403, "the timeline is for this machine only")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
