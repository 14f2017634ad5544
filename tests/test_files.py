"""Files that are sent in forms: how they are declared, where they are kept, when they are closed."""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import anyio
import msgspec
import pydantic
import pytest
import starlette.datastructures
from anyio import to_thread
from anyio.lowlevel import checkpoint

from microfw import App, BackgroundTasks, Depends, File, Form, HTTPException, Request, UploadFile
from microfw.responses import StreamingResponse
from microfw.testclient import TestClient
from tests.lifecycle.programs import Log
from tests.servers import ServerProcess, serve
from tests.uploads import MULTIPART, ON_DISK, chunks_of, multipart, part, upload

SMALL = b"small"
LARGE = b"large" * (ON_DISK // 5)
UNSELECTED = [part(name, "", "") for name in ("file", "content", "more")]
HELLO = ("hello.txt", b"hello", "text/plain")
sizes = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["in memory", "on disk"])


def client_of(endpoint: Any) -> TestClient:
    app = App()
    app.post("/")(endpoint)
    return TestClient(app)


def answered(endpoint: Any, **sent: Any) -> Any:
    """Send a form to a route of the endpoint's; return what it has returned."""
    answer = client_of(endpoint).post("/", **sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(endpoint: Any, **sent: Any) -> list[dict[str, Any]]:
    answer = client_of(endpoint).post("/", **sent)
    assert answer.status_code == 422, answer.text
    detail: list[dict[str, Any]] = answer.json()["detail"]
    return detail


def missing(name: str) -> dict[str, Any]:
    return {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}


def no_file(text: str, *loc: Any) -> dict[str, Any]:
    return {
        "type": "value_error",
        "loc": ["body", *loc],
        "msg": "Value error, Expected UploadFile, received: <class 'str'>",
        "input": text,
        "ctx": {"error": {}},
    }


class TestDeclarations:
    @pytest.mark.parametrize(
        "declared",
        [UploadFile, Annotated[UploadFile, File()], Annotated[UploadFile, Form()]],
        ids=["by type", "File", "Form"],
    )
    def test_a_file_is_read_in_an_async_function(self, declared):
        async def endpoint(file) -> Any:
            assert isinstance(file, UploadFile)
            return [file.filename, file.size, file.content_type, (await file.read()).decode()]

        endpoint.__annotations__["file"] = declared

        assert answered(endpoint, files={"file": HELLO}) == ["hello.txt", 5, "text/plain", "hello"]
        assert refused(endpoint) == [missing("file")]
        assert refused(endpoint, data={"file": ""}) == [missing("file")]
        assert refused(endpoint, data={"file": "text"}) == [no_file("text", "file")]

    def test_a_file_is_read_in_a_sync_function(self):
        def endpoint(file: UploadFile) -> str:
            return file.file.read().decode()

        assert answered(endpoint, files={"file": HELLO}) == "hello"

    def test_starlettes_class_may_be_annotated(self):
        async def endpoint(
            file: starlette.datastructures.UploadFile,
            other: starlette.datastructures.UploadFile | None = None,
        ) -> Any:
            return [type(file) is starlette.datastructures.UploadFile, other]

        assert answered(endpoint, files={"file": HELLO}) == [True, None]
        assert refused(endpoint, data={"file": "text"}) == [
            {
                "type": "is_instance_of",
                "loc": ["body", "file"],
                "msg": "Input should be an instance of UploadFile",
                "input": "text",
                "ctx": {"class": "UploadFile"},
            }
        ]

    def test_a_default_declares_it_too(self):
        async def endpoint(file: UploadFile = File(alias="the-file")) -> Any:
            return file.filename

        assert answered(endpoint, files={"the-file": HELLO}) == "hello.txt"

    def test_a_file_may_be_left_out(self):
        async def endpoint(file: UploadFile | None = None, more: list[UploadFile] = []) -> Any:  # noqa: B006
            return [file and file.filename, [each.filename for each in more]]

        assert answered(endpoint) == [None, []]
        assert answered(endpoint, data={"file": ""}) == [None, []]
        assert answered(endpoint, files={"file": HELLO}) == ["hello.txt", []]

    def test_an_input_in_which_no_file_was_selected_is_left_out(self):
        async def endpoint(
            file: UploadFile | None = None,
            content: Annotated[bytes | None, File()] = None,
            more: list[UploadFile] = [],  # noqa: B006
        ) -> Any:
            return [file, content, [each.filename for each in more]]

        async def demanding(file: UploadFile, more: list[UploadFile]) -> None: ...

        unselected: dict[str, Any] = {"headers": MULTIPART, "content": multipart(*UNSELECTED)}
        one: dict[str, Any] = {
            "headers": MULTIPART,
            "content": multipart(part("more", "", "a"), *UNSELECTED),
        }

        assert answered(endpoint, **unselected) == [None, None, []]
        assert answered(endpoint, **one) == [None, None, ["a"]]
        assert refused(demanding, **unselected) == [missing("file"), missing("more")]

    def test_several_files_have_one_name(self):
        async def endpoint(files: list[UploadFile]) -> Any:
            return [file.filename for file in files]

        two = [("files", HELLO), ("files", ("b.txt", b"b"))]
        assert answered(endpoint, files=two) == ["hello.txt", "b.txt"]
        assert refused(endpoint) == [missing("files")]
        assert refused(endpoint, files=[("files", HELLO)], data={"files": "text"}) == [
            no_file("text", "files", 0)
        ]

    def test_files_and_fields_are_mixed(self):
        async def endpoint(
            file: UploadFile, token: Annotated[str, Form()], times: Annotated[int, Form()] = 1
        ) -> Any:
            return [file.filename, token, times]

        data = {"token": "t", "times": "3"}
        assert answered(endpoint, files={"file": HELLO}, data=data) == ["hello.txt", "t", 3]
        assert refused(endpoint, data={"times": "x"}) == [
            missing("file"),
            missing("token"),
            {
                "type": "int_parsing",
                "loc": ["body", "times"],
                "msg": "Input should be a valid integer, unable to parse string as an integer",
                "input": "x",
            },
        ]

    def test_a_file_or_text_is_whichever_was_sent(self):
        async def endpoint(value: UploadFile | str) -> Any:
            return value if isinstance(value, str) else value.filename

        assert answered(endpoint, files={"value": HELLO}) == "hello.txt"
        assert answered(endpoint, data={"value": "text"}) == "text"

    def test_anything_that_is_sent_may_be_asked_for(self):
        async def endpoint(value: Annotated[Any, File()]) -> Any:
            return type(value).__name__

        assert answered(endpoint, files={"value": HELLO}) == "UploadFile"
        assert answered(endpoint, data={"value": "text"}) == "str"

    def test_functions_share_a_file(self):
        async def get_size(file: UploadFile) -> int:
            return len(await file.read())

        async def endpoint(
            request: Request, size: Annotated[int, Depends(get_size)], file: UploadFile
        ) -> Any:
            sent: Any = (await request.form())["file"]
            return [size, (await file.read()).decode(), sent.file is file.file]

        assert answered(endpoint, files={"file": HELLO}) == [5, "", True]

    def test_what_is_no_file_is_no_upload(self):
        with pytest.raises(ValueError, match="Expected UploadFile, received: <class 'int'>"):
            pydantic.TypeAdapter(UploadFile).validate_python(3)


class TestContent:
    @sizes
    @pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
    async def test_a_file_that_is_declared_as_bytes_is_its_content(self, app, content, is_async):
        async def endpoint_async(file: Annotated[bytes, File()], again: UploadFile) -> Any:
            return [file == content, await again.read() == content]

        def endpoint_sync(file: Annotated[bytes, File()], again: UploadFile) -> Any:
            return [file == content, again.file.read() == content]

        app.post("/")(endpoint_async if is_async else endpoint_sync)
        body = multipart(part("file", content, "a.txt"), part("again", content, "b.txt"))

        answer = await upload(app, chunks_of(body))

        assert answer.json() == [True, True]

    def test_the_same_file_is_read_in_both_ways(self):
        def get_content(file: Annotated[bytes, File()]) -> bytes:
            return file

        async def endpoint(
            file: UploadFile, content: Annotated[bytes, Depends(get_content)]
        ) -> Any:
            return [(await file.read()).decode(), content.decode()]

        assert answered(endpoint, files={"file": HELLO}) == ["hello", "hello"]

    def test_several_contents_have_one_name(self):
        async def endpoint(files: Annotated[list[bytes], File()]) -> Any:
            return [content.decode() for content in files]

        two = [("files", HELLO), ("files", ("b.txt", b"b"))]
        assert answered(endpoint, files=two, data={"files": "text"}) == ["text", "hello", "b"]
        assert refused(endpoint) == [missing("files")]

    def test_content_may_be_left_out_or_be_text(self):
        async def endpoint(file: Annotated[bytes | None, File()] = None) -> Any:
            return file and file.decode()

        assert answered(endpoint) is None
        assert answered(endpoint, data={"file": ""}) is None
        assert answered(endpoint, data={"file": "text"}) == "text"

    def test_content_has_limits(self):
        async def endpoint(file: Annotated[bytes, File(max_length=3)]) -> None: ...

        assert refused(endpoint, files={"file": ("a", b"\xffabc")}) == [
            {
                "type": "bytes_too_long",
                "loc": ["body", "file"],
                "msg": "Data should have at most 3 bytes",
                "input": "\ufffdabc",
                "ctx": {"max_length": 3},
            }
        ]

    def test_bytes_of_a_form_are_those_of_a_field(self):
        async def endpoint(word: Annotated[bytes, Form()]) -> str:
            return word.decode()

        assert answered(endpoint, data={"word": "text"}) == "text"
        assert [error["type"] for error in refused(endpoint, files={"word": HELLO})] == [
            "bytes_type"
        ]


class TestStorage:
    @pytest.mark.parametrize(("content", "on_disk"), [(SMALL, False), (LARGE, True)])
    async def test_a_large_file_is_put_on_disk(self, app, content, on_disk):
        @app.post("/")
        async def endpoint(file: UploadFile) -> Any:
            spool: Any = file.file
            return [spool._rolled, file.size, await file.read() == content]

        answer = await upload(app, chunks_of(multipart(part("file", content, "a.txt"))))

        assert answer.json() == [on_disk, len(content), True]

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
    def test_an_upload_is_not_held_in_memory(self, tmp_path: Path):
        """A server's memory grows by less than an eighth of what it receives."""
        (tmp_path / "receives.py").write_text(
            "from microfw import App, UploadFile\n"
            "app = App(max_body_size=None)\n"
            "@app.post('/')\n"
            "async def endpoint(file: UploadFile):\n"
            "    size = 0\n"
            "    while chunk := await file.read(2**16):\n"
            "        size += len(chunk)\n"
            "    return size\n"
        )
        size = 64 * 1024 * 1024

        with serve("receives:app", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}) as server:
            assert isinstance(server, ServerProcess)
            assert sent_file(server, ON_DISK) == ON_DISK
            before = peak_memory(server)
            assert sent_file(server, size) == size
            assert peak_memory(server) - before < size // 8


def sent_file(server: ServerProcess, size: int) -> int:
    """Send a file of this size, in small pieces; return what the server answers."""
    block = b"x" * 2**16
    head = part("file", b"", "a.txt").removesuffix(b"\r\n")
    tail = b"\r\n" + multipart()
    length = len(head) + size + len(tail)
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
            b"Content-Type: multipart/form-data; boundary=border\r\n"
            b"Content-Length: %d\r\n\r\n" % length
        )
        connection.sendall(head)
        for _ in range(size // len(block)):
            connection.sendall(block)
        connection.sendall(tail)
        answer = connection.makefile("rb").read()
    return int(answer.rpartition(b"\r\n\r\n")[2])


def peak_memory(server: ServerProcess) -> int:
    """The most bytes that the server's process has had in memory."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


class TestClosing:
    """Rule B5."""

    @sizes
    @pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
    async def test_files_are_closed_after_the_tasks_and_before_request_scope_exits(
        self, app, content, is_async
    ):
        log = Log()
        opened: list[UploadFile] = []

        def state() -> str:
            return "closed" if opened[0].file.closed else "open"

        async def session_async() -> AsyncIterator[None]:
            yield
            log(f"request scope exits, {state()}")

        def session_sync() -> Iterator[None]:
            yield
            log(f"request scope exits, {state()}")

        def work_sync(file: UploadFile) -> Iterator[None]:
            opened.append(file)
            yield
            log(f"function scope exits, {state()}")

        async def work_async(file: UploadFile) -> AsyncIterator[None]:
            opened.append(file)
            yield
            log(f"function scope exits, {state()}")

        def task(file: UploadFile) -> None:
            log(f"task reads {len(file.file.read())} bytes, {state()}")

        async def endpoint_async(file: UploadFile, tasks: BackgroundTasks) -> None:
            tasks.add_task(task, file)

        def endpoint_sync(file: UploadFile, tasks: BackgroundTasks) -> None:
            tasks.add_task(task, file)

        session = Depends(session_async if is_async else session_sync, scope="request")
        work = Depends(work_async if is_async else work_sync)
        app.post("/", dependencies=[session, work])(endpoint_async if is_async else endpoint_sync)

        await upload(app, [multipart(part("file", content, "a.txt"))], log=log)

        assert log == [
            "chunk",
            "function scope exits, open",
            "sends 200",
            f"task reads {len(content)} bytes, open",
            "request scope exits, closed",
        ]

    async def test_a_stream_reads_its_file_to_the_end(self, app):
        opened: list[UploadFile] = []

        @app.post("/", response_class=StreamingResponse)
        async def endpoint(file: UploadFile) -> AsyncIterator[bytes]:
            opened.append(file)
            while chunk := await file.read(2):
                yield chunk

        answer = await upload(app, [multipart(part("file", SMALL, "a.txt"))])

        assert (answer.body, opened[0].file.closed) == (SMALL, True)

    @sizes
    @pytest.mark.parametrize(
        ("error", "status"), [(HTTPException(409), 409), (OSError("oops"), 500)]
    )
    async def test_files_are_closed_after_an_error(self, app, content, error, status):
        opened: list[UploadFile] = []

        @app.post("/")
        async def endpoint(file: UploadFile) -> None:
            opened.append(file)
            raise error

        answer = await upload(app, [multipart(part("file", content, "a.txt"))])

        assert (answer.status, opened[0].file.closed) == (status, True)

    async def test_files_are_closed_after_invalid_values(self, app):
        files: list[Any] = []

        async def keep(request: Request) -> None:
            files.extend((await request.form()).values())

        @app.post("/", dependencies=[Depends(keep)])
        async def endpoint(file: UploadFile, number: Annotated[int, Form()]) -> None: ...

        answer = await upload(app, [multipart(part("file", SMALL, "a.txt"))])

        assert (answer.status, [file.file.closed for file in files]) == (422, [True])

    @sizes
    async def test_files_are_closed_when_the_request_is_cancelled(self, app, content):
        opened: list[UploadFile] = []

        @app.post("/")
        async def endpoint(file: UploadFile) -> None:
            opened.append(file)
            scope.cancel()
            await checkpoint()

        with anyio.CancelScope() as scope:
            await upload(app, [multipart(part("file", content, "a.txt"))])

        assert [file.file.closed for file in opened] == [True]

    async def test_closing_waits_for_no_free_thread(self, app):
        """Rule T4: those that are taken may wait for what this request still holds."""
        opened: list[UploadFile] = []
        limiter = to_thread.current_default_thread_limiter()
        borrowers = [object() for _ in range(int(limiter.total_tokens))]

        @app.post("/")
        async def endpoint(file: UploadFile) -> None:
            opened.append(file)
            for borrower in borrowers:
                limiter.acquire_on_behalf_of_nowait(borrower)

        await upload(app, [multipart(part("file", LARGE, "a.txt"))])
        for borrower in borrowers:
            limiter.release_on_behalf_of(borrower)

        assert opened[0].file.closed

    async def test_a_file_that_an_endpoint_closes_is_closed_once_more(self, app):
        @app.post("/")
        async def endpoint(file: UploadFile) -> None:
            await file.close()

        answer = await upload(app, [multipart(part("file", LARGE, "a.txt"))])

        assert (answer.status, answer.raised) == (200, None)


class TestGroups:
    """Files in a class that is declared as a form."""

    def test_a_struct_has_files(self):
        class Letter(msgspec.Struct):
            subject: str
            picture: UploadFile
            attachments: list[UploadFile] = msgspec.field(default_factory=list)
            signature: Annotated[bytes, File()] = b""

        async def endpoint(letter: Annotated[Letter, Form()]) -> Any:
            return [
                letter.subject,
                letter.picture.filename,
                [file.filename for file in letter.attachments],
                letter.signature.decode(),
            ]

        files = [("picture", HELLO), ("attachments", HELLO), ("attachments", HELLO)]
        data = {"subject": "s"}
        assert answered(endpoint, files=[*files, ("signature", HELLO)], data=data) == [
            "s",
            "hello.txt",
            ["hello.txt", "hello.txt"],
            "hello",
        ]
        assert answered(endpoint, files=files[:1], data=data) == ["s", "hello.txt", [], ""]
        assert refused(endpoint, data={**data, "picture": "text"}) == [no_file("text", "picture")]

    def test_a_model_of_pydantics_has_files(self):
        class Letter(pydantic.BaseModel):
            subject: str
            picture: UploadFile
            signature: Annotated[bytes, File()] = b""

        async def endpoint(letter: Annotated[Letter, Form()]) -> Any:
            assert isinstance(letter.picture, UploadFile)
            return [letter.subject, letter.picture.filename, letter.signature.decode()]

        files = {"picture": HELLO, "signature": HELLO}
        assert answered(endpoint, files=files, data={"subject": "s"}) == ["s", "hello.txt", "hello"]
        assert refused(endpoint, data={"subject": "s", "picture": "text"}) == [
            no_file("text", "picture")
        ]
