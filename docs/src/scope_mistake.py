from collections.abc import Iterator
from typing import Annotated

from microfw import App, Depends

app = App()


# region mistake
def get_session() -> Iterator[str]:
    yield "a session, for one request"


class Ships:
    def __init__(self, session: Annotated[str, Depends(get_session, scope="function")]) -> None:
        self.session = session


def get_cache(ships: Annotated[Ships, Depends()]) -> Iterator[Ships]:
    yield ships  # open until shutdown, with a session that is closed long before


def list_ships(cache: Annotated[Ships, Depends(get_cache, scope="app")]) -> None: ...


# endregion mistake


def make_mistake() -> None:
    app.get("/ships")(list_ships)
