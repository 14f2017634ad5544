"""What a route answers."""

import copy
import http.client
import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Union

from msgspec import Struct
from starlette.responses import FileResponse, JSONResponse, Response

from microfw._answering import data_of_events, item_of
from microfw._routes import Route
from microfw.openapi._merging import merge
from microfw.openapi._schemas import Schemas
from microfw.openapi._values import label_of, steps_from_endpoint
from microfw.openapi._wants import Want
from microfw.responses import (
    EventSourceResponse,
    StreamingResponse,
    allows_body,
    made_by,
    model_of,
    response_classes_of,
)

_RANGES = {
    "1XX": "Information",
    "2XX": "Success",
    "3XX": "Redirection",
    "4XX": "Client Error",
    "5XX": "Server Error",
    "DEFAULT": "Default Response",
}
_JSON = "application/json"
_ANY = "*/*"
"""Of files. Other responses without a media type of their class may be sent without any."""


class Answers(Struct):
    """What a route answers, with the schemas that this needs.

    Attributes:
        kinds: The classes of the response; the first has the media type of further models.
        result: What the endpoint returns; or an item, where it yields.
        said: What the author says of further answers of the route and of its dependencies.
        others: The models of these, by status.
    """

    kinds: list[type[Response]]
    streams: str
    result: Want | None
    said: dict[int | str, Any]
    others: dict[int | str, Want]


def answers_of(route: Route, unique_id: str, schemas: Schemas) -> Answers:
    endpoint = route.plan.endpoint.signature
    options = route.options
    annotation: Any = options.get("response_model", endpoint.returns)
    kinds = _kinds_of(route)
    streams = _stream_of(kinds[0]) if endpoint.yields else ""
    if streams:
        model = _item(annotation, options.get("response_model"), streams)
        name = f"StreamItem_{unique_id}"
    else:
        model, name = model_of(annotation), f"Response_{unique_id}"

    def want(model: Any, name: str) -> Want:
        place = endpoint.where, (), label_of(route), f"what {endpoint.name!r} answers"
        return schemas.want(Want(model, "serialization", name, *place))

    said = _said(route)
    others = {
        status: want(answer["model"], f"Response_{status}_{unique_id}")
        for status, answer in said.items()
        if answer.get("model") is not None
    }
    is_json = streams or issubclass(kinds[0], JSONResponse)
    result = want(model, name) if model is not None and is_json else None
    return Answers(kinds, streams, result, said, others)


def _kinds_of(route: Route) -> list[type[Response]]:
    """What a route answers with: its class for values, and those that the annotation names.

    Of an annotated class the route's own may be a narrower one.
    """
    options = route.options
    endpoint = route.plan.endpoint.signature
    declared = options.get("response_class")
    if declared is not None:
        declared = made_by(declared, StreamingResponse if endpoint.yields else Response)
    usual = declared or JSONResponse
    if options.get("response_model") is not None:
        return [usual]
    classes = response_classes_of(endpoint.returns)
    own = [each for each in classes if each is not None]
    kinds = [declared if declared and issubclass(declared, each) else each for each in own]
    return kinds if len(own) == len(classes) else [usual, *kinds]


def _said(route: Route) -> dict[int | str, Any]:
    """The declarations of further answers: of each status that of the route, or of its steps."""
    answers: dict[int | str, list[Mapping[str, Any]]] = {}
    for step in reversed([*steps_from_endpoint(route.plan)]):
        for status, answer in step.responses.items():
            answers.setdefault(status, []).append(answer)
    of_route: Mapping[int | str, Any] = route.options.get("responses") or {}
    return {status: _together(each) for status, each in answers.items()} | dict(of_route)


def _together(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One declaration for what several steps answer with one status, the endpoint's step last."""
    said: dict[str, Any] = {}
    for answer in answers:
        merge(said, copy.deepcopy(answer))
    descriptions = dict.fromkeys(each.get("description") for each in answers)
    models = dict.fromkeys(each.get("model") for each in answers)
    if said.get("description"):
        said["description"] = "\n\n".join(filter(None, descriptions))
    if said.get("model") is not None:
        said["model"] = Union[tuple(model for model in models if model is not None)]  # noqa: UP007
    return said


def _stream_of(kind: type[Response]) -> str:
    """The media type of a stream of items; `""` of one whose items are sent as they are."""
    if issubclass(kind, EventSourceResponse):
        return "text/event-stream"
    return "" if issubclass(kind, StreamingResponse) else "application/jsonl"


def _item(annotation: Any, default: Any, media_type: str) -> Any:
    item = item_of(annotation, default)
    return data_of_events(item) if media_type == "text/event-stream" else item


def responses_of(route: Route, answers: Answers, version: str) -> dict[str, Any]:
    """Describe the answers of a route, those of `responses=` too."""
    options = route.options
    status = options.get("status_code")
    description = options.get("response_description", "Successful Response")
    described: dict[str, Any] = {}
    kind: Any
    for kind in answers.kinds:
        own = _status_of(kind) if status is None else status
        success = described.setdefault(str(own), {"description": description})
        content = _content(kind, answers, version) if allows_body(own) else {}
        if content:
            known = success.get("content", {})
            success["content"] = known | content | known
    for code, said in answers.said.items():
        _add(described, code, said, answers)
    return described


@cache
def _status_of(kind: Any) -> int:
    parameter = inspect.signature(kind).parameters.get("status_code")
    return parameter.default if parameter and isinstance(parameter.default, int) else 200


def _content(kind: type[Response], answers: Answers, version: str) -> dict[str, Any]:
    item = "itemSchema" if version >= "3.2" else "schema"
    schema = answers.result.titled() if answers.result else {}
    if answers.streams == "text/event-stream":
        return {answers.streams: {item: _event(answers.result)}}
    if answers.streams:
        return {answers.streams: {item: schema}}
    if not kind.media_type:
        return {_ANY: {}} if issubclass(kind, FileResponse) else {}
    if not issubclass(kind, JSONResponse):
        schema = {"type": "string"}
    return {kind.media_type: {"schema": schema}}


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
        schema = content.setdefault(of.kinds[0].media_type or _JSON, {}).setdefault("schema", {})
        merge(schema, of.others[code].titled())
    description = own.get("description") or response.get("description") or phrase_of(code)
    merge(response, own)
    response["description"] = description


def phrase_of(status: int | str) -> str:
    code = str(status).upper()
    known = http.client.responses.get(int(code)) if code.isdecimal() else _RANGES.get(code)
    return known or "Additional Response"
