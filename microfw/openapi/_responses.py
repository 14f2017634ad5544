"""What a route answers."""

import copy
import http.client
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct
from starlette.responses import JSONResponse, Response

from microfw._answering import data_of_events, item_of
from microfw._routes import Route
from microfw.dependencies import EMPTY
from microfw.openapi._merging import merge
from microfw.openapi._schemas import Schemas
from microfw.openapi._values import label_of, steps_from_endpoint
from microfw.openapi._wants import Want
from microfw.responses import EventSourceResponse, StreamingResponse, allows_body, model_of

_RANGES = {
    "1XX": "Information",
    "2XX": "Success",
    "3XX": "Redirection",
    "4XX": "Client Error",
    "5XX": "Server Error",
    "DEFAULT": "Default Response",
}
_JSON = "application/json"


class Answers(Struct):
    """What a route answers, with the schemas that this needs.

    Attributes:
        kind: The class of the response.
        result: What the endpoint returns; or an item, where it yields.
        said: What the author says of further answers of the route and of its dependencies.
        others: The models of these, by status.
    """

    kind: type[Response]
    streams: str
    result: Want | None
    said: dict[int | str, Any]
    others: dict[int | str, Want]


def answers_of(route: Route, unique_id: str, schemas: Schemas) -> Answers:
    """Ask for the schemas of what a route answers."""
    endpoint = route.plan.endpoint.signature
    options = route.options
    annotation: Any = options.get("response_model", endpoint.returns)
    kind: Any = options.get("response_class", JSONResponse)
    streams = _stream_of(kind) if endpoint.yields else ""
    if streams:
        model = _item(annotation, options.get("response_model"), streams)
        name = f"StreamItem_{unique_id}"
    else:
        model, name = model_of(annotation), f"Response_{unique_id}"
        if _is_response(endpoint.returns) and "response_class" not in options:
            kind = endpoint.returns

    def want(model: Any, name: str) -> Want:
        told = endpoint.where, (), label_of(route), f"what {endpoint.name!r} answers"
        return schemas.want(Want(model, "serialization", name, *told))

    said = _said(route)
    others = {
        status: want(answer["model"], f"Response_{status}_{unique_id}")
        for status, answer in said.items()
        if answer.get("model") is not None
    }
    is_json = streams or issubclass(kind, JSONResponse)
    result = want(model, name) if model is not None and is_json else None
    return Answers(kind, streams, result, said, others)


def _said(route: Route) -> dict[int | str, Any]:
    """What is said of further answers: of a status, by the route, or else nearest to it."""
    said: dict[int | str, Any] = dict(route.options.get("responses") or {})
    for step in steps_from_endpoint(route.plan):
        said = {**step.responses, **said}
    return said


def _stream_of(kind: type[Response]) -> str:
    """The media type of a stream of items; `""` of one whose items are sent as they are."""
    if issubclass(kind, EventSourceResponse):
        return "text/event-stream"
    return "" if issubclass(kind, StreamingResponse) else "application/jsonl"


def _item(annotation: Any, default: Any, media_type: str) -> Any:
    item = item_of(annotation, default)
    return data_of_events(item) if media_type == "text/event-stream" else item


def _is_response(kind: Any) -> bool:
    return kind is not EMPTY and isinstance(kind, type) and issubclass(kind, Response)


def responses_of(route: Route, answers: Answers, version: str) -> dict[str, Any]:
    """Describe the answers of a route, those of `responses=` too."""
    options = route.options
    status = options.get("status_code")
    success: dict[str, Any] = {
        "description": options.get("response_description", "Successful Response")
    }
    if status is None or allows_body(status):
        content = _content(answers, version)
        if content:
            success["content"] = content
    kind: Any = answers.kind
    described = {str(_status_of(kind) if status is None else status): success}
    for code, said in answers.said.items():
        _add(described, code, said, answers)
    return described


@cache
def _status_of(kind: Any) -> int:
    parameter = inspect.signature(kind).parameters.get("status_code")
    return parameter.default if parameter and isinstance(parameter.default, int) else 200


def _content(answers: Answers, version: str) -> dict[str, Any]:
    item = "itemSchema" if version >= "3.2" else "schema"
    schema = answers.result.titled() if answers.result else {}
    if answers.streams == "text/event-stream":
        return {answers.streams: {item: _event(answers.result)}}
    if answers.streams:
        return {answers.streams: {item: schema}}
    media_type = answers.kind.media_type
    if not media_type:
        return {}
    if not issubclass(answers.kind, JSONResponse):
        schema = {"type": "string"}
    return {media_type: {"schema": schema}}


def _event(data: Want | None) -> dict[str, Any]:
    """What is sent for one event; see the format in `microfw.sse`."""
    text: dict[str, Any] = {"type": "string"}
    fields: dict[str, Any] = {"data": text, "event": text, "id": text}
    fields["retry"] = {"type": "integer", "minimum": 0}
    event = {"type": "object", "properties": fields}
    if data is None:
        return event
    fields["data"] = {**text, "contentMediaType": _JSON, "contentSchema": data.titled()}
    return {**event, "required": ["data"]}


def _add(described: dict[str, Any], code: int | str, said: Mapping[str, Any], of: Answers) -> None:
    """Add what `responses=` says of a status."""
    key = str(code).upper()
    key = "default" if key == "DEFAULT" else key
    own = copy.deepcopy({name: value for name, value in said.items() if name != "model"})
    response = described.setdefault(key, {})
    if code in of.others:
        content = own.setdefault("content", {})
        schema = content.setdefault(of.kind.media_type or _JSON, {}).setdefault("schema", {})
        merge(schema, of.others[code].titled())
    description = own.get("description") or response.get("description") or phrase_of(code)
    merge(response, own)
    response["description"] = description


def phrase_of(status: int | str) -> str:
    """What a status is called."""
    code = str(status).upper()
    known = http.client.responses.get(int(code)) if code.isdecimal() else _RANGES.get(code)
    return known or "Additional Response"
