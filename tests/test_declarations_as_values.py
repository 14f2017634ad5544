"""No function ever gets a declaration, `Depends(...)` or `Query()`, in the place of a value."""

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microfw import App, Depends, Header, Query
from microfw.dependencies import Declared
from microfw.exceptions import DeclarationError, UnfillableParameterError
from tests.asgi import get

Seen = list[dict[str, Any]]


def get_number() -> int:
    return 1


DEFAULTS = {
    "plain": 2,
    "depends": Depends(get_number),
    "query": Query(3),
    "header": Header(4, alias="x-number"),
}
VALUES = {"plain": 2, "depends": 1, "query": 3, "header": 4}
KINDS = ("place", "either", "name")
NAMES = "abcd"

Shape = list[tuple[str, str, str]]
"""Of each parameter the name, the kind, and which default it has."""


def shapes() -> st.SearchStrategy[Shape]:
    """Parameters as `def` allows them: those by place first, those by name last."""
    kinds = st.lists(st.sampled_from(KINDS), max_size=len(NAMES)).map(
        lambda chosen: sorted(chosen, key=KINDS.index)
    )
    return kinds.flatmap(
        lambda chosen: st.tuples(*(st.sampled_from([*DEFAULTS]) for _ in chosen)).map(
            lambda defaults: list(zip(NAMES, chosen, defaults, strict=False))
        )
    )


def written(shape: Shape, *, more: bool) -> str:
    """The parameters as they stand in a `def`, with `**more` behind them."""
    parts: list[str] = []
    for number, (name, kind, default) in enumerate(shape):
        before = shape[number - 1][1] if number else "either"
        if kind != "place" and before == "place":
            parts.append("/")
        if kind == "name" and before != "name":
            parts.append("*")
        parts.append(f"{name}=DEFAULTS[{default!r}]")
    if shape and shape[-1][1] == "place":
        parts.append("/")
    return ", ".join([*parts, *["**more"] * more])


class Maker:
    """Makes callables that note what they get."""

    def __init__(self, parameters: str) -> None:
        self.seen: Seen = []
        self._parameters = parameters

    def _defined(self, name: str, first: str = "") -> Any:
        parameters = ", ".join(filter(None, (first, self._parameters)))
        names: dict[str, Any] = {"DEFAULTS": DEFAULTS, "seen": self.seen}
        exec(f"def {name}({parameters}): seen.append(dict(locals()))", names)
        return names[name]

    def function(self) -> Any:
        return self._defined("made")

    def method(self) -> Any:
        return self._holder("made").made

    def instance(self) -> Any:
        return self._holder("__call__")

    def _holder(self, name: str) -> Any:
        return type("Holder", (), {name: self._defined(name, "self")})()

    def kind(self) -> Any:
        return type("Made", (), {"__init__": self._defined("__init__", "self")})

    def made_by_new_and_init(self) -> Any:
        def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
            return object.__new__(cls)

        init = self._defined("__init__", "self")
        return type("Made", (), {"__new__": new, "__init__": init})

    def made_by_metaclass(self) -> Any:
        class Meta(type):
            def __call__(cls, *args: Any, **kwargs: Any) -> Any:
                return super().__call__(*args, **kwargs)

        return Meta("Made", (), {"__init__": self._defined("__init__", "self")})

    def wrapped(self) -> Any:
        function = self.function()

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    def wrapped_without_a_word(self) -> Any:
        function = self.function()
        return lambda *args, **kwargs: function(*args, **kwargs) or self.seen

    def wrapped_by_name(self) -> Any:
        function = self.function()
        return lambda **kwargs: function(**kwargs) or self.seen

    def wrapped_by_place(self) -> Any:
        function = self.function()
        return lambda *args: function(*args) or self.seen


MADE = [name for name in vars(Maker) if not name.startswith("_")]


def with_hidden(function: Any, hidden: set[str]) -> Any:
    """The function, with a signature made by hand that has not all of its parameters."""
    signature = inspect.signature(function)
    kept = [each for each in signature.parameters.values() if each.name not in hidden]
    function.__signature__ = signature.replace(parameters=kept)
    return function


def declarations_among(seen: Seen) -> list[Any]:
    values = [value for call in seen for value in (*call.values(), *call.get("more", {}).values())]
    return [value for value in values if isinstance(value, Declared)]


def added(call: Callable[..., Any]) -> App | None:
    """An application with the callable as a dependency, if it can be one."""
    app = App()

    def read(it: Any = Depends(call)) -> None: ...

    try:
        app.get("/")(read)
    except (DeclarationError, UnfillableParameterError):
        return None
    return app


@pytest.mark.filterwarnings("ignore:.* takes .args and ..kwargs:RuntimeWarning")
@given(
    shape=shapes(),
    more=st.booleans(),
    made=st.sampled_from(MADE),
    hidden=st.none() | st.sets(st.sampled_from(NAMES)),
    by_place=st.lists(st.sampled_from([*DEFAULTS]), max_size=2),
    by_name=st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*DEFAULTS]), max_size=2),
)
def test_whatever_is_called_no_declaration_is_among_its_values(
    shape: Shape,
    more: bool,
    made: str,
    hidden: set[str] | None,
    by_place: list[str],
    by_name: dict[str, str],
) -> None:
    maker = Maker(written(shape, more=more))
    call = getattr(maker, made)()
    if hidden is not None and made in ("function", "wrapped"):
        call = with_hidden(call, hidden)
    given = bool(by_place or by_name)
    if given:
        values = {name: DEFAULTS[default] for name, default in by_name.items()}
        call = functools.partial(call, *map(DEFAULTS.get, by_place), **values)
    app = added(call)
    if app is not None and (given or made.startswith("wrapped")):
        with contextlib.suppress(TypeError):  # what it passes on, or is given, may not fit
            get(app, "/")
    elif app is not None:
        assert get(app, "/?more=1").status_code == 200  # `**more` is read by its name
        expected = {n: VALUES[d] for n, _, d in shape if n not in (hidden or ())}
        assert expected.items() <= maker.seen[0].items()
        assert len(maker.seen) == 1
    if made != "wrapped" or hidden is None:  # what a wrapper leaves out is its own affair
        assert declarations_among(maker.seen) == []
