"""Opening in scope "app" what start-up did not know of, when it is first needed.

Rules
-----
1. One task opens and closes, so that the cancel scopes and task groups that a dependency holds open
   are left by the task that entered them. It belongs to no request. It starts when it is first
   needed, with the context variables that start-up has left.
2. There is one opening at a time, in the order in which they were asked for. Those who ask for the
   same steps wait for the same opening, and raise the error with which it failed.
3. An opening that fails closes what it has opened, as a start-up that fails half way does. The next
   use tries again. One that nobody waits for any more is cancelled, and so fails.
4. At shutdown these dependencies exit first, last entered first: they see what start-up's see.

Theory of operation: all state belongs to the lifespan's event loop. Those who need a dependency may
run on another one, in another thread; they have that loop call `_add`, and wait for a `Signal`.
"""

import logging
from collections import deque
from collections.abc import Generator, Hashable
from contextlib import AsyncExitStack, contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import NoReturn, Self

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from microfw.dependencies._app_steps import opened_app_steps
from microfw.dependencies._app_values import AppValues, not_running
from microfw.dependencies._cancellation import is_cancellation
from microfw.dependencies._cleanup import Cleanup
from microfw.dependencies._exit_arguments import Error, ErrorClass, Traceback
from microfw.dependencies._plain_run import PlainRun
from microfw.dependencies._plan import Step
from microfw.dependencies._signals import Loop, Signal
from microfw.dependencies._spans import Tracer, current_tracer, tracer
from microfw.dependencies._uninterrupted import current_asyncio_task, uninterrupted
from microfw.exceptions import AppScopeError

logger = logging.getLogger("microfw")

Steps = tuple[Step, ...]


class _Waiting:
    """A task that waits until some steps are open."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.signal = Signal()
        self.is_watched = current_tracer.get() is not None
        self.tracer: Tracer | None = None
        """Writes down the opening that it was the first to wait for."""
        self._error: Error = None
        self._traceback: Traceback = None

    def end(self, error: Error = None) -> None:
        """Wake the task."""
        self._error = error
        self._traceback = None if error is None else error.__traceback__
        self.signal.set()

    def tell(self) -> None:
        """Add the opening to what is written down of the task."""
        if self.tracer is not None:
            tracer().adopt(self.tracer)

    def raise_error(self) -> None:
        """Raise the error with which the opening has failed, if it has."""
        error, self._error = self._error, None
        traceback, self._traceback = self._traceback, None
        try:
            if error is not None:
                raise error.with_traceback(traceback)
        finally:
            del error, traceback  # which hold this frame


class _Opening:
    """The setup of steps that were not open when they were needed."""

    def __init__(self, missing: Steps, first: _Waiting) -> None:
        self.missing = missing
        self.waiting = [first]
        self.scope: anyio.CancelScope | None = None
        self.is_running = False


_current: ContextVar[_Opening | None] = ContextVar("microfw_opening", default=None)
"""The opening whose setup the current code belongs to, even if it has ended since."""


class LateOpener:
    """Opens steps of scope "app" while a lifespan runs, and closes them with it.

    Args:
        values: Takes the values.
        cleanup: The time for each exit code.
    """

    def __init__(self, values: AppValues, cleanup: Cleanup) -> None:
        self._values = values
        self._cleanup = cleanup
        self._opened: dict[Hashable, str] = {}
        self._openings: deque[_Opening] = deque()
        self._loop = Loop()
        self._context = copy_context()
        self._task: object = None
        self._scope: anyio.CancelScope | None = None
        self._asked = anyio.Event()
        self._ended = anyio.Event()
        self._is_closing = False
        self._seen: BaseException | None = None
        self._raised: BaseException | None = None

    async def open(self, steps: Steps) -> None:
        """Open those that are not open yet.

        Raises:
            AppScopeError: The lifespan ends, or steps are needed for their own setup.
            Exception: What their setup raises.
        """
        current = _current.get()
        if current is not None and current.is_running:
            raise _needed_for_itself(current)
        waiting = _Waiting(steps)
        self._loop.call_soon(self._add, waiting)
        try:
            await waiting.signal.wait()
        except BaseException:
            self._loop.call_soon(self._withdraw, waiting)
            raise
        finally:
            waiting.tell()
        waiting.raise_error()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> bool:
        """Close what has opened; it sees `error`, as in `with` blocks inside of all others."""
        self._is_closing = True
        if self._task is None:
            return False
        is_cancelled = error is not None and is_cancellation(error)
        self._seen = None if is_cancelled else error
        scope = self._scope if is_cancelled else self._scope_of_opening()
        if scope is not None:
            scope.cancel()
        self._asked.set()
        with anyio.CancelScope(shield=True):
            await uninterrupted(self._ended.wait(), current_asyncio_task())
        raised, self._raised, self._seen = self._raised, None, None
        try:
            if raised is None:
                return error is not None and not is_cancelled
            if raised is error:
                raised.with_traceback(traceback)
                return False
            _raise_unchained(raised)
        finally:
            del error, raised  # whose tracebacks may hold this frame

    # -- what others ask for

    def _add(self, waiting: _Waiting) -> None:
        if self._is_closing:
            waiting.end(_refusal(waiting.steps))
            return
        missing = tuple(step for step in waiting.steps if step.key not in self._values)
        if not missing:
            waiting.end()
            return
        for opening in self._openings:
            if opening.waiting and _keys(opening.missing) == _keys(missing):
                opening.waiting.append(waiting)
                return
        self._openings.append(_Opening(missing, waiting))
        self._asked.set()
        if self._task is None:
            self._task = self._loop.start_task(self._live, self._context)

    def _withdraw(self, waiting: _Waiting) -> None:
        for opening in self._openings:
            with suppress(ValueError):  # it waits for another one
                opening.waiting.remove(waiting)
            if not opening.waiting and opening.scope is not None:
                opening.scope.cancel()

    def _scope_of_opening(self) -> anyio.CancelScope | None:
        """The scope around the setup that is under way."""
        return self._openings[0].scope if self._openings else None

    # -- the task

    async def _live(self) -> None:
        try:
            with anyio.CancelScope() as self._scope:
                async with AsyncExitStack() as stack:
                    await self._open_what_is_asked_for(stack)
        except BaseException as error:
            self._raised = error
            if is_cancellation(error):
                raise
        finally:
            self._end()

    def _end(self) -> None:
        opened = ", ".join(self._opened.values())
        for key in self._opened:
            self._values.pop(key, None)
        self._opened.clear()
        error_for = _refusal if self._is_closing else _interrupted
        for opening in self._openings:
            for waiting in opening.waiting:
                waiting.end(error_for(waiting.steps))
        self._openings.clear()
        if self._is_closing:
            self._ended.set()
            return
        self._task = self._scope = None
        raised, self._raised = self._raised, None
        logger.error(
            "of scope 'app' these dependencies opened after start-up and have closed before"
            " shutdown, because one of them failed: %s. They open again when they are needed",
            opened,
            exc_info=raised,
        )

    async def _open_what_is_asked_for(self, stack: AsyncExitStack) -> None:
        while not self._is_closing:
            await self._asked.wait()
            self._asked = anyio.Event()
            while self._openings and not self._is_closing:
                opening = self._openings[0]
                if opening.waiting:
                    await self._open(opening, stack)
                self._openings.popleft()
        if self._seen is not None:
            raise self._seen

    async def _open(self, opening: _Opening, stack: AsyncExitStack) -> None:
        error: Error = None
        opening.is_running = True
        token = _current.set(opening)
        try:
            with _watched(opening):
                error = await self._error_of_setup(opening, stack)
            for waiting in opening.waiting:
                waiting.end(error)
        finally:
            _current.reset(token)
            opening.is_running = False
            del error  # whose traceback may hold this frame

    async def _error_of_setup(
        self, opening: _Opening, stack: AsyncExitStack
    ) -> BaseException | None:
        """Run the setup; return the error with which it fails, once what it opened is closed."""
        run = PlainRun(self._cleanup, self._values)
        is_open = False
        try:
            async with AsyncExitStack() as own:
                # It stays around what is opened here until that exits.
                opening.scope = own.enter_context(anyio.CancelScope())
                new = await own.enter_async_context(opened_app_steps(opening.missing, run))
                await checkpoint_if_cancelled()
                stack.push_async_exit(own.pop_all())
                self._values.update(new)
                self._opened.update(
                    (step.key, step.signature.where) for step in opening.missing if step.key in new
                )
                is_open = True
        except BaseException as error:
            if is_cancellation(error):  # of all that is open
                raise
            return error
        if is_open:
            return None
        return _refusal(opening.missing)


@contextmanager
def _watched(opening: _Opening) -> Generator[None]:
    """Write the setup down for the first that waits and is watched, the exit for who was before."""
    first = next((each for each in opening.waiting if each.is_watched), None)
    if first is None:
        yield
        return
    before = current_tracer.get()
    first.tracer = own = Tracer()
    current_tracer.set(own)
    try:
        yield
    finally:
        own.finish()
        own.heir = before
        current_tracer.set(before or own)


def _keys(steps: Steps) -> list[Hashable]:
    return [step.key for step in steps]


def _refusal(steps: Steps) -> AppScopeError:
    return not_running(steps[-1].signature.name)


def _interrupted(steps: Steps) -> AppScopeError:
    return AppScopeError(
        f"{steps[-1].signature.name!r}, of scope 'app', was about to open when another one that"
        " opened after start-up failed, and all of these closed; the log names them"
    )


def _needed_for_itself(opening: _Opening) -> AppScopeError:
    names = ", ".join(repr(step.signature.name) for step in opening.missing)
    return AppScopeError(
        f"the setup of {names}, of scope 'app', sends a request to the application that waits for"
        " a dependency of scope 'app' to open. They open one after the other: give what the request"
        " needs to the setup as a dependency, or declare it in `App(dependencies=[...])`"
    )


def _raise_unchained(error: BaseException) -> NoReturn:
    """Raise an error that has its context already."""
    context = error.__context__
    try:
        raise error
    finally:
        BaseException.__setattr__(error, "__context__", context)
        del error, context  # the traceback holds this frame
