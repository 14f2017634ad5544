"""The response as a parameter: cookies, headers and the status are set on it."""

from typing import Annotated

from microfw import App, Depends, Response, status
from microfw.responses import JSONResponse
from tests.tutorial.twins import Twins

app = App()
kept: set[str] = {"rye"}


def mark(response: Response):
    response.headers["X-Marked"] = "by a dependency"
    response.set_cookie("marked", "yes")


@app.post("/cookie")
async def set_cookie(response: Response):
    response.set_cookie(key="session", value="a7", httponly=True)
    return {"message": "Come to the dark side"}


@app.post("/cookie/returned")
def set_cookie_on_a_response():
    response = JSONResponse(content={"message": "kept"})
    response.set_cookie(key="session", value="a7")
    return response


@app.get("/headers")
def set_headers(response: Response):
    response.headers["X-Cat-Dog"] = "alone in the world"
    return {"message": "Hello"}


@app.get("/headers/returned")
def set_headers_on_a_response():
    return JSONResponse(
        {"message": "Hello"}, headers={"X-Cat-Dog": "alone", "Content-Language": "nl"}
    )


@app.put("/loaves/{name}", status_code=200)
def put_loaf(name: str, response: Response):
    if name not in kept:
        response.status_code = status.HTTP_201_CREATED
    return {"loaf": name}


@app.delete("/loaves/{name}", status_code=204)
def remove_loaf(name: str, response: Response):
    if name not in kept:
        response.status_code = status.HTTP_410_GONE
        return {"gone": name}
    return None


@app.get("/marked")
async def read_marked(response: Response, marked: Annotated[None, Depends(mark)]):
    response.headers.append("X-Marked", "by the endpoint")


def test_a_cookie_is_set_beside_the_value_that_is_returned(client: Twins) -> None:
    answer = client.post("/cookie")

    assert answer.json() == {"message": "Come to the dark side"}
    assert answer.headers["set-cookie"] == "session=a7; HttpOnly; Path=/; SameSite=lax"
    assert client.post("/cookie/returned").cookies["session"] == "a7"


def test_headers_are_set_beside_the_value_that_is_returned(client: Twins) -> None:
    returned = client.get("/headers/returned").headers

    assert client.get("/headers").headers["x-cat-dog"] == "alone in the world"
    assert (returned["x-cat-dog"], returned["content-language"]) == ("alone", "nl")


def test_the_status_may_be_another_than_the_declared_one(client: Twins) -> None:
    assert client.put("/loaves/rye").status_code == 200
    assert client.put("/loaves/oat").status_code == 201
    assert client.put("/loaves/oat").json() == {"loaf": "oat"}


def test_a_status_without_content_may_become_one_with_content(client: Twins) -> None:
    gone = client.delete("/loaves/oat")

    assert client.microfw.delete("/loaves/rye").content == b""
    assert (gone.status_code, gone.json()) == (410, {"gone": "oat"})


def test_dependencies_set_headers_on_the_same_response(client: Twins) -> None:
    answer = client.get("/marked")

    assert answer.json() is None
    assert answer.headers.get_list("x-marked") == ["by a dependency", "by the endpoint"]
    assert answer.cookies["marked"] == "yes"
