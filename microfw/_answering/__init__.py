"""Result to wire: responses, errors and background tasks of one request or WebSocket."""

from microfw._answering.calls import Calls, FunctionRun, source_of
from microfw._answering.errors import (
    HANDLERS,
    Handlers,
    RouterHandlers,
    answered,
    error_without_result,
    is_only,
)
from microfw._answering.exchange import Exchange
from microfw._answering.functions import Functions
from microfw._answering.invalid import error_of_request
from microfw._answering.items import data_of_events, item_of
from microfw._answering.messages import Enqueueable, Message
from microfw._answering.passage import (
    PASSAGE,
    FirstStation,
    LastStation,
    Passage,
    Station,
    answer_through_middleware,
)
from microfw._answering.state import DEFAULT_CLEANUP_TIMEOUT, AppState, app_state_of
from microfw._answering.streaming import streamer
from microfw._answering.tasks import BackgroundTask, BackgroundTasks, plan_of
from microfw._answering.touched import is_original
from microfw._answering.watched import watch, watched_plan
from microfw._answering.websocket_exchange import NORMAL_CLOSURE, WebSocketExchange

__all__ = [
    "DEFAULT_CLEANUP_TIMEOUT",
    "HANDLERS",
    "NORMAL_CLOSURE",
    "PASSAGE",
    "AppState",
    "BackgroundTask",
    "BackgroundTasks",
    "Calls",
    "Enqueueable",
    "Exchange",
    "FirstStation",
    "FunctionRun",
    "Functions",
    "Handlers",
    "LastStation",
    "Message",
    "Passage",
    "RouterHandlers",
    "Station",
    "WebSocketExchange",
    "answer_through_middleware",
    "answered",
    "app_state_of",
    "data_of_events",
    "error_of_request",
    "error_without_result",
    "is_only",
    "is_original",
    "item_of",
    "plan_of",
    "source_of",
    "streamer",
    "watch",
    "watched_plan",
]
