"""Static files and templates: a folder of each."""

import tempfile
from pathlib import Path

import pytest

from microfw import App, Request
from microfw.responses import HTMLResponse
from microfw.staticfiles import StaticFiles
from microfw.templating import Jinja2Templates
from tests.tutorial.twins import Twins

folder = Path(tempfile.mkdtemp())
(folder / "static" / "deep").mkdir(parents=True)
(folder / "static" / "style.css").write_text("h1 { color: navy }\n")
(folder / "static" / "deep" / "note.txt").write_text("a note\n")
(folder / "templates").mkdir()
(folder / "templates" / "boat.html").write_text(
    """<link href="{{ url_for('static', path='/style.css') }}" rel="stylesheet">
<h1><a href="{{ url_for('read_boat', number=number) }}">Boat {{ number }}, {{ owner }}</a></h1>
"""
)

app = App()
app.mount("/static", StaticFiles(directory=folder / "static"), name="static")
templates = Jinja2Templates(directory=folder / "templates")


@app.get("/boats/{number}", response_class=HTMLResponse)
async def read_boat(request: Request, number: str, owner: str = "nobody"):
    return templates.TemplateResponse(
        request=request, name="boat.html", context={"number": number, "owner": owner}
    )


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
    answer = client.microfw.get(path)

    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["content-type"] == kind


def test_a_file_that_has_not_changed_is_not_sent_again(client: Twins) -> None:
    first = client.microfw.get("/static/style.css")

    again = client.microfw.get(
        "/static/style.css", headers={"if-none-match": first.headers["etag"]}
    )

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/static/missing.css", "/static/../templates/boat.html", "/static"]
)
def test_what_is_not_in_the_folder_is_not_found(client: Twins, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_a_template_is_filled_and_what_is_put_in_is_escaped(client: Twins) -> None:
    answer = client.get("/boats/7?owner=%3CAda%3E")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == (
        '<link href="http://testserver/static/style.css" rel="stylesheet">\n'
        '<h1><a href="http://testserver/boats/7">Boat 7, &lt;Ada&gt;</a></h1>'
    )
