"""Static files: a folder that is sent as it is."""

from pathlib import Path

import pytest

from microfw import App
from microfw.staticfiles import StaticFiles
from tests.tutorial.twins import Twins

FILES = Path(__file__).parent / "files"

app = App()
app.mount("/static", StaticFiles(directory=FILES / "static"), name="static")


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/static/style.css", "text/css; charset=utf-8", "h1 { color: navy }\n"),
        ("/static/deep/note.txt", "text/plain; charset=utf-8", "a note\n"),
    ],
)
def test_the_files_of_a_folder_are_sent_by_their_kind(
    client: Twins, path: str, kind: str, text: str
) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["content-type"] == kind


def test_a_file_that_has_not_changed_is_not_sent_again(client: Twins) -> None:
    first = client.get("/static/style.css")

    again = client.get("/static/style.css", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/static/missing.css", "/static/%2E%2E/secret.txt", "/static"])
def test_what_is_not_in_the_folder_is_not_found(client: Twins, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
