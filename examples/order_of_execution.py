"""The order of execution, printed as it happens: setup from the application down to the endpoint,
exit code back up, the response, the tasks, and scope "request"; then with an exception.
"""

from collections.abc import Callable, Iterator
from typing import Annotated

from httpx2 import Client
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from microfw import App, BackgroundTasks, Depends, HTTPException, Router
from microfw.testclient import TestClient


def printing(name: str) -> Callable[[], Iterator[None]]:
    """Make a dependency that prints what it sees."""

    def dependency() -> Iterator[None]:
        print(f"{name}: setup")
        try:
            yield
        except HTTPException as error:
            print(f"{name}: exit code, sees {error.status_code}")
            raise
        print(f"{name}: exit code")

    return dependency


class TellWhenSent:
    """Middleware: prints when a response goes out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                print(f"the response is sent: {message['status']}")
            await send(message)

        await self.app(scope, receive, send_and_tell)


app = App(dependencies=[Depends(printing("application"))])
app.add_middleware(TellWhenSent)
router = Router(dependencies=[Depends(printing("router"))])


@router.get("/{number}", dependencies=[Depends(printing("route"))])
def endpoint(
    number: int,
    narrow: Annotated[None, Depends(printing("parameter"))],
    wide: Annotated[None, Depends(printing('parameter of scope "request"'), scope="request")],
    tasks: BackgroundTasks,
) -> int:
    print("endpoint")
    tasks.add_task(print, "background task")
    if number == 13:
        raise HTTPException(404)
    return number


app.include_router(router)


def show(client: Client) -> None:
    print("answer:", client.get("/12").text)
    print("answer:", client.get("/13").text)


if __name__ == "__main__":
    show(TestClient(app))

# Prints:
#   parameter of scope "request": setup
#   application: setup
#   router: setup
#   route: setup
#   parameter: setup
#   endpoint
#   parameter: exit code
#   route: exit code
#   router: exit code
#   application: exit code
#   the response is sent: 200
#   background task
#   parameter of scope "request": exit code
#   answer: 12
#   parameter of scope "request": setup
#   application: setup
#   router: setup
#   route: setup
#   parameter: setup
#   endpoint
#   parameter: exit code, sees 404
#   route: exit code, sees 404
#   router: exit code, sees 404
#   application: exit code, sees 404
#   parameter of scope "request": exit code, sees 404
#   the response is sent: 404
#   answer: {"detail":"Not Found"}
