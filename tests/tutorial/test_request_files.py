"""Files: as bytes or as an `UploadFile`, one or several, beside fields of a form."""

from typing import Annotated

from microfw import App, File, Form, UploadFile
from tests.tutorial.twins import Twins, error

app = App()


@app.post("/bytes")
async def weigh(scan: Annotated[bytes, File()]):
    return {"size": len(scan)}


@app.post("/upload")
async def upload(scan: UploadFile):
    begin = await scan.read(4)
    await scan.seek(0)
    whole = await scan.read()
    return {
        "filename": scan.filename,
        "type": scan.content_type,
        "begin": begin.decode(),
        "size": len(whole),
    }


@app.post("/upload/sync")
def upload_in_a_thread(scan: UploadFile):
    return {"lines": len(scan.file.readlines()), "size": scan.size}


@app.post("/perhaps")
async def upload_perhaps(scan: UploadFile | None = None):
    return {"filename": None if scan is None else scan.filename}


@app.post("/described")
async def upload_described(scan: Annotated[UploadFile, File(description="A page, as a picture")]):
    return {"filename": scan.filename}


@app.post("/several")
async def upload_several(scans: list[UploadFile]):
    return [scan.filename for scan in scans]


@app.post("/several/bytes")
async def weigh_several(scans: Annotated[list[bytes], File()]):
    return [len(scan) for scan in scans]


@app.post("/signed")
async def upload_signed(
    scan: Annotated[bytes, File()],
    page: Annotated[UploadFile, File()],
    token: Annotated[str, Form()],
):
    return {"size": len(scan), "token": token, "type": page.content_type}


PAGE = ("page.txt", b"one\ntwo\n", "text/plain")


def test_a_file_may_be_taken_as_bytes(client: Twins) -> None:
    assert client.post("/bytes", files={"scan": PAGE}).json() == {"size": 8}


def test_an_upload_has_a_name_a_type_and_content(client: Twins) -> None:
    answer = client.post("/upload", files={"scan": PAGE})

    assert answer.json() == {
        "filename": "page.txt",
        "type": "text/plain",
        "begin": "one\n",
        "size": 8,
    }


def test_a_function_without_async_reads_the_file_itself(client: Twins) -> None:
    large = b"line\n" * 300_000

    assert client.post("/upload/sync", files={"scan": large}).json() == {
        "lines": 300_000,
        "size": 1_500_000,
    }


def test_a_file_may_be_left_out_where_it_has_a_default(client: Twins) -> None:
    assert client.post("/perhaps").json() == {"filename": None}
    assert client.post("/perhaps", files={"scan": PAGE}).json() == {"filename": "page.txt"}
    assert client.post("/described", files={"scan": PAGE}).json() == {"filename": "page.txt"}


def test_several_files_have_one_name(client: Twins) -> None:
    files = [("scans", PAGE), ("scans", ("other.txt", b"", "text/plain"))]

    assert client.post("/several", files=files).json() == ["page.txt", "other.txt"]
    assert client.post("/several/bytes", files=files).json() == [8, 0]


def test_files_and_fields_come_in_one_form(client: Twins) -> None:
    answer = client.post("/signed", files={"scan": b"abc", "page": PAGE}, data={"token": "t"})

    assert answer.json() == {"size": 3, "token": "t", "type": "text/plain"}


def test_what_is_missing_of_a_form_is_reported(client: Twins) -> None:
    answer = client.post("/signed", files={"scan": b"abc"})

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            error("missing", ["body", "page"], "Field required", None),
            error("missing", ["body", "token"], "Field required", None),
        ]
    }


def test_text_is_no_file(client: Twins) -> None:
    answer = client.post("/upload", data={"scan": "one"})

    message = "Value error, Expected UploadFile, received: <class 'str'>"
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [error("value_error", ["body", "scan"], message, "one", error={})]
    }
