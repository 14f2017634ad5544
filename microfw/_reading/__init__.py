"""Wire to arguments: parameters, the body and its limits, forms, groups."""

from microfw._reading.binding import RequestBinder
from microfw._reading.body_limits import (
    DEFAULT_MAX_BODY_SIZE,
    BodyLimit,
    ContentTooLargeError,
    FormLimits,
    Limits,
    OuterLimit,
    allow,
    changes_of,
)
from microfw._reading.forms import ReceivedForm, is_urlencoded, parse_whole, receive_form
from microfw._reading.outside_request import refuse_in_app_scope, refuse_request_values
from microfw._reading.query import QueryValues
from microfw._reading.receiving import (
    GatheringReceive,
    LateReceive,
    PeekedReceive,
    ReplayedReceive,
    SharedReceive,
    expects_to_be_asked,
)
from microfw._reading.values import Bodies

__all__ = [
    "DEFAULT_MAX_BODY_SIZE",
    "Bodies",
    "BodyLimit",
    "ContentTooLargeError",
    "FormLimits",
    "GatheringReceive",
    "LateReceive",
    "Limits",
    "OuterLimit",
    "PeekedReceive",
    "QueryValues",
    "ReceivedForm",
    "ReplayedReceive",
    "RequestBinder",
    "SharedReceive",
    "allow",
    "changes_of",
    "expects_to_be_asked",
    "is_urlencoded",
    "parse_whole",
    "receive_form",
    "refuse_in_app_scope",
    "refuse_request_values",
]
