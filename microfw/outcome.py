"""What became of a request, for exit code to decide by.

```python
async def get_session(outcome: Outcome) -> AsyncIterator[AsyncSession]:
    async with SessionMaker() as session:
        yield session
        if outcome.ok:
            await session.commit()
```
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from msgspec import Struct
from starlette.datastructures import Headers

__all__ = ["Outcome", "ResponseHead"]


class ResponseHead(Struct, frozen=True):
    """The status and headers of a response."""

    status_code: int
    headers: Headers
    """They cannot be changed; the injected `Response` takes others."""


class Outcome(ABC):
    """What became of a request, or of a WebSocket or a background task.

    Declare a parameter of this type in a yield dependency, and read it after `yield`. Before that,
    nothing is known. Scope "function" sees the response that was built, scope "request" the one
    that was sent.
    """

    @property
    @abstractmethod
    def error(self) -> BaseException | None:
        """The exception that this dependency sees at its `yield`.

        Also the one that another dependency swallowed, where that leaves nothing to answer with.
        """

    @property
    @abstractmethod
    def response(self) -> ResponseHead | None:
        """The head of the response; `None` where there is none, as after an exception.

        What an exception handler answers is not known yet: handlers run later. WebSockets and
        background tasks have no response.
        """

    @property
    @abstractmethod
    def disconnected(self) -> bool:
        """Whether the client left before it had been sent the whole response, as far as is known.

        Scope "function" knows that only where it interrupted the body or a stream.
        """

    @property
    @abstractmethod
    def unsent(self) -> Sequence[Exception]:
        """Why messages that were enqueued could not be sent to their queue, one for each.

        They are sent when scope "function" has exited, so scope "request" knows.
        """

    @property
    @abstractmethod
    def ok(self) -> bool:
        """Whether it came to its end without an exception, and with a success.

        The status is less than 400, if there is a response, and the client has not left.
        """
