"""Fields of forms, urlencoded or multipart: what is read, what is refused, and when."""

import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microfw import (
    App,
    Body,
    Depends,
    File,
    Form,
    HTTPException,
    Query,
    Request,
    RequestValidationError,
    Response,
    Router,
    UploadFile,
    WebSocket,
)
from microfw.exceptions import (
    MissingPackageError,
    MultipleBodiesError,
    RegistrationError,
    UnfillableParameterError,
)
from microfw.testclient import TestClient
from tests.lifecycle.programs import Log
from tests.uploads import MULTIPART, URLENCODED, multipart, part, upload

JSON = {"content-type": "application/json"}


class Color(Enum):
    RED = "red"


class Order(msgspec.Struct):
    amount: int


def answered(endpoint: Any, **sent: Any) -> Any:
    """Send a form to a route of the endpoint's; return what it has returned."""
    app = App()
    app.post("/")(endpoint)
    answer = TestClient(app).post("/", **sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(endpoint: Any, **sent: Any) -> list[dict[str, Any]]:
    app = App()
    app.post("/")(endpoint)
    answer = TestClient(app).post("/", **sent)
    assert answer.status_code == 422, answer.text
    detail: list[dict[str, Any]] = answer.json()["detail"]
    return detail


def told(kind: type[RegistrationError], endpoint: Any) -> str:
    app = App()
    with pytest.raises(kind) as raised:
        app.post("/")(endpoint)
    assert type(raised.value) is kind
    return str(raised.value).replace(raised.value.where, "<where>")


class TestValues:
    def test_fields_are_read_from_both_kinds_of_forms(self):
        async def endpoint(
            name: Annotated[str, Form()],
            price: Annotated[Decimal, Form(gt=0)],
            key: Annotated[UUID, Form(alias="the-key")],
            color: Color = Form(),
            old: bool = Form(False),
        ) -> Any:
            return [name, str(price), str(key), color.value, old]

        data = {"name": "a b&c=ä", "price": "1.50", "the-key": str(UUID(int=1)), "color": "red"}
        expected = ["a b&c=ä", "1.50", str(UUID(int=1)), "red", False]

        assert answered(endpoint, data=data) == expected
        assert answered(endpoint, data=data, files={"unasked": b"x"}) == expected
        assert answered(endpoint, data={**data, "old": "yes"})[-1] is True

    def test_a_sync_endpoint_reads_them_too(self):
        def endpoint(name: Annotated[str, Form()]) -> str:
            return name

        assert answered(endpoint, data={"name": "a"}) == "a"

    def test_repeated_fields_are_one_collection(self):
        async def endpoint(
            numbers: Annotated[list[int], Form()], words: Annotated[set[str] | None, Form()] = None
        ) -> Any:
            return [numbers, words and sorted(words)]

        assert answered(endpoint, data={"numbers": ["1", "2"]}) == [[1, 2], None]
        assert answered(endpoint, data={"numbers": "1", "words": ["b", "a"]}) == [[1], ["a", "b"]]

    def test_an_empty_field_is_as_good_as_none(self):
        async def endpoint(
            words: Annotated[list[str], Form(default_factory=lambda: ["none"])],
            name: Annotated[str, Form()] = "nobody",
            number: Annotated[int | None, Form()] = None,
        ) -> Any:
            return [words, name, number]

        assert answered(endpoint, data={"name": "", "number": ""}) == [["none"], "nobody", None]
        assert answered(endpoint, data={"words": ["", "b"]}) == [["", "b"], "nobody", None]

    def test_all_that_is_wrong_is_reported_where_it_is(self):
        async def endpoint(
            page: Annotated[int, Query()],
            name: Annotated[str, Form(max_length=2)],
            number: Annotated[int, Form(alias="n")],
            numbers: Annotated[list[int], Form()],
        ) -> None: ...

        assert refused(endpoint, data={"name": "abc", "n": "", "numbers": ["1", "x"]}) == [
            {"type": "missing", "loc": ["query", "page"], "msg": "Field required", "input": None},
            {
                "type": "string_too_long",
                "loc": ["body", "name"],
                "msg": "String should have at most 2 characters",
                "input": "abc",
                "ctx": {"max_length": 2},
            },
            {"type": "missing", "loc": ["body", "n"], "msg": "Field required", "input": None},
            {
                "type": "int_parsing",
                "loc": ["body", "numbers", 1],
                "msg": "Input should be a valid integer, unable to parse string as an integer",
                "input": "x",
            },
        ]

    def test_a_file_in_the_place_of_a_field_is_described_in_the_error(self):
        async def endpoint(
            name: Annotated[str, Form()], tags: Annotated[list[str], Form()]
        ) -> None: ...

        files = [("name", ("a.txt", b"\xff", "text/plain")), ("tags", ("b.txt", b"", "text/plain"))]

        assert refused(endpoint, files=files) == [
            {
                "type": "string_type",
                "loc": ["body", *loc],
                "msg": "Input should be a valid string",
                "input": {
                    "filename": filename,
                    "size": size,
                    "headers": {
                        "content-disposition": f'form-data; name="{loc[0]}"; filename="{filename}"',
                        "content-type": "text/plain",
                    },
                },
            }
            for loc, filename, size in ((["name"], "a.txt", 1), (["tags", 0], "b.txt", 0))
        ]

    @pytest.mark.parametrize("headers", [JSON, {"content-type": "text/plain"}, {}])
    def test_a_body_that_is_no_form_is_a_form_without_fields(self, headers):
        async def endpoint(name: Annotated[str, Form()]) -> None: ...

        assert refused(endpoint, content=b'{"name": "a"}', headers=headers) == [
            {"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": None}
        ]

    def test_the_form_is_the_body_of_the_error(self):
        app = App()
        seen: list[Any] = []

        @app.exception_handler(RequestValidationError)
        async def handle(request: Request, error: RequestValidationError) -> Any:
            seen.append(dict(error.body))
            return Response(status_code=418)

        @app.post("/")
        async def endpoint(number: Annotated[int, Form()]) -> None: ...

        TestClient(app).post("/", data={"number": "x", "more": "1"})

        assert seen == [{"number": "x", "more": "1"}]

    def test_the_request_gives_the_same_form(self):
        async def endpoint(request: Request, name: Annotated[str, Form()]) -> Any:
            return [name, dict(await request.form())]

        data = {"name": "a", "more": "1"}
        assert answered(endpoint, data=data) == ["a", data]

    def test_dependencies_share_the_form(self):
        def get_name(name: Annotated[str, Form()]) -> str:
            return name

        async def endpoint(
            by_dependency: Annotated[str, Depends(get_name)],
            name: Annotated[str, Form()],
            number: Annotated[int, Form()],
        ) -> Any:
            return [by_dependency, name, number]

        assert answered(endpoint, data={"name": "a", "number": "3"}) == ["a", "a", 3]

    def test_a_class_that_takes_fields_is_a_dependency(self):
        class Credentials:
            def __init__(self, username: Annotated[str, Form()], scope: str = Form("")) -> None:
                self.words = [username, *scope.split()]

        async def endpoint(credentials: Annotated[Credentials, Depends()]) -> Any:
            return credentials.words

        assert answered(endpoint, data={"username": "u", "scope": "a b"}) == ["u", "a", "b"]


class TestOrder:
    """Rules V1 to V3 for forms."""

    @pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
    async def test_the_form_is_received_before_anything_opens(self, is_async):
        log = Log()

        async def session_async() -> AsyncIterator[None]:
            with log.opened("session"):
                yield

        def session_sync() -> Iterator[None]:
            with log.opened("session"):
                yield

        app = App()

        def read(name: Annotated[str, Form()]) -> None:
            log(f"reads {name}")

        session = session_async if is_async else session_sync
        app.post("/", dependencies=[Depends(session), Depends(read)])(lambda: None)

        await upload(app, [b"na", b"me=", b"a"], headers=URLENCODED, log=log)

        assert log == [
            *["chunk"] * 3,
            "session opens",
            "reads a",
            "session exits",
            "sends 200",
        ]

    @pytest.mark.parametrize(
        ("headers", "body", "detail"),
        [
            (MULTIPART, b"junk", "Invalid multipart data."),
            ({"content-type": "multipart/form-data"}, b"", "Missing boundary in multipart."),
            (
                MULTIPART,
                b"--border\r\n\r\nabc\r\n--border--\r\n",
                'The Content-Disposition header field "name" must be provided.',
            ),
            (
                {"content-type": "multipart/form-data; boundary=border; charset=a\0"},
                multipart(part("name", b"x")),
                "There was an error parsing the body",
            ),
        ],
    )
    async def test_a_malformed_form_is_raised_where_the_endpoint_would_have_run(
        self, headers, body, detail
    ):
        log = Log()

        async def session() -> AsyncIterator[None]:
            with log.opened("session"):
                yield

        def read(name: Annotated[str, Form()] = "") -> None:
            log("reads")

        def other(page: int = 1) -> None:
            log("other")

        app = App(dependencies=[Depends(session), Depends(read), Depends(other)])
        app.post("/")(lambda: log("endpoint"))

        answer = await upload(app, [body, b"more"], headers=headers, log=log)

        assert [line for line in log if line != "chunk"] == [
            "session opens",
            "other",
            "session sees HTTPException(400)",
            "sends 400",
        ]
        assert answer.json() == {"detail": detail}

    async def test_an_authentication_fails_before_a_malformed_form_does(self):
        def authenticate() -> None:
            raise HTTPException(401)

        app = App()

        @app.post("/", dependencies=[Depends(authenticate)])
        async def endpoint(name: Annotated[str, Form()]) -> None: ...

        answer = await upload(app, [b"junk"])

        assert answer.status == 401

    async def test_nothing_is_received_behind_a_mistake(self):
        log = Log()
        app = App()

        @app.post("/")
        async def endpoint(file: UploadFile) -> None: ...

        chunks = [part("file", b"x", "a.txt"), b"--border\r\njunk\r\n", b"more", b"and more"]
        await upload(app, chunks, log=log)

        assert log == ["chunk", "chunk", "sends 400"]

    async def test_a_router_alone_refuses_it_as_an_application_does(self):
        router = Router()

        @router.post("/")
        async def endpoint(name: Annotated[str, Form()]) -> None: ...

        answer = await upload(router, [b"junk"])

        assert (answer.status, answer.json()) == (400, {"detail": "Invalid multipart data."})

    async def test_what_else_goes_wrong_while_a_form_is_received_is_not_the_clients_mistake(self):
        app = App()

        @app.post("/")
        async def endpoint(name: Annotated[str, Form()]) -> None: ...

        def break_down() -> None:
            raise HTTPException(503)

        answer = await upload(app, [b"name=a"], headers=URLENCODED, on_receive=break_down)

        assert (answer.status, answer.json()) == (503, {"detail": "Service Unavailable"})


class TestLimits:
    MANY_FIELDS = b"&".join(b"a=1" for _ in range(1001))

    async def answer(self, app: App, chunks: list[bytes], headers: Any = URLENCODED) -> Any:
        answer = await upload(app, chunks, headers=headers)
        return answer.status, answer.json()

    def app(self, options: Any = None, **route: Any) -> App:
        app = App(form_limits=options)

        @app.post("/", **route)
        async def endpoint(a: Annotated[list[str], Form()]) -> int:
            return len(a)

        return app

    async def test_a_form_may_have_a_thousand_fields_and_files_of_a_mebibyte(self):
        too_many = multipart(*[part("a", b"", "f")] * 1001)

        assert await self.answer(self.app(), [self.MANY_FIELDS[4:]]) == (200, 1000)
        assert await self.answer(self.app(), [self.MANY_FIELDS]) == (
            400,
            {"detail": "Too many fields. Maximum number of fields is 1000."},
        )
        assert await self.answer(self.app(), [too_many], MULTIPART) == (
            400,
            {"detail": "Too many files. Maximum number of files is 1000."},
        )
        assert await self.answer(self.app(), [b"a=", b"x" * 2**20]) == (
            400,
            {"detail": "Field exceeded maximum size of 1024KB."},
        )
        assert await self.answer(self.app(), [multipart(part("a", b"x" * 2**20))], MULTIPART) == (
            200,
            1,
        )

    async def test_the_application_has_limits_of_its_own(self):
        app = self.app({"max_fields": 1001, "max_files": 1, "max_part_size": 2048})
        two_files = multipart(*[part("a", b"", "f")] * 2)

        assert await self.answer(app, [self.MANY_FIELDS]) == (200, 1001)
        assert await self.answer(app, [two_files], MULTIPART) == (
            400,
            {"detail": "Too many files. Maximum number of files is 1."},
        )
        assert await self.answer(app, [multipart(part("a", b"x" * 2049))], MULTIPART) == (
            400,
            {"detail": "Part exceeded maximum size of 2KB."},
        )

    async def test_a_route_changes_some_of_them(self):
        app = self.app({"max_fields": 2, "max_part_size": 0}, form_limits={"max_part_size": 5})

        assert await self.answer(app, [b"a=12&a=34"]) == (200, 2)
        assert (await self.answer(app, [b"a=1&a=2&a=3"]))[0] == 400
        assert (await self.answer(app, [b"a=12345"]))[0] == 400

    @pytest.mark.parametrize(
        ("limits", "what", "cure"),
        [
            (
                {"max_parts": 1},
                "form_limits has no 'max_parts'",
                "write some of max_fields, max_files, max_part_size",
            ),
            (
                {"max_files": -1},
                "form_limits['max_files']=-1 is no limit",
                "write a number, from 0 on",
            ),
            (
                {"max_fields": None},
                "form_limits['max_fields']=None is no limit",
                "write a number, from 0 on",
            ),
            (
                {"max_part_size": True},
                "form_limits['max_part_size']=True is no limit",
                "write a number, from 0 on",
            ),
        ],
    )
    def test_what_is_no_limit_is_reported(self, limits, what, cure):
        with pytest.raises(RegistrationError) as of_app:
            App(form_limits=limits)
        with pytest.raises(RegistrationError) as of_route:
            App().post("/", form_limits=limits)(lambda: None)

        assert str(of_app.value) == f"{what}\n  in:   App(...)\n  cure: {cure}"
        assert str(of_route.value).startswith(f"{what}\n  in:   TestLimits.")


class TestMistakes:
    def test_a_form_and_a_json_body_are_reported(self):
        async def endpoint(order: Order, name: Annotated[str, Form()]) -> None: ...

        assert told(MultipleBodiesError, endpoint) == (
            "'order' is read from a body of JSON, and 'name' of 'endpoint' from a form:"
            " a request has one body\n"
            "  in:   <where>\n"
            "  cure: declare 'order' as Form(), a part of the same form"
        )

    def test_they_are_reported_across_functions(self):
        def get_file(file: UploadFile) -> None: ...

        def get_word(
            word: Annotated[dict[str, Any], Body()], file: Annotated[Any, Depends(get_file)]
        ) -> None: ...

        async def endpoint(word: Annotated[str, Depends(get_word)]) -> None: ...

        assert told(MultipleBodiesError, endpoint) == (
            "'word' is read from a body of JSON, and 'file' of 'get_file' from a form:"
            " a request has one body\n"
            "  in:   <where>\n"
            "  path: endpoint -> get_word\n"
            "  cure: declare 'word' as Form(), a part of the same form"
        )

    def test_a_missing_package_is_reported(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "python_multipart", None)

        async def endpoint(name: Annotated[str, Form()]) -> None: ...

        assert told(MissingPackageError, endpoint) == (
            "'name' is a part of a form, and the package that parses forms is not installed\n"
            "  in:   <where>\n"
            "  cure: pip install python-multipart"
        )

    def test_a_form_of_a_websocket_is_reported(self):
        async def endpoint(websocket: WebSocket, name: Annotated[str, Form()]) -> None: ...

        with pytest.raises(UnfillableParameterError) as raised:
            App().websocket("/")(endpoint)
        assert str(raised.value).replace(raised.value.where, "<where>") == (
            "'name' is read from the body, which a WebSocket's handshake has not\n"
            "  in:   <where>\n"
            "  cure: receive it as a message, or declare it as Query()"
        )

    def test_a_file_that_is_none_is_reported(self):
        async def endpoint(count: Annotated[int, File()]) -> None: ...

        assert told(UnfillableParameterError, endpoint) == (
            "'count' has the type int, which no file can have\n"
            "  in:   <where>\n"
            "  cure: use UploadFile, or bytes for its content, or a list of these;"
            " or declare it as Form()"
        )

    def test_files_under_unknown_names_are_reported(self):
        async def endpoint(files: dict[str, UploadFile]) -> None: ...

        assert told(UnfillableParameterError, endpoint) == (
            "'files' has the type dict[str, microfw.datastructures.UploadFile], which no value of the form"
            " can have\n"
            "  in:   <where>\n"
            "  cure: use a type that one piece of text can hold, such as str, int or datetime,"
            " or a list of these"
        )


class TestSource:
    def test_the_form_is_received_in_the_first_line(self):
        app = App()

        @app.post("/fields")
        async def fields(name: Annotated[str, Form()]) -> None: ...

        @app.post("/files")
        async def files(content: Annotated[bytes, File()]) -> None: ...

        assert app.explain("/fields", "POST") == (
            "# POST /fields\n"
            "async def handle(exchange):\n"
            "    await exchange.receive_form()\n"
            "    name = read_name(exchange)\n"
            "    if exchange.errors:\n"
            "        raise invalid(exchange)\n"
            "    returned = await fields(name=name)\n"
            "    exchange.result = respond(exchange, returned)\n"
            "    # now the result is sent, if it was not; then background tasks run\n"
        )
        assert "    await exchange.receive_form(in_memory)\n" in app.explain("/files", "POST")


class Seen(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    files: list[UploadFile] = msgspec.field(default_factory=list)


pieces = st.sampled_from(
    [
        b"--border",
        b"--border--",
        b"\r\n",
        b'Content-Disposition: form-data; name="name"',
        b'Content-Disposition: form-data; name="files"; filename="a"',
        b"Content-Disposition: form-data",
        b"Content-Type: text/plain; charset=utf-16",
        b"name=a&number=1",
        b"&files=",
        b"%ff%",
        b"\x00\xff\r",
    ]
)
content_types = st.sampled_from(
    [
        *(
            f"multipart/form-data; boundary=border; charset={c}"
            for c in ("", "idna", "hex", "utf-7")
        ),
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 300,
        "multipart/form-data; boundary*=x''%",
        "application/x-www-form-urlencoded",
        "application/json",
        "\xff",
    ]
)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(
    st.lists(pieces | st.binary(max_size=20), max_size=12).map(b"".join),
    content_types,
    st.integers(1, 40),
)
def test_whatever_is_sent_is_answered_and_every_dependency_exits(body, content_type, size):
    log = Log()

    async def session() -> AsyncIterator[None]:
        with log.opened("session"):
            yield

    def get_form(
        form: Annotated[Seen, Form()],
        files: Annotated[list[bytes], File(default_factory=list)],
    ) -> None: ...

    app = App()

    @app.post("/", dependencies=[Depends(session), Depends(get_form)])
    async def endpoint(number: Annotated[int, Form()] = 1) -> None: ...

    chunks = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    headers = {"content-type": content_type}
    answer = anyio.run(lambda: upload(app, chunks, headers=headers, log=log))

    assert answer.raised is None
    assert answer.status in (200, 400, 422)
    assert answer.status == 200 or "detail" in answer.json()
    assert next(line for line in log if line != "chunk") == "session opens"
    assert log[-2].startswith("session ")
    assert log[-1] == f"sends {answer.status}"
