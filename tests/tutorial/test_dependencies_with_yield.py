"""Dependencies with `yield`: code before the response is made, and code after."""

from collections.abc import Iterator
from typing import Annotated

import pytest

from microfw import App, BackgroundTasks, Depends, HTTPException
from tests.tutorial.twins import Backend, Twins, twin_of

app = App()
log: list[str] = []


class OwnerError(Exception):
    pass


BOXES = {"1": {"owner": "Ada"}, "2": {"owner": "Mo"}}


async def get_session():
    log.append("session opens")
    try:
        yield "session"
    finally:
        log.append("session closes")


def get_work(session: Annotated[str, Depends(get_session, scope="function")]):
    log.append("work begins")
    try:
        yield f"work with {session}"
    except OwnerError as error:
        log.append("work is taken back")
        raise HTTPException(status_code=400, detail=f"Not yours: {error}")
    except HTTPException as error:
        log.append(f"work sees {error.status_code}")
        raise
    finally:
        log.append("work ends")


async def get_pen(work: Annotated[str, Depends(get_work, scope="function")]):
    yield f"pen for {work}"
    log.append("pen is put away")


def get_stamp():
    yield "stamp"
    log.append("stamp is dry")


PenDep = Annotated[str, Depends(get_pen, scope="function")]


@app.get("/pen")
async def use_pen(
    pen: PenDep, stamp: Annotated[str, Depends(get_stamp, scope="function")], tasks: BackgroundTasks
):
    tasks.add_task(log.append, "task runs")
    log.append("endpoint runs")
    return pen


@app.get("/boxes/{box}")
def open_box(box: str, work: Annotated[str, Depends(get_work, scope="function")]):
    if box not in BOXES:
        raise HTTPException(status_code=404, detail="No such box")
    if BOXES[box]["owner"] != "Ada":
        raise OwnerError(BOXES[box]["owner"])
    return BOXES[box]


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


def test_what_is_yielded_is_injected_and_exit_code_runs_in_reverse_before_the_tasks(
    client: Twins,
) -> None:
    answer = client.get("/pen")

    assert answer.json() == "pen for work with session"
    assert log == [
        "session opens",
        "work begins",
        "endpoint runs",
        "stamp is dry",
        "pen is put away",
        "work ends",
        "session closes",
        "task runs",
    ]


def test_a_success_is_sent_when_everything_is_closed(client: Twins) -> None:
    assert client.get("/boxes/1").json() == {"owner": "Ada"}
    assert log == ["session opens", "work begins", "work ends", "session closes"]


def test_a_dependency_may_answer_an_exception_with_another(client: Twins) -> None:
    answer = client.get("/boxes/2")

    assert (answer.status_code, answer.json()) == (400, {"detail": "Not yours: Mo"})
    assert log == [
        "session opens",
        "work begins",
        "work is taken back",
        "work ends",
        "session closes",
    ]


def test_a_dependency_sees_an_http_exception_too(client: Twins) -> None:
    answer = client.get("/boxes/3")

    assert (answer.status_code, answer.json()) == (404, {"detail": "No such box"})
    assert log == ["session opens", "work begins", "work sees 404", "work ends", "session closes"]
