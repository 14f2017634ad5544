import copy
import dataclasses
import inspect
from typing import Annotated, Any, get_args

import fastapi
import pytest
from fastapi import params as theirs
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import microfw
from microfw import Body, Cookie, File, Form, Header, Path, Query, params
from microfw._models import Constraints
from microfw.params import Declaration, Documentation, Source
from microfw.testclient import TestClient


@pytest.mark.parametrize(
    ("declare", "source"),
    [
        (Path, Source.PATH),
        (Query, Source.QUERY),
        (Header, Source.HEADER),
        (Cookie, Source.COOKIE),
        (Body, Source.BODY),
        (Form, Source.FORM),
        (File, Source.FILE),
    ],
)
def test_each_function_declares_its_source_and_nothing_more(declare, source):
    declaration = declare()

    assert isinstance(declaration, Declaration)
    assert declaration.source is source
    assert declaration.default is PydanticUndefined
    assert not declaration.has_default
    assert declaration.default_factory is None
    assert declaration.alias is None
    assert not declaration.constraints
    assert declaration.documentation == Documentation()


def test_a_default_is_given_first_or_by_name():
    assert Query(3).default == 3
    assert Query(default=3).default == 3
    assert Query(...).default is PydanticUndefined
    assert Query(None).default is None


def test_a_default_factory_is_kept():
    assert Query(default_factory=list).default_factory is list


def test_constraints_are_kept_together():
    declaration = Query(
        gt=0,
        ge=1,
        lt=9,
        le=8,
        multiple_of=2,
        min_length=1,
        max_length=3,
        pattern="^a",
        strict=True,
        allow_inf_nan=False,
        max_digits=5,
        decimal_places=2,
    )

    assert declaration.constraints == Constraints(
        gt=0,
        ge=1,
        lt=9,
        le=8,
        multiple_of=2,
        min_length=1,
        max_length=3,
        pattern="^a",
        strict=True,
        allow_inf_nan=False,
        max_digits=5,
        decimal_places=2,
    )


def test_regex_is_the_old_name_of_pattern():
    assert Query(regex="^a").constraints.pattern == "^a"
    assert Query(regex="^a", pattern="^b").constraints.pattern == "^b"
    assert Query(regex=None).constraints.pattern is None


def test_example_is_the_old_name_of_one_of_the_examples():
    assert Query(example=3).documentation.examples == [3]
    assert Query(example=None, examples=[1]).documentation.examples == [1]


def test_a_validation_alias_goes_before_an_alias():
    assert Query(alias="a").keys == ("a",)
    assert Query(validation_alias="b").keys == ("b",)
    assert Query(alias="a", validation_alias="b").keys == ("b",)
    assert Query(alias="a", validation_alias=None).keys == ("a",)


def test_what_readers_of_a_schema_are_told_is_kept_together():
    declaration = Query(
        title="Title",
        description="Words",
        examples=[1],
        openapi_examples={"one": {"value": 1}},
        json_schema_extra={"x-a": 1},
        deprecated=True,
        include_in_schema=False,
    )

    assert declaration.documentation == Documentation(
        title="Title",
        description="Words",
        examples=[1],
        openapi_examples={"one": {"value": 1}},
        json_schema_extra={"x-a": 1},
        deprecated=True,
        include_in_schema=False,
    )


def test_a_header_may_keep_its_underscores():
    assert Header().convert_underscores is True
    assert Header(convert_underscores=False).convert_underscores is False


def test_a_body_may_be_embedded_and_have_a_media_type():
    declaration = Body(embed=True, media_type="text/plain")

    assert (Body().embed, Body().media_type) == (False, "application/json")
    assert (declaration.embed, declaration.media_type) == (True, "text/plain")


def test_forms_and_files_tell_the_schema_their_media_types():
    assert Form().media_type == "application/x-www-form-urlencoded"
    assert File().media_type == "multipart/form-data"
    assert Form(media_type="multipart/form-data").media_type == "multipart/form-data"


def test_errors_of_forms_and_files_are_placed_in_the_body():
    places = {source.value: source.place for source in Source}

    assert places == {
        "path": "path",
        "query": "query",
        "header": "header",
        "cookie": "cookie",
        "body": "body",
        "form": "body",
        "file": "body",
    }


@pytest.mark.parametrize(
    ("declare", "options", "message"),
    [
        (Query, {"gee": 1}, "Query() got an unexpected keyword argument 'gee'"),
        (Query, {"embed": True}, "Query() got an unexpected keyword argument 'embed'"),
        (
            Body,
            {"convert_underscores": True},
            "Body() got an unexpected keyword argument 'convert_underscores'",
        ),
        (Path, {"default": 3}, "Path() takes no default: a path without the value is another path"),
        (
            Cookie,
            {"default": 3, "default_factory": list},
            "Cookie() takes a default or a default_factory, not both",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(declare, options, message):
    with pytest.raises(TypeError) as raised:
        declare(**options)

    assert str(raised.value) == message


def test_declarations_stand_in_annotations():
    annotation = Annotated[int, Query(ge=1)]

    assert get_args(annotation)[1].constraints.ge == 1


@pytest.mark.parametrize("name", ["Query", "Header", "Cookie", "Body", "Form", "File"])
@pytest.mark.parametrize("default", [None, "text", 5])
def test_a_declaration_shows_itself_as_in_fastapi(name: str, default: Any) -> None:
    written = getattr(microfw, name)(default, description="long", alias="other")
    assert repr(written) == repr(getattr(fastapi, name)(default)) == f"{name}({default})"
    assert str(written) == repr(written)
    assert str(getattr(microfw, name)()) == f"{name}()"


def test_a_declaration_of_the_path_shows_itself() -> None:
    assert str(microfw.Path(gt=3)) == "Path()"


# ---------------------------------------------------------------------- FastAPI's classes


@pytest.mark.parametrize("name", ["Path", "Query", "Header", "Cookie", "Body", "Form", "File"])
def test_what_a_function_returns_is_made_by_the_class_of_its_name(name: str) -> None:
    ours, fastapis = getattr(params, name), getattr(theirs, name)

    assert type(getattr(microfw, name)()) is ours
    assert [each.__name__ for each in ours.__mro__ if hasattr(theirs, each.__name__)] == [
        each.__name__ for each in fastapis.__mro__ if hasattr(params, each.__name__)
    ]


@pytest.mark.parametrize("name", ["Path", "Query", "Header", "Cookie"])
def test_parameters_say_where_they_are(name: str) -> None:
    assert getattr(params, name).in_.value == getattr(theirs, name).in_.value


OPTIONS = {
    "alias": "other",
    "title": "Title",
    "description": "Words",
    "examples": [3],
    "ge": 1,
    "lt": 9,
    "max_length": 3,
    "deprecated": True,
    "json_schema_extra": {"x-a": 1},
    "pattern": "^a",
}
FIELDS = sorted(set(FieldInfo.__slots__) - {"_attributes_set", "metadata"})


@pytest.mark.parametrize("name", ["Query", "Header", "Cookie", "Body", "Form", "File"])
def test_a_declaration_is_a_field_of_pydantics_as_in_fastapi(name: str) -> None:
    ours, fastapis = getattr(params, name)(3, **OPTIONS), getattr(theirs, name)(3, **OPTIONS)

    assert isinstance(ours, FieldInfo)
    assert {each: getattr(ours, each) for each in FIELDS} == {
        each: getattr(fastapis, each) for each in FIELDS
    }
    assert repr(ours.metadata[:-1]) == repr(fastapis.metadata)


def test_the_field_of_a_declaration_has_what_was_set_since() -> None:
    declaration = params.Query(3, annotation=int)
    declaration.default = 4

    assert (declaration.title, declaration.get_default()) == (None, 4)
    assert declaration.annotation is None or declaration.annotation is int
    assert not hasattr(declaration, "other")


def test_a_declaration_can_be_copied() -> None:
    copied = copy.copy(params.Query(3, ge=1))

    assert (copied.default, copied.constraints.ge, type(copied)) == (3, 1, params.Query)


def test_declarations_stand_in_models_as_the_defaults_of_their_fields() -> None:
    class Page(BaseModel):
        number: int = Query(1, ge=1)
        size: Annotated[int, Query(le=100)] = 50

    assert Page() == Page(number=1, size=50)
    for wrong in ({"number": 0}, {"size": 101}):
        with pytest.raises(ValidationError):
            Page(**wrong)


@pytest.mark.parametrize("query", [Query, fastapi.Query], ids=["microfw", "fastapi"])
def test_what_is_changed_in_a_declared_field_counts_in_the_next_model(query: Any) -> None:
    class Page(BaseModel):
        number: int = query(1, ge=1)

    changed: Any = copy.copy(Page.model_fields["number"])
    changed.annotation, changed.default = int | None, None
    made: Any = create_model("Optional", __base__=Page, number=(int | None, changed))

    assert (made().number, made(number=3).number, Page().number) == (None, 3, 1)
    with pytest.raises(ValidationError):
        made(number=0)


def test_declarations_have_subclasses_with_parameters_of_their_own() -> None:
    class Sorting(params.Query):
        def __init__(self, *allowed: str) -> None:
            super().__init__(pattern="|".join(allowed))

    class Service(params.Depends):
        def __init__(self, name: str) -> None:
            super().__init__(lambda: f"service {name}", scope="request")

    app = microfw.App()

    @app.get("/")
    def show(
        by: Annotated[str, Sorting("age", "name")] = "age", it: Annotated[str, Service("a")] = ""
    ) -> list[str]:
        return [by, it]

    client = TestClient(app)
    assert client.get("/").json() == ["age", "service a"]
    assert client.get("/?by=size").status_code == 422


def test_dependencies_are_dataclasses_as_in_fastapi() -> None:
    security = microfw.Security(len, scopes=["a"], use_cache=False)

    assert isinstance(security, params.Security)
    assert issubclass(params.Security, params.Depends)
    assert type(microfw.Depends(len)) is params.Depends
    for name in ("dependency", "use_cache", "scope", "scopes"):
        assert getattr(security, name) == getattr(
            theirs.Security(len, use_cache=False, scopes=["a"]), name
        )
    other = dataclasses.replace(security, dependency=max)
    assert (other.dependency, other.scopes, type(other)) == (max, ["a"], params.Security)


def test_a_class_that_is_not_called_declares_nothing_either() -> None:
    def with_header(it: Annotated[int, params.Header]) -> None: ...

    def with_depends(it: Annotated[int, params.Depends]) -> None: ...

    for function, name in ((with_header, "Header"), (with_depends, "Depends")):
        with pytest.warns(RuntimeWarning, match=f"declared with `{name}` itself"):
            microfw.App().get("/")(function)


def test_the_fields_of_a_model_stand_in_a_signature() -> None:
    class Page(BaseModel):
        number: int = Query(1, ge=1, alias="page")
        size: Annotated[int, Query(le=100)]
        order: str = Field("name", max_length=4)
        tags: list[str] = Query(default_factory=lambda: ["a"])

    def read(**values: Any) -> dict[str, Any]:
        return values

    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=field.annotation, default=field
        )
        for name, field in Page.model_fields.items()
    ]
    read.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app = microfw.App()
    app.get("/")(lambda it=microfw.Depends(read): it)
    client = TestClient(app)

    assert client.get("/?size=3").json() == {"number": 1, "size": 3, "order": "name", "tags": ["a"]}
    assert client.get("/?size=3&page=2&order=age&tags=b").json() == {
        "number": 2,
        "size": 3,
        "order": "age",
        "tags": ["b"],
    }
    for wrong in ("size=101", "size=3&page=0", "size=3&order=names", ""):
        assert client.get(f"/?{wrong}").status_code == 422, wrong


def test_an_endpoint_that_a_library_wraps_takes_what_either_protocol_has() -> None:
    app = microfw.App()

    def show(request: microfw.Request, websocket: microfw.WebSocket) -> list[Any]:
        return [request.url.path, websocket]

    show.__signature__ = inspect.signature(show)  # type: ignore[attr-defined]
    app.get("/")(show)

    assert TestClient(app).get("/").json() == ["/", None]
