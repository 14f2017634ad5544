"""What goes wrong in a museum, and who notices."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from microfw import BackgroundTasks, Depends, HTTPException, Router
from tests.twin.museum.journal import note
from tests.twin.museum.models import ShownExhibit

router = Router(prefix="/incidents", tags=["incidents"])


class MuseumClosed(Exception):
    def __init__(self, until: int) -> None:
        super().__init__(f"closed until {until}")
        self.until = until


class RoomClosed(MuseumClosed):
    pass


async def get_guard(kind: str = "none") -> AsyncIterator[str]:
    note("guard on")
    try:
        yield "guard"
    except KeyError as error:
        note(f"guard sees {error!r}")
        raise HTTPException(410, f"gone: {error.args[0]}") from error
    except MuseumClosed as error:
        note(f"guard sees {error}")
        raise
    finally:
        note("guard off")
    if kind == "late":
        raise HTTPException(418, "the guard makes tea")


def get_inspector(guard: Annotated[str, Depends(get_guard, scope="function")]) -> Iterator[str]:
    note(f"inspector with {guard}")
    try:
        yield "inspector"
    except ZeroDivisionError:
        note("inspector finds a division")
        raise RoomClosed(2) from None
    except LookupError as error:
        note(f"inspector tells nobody of {error!r}")
        if isinstance(error, KeyError):
            raise
    finally:
        note("inspector leaves")


Inspector = Annotated[str, Depends(get_inspector, scope="function")]


@router.get("/{kind}")
async def cause(kind: str, inspector: Inspector, tasks: BackgroundTasks) -> Any:
    tasks.add_task(note, f"reported {kind}")
    note(f"{inspector} sees {kind}")
    match kind:
        case "division":
            return 1 // 0
        case "loss":
            raise KeyError("jug")
        case "secret":
            raise IndexError("cellar")
        case "closed":
            raise MuseumClosed(8)
        case "teapot":
            raise HTTPException(418, headers={"X-Tea": "green"})
        case "nothing":
            raise HTTPException(204)
        case "bug":
            raise RuntimeError("nobody expects this")
        case "odd":
            raise HTTPException(499, ["a", {"b": None}])
        case "late" | "none":
            return {"kind": kind}
        case _:
            raise HTTPException(404)


def fail() -> None:
    note("the copier fails")
    raise OSError("no paper")


async def get_copier() -> AsyncIterator[None]:
    note("copier on")
    try:
        yield
    except OSError as error:
        note(f"copier: {error}")
        raise
    finally:
        note("copier off")


@router.get("/failing/copies")
async def copy(
    inspector: Inspector,
    copier: Annotated[None, Depends(get_copier, scope="request")],
    tasks: BackgroundTasks,
) -> str:
    tasks.add_task(fail)
    tasks.add_task(note, "second copy")
    return f"{inspector} copies"


@router.get("/wrong/result", response_model=ShownExhibit)
async def return_wrong_result(inspector: Inspector) -> Any:
    return {"number": "many", "title": inspector}
