"""Results of Structs that hold nothing but the declared classes are written as they are."""

import enum
from collections import deque
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microfw._models.converter import converter_of
from microfw._models.encoding import encode_declared
from microfw._models.exact_structs import exact_classes
from microfw._models.selection import EVERYTHING

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


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


LEAF = Leaf("a")
SECRET = SecretLeaf("a")


def is_exact(annotation: Any, value: Any) -> bool:
    classes = exact_classes(annotation)
    look = classes.get(type(value), lambda values: False)
    return look is None or look((value,))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Leaf, LEAF),
        (list[Leaf], [LEAF]),
        (list[Leaf], []),
        (Leaf | None, None),
        (Leaf | None, LEAF),
        (Annotated[list[Leaf], msgspec.Meta(max_length=9)], [LEAF]),
        (dict[str, list[Leaf]], {"a": [LEAF, LEAF]}),
        (Page[Leaf], Page([LEAF])),
        (Branch, Branch(LEAF, 1, [LEAF], [(LEAF, LEAF)], {"a": None, "b": LEAF}, {"c": 1})),
        (Branch, Branch(LEAF, LEAF)),
    ],
)
def test_values_of_the_declared_classes_are_exact(annotation: Any, value: Any) -> None:
    assert is_exact(annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Leaf, SECRET),
        (Leaf, {"name": "a"}),
        (list[Leaf], [LEAF, SECRET]),
        (list[Leaf], deque([LEAF])),
        (list[Leaf], iter([LEAF])),
        (Leaf | None, SECRET),
        (dict[str, Leaf], {1: LEAF}),
        (dict[str, Leaf], {"a": SECRET}),
        (Page[Leaf], Page([SECRET])),
        (Branch, Branch(SECRET)),
        (Branch, Branch(LEAF, SECRET)),
        (Branch, Branch(LEAF, some=[SECRET])),
        (Branch, Branch(LEAF, some=Leaves([LEAF]))),
        (Branch, Branch(LEAF, pairs=[(LEAF, SECRET)])),
        (Branch, Branch(LEAF, named={"a": None, "b": SECRET})),
        (Branch, Branch(LEAF, counts={1: 1})),  # type: ignore[dict-item]
        (Branch, Branch(LEAF, counts=Names())),  # type: ignore[arg-type]
    ],
)
def test_values_of_other_classes_are_not_exact_at_any_depth(annotation: Any, value: Any) -> None:
    assert not is_exact(annotation, value)


@pytest.mark.parametrize(
    "annotation",
    [Any, list, list[Any], dict, dict[int, Leaf], tuple[Leaf, int], Page[Any], Page, Tree, object],
    ids=str,
)
def test_types_that_hold_anything_or_themselves_have_no_exact_classes(annotation: Any) -> None:
    assert exact_classes(annotation) == {}


leaves = st.builds(Leaf, st.text(max_size=2)) | st.builds(SecretLeaf, st.text(max_size=2))
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
