"""The options of a route, as its attributes under FastAPI's names."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from microfw._models import is_class
from microfw._routes.options import IncEx, RouteOptions
from microfw.dependencies import EMPTY, describe
from microfw.responses import JSONResponse

_NO_WORD = re.compile(r"\W")


class _Option:
    """An option of a route as its attribute; what is set before it is first used, counts."""

    def __init__(self, unsaid: Callable[[], Any] = lambda: None) -> None:
        self._unsaid = unsaid

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, route: "Described | None", _: type) -> Any:
        if route is None:
            return self
        value: Any = route.options.get(self._name)
        return self._unsaid() if value is None else value

    def __set__(self, route: "Described", value: Any) -> None:
        options: Any = route.options
        options[self._name] = value


def _option(unsaid: Callable[[], Any] = lambda: None) -> Any:
    return _Option(unsaid)


class Described:
    """A route that says what its options are.

    What is set before the document is first asked for, is in it:

    ```python
    for route in app.routes:
        if isinstance(route, Route):
            route.operation_id = route.name
    ```

    Attributes:
        options: What was said of it, by name.
        tags: Those under which the route is listed.
        summary: What stands beside the path; made of the function's name where it is `None`.
        operation_id: The name of the operation, where the author gives one.
        response_description: What the document says of the answer.
        responses: Further answers, by status.
        deprecated: Whether clients should no longer use the route.
        callbacks: The requests that the application sends on behalf of this one.
        openapi_extra: What is merged into the operation.
        generate_unique_id_function: Makes the operation's id.
        include_in_schema: Whether it is documented.
        status_code: Of answers, where the endpoint does not say otherwise.
        response_class: Of answers.
    """

    options: RouteOptions
    name: str
    endpoint: Callable[..., Any]
    path_format: str
    methods: set[str]
    _embed_body_fields: bool = False  # which fastapi-pagination hands on to a function of FastAPI's

    tags: list[str | Enum] = _option(list)
    summary: str | None = _option()
    operation_id: str | None = _option()
    response_description: str = _option(lambda: "Successful Response")
    responses: Mapping[int | str, Any] = _option(dict)
    deprecated: bool | None = _option()
    callbacks: Sequence[BaseRoute] | None = _option()
    openapi_extra: dict[str, Any] | None = _option()
    generate_unique_id_function: Callable[[Any], str] = _option(lambda: generate_unique_id)
    include_in_schema: bool = _option(lambda: True)
    status_code: int | None = _option()
    response_class: type[Response] = _option(lambda: JSONResponse)
    response_model_include: IncEx | None = _option()
    response_model_exclude: IncEx | None = _option()
    response_model_by_alias: bool = _option(lambda: True)
    response_model_exclude_unset: bool = _option(lambda: False)
    response_model_exclude_defaults: bool = _option(lambda: False)
    response_model_exclude_none: bool = _option(lambda: False)

    @property
    def description(self) -> str:
        """Markdown: the option, or else the function's docstring."""
        text = self.options.get("description") or inspect.cleandoc(self.endpoint.__doc__ or "")
        return text.partition("\f")[0].strip()

    @description.setter
    def description(self, text: str | None) -> None:
        self.options["description"] = text

    @property
    def unique_id(self) -> str:
        """The id of the operation, if it is for one method: the option, or else a generated one."""
        return self.operation_id or self.generate_unique_id_function(self)

    @property
    def response_model(self) -> Any:
        """The type of what the endpoint returns; `None` where none is written, or a `Response`."""
        if "response_model" in self.options:
            return self.options["response_model"]
        returned: Any = describe(self.endpoint).returns
        is_response = is_class(returned) and issubclass(returned, Response)
        return None if returned in (EMPTY, type(None)) or is_response else returned

    @property
    def response_field(self) -> Any:
        """The type of what is sent, as a `microfw.dependants.ModelField`; `None` without one."""
        from microfw._routes.dependants import ModelField

        model = self.response_model
        name = f"Response_{self.unique_id}"
        return None if model is None else ModelField(name, name, model)

    @property
    def body_field(self) -> Any:
        """The body that the route reads, as a `microfw.dependants.ModelField`; `None` without one.

        Nothing depends on what it is set to.
        """
        from microfw._routes.dependants import body_field_of

        route: Any = self
        return vars(self).get("body_field") or body_field_of(route.dependant)

    @body_field.setter
    def body_field(self, field: Any) -> None:
        vars(self)["body_field"] = field


def generate_unique_id(route: Any) -> str:
    """Make the id of a route's operation, of its name, its path and its method."""
    words = _NO_WORD.sub("_", f"{route.name}{route.path_format}")
    return f"{words}_{min(route.methods).lower()}"
