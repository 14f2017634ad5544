"""Parameter groups: a class with fields as `Query()`, `Header()`, `Cookie()` or `Form()`."""

import dataclasses
from datetime import date
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypeVar

import annotated_types
import attrs
import msgspec
import pydantic
import pytest
import typing_extensions
from pydantic.dataclasses import dataclass as pydantic_dataclass

from microfw import App, Cookie, Depends, Form, Header, Path, Query, WebSocket
from microfw.exceptions import RegistrationError, UnfillableParameterError
from microfw.testclient import TestClient


class StructFilters(msgspec.Struct):
    limit: Annotated[int, msgspec.Meta(gt=0, le=100)]
    order: Literal["name", "age"] = "name"
    tags: list[str] = msgspec.field(default_factory=list)
    since: date | None = None


@dataclasses.dataclass
class DataclassFilters:
    limit: Annotated[int, annotated_types.Interval(gt=0, le=100)]
    order: Literal["name", "age"] = "name"
    tags: list[str] = dataclasses.field(default_factory=list)
    since: date | None = None


@attrs.define
class AttrsFilters:
    limit: Annotated[int, msgspec.Meta(gt=0, le=100)]
    order: Literal["name", "age"] = "name"
    tags: list[str] = attrs.field(factory=list)
    since: date | None = None


class ModelFilters(pydantic.BaseModel):
    limit: int = pydantic.Field(gt=0, le=100)
    order: Literal["name", "age"] = "name"
    tags: list[str] = []
    since: date | None = None


@dataclasses.dataclass
class DataclassOfMsgspecs:
    limit: Annotated[int, msgspec.Meta(gt=0, le=100)]
    order: Literal["name", "age"] = "name"
    tags: list[str] = dataclasses.field(default_factory=list)
    since: date | None = None


@pydantic_dataclass
class PydanticDataclassFilters:
    limit: Annotated[int, pydantic.Field(gt=0, le=100)]
    order: Literal["name", "age"] = "name"
    tags: list[str] = dataclasses.field(default_factory=list)
    since: date | None = None


class StrictFilters(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 10


class StrictModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    limit: int = 10


OF_PYDANTIC = [DataclassFilters, ModelFilters, PydanticDataclassFilters]
OF_MSGSPEC = [StructFilters, AttrsFilters, DataclassOfMsgspecs]
ALL = [*OF_PYDANTIC, *OF_MSGSPEC]
filters = pytest.mark.parametrize("kind", ALL)
strict = pytest.mark.parametrize("kind", [StrictFilters, StrictModel])


def client_of(group: Any, method: str = "GET", default: Any = ...) -> TestClient:
    """The client of a route that returns the group, by its fields."""

    async def endpoint(group: Any = default) -> Any:
        return group

    endpoint.__annotations__["group"] = group
    if default is ...:
        endpoint.__defaults__ = None
    app = App()
    app.api_route("/", methods=[method], response_model=None)(endpoint)
    client = TestClient(app)
    client.headers.clear()
    return client


def declared(kind: Any, declaration: Any) -> Any:
    """Annotate a class that is known when the test runs."""
    return Annotated[kind, declaration]


def get(group: Any, url: str = "/", default: Any = ..., **sent: Any) -> Any:
    answer = client_of(group, default=default).get(url, **sent)
    return answer.json() if answer.status_code == 200 else answer.json()["detail"]


def post(group: Any, default: Any = ..., **sent: Any) -> Any:
    answer = client_of(group, "POST", default).post("/", **sent)
    return answer.json() if answer.status_code == 200 else answer.json()["detail"]


def told(endpoint: Any) -> str:
    with pytest.raises(RegistrationError) as raised:
        App().post("/")(endpoint)
    assert type(raised.value) is UnfillableParameterError
    return str(raised.value).replace(raised.value.where, "<where>")


def missing(place: str, name: str, value: Any) -> dict[str, Any]:
    return {"type": "missing", "loc": [place, name], "msg": "Field required", "input": value}


def extra(place: str, name: str, value: Any) -> dict[str, Any]:
    message = "Extra inputs are not permitted"
    return {"type": "extra_forbidden", "loc": [place, name], "msg": message, "input": value}


Value = TypeVar("Value")


@filters
class TestEachKindOfClass:
    def test_is_read_from_the_query_string(self, kind):
        group = declared(kind, Query())

        assert get(group, "/?limit=3&order=age&tags=a&tags=b&since=2020-01-01&more=1") == {
            "limit": 3,
            "order": "age",
            "tags": ["a", "b"],
            "since": "2020-01-01",
        }
        defaults = {"limit": 3, "order": "name", "tags": [], "since": None}
        assert get(group, "/?limit=3") == defaults
        assert post(group, params={"limit": 3}) == defaults

    def test_tells_what_is_missing(self, kind):
        assert get(declared(kind, Query()), "/?order=age&more=1") == [
            missing("query", "limit", {"order": "age", "more": "1"})
        ]

    def test_tells_all_that_is_wrong_or_the_first(self, kind):
        if kind in OF_MSGSPEC:
            assert get(declared(kind, Query()), "/?limit=0&since=soon&more=1") == [
                {
                    "type": "value_error",
                    "loc": ["query", "limit"],
                    "msg": "Expected `int` >= 1",
                    "input": "0",
                }
            ]
            return
        assert get(declared(kind, Query()), "/?limit=0&since=soon&more=1") == [
            {
                "type": "greater_than",
                "loc": ["query", "limit"],
                "msg": "Input should be greater than 0",
                "input": "0",
                "ctx": {"gt": 0},
            },
            {
                "type": "date_from_datetime_parsing",
                "loc": ["query", "since"],
                "msg": "Input should be a valid date or datetime, input is too short",
                "input": "soon",
                "ctx": {"error": "input is too short"},
            },
        ]

    def test_is_read_from_headers(self, kind):
        group = declared(kind, Header())
        headers = [("limit", "3"), ("tags", "a"), ("Tags", "b")]

        assert get(group, headers=headers)["tags"] == ["a", "b"]
        assert get(group, headers={"limit": "x"})[0]["loc"] == ["header", "limit"]

    def test_is_read_from_cookies(self, kind):
        group = declared(kind, Cookie())

        assert get(group, headers={"cookie": "limit=3; order=age; more=1"})["order"] == "age"
        assert get(group, headers={"cookie": "limit=x"})[0]["loc"] == ["cookie", "limit"]

    def test_is_read_from_a_form(self, kind):
        group = declared(kind, Form())
        data = {"limit": "3", "tags": ["a", "b"], "order": "", "since": ""}
        expected = {"limit": 3, "order": "name", "tags": ["a", "b"], "since": None}

        assert post(group, data=data) == expected
        assert post(group, data=data, files={"file": b"x"}) == expected
        assert post(group, data={"limit": "x"})[0]["loc"] == ["body", "limit"]
        assert post(group)[0]["loc"] == ["body", "limit"]

    def test_may_be_declared_as_a_default(self, kind):
        async def endpoint(group=Query()) -> Any:
            return group.limit

        endpoint.__annotations__["group"] = kind
        app = App()
        app.get("/")(endpoint)

        assert TestClient(app).get("/?limit=3").json() == 3

    def test_may_be_left_out_as_a_whole(self, kind):
        group = declared(kind | None, Query())

        assert get(group, default=None) is None
        assert get(group, "/?more=1", default=None) is None
        assert get(group, "/?limit=3", default=None)["limit"] == 3
        assert [error["type"] for error in get(group, "/?tags=a", default=None)] == ["missing"]


@strict
class TestAClassThatForbidsOthers:
    def test_refuses_other_keys_of_the_query_string(self, kind):
        group = declared(kind, Query())

        assert get(group, "/?limit=3") == {"limit": 3}
        all_of_them = [extra("query", "limti", ["3", "4"]), extra("query", "a", "")]
        assert (
            get(group, "/?limti=3&limti=4&a=") == all_of_them[: 1 if kind is StrictFilters else 2]
        )

    def test_refuses_them_where_it_may_be_left_out(self, kind):
        group = declared(kind | None, Query())

        assert get(group, default=None) is None
        assert get(group, "/?limti=3", default=None) == [extra("query", "limti", "3")]

    def test_is_told_of_all_values_of_another_key(self, kind):
        assert get(declared(kind, Query()), "/?limit=3&a=1&a=2") == [
            extra("query", "a", ["1", "2"])
        ]
        cookies = {"cookie": "limit=3; a=1"}
        assert get(declared(kind, Cookie()), headers=cookies) == [extra("cookie", "a", "1")]

    def test_refuses_all_other_headers_and_cookies(self, kind):
        assert get(declared(kind, Header()), headers={"limit": "3", "host": "test"}) == [
            extra("header", "host", "test")
        ]
        assert get(declared(kind, Cookie()), headers={"cookie": "limit=3; other=1"}) == [
            extra("cookie", "other", "1")
        ]

    def test_refuses_other_fields_and_files_of_a_form(self, kind):
        group = declared(kind, Form())

        assert post(group, data={"limit": "3"}) == {"limit": 3}
        assert post(group, data={"other": "1"}) == [extra("body", "other", "1")]
        assert [error["type"] for error in post(group, files={"other": b"x"})] == [
            "extra_forbidden"
        ]

    def test_knows_what_other_parameters_ask_for(self, kind):
        def get_page(page: int = 1) -> int:
            return page

        async def endpoint(
            group,
            page: Annotated[int, Depends(get_page)],
            token: Annotated[str, Query(alias="the-token")],
        ) -> Any:
            return [group.limit, page, token]

        endpoint.__annotations__["group"] = declared(kind, Query())
        app = App()
        app.get("/")(endpoint)
        client = TestClient(app)

        assert client.get("/?limit=3&page=2&the-token=t").json() == [3, 2, "t"]
        assert client.get("/?the-token=t&token=t").json()["detail"] == [
            extra("query", "token", "t")
        ]


class TestNames:
    def test_a_header_has_hyphens_for_underscores(self):
        class Headers(msgspec.Struct):
            save_data: bool
            x_tag: list[int] = msgspec.field(default_factory=list)

        class Model(pydantic.BaseModel):
            save_data: bool
            x_tag: list[int] = []

        for kind in (Headers, Model):
            group = declared(kind, Header())
            headers = [("Save-Data", "true"), ("x-tag", "1"), ("x-tag", "2")]
            assert get(group, headers=headers) == {"save_data": True, "x_tag": [1, 2]}
            assert get(group, headers={"save_data": "true"}) == [
                missing("header", "save_data", {"host": "testserver"})
            ]
            kept = declared(kind, Header(convert_underscores=False))
            assert get(kept, headers={"save_data": "true"}) == {"save_data": True, "x_tag": []}

    def test_a_struct_renames_its_fields(self):
        class Filters(msgspec.Struct, rename="kebab"):
            page_size: int
            sort_by: str = msgspec.field(name="orderBy", default="name")

        group = Annotated[Filters, Query()]

        assert get(group, "/?page-size=3&orderBy=age") == {"page-size": 3, "orderBy": "age"}
        assert get(group, "/?page_size=3") == [missing("query", "page-size", {"page_size": "3"})]
        assert get(Annotated[Filters, Header()], headers={"page-size": "3"})["page-size"] == 3

    def test_a_model_of_pydantics_has_aliases(self):
        class Filters(pydantic.BaseModel):
            size: int = pydantic.Field(alias="page-size")
            sort: str = pydantic.Field(
                "name", validation_alias=pydantic.AliasChoices("by", "order")
            )
            word: str = pydantic.Field("", validation_alias=pydantic.AliasPath("words", 0))

        group = Annotated[Filters, Query()]

        assert get(group, "/?page-size=3&order=age&by=x") == {
            "page-size": 3,
            "sort": "x",
            "word": "",
        }
        assert get(group, "/?page-size=3&order=age")["sort"] == "age"
        assert get(group, "/?size=3") == [missing("query", "page-size", {"size": "3"})]

    @pytest.mark.parametrize(
        "options",
        [
            pydantic.ConfigDict(populate_by_name=True, extra="forbid"),
            pydantic.ConfigDict(validate_by_name=True, extra="forbid"),
        ],
    )
    def test_a_model_of_pydantics_may_take_both_names(self, options):
        class Filters(pydantic.BaseModel):
            model_config = options

            page_size: int = pydantic.Field(alias="pageSize")

        group = Annotated[Filters, Query()]

        assert get(group, "/?page_size=3") == {"pageSize": 3}
        assert get(group, "/?pageSize=4") == {"pageSize": 4}
        assert get(Annotated[Filters, Header()], headers={"page-size": "3"}) == [
            extra("header", "host", "testserver")
        ]


class TestOtherClasses:
    def test_a_typed_dict_is_a_group(self):
        class Filters(typing_extensions.TypedDict):
            limit: int
            tags: NotRequired[list[str]]

        assert get(Annotated[Filters, Query()], "/?limit=3&tags=a") == {"limit": 3, "tags": ["a"]}

    def test_a_union_of_classes_is_a_group(self):
        class ByName(pydantic.BaseModel):
            name: str
            tags: list[str]

        class ByAge(pydantic.BaseModel):
            age: int

        group = Annotated[ByName | ByAge, Query()]

        assert get(group, "/?age=3") == {"age": 3}
        assert get(group, "/?name=n&tags=a") == {"name": "n", "tags": ["a"]}
        assert [error["loc"] for error in get(group, "/?other=1")] == [
            ["query", "ByName", "name"],
            ["query", "ByName", "tags"],
            ["query", "ByAge", "age"],
        ]

    def test_a_generic_class_is_a_group(self):
        class Filters(msgspec.Struct, Generic[Value]):
            limit: Value

        assert get(Annotated[Filters[int], Query()], "/?limit=3") == {"limit": 3}

    def test_without_a_declaration_a_class_is_the_body(self):
        async def endpoint(group: StructFilters) -> int:
            return group.limit

        app = App()
        app.post("/")(endpoint)

        assert TestClient(app).post("/?limit=4", json={"limit": 3}).json() == 3

    def test_several_groups_are_read_side_by_side(self):
        class Page(msgspec.Struct, forbid_unknown_fields=True):
            number: int = 1

        async def endpoint(
            page: Annotated[Page, Query()],
            filters: Annotated[StrictFilters, Query()],
            headers: Annotated[StructFilters, Header()],
        ) -> Any:
            return [page.number, filters.limit, headers.limit]

        app = App()
        app.get("/")(endpoint)

        answer = TestClient(app).get("/?number=2&limit=3", headers={"limit": "4"})

        assert answer.json() == [2, 3, 4]

    def test_a_websocket_has_groups(self):
        app = App()

        @app.websocket("/")
        async def endpoint(
            websocket: WebSocket, filters: Annotated[StructFilters, Query()]
        ) -> None:
            await websocket.accept()
            await websocket.send_json(filters.limit)

        with TestClient(app).websocket_connect("/?limit=3") as connection:
            assert connection.receive_json() == 3

    async def test_a_default_is_taken_where_nothing_is_sent(self):
        assert get(Annotated[StrictFilters, Query()], default=StrictFilters(5)) == {"limit": 5}

    def test_a_malformed_form_is_refused(self):
        client = client_of(Annotated[StrictFilters, Form()], "POST")
        headers = {"content-type": "multipart/form-data"}

        answer = client.post("/", content=b"", headers=headers)

        assert answer.status_code == 400
        assert answer.json() == {"detail": "Missing boundary in multipart."}


class TestMistakes:
    def test_a_field_that_text_cannot_hold_is_reported(self):
        class Nested(msgspec.Struct):
            filters: StructFilters

        def nested(group: Annotated[Nested, Query()]) -> None: ...

        kind = "TestMistakes.test_a_field_that_text_cannot_hold_is_reported.<locals>"
        assert told(nested) == (
            f"'group' has the type {kind}.Nested, whose field 'filters' has the type StructFilters,"
            " which no value of the query string can have\n"
            "  in:   <where>\n"
            "  cure: use fields that one piece of text can hold, such as str, int or datetime,"
            " or lists of these"
        )

    def test_a_field_with_a_declaration_of_its_own_is_reported(self):
        class Filters(msgspec.Struct):
            limit: Annotated[int, Query(gt=0)]

        class Fields(msgspec.Struct):
            limit: Annotated[int, Form(gt=0)]

        def query(group: Annotated[Filters, Query()]) -> None: ...

        def form(group: Annotated[Fields, Form()]) -> None: ...

        assert told(query) == (
            "'group' has the type TestMistakes.test_a_field_with_a_declaration_of_its_own_is_reported.<locals>"
            ".Filters, whose field 'limit' is declared as Query()\n"
            "  in:   <where>\n"
            "  cure: leave that out: the group's declaration says where the fields come from;"
            " limits are set by msgspec.Meta, annotated_types or pydantic.Field"
        )
        assert "whose field 'limit' is declared as Form()" in told(form)

    def test_a_class_in_the_path_is_reported(self):
        def endpoint(group: Annotated[StructFilters, Path()]) -> None: ...

        with pytest.raises(UnfillableParameterError) as raised:
            App().get("/{group}")(endpoint)
        assert str(raised.value).startswith(
            "'group' has the type StructFilters, which no value of the path can have\n"
        )


def test_a_named_tuple_is_a_sequence_and_no_group():
    class Filters(NamedTuple):
        limit: int
        offset: int

    def endpoint(group: Annotated[Filters, Query()]) -> Any:
        return group

    app = App()
    app.get("/")(endpoint)
    assert TestClient(app).get("/?group=1&group=2").json() == [1, 2]
