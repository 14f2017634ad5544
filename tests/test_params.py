from typing import Annotated, Any, get_args

import fastapi
import pytest

import microfw
from microfw._models import Constraints
from microfw.params import (
    Body,
    Cookie,
    Declaration,
    Documentation,
    File,
    Form,
    Header,
    Path,
    Query,
    Source,
)


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
    assert declaration.default is ...
    assert declaration.default_factory is None
    assert declaration.alias is None
    assert not declaration.constraints
    assert declaration.documentation == Documentation()


def test_a_default_is_given_first_or_by_name():
    assert Query(3).default == 3
    assert Query(default=3).default == 3
    assert Query(...).default is ...
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


def test_a_validation_alias_goes_before_an_alias():
    assert Query(alias="a").alias == "a"
    assert Query(validation_alias="b").alias == "b"
    assert Query(alias="a", validation_alias="b").alias == "b"
    assert Query(alias="a", validation_alias=None).alias == "a"


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
        (
            Query,
            {"validation_alias": ("a", "b")},
            "the alias of Query() is a name, not ('a', 'b'); fields of a group may have several",
        ),
        (Path, {"default": 3}, "Path() takes no default: a path without the value is another path"),
        (
            Path,
            {"default_factory": list},
            "Path() takes no default: a path without the value is another path",
        ),
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


def test_a_declaration_cannot_be_changed():
    with pytest.raises(AttributeError):
        Query().alias = "other"


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
