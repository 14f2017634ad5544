"""Templates: pages that Jinja2 fills, with links to paths by their names."""

from pathlib import Path

from microfw import App, Request
from microfw.responses import HTMLResponse
from microfw.staticfiles import StaticFiles
from microfw.templating import Jinja2Templates
from tests.tutorial.twins import Twins

FILES = Path(__file__).parent / "files"

app = App()
app.mount("/static", StaticFiles(directory=FILES / "static"), name="static")
templates = Jinja2Templates(directory=FILES / "templates")


@app.get("/boats/{number}", response_class=HTMLResponse)
async def read_boat(request: Request, number: str, owner: str = "nobody"):
    return templates.TemplateResponse(
        request=request, name="boat.html", context={"number": number, "owner": owner}
    )


def test_a_template_is_filled_and_what_is_put_in_is_escaped(client: Twins) -> None:
    answer = client.get("/boats/7?owner=%3CAda%3E")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == (
        '<link href="http://testserver/static/style.css" rel="stylesheet">\n'
        '<h1><a href="http://testserver/boats/7">Boat 7, &lt;Ada&gt;</a></h1>'
    )
