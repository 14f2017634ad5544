"""Types of pydantic's and of msgspec's in one document."""

from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, ConfigDict, Field, computed_field, create_model

from microfw import App, Body, Cookie, Form, Header, Query, UploadFile

T = TypeVar("T")


def documented(*types: Any, separate: bool = True) -> dict[str, Any]:
    """The document of an application that takes and returns each of some types."""
    app = App(separate_input_output_schemas=separate)
    for number, kind in enumerate(types):

        async def take(it): ...

        take.__annotations__ = {"it": Annotated[kind, Body()], "return": kind}
        app.post(f"/{number}")(take)
    document = app.openapi()
    OpenAPIV31SpecValidator(document).validate()
    return document


def body(document: dict[str, Any], number: int = 0) -> Any:
    return document["paths"][f"/{number}"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]


def returned(document: dict[str, Any], number: int = 0) -> Any:
    return document["paths"][f"/{number}"]["post"]["responses"]["200"]["content"][
        "application/json"
    ]["schema"]


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


class Point(msgspec.Struct):
    """A place."""

    x: int
    y: int = 0


class Line(msgspec.Struct, tag=True):
    points: list[Point]


class Circle(msgspec.Struct, tag=True):
    middle: Point


class Item(BaseModel):
    """An item.\f Not for readers."""

    name: str = "x"

    @computed_field
    def length(self) -> int:
        return len(self.name)


class Holder(msgspec.Struct):
    item: Item
    others: list[Item]


class Wrapper(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    point: Point
    described: Annotated[Point | None, Field(description="Maybe")] = None


class Page(BaseModel, Generic[T]):
    rows: list[T]


class Colour(Enum):
    RED = "red"


def test_structs_are_described_by_msgspec() -> None:
    document = documented(Point, Line | Circle)

    schemas = document["components"]["schemas"]
    assert body(document) == returned(document) == ref("Point")
    assert schemas["Point"] == {
        "title": "Point",
        "description": "A place.",
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
        "required": ["x"],
    }
    assert body(document, 1)["discriminator"] == {
        "propertyName": "type",
        "mapping": {
            "Line": "#/components/schemas/Line",
            "Circle": "#/components/schemas/Circle",
        },
    }


def test_what_many_routes_take_is_described_alike() -> None:
    document = documented(*[Point] * 3, *[int] * 2)

    assert body(document) == body(document, 1) == body(document, 2) == ref("Point")
    assert body(document, 3) == body(document, 4) == {"type": "integer", "title": "It"}


def test_models_that_give_other_data_than_they_take_have_two_schemas_or_one() -> None:
    both, one = documented(Item), documented(Page[str], separate=False)
    computed = documented(Item, separate=False)

    assert (body(both), returned(both)) == (ref("Item-Input"), ref("Item-Output"))
    assert both["components"]["schemas"]["Item-Input"]["description"] == "An item."
    assert body(one) == returned(one) == ref("Page_str_")
    assert returned(computed) == ref("Item-Output")


def test_models_and_structs_may_hold_each_other() -> None:
    document = documented(Holder, Wrapper)

    schemas = document["components"]["schemas"]
    assert schemas["Holder"]["properties"] == {
        "item": ref("Item"),
        "others": {"type": "array", "items": ref("Item")},
    }
    assert schemas["Wrapper"]["properties"]["point"] == ref("Point")
    assert "Point" in schemas


def test_what_is_only_returned_is_described_as_it_is_written() -> None:
    app = App()

    @app.get("/")
    async def read() -> Holder:
        return Holder(Item(), [])

    assert "length" in app.openapi()["components"]["schemas"]["Item"]["properties"]


class Cat(BaseModel):
    kind: Literal["pet"]
    pet: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["pet"]
    pet: Literal["dog"]


class Stone(BaseModel):
    kind: Literal["stone"]


Pet = Annotated[Cat | Dog, Field(discriminator="pet")]
Thing = Annotated[Pet | Stone, Field(discriminator="kind")]


class Box(BaseModel):
    discriminator: str
    things: list[Thing]
    pet: Pet | None = None


def test_a_union_in_a_union_has_a_name_by_which_the_discriminator_tells_it() -> None:
    document = documented(Thing, Box, create_model("Cat_or_Dog", a=(int, ...)))

    thing = {
        "oneOf": [ref("Cat_or_Dog2"), ref("Stone")],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"pet": ref("Cat_or_Dog2")["$ref"], "stone": ref("Stone")["$ref"]},
        },
    }
    pet = {
        "oneOf": [ref("Cat"), ref("Dog")],
        "discriminator": {
            "propertyName": "pet",
            "mapping": {"cat": ref("Cat")["$ref"], "dog": ref("Dog")["$ref"]},
        },
    }
    schemas = document["components"]["schemas"]
    assert body(document) == {**thing, "title": "It"}
    assert schemas["Box"]["properties"]["things"]["items"] == thing
    assert schemas["Box"]["properties"]["pet"]["anyOf"][0] == pet
    assert schemas["Cat_or_Dog2"] == pet


class Same(msgspec.Struct, tag="one"):
    b: int
    next: "Same | None" = None


class Other(msgspec.Struct, tag="other"):
    mapping: dict[str, int]


def test_classes_of_one_name_have_names_of_their_own() -> None:
    same, taken = create_model("Same", a=(int, ...)), create_model("SameStruct", c=(int, ...))

    document = documented(same, Other | Same, taken)

    schemas = document["components"]["schemas"]
    assert {"Same", "SameStruct", "SameStruct2", "Other"} <= schemas.keys()
    assert body(document, 1)["discriminator"]["mapping"]["one"] == (
        "#/components/schemas/SameStruct2"
    )
    assert schemas["SameStruct2"]["properties"]["next"]["anyOf"][0] == ref("SameStruct2")
    assert schemas["Other"]["properties"]["mapping"]["type"] == "object"


Small = Annotated[int, msgspec.Meta(le=9)]


def test_limits_titles_and_defaults_of_declarations_are_reported_of_msgspecs_types() -> None:
    app = App()

    @app.get("/")
    async def read(
        a: Annotated[Small, Query(gt=0, title="Number", description="How many")] = 1,
        b: Annotated[list[Small], Query(min_length=1, max_length=2)] = [],  # noqa: B006
        c: Annotated[
            Annotated[str, msgspec.Meta(pattern="^a")], Query(json_schema_extra={"x-a": 1})
        ] = "a",
    ) -> None: ...

    first, second, third = (
        each["schema"] for each in app.openapi()["paths"]["/"]["get"]["parameters"]
    )
    assert first == {
        "type": "integer",
        "exclusiveMinimum": 0,
        "maximum": 9,
        "title": "Number",
        "description": "How many",
        "default": 1,
    }
    assert (second["minItems"], second["maxItems"], second["default"]) == (1, 2, [])
    assert third == {"type": "string", "pattern": "^a", "title": "C", "default": "a", "x-a": 1}


def test_the_fields_of_groups_are_parameters_whichever_library_they_are_of() -> None:
    class Paging(msgspec.Struct):
        page: int
        size: int = 10

    class Device(BaseModel):
        user_agent: str
        save_data: bool = Field(False, description="Less", deprecated=True)
        colour: Colour = Colour.RED
        own: str = Field("", alias="X_own")

    app = App()

    @app.get("/")
    async def read(
        paging: Annotated[Paging, Query()],
        device: Annotated[Device, Header()],
        cookies: Annotated[Paging | None, Cookie()] = None,
    ) -> None: ...

    document = app.openapi()
    OpenAPIV31SpecValidator(document).validate()
    told = {
        (each["in"], each["name"]): each for each in document["paths"]["/"]["get"]["parameters"]
    }
    assert {key: each["required"] for key, each in told.items()} == {
        ("query", "page"): True,
        ("query", "size"): False,
        ("header", "user-agent"): True,
        ("header", "save-data"): False,
        ("header", "colour"): False,
        ("header", "X_own"): False,
        ("cookie", "page"): False,
        ("cookie", "size"): False,
    }
    assert told["query", "size"]["schema"] == {"type": "integer", "default": 10, "title": "Size"}
    assert told["header", "save-data"]["description"] == "Less"
    assert told["header", "save-data"]["deprecated"]
    assert told["header", "colour"]["schema"] == {**ref("Colour"), "default": "red"}
    assert {"Paging", "Device"}.isdisjoint(document["components"]["schemas"])


def test_groups_of_a_form_are_its_body_or_a_part_of_it() -> None:
    class Address(BaseModel):
        street: str
        town: str = ""

    nowhere = Address(street="")
    app = App()

    @app.post("/alone")
    async def take(address: Annotated[Address, Form()]) -> None: ...

    @app.post("/both")
    async def take_both(
        address: Annotated[Address, Form()], age: Annotated[int, Form()]
    ) -> None: ...

    @app.post("/neither")
    async def take_neither(
        address: Annotated[Address, Form()] = nowhere, age: Annotated[int, Form()] = 1
    ) -> None: ...

    document = app.openapi()
    alone = document["paths"]["/alone"]["post"]["requestBody"]
    schemas = document["components"]["schemas"]
    assert alone["content"]["application/x-www-form-urlencoded"]["schema"] == ref("Address")
    assert schemas["Body_take_both_both_post"]["required"] == ["street", "age"]
    assert [*schemas["Body_take_both_both_post"]["properties"]] == ["street", "town", "age"]
    assert "required" not in schemas["Body_take_neither_neither_post"]


def test_files_are_described_whichever_class_of_upload_they_are() -> None:
    import starlette.datastructures

    app = App()

    @app.post("/")
    async def take(
        one: UploadFile, other: starlette.datastructures.UploadFile, many: list[UploadFile]
    ) -> None: ...

    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    schemas = app.openapi()["components"]["schemas"]
    assert schemas["Body_take__post"]["properties"] == {
        "one": {**file, "title": "One"},
        "other": {**file, "title": "Other"},
        "many": {"type": "array", "items": file, "title": "Many"},
    }


def test_bytes_are_text_or_base64_as_the_model_has_it() -> None:
    class Plain(BaseModel):
        data: bytes

    class Encoded(BaseModel):
        model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
        data: bytes

    class Read(BaseModel):
        model_config = ConfigDict(val_json_bytes="base64")
        data: bytes

    document = documented(Plain, Encoded, Read)
    schemas = document["components"]["schemas"]

    file = {"type": "string", "contentMediaType": "application/octet-stream", "title": "Data"}
    assert schemas["Plain"]["properties"]["data"] == file
    encoded = {**file, "contentEncoding": "base64"}
    assert schemas["Encoded"]["properties"]["data"] == encoded
    assert body(document, 2) == ref("Read-Input")
    assert returned(document, 2) == ref("Read-Output")
    assert schemas["Read-Input"]["properties"]["data"] == encoded
    assert schemas["Read-Output"]["properties"]["data"] == file


def test_a_default_that_is_no_json_is_not_shown() -> None:
    app = App()

    @app.get("/")
    async def read(
        a: Any = object(),  # noqa: B008
        b: Annotated[int, msgspec.Meta(gt=1), Query()] = object(),  # type: ignore[assignment]
    ) -> None: ...

    told = app.openapi()["paths"]["/"]["get"]["parameters"]
    assert [each["schema"].keys() for each in told] == [
        {"title"},
        {"title", "type", "exclusiveMinimum"},
    ]


def test_a_default_that_is_null_is_not_shown_and_an_example_keeps_it() -> None:
    class Maybe(BaseModel):
        model_config = ConfigDict(json_schema_extra={"examples": [{"a": None, "default": None}]})
        a: int | None = None

    schema = documented(Maybe)["components"]["schemas"]["Maybe"]

    assert "default" not in schema["properties"]["a"]
    assert schema["examples"] == [{"a": None, "default": None}]


def test_the_errors_of_microfw_leave_names_to_the_users_models() -> None:
    class ValidationError(BaseModel):
        mine: int

    schemas = documented(ValidationError)["components"]["schemas"]

    assert [*schemas["ValidationError"]["properties"]] == ["mine"]
    assert schemas["HTTPValidationError"]["properties"]["detail"]["items"] == ref(
        "ValidationError2"
    )


@pytest.mark.parametrize("kind", [dict[str, Point], list[Annotated[Point, "x"]]])
def test_types_that_hold_structs_are_msgspecs(kind: Any) -> None:
    assert "Point" in documented(kind)["components"]["schemas"]
