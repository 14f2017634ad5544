"""`App(telemetry=...)`: FastAPI's parameter, as far as it means the same here."""

import logging
from collections.abc import Mapping
from typing import Any

from microfw.exceptions import DeclarationError, MissingPackageError
from microfw.tracing._listening import Tracing

logger = logging.getLogger("microfw")

_TAKEN = ("tracer_provider", "meter_provider", "tracing", "metrics", "exclude")
_WITHOUT_MEANING = ("logs", "logger_provider", "auto_configure")


def listen_by_telemetry(tracing: Tracing, telemetry: Mapping[str, Any]) -> None:
    """Have an application's requests traced by OpenTelemetry.

    Raises:
        DeclarationError: FastAPI has no such setting.
        MissingPackageError: OpenTelemetry's API is not installed.
    """
    known = (*_TAKEN, *_WITHOUT_MEANING, "operation_spans")
    for name in telemetry:
        if name not in known:
            raise DeclarationError(
                f"telemetry has no setting {name!r}",
                where="App(telemetry=...)",
                cure=f"write one of {', '.join(known)}",
            )
    for name in _WITHOUT_MEANING:
        if telemetry.get(name):
            logger.warning("telemetry[%r] has no meaning here: logs are left to `logging`", name)
    try:
        from microfw.tracing.opentelemetry import OpenTelemetry
    except ImportError:
        raise MissingPackageError(
            "telemetry needs OpenTelemetry's API",
            where="App(telemetry=...)",
            cure="install microfw-asgi[opentelemetry]",
        ) from None
    options = {name: telemetry[name] for name in _TAKEN if name in telemetry}
    if not telemetry.get("operation_spans", True):
        options["kinds"] = ()
    tracing.listen(OpenTelemetry(**options))
