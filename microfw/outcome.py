"""How a request ended, for exit code to decide by.

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
    """How a request, a WebSocket or a background task ended.

    Declare a parameter of this type in a yield dependency, and read it after `yield`. Before that,
    nothing is known. Scope "function" sees the response that was built, scope "request" the one
    that was sent.
    """

    @property
    @abstractmethod
    def error(self) -> BaseException | None:
        """The exception that this dependency sees at its `yield`.

        Or the one that another dependency swallowed, if that left nothing to answer with.
        """

    @property
    @abstractmethod
    def response(self) -> ResponseHead | None:
        """The head of the response; `None` if there is none, as after an exception.

        Exception handlers run later, so their responses are not known yet. WebSockets and
        background tasks have no response.
        """

    @property
    @abstractmethod
    def disconnected(self) -> bool:
        """Whether the client left before the whole response was sent, as far as is known.

        Scope "function" knows that only if the client interrupted the body or a stream.
        """

    @property
    @abstractmethod
    def unsent(self) -> Sequence[Exception]:
        """The errors of enqueued messages that could not be sent to their queue, one for each.

        Messages are sent when scope "function" has exited, so only scope "request" knows.
        """

    @property
    @abstractmethod
    def ok(self) -> bool:
        """Whether the endpoint came to its end, without an exception and with a success.

        The status is below 400, if there is a response, and the client has not left.
        """
