from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from microfw import App, BackgroundTasks, Depends, HTTPException

app = App()


# region crane
class Crane:
    def __init__(self) -> None:
        self.lifted = 0

    def lift(self, crates: int) -> None:
        if crates > 10:
            raise ValueError("too heavy")
        self.lifted += crates


async def get_crane() -> AsyncIterator[Crane]:
    crane = Crane()
    print("crane: start")
    yield crane
    print(f"crane: stop after {crane.lifted} crates")


@app.post("/unload")
async def unload(crates: int, crane: Annotated[Crane, Depends(get_crane)]) -> str:
    crane.lift(crates)
    print("endpoint")
    return "unloaded"


# endregion crane


# region finally
async def get_safe_crane() -> AsyncIterator[Crane]:
    crane = Crane()
    print("crane: start")
    try:
        yield crane
    finally:
        print("crane: stop")


@app.post("/unload/safely")
async def unload_safely(crates: int, crane: Annotated[Crane, Depends(get_safe_crane)]) -> str:
    crane.lift(crates)
    return "unloaded"


# endregion finally


# region sub
async def get_berth() -> AsyncIterator[str]:
    print("berth: reserved")
    try:
        yield "berth 3"
    finally:
        print("berth: free")


async def get_gangway(berth: Annotated[str, Depends(get_berth)]) -> AsyncIterator[str]:
    print(f"gangway: down, at {berth}")
    try:
        yield "gangway"
    finally:
        print(f"gangway: up, at {berth}")


@app.post("/board")
async def board(gangway: Annotated[str, Depends(get_gangway)]) -> str:
    print("endpoint")
    return f"aboard by the {gangway}"


# endregion sub


# region http_exception
class NotYoursError(Exception):
    pass


def get_container() -> Iterator[dict[str, str]]:
    container = {"owner": "Ada", "seal": "intact"}
    try:
        yield container
    except NotYoursError as error:
        raise HTTPException(403, f"it belongs to {container['owner']}") from error
    if container["seal"] != "intact":
        raise HTTPException(409, "the seal is broken")


@app.get("/container")
def open_container(
    who: str, container: Annotated[dict[str, str], Depends(get_container)], tool: str = "key"
) -> str:
    if who != container["owner"]:
        raise NotYoursError
    if tool == "crowbar":
        container["seal"] = "broken"
    return "bananas"


# endregion http_exception


# region swallow
async def get_leaky_crane() -> AsyncIterator[Crane]:
    try:
        yield Crane()
    except ValueError:
        print("crane: that was too heavy")


@app.post("/unload/leaky")
async def unload_leaky(crates: int, crane: Annotated[Crane, Depends(get_leaky_crane)]) -> str:
    crane.lift(crates)
    return "unloaded"


# endregion swallow


# region raise
async def get_honest_crane() -> AsyncIterator[Crane]:
    try:
        yield Crane()
    except ValueError:
        print("crane: that was too heavy")
        raise


@app.post("/unload/honest")
async def unload_honest(crates: int, crane: Annotated[Crane, Depends(get_honest_crane)]) -> str:
    crane.lift(crates)
    return "unloaded"


# endregion raise


# region tasks
async def get_logbook() -> AsyncIterator[list[str]]:
    lines: list[str] = []
    print("logbook: open")
    yield lines
    print(f"logbook: closed with {lines}")


Logbook = Annotated[list[str], Depends(get_logbook)]


async def write_down(line: str, logbook: Logbook) -> None:  # opens a logbook of its own
    logbook.append(line)


@app.post("/arrivals/{ship}")
async def arrive(ship: str, logbook: Logbook, tasks: BackgroundTasks) -> str:
    logbook.append(f"{ship} is here")
    tasks.add_task(write_down, f"{ship} was greeted")
    return f"welcome, {ship}"


# endregion tasks
