"""The exception with which a request is answered whose values are invalid."""

from collections.abc import Callable
from functools import cache

from microfw._answering.exchange import Exchange
from microfw._models import without_input
from microfw.exceptions import RequestValidationError


@cache
def error_of_request(echo_input: bool | None) -> Callable[[Exchange], Exception]:
    """Make what makes the exception, by the `echo_input` of a route."""

    def make(exchange: Exchange) -> Exception:
        if exchange.form is not None and exchange.form.error is not None:
            return exchange.form.error
        errors = exchange.errors or ()
        echoes = exchange.app_state.echo_input if echo_input is None else echo_input
        shown = errors if echoes else without_input(errors)
        return RequestValidationError(shown, body=exchange.decoded_body)

    return make
