"""Results of Structs show what their types name, whatever the classes of the values are."""

import enum
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from microfw._models.converter import converter_of
from microfw._models.encoding import encode_declared
from microfw._models.errors import Invalid, UnsupportedTypeError
from microfw._models.exact_structs import exact_classes
from microfw._models.results import ResultConverter
from microfw._models.selection import EVERYTHING

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct):
    name: str
    color: Color = Color.RED
    at: datetime | None = None


class SecretLeaf(Leaf):
    password: str = "secret"


class Names(dict[str, str]):
    pass


class Leaves(list[Leaf]):
    pass


class Branch(msgspec.Struct):
    leaf: Leaf
    perhaps: Leaf | int | msgspec.UnsetType = msgspec.UNSET
    some: list[Leaf] = []
    pairs: list[tuple[Leaf, ...]] = []
    named: dict[str, Leaf | None] = {}
    counts: dict[str, int] = {}


class SecretBranch(Branch):
    password: str = "secret"


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Tree(msgspec.Struct):
    children: list["Tree"]
    leaf: Leaf | None = None


class Dated(msgspec.Struct):
    leaf: Leaf
    more: dict[str, Any] = {}
    ratio: float = 1.0


class SecretDated(Dated):
    password: str = "secret"


class Painted:
    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def color(self) -> str:
        return "blue"


@dataclass
class Mapped(Painted):
    name: str


class Boat(BaseModel, extra="allow"):
    name: str


class Yacht(Boat):
    password: str = "secret"


class Harbour(msgspec.Struct):
    boat: Boat
    at: datetime


@dataclass
class Sizes:
    left: int
    right: int = 1


class Pair(msgspec.Struct):
    sizes: Sizes


LEAF = Leaf("a")
SECRET = SecretLeaf("a")
AT = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))


def written(annotation: Any, value: Any) -> bytes:
    return converter_of(annotation).to_json(EVERYTHING, {})(value)


@pytest.mark.parametrize(
    ("annotation", "classes", "in_lists"),
    [
        (Leaf, {Leaf}, set()),
        (Leaf | None, {Leaf, NoneType}, set()),
        (Leaf | int, {Leaf}, set()),
        (list[Leaf | None], set(), {Leaf, NoneType}),
        (Annotated[list[Leaf], msgspec.Meta(max_length=9)], set(), {Leaf}),
        (Page[Leaf], {Page}, set()),
        (dict[str, Leaf], set(), set()),
        (list, set(), set()),
        (Any, set(), set()),
    ],
)
def test_the_classes_of_a_value_or_of_the_items_of_a_list_are_found(
    annotation: Any, classes: set[Any], in_lists: set[Any]
) -> None:
    assert exact_classes(annotation) == (classes, in_lists)


VALUES: dict[str, tuple[Any, Callable[[Leaf], Any]]] = {
    "one": (Leaf, lambda leaf: leaf),
    "perhaps one": (Leaf | None, lambda leaf: leaf),
    "list": (list[Leaf], lambda leaf: [LEAF, leaf]),
    "deque": (list[Leaf], lambda leaf: deque([leaf])),
    "list of another class": (list[Leaf], lambda leaf: Leaves([leaf])),
    "dict": (dict[str, list[Leaf]], lambda leaf: {"a": [LEAF, leaf]}),
    "generic": (Page[Leaf], lambda leaf: Page([leaf])),
    "in a field": (Branch, Branch),
    "in a field of perhaps one": (Branch | None, Branch),
    "in all fields": (Branch, lambda leaf: Branch(LEAF, leaf, [leaf], [(LEAF, leaf)], {"b": leaf})),
    "beside another dict": (Branch, lambda leaf: Branch(leaf, counts=Names())),  # type: ignore[arg-type]
    "recursive": (Tree, lambda leaf: Tree([Tree([], leaf)])),
    "beside no number": (Dated, lambda leaf: Dated(leaf, ratio=math.nan)),
}


@pytest.mark.parametrize("leaf", [LEAF, SECRET, Leaf("a", at=AT), SecretLeaf("a", at=AT)])
@pytest.mark.parametrize(("annotation", "make"), VALUES.values(), ids=VALUES)
def test_nothing_is_written_but_what_the_type_names(annotation: Any, make: Any, leaf: Any) -> None:
    value = make(leaf)

    data = written(annotation, value)

    assert data == encode_declared(converter_of(annotation).from_result()(value))
    assert b"secret" not in data


@pytest.mark.parametrize("kind", [Dated, SecretDated])
@pytest.mark.parametrize("leaf", [Leaf("a", at=AT), SecretLeaf("a", at=AT)])
@pytest.mark.parametrize("ratio", [0.5, math.nan])
def test_times_keep_their_offsets_whatever_the_classes_are(
    kind: type[Dated], leaf: Leaf, ratio: float
) -> None:
    data = written(Dated, kind(leaf, {"at": AT}, ratio))

    assert msgspec.json.decode(data) == {
        "leaf": {"name": "a", "color": "red", "at": "2026-01-01T00:00:00+02:00"},
        "more": {"at": "2026-01-01T00:00:00+02:00"},
        "ratio": None if math.isnan(ratio) else ratio,
    }


@pytest.mark.parametrize(
    ("annotation", "value"), [(list[Leaf], [Mapped("a")]), (Page[Leaf], Page([Painted("a")]))]
)
def test_what_is_no_leaf_is_read_by_its_attributes(annotation: Any, value: Any) -> None:
    assert b'{"name":"a","color":"blue","at":null}' in written(annotation, value)


def test_the_encoders_see_what_anything_holds() -> None:
    encoders: Any = {datetime: lambda at: f"on {at:%A}", bytes: bytes.hex}
    encode = converter_of(Dated).to_json(EVERYTHING, encoders)

    assert b'"more":{"at":"on Thursday","raw":"ff"}' in encode(
        Dated(LEAF, {"at": AT, "raw": b"\xff"})
    )


def test_a_class_of_another_library_hides_what_a_subclass_has() -> None:
    assert written(Harbour, Harbour(Yacht(name="a"), AT)) == (
        b'{"boat":{"name":"a"},"at":"2026-01-01T00:00:00+02:00"}'
    )


@pytest.mark.parametrize("kind", [deque[Leaf], Iterable[Leaf], Iterator[Leaf]], ids=str)
def test_what_msgspec_does_not_know_is_a_list_as_a_result_and_refused_inside_of_another(
    kind: Any,
) -> None:
    made = msgspec.defstruct("Made", [("leaves", kind)])

    assert ResultConverter(kind).encode(iter([LEAF])) == b'[{"name":"a","color":"red","at":null}]'
    for annotation in (kind, made):
        with pytest.raises(UnsupportedTypeError) as raised:
            converter_of(annotation)
        assert str(raised.value) == (
            f"msgspec does not know {kind}, which holds a type of msgspec's"
        )
        assert raised.value.cure == "use a list, tuple, set or dict, or models of pydantic's in it"


def test_the_defaults_of_a_dataclass_are_written() -> None:
    assert written(Pair, Pair({"left": 2})) == b'{"sizes":{"left":2,"right":1}}'  # type: ignore[arg-type]


def test_a_value_of_another_type_inside_is_refused() -> None:
    with pytest.raises(Invalid):
        written(Branch, Branch(LEAF, counts={"a": "no number"}))  # type: ignore[dict-item]
    with pytest.raises(Invalid):
        written(Leaf, Leaf(1))  # type: ignore[arg-type]


times = st.none() | st.just(AT)
leaves = st.builds(Leaf, st.text(max_size=2), at=times) | st.builds(
    SecretLeaf, st.text(max_size=2), at=times
)
branches = st.sampled_from([Branch, SecretBranch]).flatmap(
    lambda kind: st.builds(
        kind,
        leaves,
        st.just(msgspec.UNSET) | st.integers(-3, 3) | leaves,
        st.lists(leaves, max_size=3) | st.tuples(leaves),
        st.lists(st.tuples(leaves), max_size=2),
        st.dictionaries(st.text(max_size=1), st.none() | leaves, max_size=3),
        st.dictionaries(st.text(max_size=1), st.integers(-3, 3) | st.just("no number"), max_size=2),
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(branches, max_size=3))
def test_what_is_written_at_once_is_what_a_copy_has(values: list[Branch]) -> None:
    converter = converter_of(list[Branch])
    narrow = converter.from_result()
    try:
        expected = encode_declared(narrow(values))
    except Exception as problem:
        with pytest.raises(type(problem)):
            converter.to_json(EVERYTHING, {})(values)
    else:
        assert converter.to_json(EVERYTHING, {})(values) == expected
        assert b"secret" not in expected
