"""Background tasks: work that goes on when the answer has been sent."""

from collections.abc import Iterator
from typing import Annotated

import pytest

from microfw import App, BackgroundTasks, Depends
from tests.tutorial.twins import Backend, Twins, twin_of

app = App()
log: list[str] = []


def write_line(text: str, *, to: str = "book") -> None:
    log.append(f"{to}: {text}")


async def write_later(text: str):
    log.append(f"later: {text}")


def get_words(tasks: BackgroundTasks, words: str | None = None):
    if words:
        tasks.add_task(write_line, f"searched {words}")
    return words


@app.post("/letters/{to}", status_code=202)
async def send_letter(
    to: str, tasks: BackgroundTasks, words: Annotated[str | None, Depends(get_words)]
):
    tasks.add_task(write_line, f"letter to {to}", to="post")
    tasks.add_task(write_later, to)
    return {"sent": to, "log": list(log)}


@app.post("/failing")
async def fail(tasks: BackgroundTasks):
    tasks.add_task(write_line, "in vain")
    raise ZeroDivisionError


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    theirs = twin_of(__name__).log
    log.clear()
    theirs.clear()
    yield
    assert log == theirs


def test_tasks_run_in_their_order_when_the_answer_has_been_made(client: Twins) -> None:
    answer = client.post("/letters/ada")

    assert (answer.status_code, answer.json()) == (202, {"sent": "ada", "log": []})
    assert log == ["post: letter to ada", "later: ada"]


def test_dependencies_add_to_the_same_tasks(client: Twins) -> None:
    client.post("/letters/mo?words=tea")

    assert log == ["book: searched tea", "post: letter to mo", "later: mo"]


def test_tasks_of_an_answer_that_is_not_sent_do_not_run(client: Twins) -> None:
    for one in (client.microfw, client.fastapi):
        with pytest.raises(ZeroDivisionError):
            one.post("/failing")

    assert log == []
