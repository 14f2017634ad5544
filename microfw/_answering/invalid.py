"""The exception with which a request is answered whose values are invalid."""

from collections.abc import Callable, Sequence
from typing import Any

from microfw._answering.exchange import Exchange
from microfw._models import without_input
from microfw.exceptions import RequestValidationError


def _with_input(exchange: Exchange) -> Exception:
    return _error(exchange, exchange.errors or ())


def _without_input(exchange: Exchange) -> Exception:
    return _error(exchange, without_input(exchange.errors or ()))


def _as_the_application_has_it(exchange: Exchange) -> Exception:
    return _with_input(exchange) if exchange.app_state.echo_input else _without_input(exchange)


def _error(exchange: Exchange, errors: Sequence[Any]) -> Exception:
    if exchange.form is not None and exchange.form.error is not None:
        return exchange.form.error
    return RequestValidationError(errors, body=exchange.decoded_body)


ERRORS_OF_REQUESTS: dict[bool | None, Callable[[Exchange], Exception]] = {
    True: _with_input,
    False: _without_input,
    None: _as_the_application_has_it,
}
"""What makes the exception, by the `echo_input` of a route."""
