"""What a schema says of a route, as attributes of the route."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from microfw._routes.decorators import RouteOptions


class Described:
    """A route that is documented by its options.

    What is set before the document is first asked for, is in it:

    ```python
    for route in app.routes:
        if isinstance(route, Route):
            route.operation_id = route.name
    ```
    """

    options: RouteOptions

    @property
    def tags(self) -> list[str | Enum]:
        """Those under which the route is listed."""
        return self.options.get("tags") or []

    @tags.setter
    def tags(self, tags: list[str | Enum]) -> None:
        self.options["tags"] = tags

    @property
    def operation_id(self) -> str | None:
        """The name of the operation, where the author gives one."""
        return self.options.get("operation_id")

    @operation_id.setter
    def operation_id(self, name: str | None) -> None:
        self.options["operation_id"] = name

    @property
    def summary(self) -> str | None:
        """What stands beside the path; made of the function's name where it is `None`."""
        return self.options.get("summary")

    @summary.setter
    def summary(self, text: str | None) -> None:
        self.options["summary"] = text

    @property
    def description(self) -> str | None:
        """Markdown; the function's docstring where it is `None`."""
        return self.options.get("description")

    @description.setter
    def description(self, text: str | None) -> None:
        self.options["description"] = text

    @property
    def responses(self) -> Mapping[int | str, Any]:
        """Further answers, by status."""
        return self.options.get("responses") or {}

    @property
    def deprecated(self) -> bool | None:
        """Whether clients should no longer use the route."""
        return self.options.get("deprecated")

    @deprecated.setter
    def deprecated(self, deprecated: bool | None) -> None:
        self.options["deprecated"] = deprecated
