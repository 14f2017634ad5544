"""Where in the source of a plan what begins and ends: blocks, scopes, calls in worker threads."""

from collections.abc import Collection

from microfw.dependencies._declared import Lifetime
from microfw.dependencies._plan import Attribute, Plan, Reader, Step, Use


class Layout:
    """What the numbers of a plan's steps say of its source.

    Args:
        plan: The plan.
        receives_for: The attributes by which steps may read what is received; `None` where nothing
            is.

    Attributes:
        last: The number of the endpoint.
        border: That of the first step after all that opens in scope "request"; -1 if nothing does.
        waits_at: That of the step ahead of which the execution waits for what its steps have limits
            of, with nothing open that is still open in one of them; -1 where none has any.
        ends: For each step, the last that runs while it is open; itself, where nothing stays open;
            the number behind that of the endpoint for scopes that end later.
        receiving: The number of the step before which it is received; -1 if nothing is.
    """

    def __init__(self, plan: Plan, receives_for: Collection[str] | None = None) -> None:
        self._steps = plan.steps
        self.last: int = len(plan.steps) - 1
        self.border: int = _start_of_function_scope(plan)
        self.ends: list[int] = [self._end(number) for number in range(self.last + 1)]
        self.waits_at: int = self._first_that_waits()
        self._last_users = _last_users(plan)
        self.receiving: int = -1 if receives_for is None else self._receiving(receives_for)

    def _receiving(self, attributes: Collection[str]) -> int:
        """The first step that reads what is received, or the endpoint; or what is open around it.

        It comes before a wait for places that are held longer.
        """
        number = next(n for n in range(self.last + 1) if self._needs_it(n, attributes))
        first = next(n for n in range(number + 1) if self.ends[n] >= number)
        holds_places = any(step.limits for step in self._steps[first:])
        return min(first, self.waits_at) if holds_places else first

    def _needs_it(self, number: int, attributes: Collection[str]) -> bool:
        step = self._steps[number]
        reads = any(
            (isinstance(source, Reader) and source.is_received)
            or (isinstance(source, Attribute) and source.name in attributes)
            for source in (argument.source for argument in step.arguments)
        )
        return reads or number == self.last

    def _end(self, number: int) -> int:
        step = self._steps[number]
        if not step.opens:
            return number
        if step.is_block:
            return number if step.last_inside is None else step.last_inside
        return self.last + 1  # until the response is built

    def _first_that_waits(self) -> int:
        limited = [number for number, step in enumerate(self._steps) if step.limits]
        around = [
            number
            for number, end in enumerate(self.ends)
            if any(number <= each <= end for each in limited)
        ]
        return min(around, default=-1)

    def is_used(self, number: int) -> bool:
        """Whether a later step uses the value of this one."""
        return self._last_users[number] > 0

    def given(self, first: int, last: int) -> list[int]:
        """Those of some steps whose values are needed after them; the endpoint's is."""
        return [
            number
            for number in range(first, last + 1)
            if self._last_users[number] > last or number == self.last
        ]

    def stays_open(self, first: int, last: int) -> list[int]:
        """Those of some steps that stay open after them."""
        return [number for number in range(first, last + 1) if self.ends[number] > last]

    def closes(self, first: int, last: int) -> bool:
        """Whether one of some steps opens and is closed by one of them."""
        steps = range(first, last + 1)
        return any(self._steps[n].is_block and self.ends[n] <= last for n in steps)

    def end_of_thread_run(self, first: int, limit: int) -> int:
        """The last of the neighbouring sync steps, up to a limit, that share a call with `first`.

        Of those that stay open after the call, all close together.
        """
        last = first
        while last < limit and self._steps[last + 1].in_thread:
            last += 1
        if first < self.receiving <= last:
            last = self.receiving - 1
        if first < self.border <= last < self.last:
            last = self.border - 1
        opening = self.stays_open(first, last)
        others = (number for number in opening if self.ends[number] != self.ends[opening[0]])
        return next(others, last + 1) - 1


def _start_of_function_scope(plan: Plan) -> int:
    opening = [
        number
        for number, step in enumerate(plan.steps[:-1])
        if step.opens and step.lifetime is Lifetime.REQUEST
    ]
    return opening[-1] + 1 if opening else -1


def _last_users(plan: Plan) -> list[int]:
    """For each step, the number of the last one that uses its value; 0 for none."""
    users = [0] * len(plan.steps)
    for number, step in enumerate(plan.steps):
        for use in _uses(step):
            users[use.step] = number
    return users


def _uses(step: Step) -> list[Use]:
    return [a.source for a in step.arguments if isinstance(a.source, Use)]
