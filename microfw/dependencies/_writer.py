"""Plan -> Python source.

Rules
-----
1. The source is what a person would write: one `with` block for each dependency that stays open,
   nested in the order of setup. What exit code sees and does then follows from Python alone.
2. Only identifiers made or checked here become source. Every object goes in through the namespace.
3. A step that may lack a valid value is guarded (`... if token is not INVALID else INVALID`), so
   that the steps that do not depend on it still run. No other step is.
4. Neighbouring sync steps make one function, called once in a worker thread:
   - none of them stays open: a plain function that returns their values;
   - some do, async steps follow: a generator that yields the values inside of the `with` blocks;
   - the endpoint is among them: a plain function that returns the response. Where something of
     scope "request" opens in it, a generator that yields the response, to be sent meanwhile.
5. What is missing of scope "app" opens before all other steps, and only then is a value looked up.
6. What is received (the body of a request) is received directly before the first step that reads it
   or that is still open when a later one does: nothing is open by then.
7. A step of scope "use" is a block that ends after the last that uses it. What the endpoint returns
   becomes the response behind such blocks. Where one has swallowed an exception, what follows is
   left out: the function returns.
8. CPython nests at most 20 blocks in one function. After `MAX_DEPTH` the rest goes on in a function
   of its own, called from the innermost block.
9. The dependencies of scope "app" are the blocks of an async generator, which stops inside of them.

Theory of operation: `Writer` goes once over the steps. It writes into one `Function` at a time;
each knows its indentation, and the lines that follow once the blocks of that indentation are
closed. A `Shape` says what is around the steps: what becomes of the endpoint's result, and what is
done between the end of scope "function" and that of scope "request".
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from microfw.dependencies import _runtime as runtime
from microfw.dependencies import _thread_blocks as thread_blocks
from microfw.dependencies._app_values import open_in_app_scope
from microfw.dependencies._expressions import Expressions
from microfw.dependencies._layout import Layout
from microfw.dependencies._limits import Limited, waiting_for
from microfw.dependencies._names import Names
from microfw.dependencies._plan import Plan, Use
from microfw.dependencies._probes import Named
from microfw.dependencies._recording import recording
from microfw.dependencies._shape import Shape
from microfw.dependencies._source import INDENT, Call, Function, Kind, tuple_of

MAX_DEPTH = 16

_RUNTIME: dict[str, object] = {
    "INVALID": runtime.INVALID,
    "call_in_thread": thread_blocks.call_in_thread,
    "in_thread": thread_blocks.in_thread,
    "no_coroutine": runtime.no_coroutine,
    "opened": runtime.opened,
    "recording": recording,
    "shielded": runtime.shielded,
    "steps_in_thread": thread_blocks.steps_in_thread,
    "waiting_for": waiting_for,
}


class Writer:
    """Writes the functions of one plan."""

    def __init__(self, plan: Plan, shape: Shape) -> None:
        self._steps = plan.steps
        self._app_steps = plan.app_steps
        self._shape = shape
        self._fallible = plan.fallible
        self._layout = Layout(plan, shape.receives_for if shape.receive else None)
        self._last = self._layout.last
        self._border, self._receiving = self._layout.border, self._layout.receiving
        self._waits_at = self._layout.waits_at
        self._slots: dict[int, str] = {}
        self._is_finished = False
        self._functions: list[Function] = []
        names = Names({**_RUNTIME, **shape.names}, shape.run, *shape.parameters)
        self.namespace: dict[str, Any] = names.namespace
        self._name, self._name_object = names.new, names.of
        self._opener = ""
        self._expressions = Expressions(plan.steps, names, shape.run, shape.pass_on)
        self._callables = self._expressions.callables
        self._values = self._expressions.values

    def source(self) -> str:
        shape = self._shape
        kind = Kind.LIFESPAN if shape.is_lifespan else Kind.HANDLER
        handle = self._function(Call("handle", (shape.run, *shape.parameters)), kind)
        if shape.last:
            handle.close_with(f"# {shape.last}")
        if shape.is_lifespan:
            handle.close_with(
                f"if {shape.run}.result is None:", f"{INDENT}raise swallowed({shape.run})"
            )
        if self._app_steps:
            self._write_opening_in_app_scope(handle)
        self._write(handle, 0, self._last, kind)
        functions = "\n\n".join(f"{function.text()}\n" for function in self._functions)
        return f"# {escaped(shape.title)}\n{functions}"

    def named(self) -> Named:
        """The meanings of the names in the source, for the probes."""
        shape = self._shape
        return Named(
            dict(zip(self._callables, self._steps, strict=True)),
            self._expressions.readings,
            self._steps[-1],
            shape.finisher,
            self._opener,
            shape.kind,
        )

    def _write_opening_in_app_scope(self, function: Function) -> None:
        """Write what is done where start-up has not opened all that the plan needs of it."""
        run, steps = self._shape.run, self._app_steps
        keys = self._name_object("app_keys", frozenset(step.key for step in steps))
        open_steps = partial(open_in_app_scope, steps=steps)
        self._opener = name = self._name_object("open_in_app_scope", open_steps)
        function.write(f"if not {keys} <= {run}.app_values.keys():  # unknown at start-up")
        function.write(f"{INDENT}await {name}({run})")

    def _write(
        self, function: Function, number: int, last: int, kind: Kind, *, inside: bool = False
    ) -> None:
        """Write steps, up to `last`: all of a function, or those inside of a block that ends."""
        given = self._given(number, last)
        while number <= last:
            if function.blocks >= MAX_DEPTH and not inside:
                call = self._call_of_steps(number, last, given)
                function = self._continued(function, call, kind, given)
            kind = self._write_ahead(function, number, last, kind)
            end = self._write_next(function, number, last, kind, inside=inside)
            if self._can_have_swallowed(number, end) and not (inside and end == last):
                function.write(f"if {self._shape.run}.swallowed is not None:")
                function.write(f"{INDENT}{function.early_return}")
            number = end + 1
        if inside:
            return
        if kind.returns_values:
            function.write(f"return {', '.join(given) or None}")
        elif kind is Kind.IN_THREAD_YIELDING_VALUES:
            function.write(f"yield {tuple_of(given)}")
        elif not self._is_finished:
            self._write_finish(function, kind)

    def _write_ahead(self, function: Function, number: int, last: int, kind: Kind) -> Kind:
        """Write what is done once, ahead of a certain step; return the kind from there on."""
        if number == self._receiving:
            self._receiving = -1
            function.write(self._shape.receive)
        if number == self._border:
            kind = self._begin_function_scope(function, kind)
        if kind.is_async and number <= self._waits_at <= self._end_of_call(number, last):
            self._write_wait(function)
        return kind

    def _write_next(
        self, function: Function, number: int, limit: int, kind: Kind, *, inside: bool
    ) -> int:
        """Write a step, with what is inside of its call or block; return the last of them."""
        end = self._layout.ends[number]
        if kind.is_async and self._steps[number].in_thread:
            return self._write_thread_call(function, number, limit, kind, inside=inside)
        if number == self._last:
            if kind is not Kind.LIFESPAN:
                self._write_endpoint(function)
            return number
        if not self._steps[number].is_block or end > limit:
            self._write_step(function, number)
            return number
        if function.blocks >= MAX_DEPTH:
            self._write_call_for_values(function, number, end, kind.of_values, kind)
            return end
        around = function.indent, function.blocks
        self._write_step(function, number)
        self._write_inside(function, number + 1, end, kind)
        function.close(*around)
        return end

    def _write_inside(self, function: Function, first: int, end: int, kind: Kind) -> None:
        """Write what is inside of a block that ends before the function does."""
        if first > end:
            function.write("pass")
        self._write(function, first, end, kind, inside=True)

    def _can_have_swallowed(self, first: int, last: int) -> bool:
        """Whether one of these steps has closed, and may have swallowed what others raised."""
        layout = self._layout
        has_closed = layout.closes(first, last) and not layout.stays_open(first, last)
        return has_closed and not self._is_finished

    def _function(self, call: Call, kind: Kind, given: Sequence[str] = ()) -> Function:
        """Begin the function that `call` calls; it returns these values, if it returns any."""
        comment = f"  # {kind.comment}" if kind.comment else ""
        function = Function(f"{kind.definition} {call}:{comment}")
        if kind.returns_values and given:
            function.early_return = f"return {', '.join('None' for _ in given)}"
        self._functions.append(function)
        return function

    def _continued(
        self, function: Function, call: Call, kind: Kind, given: Sequence[str]
    ) -> Function:
        """Have another function go on from here; return that."""
        if kind is not Kind.LIFESPAN:
            function.write(f"{kind.continuation}{call}")
            return self._function(call, kind, given)
        result = f"{self._shape.run}.result"
        function.open_with(f"async with continued({call.name})({', '.join(call.arguments)}):")
        function.open_if(f"if {result} is not None:")
        function.write(f"yield {result}")
        other = self._function(call, kind)
        other.close_with(f"if {result} is None:", f"{INDENT}yield")
        return other

    def _begin_function_scope(self, function: Function, kind: Kind) -> Kind:
        """Arrange for what is done when scope "function" ends inside of scope "request"."""
        self._border = -1
        if kind is Kind.IN_THREAD_AROUND_SENDING:
            function.close_with(f"yield {self._shape.run}.result")
            return Kind.IN_THREAD
        function.close_with(*self._between(f"{self._shape.run}.result"))
        return kind

    def _between(self, result: str) -> list[str]:
        if not self._shape.between:
            return []
        return [
            f'if {result} is not None:  # scope "function" has ended',
            *(f"{INDENT}{line}" for line in self._shape.between),
        ]

    def _write_wait(self, function: Function) -> None:
        """Write the block in which the execution has the places that its steps need."""
        self._waits_at = -1
        limited: list[str] = []
        for number, step in enumerate(self._steps):
            if step.limits:
                limit = Limited(step.signature.name, step.limits)
                limited.append(self._name_object(f"{self._callables[number]}_limit", limit))
                self._slots[number] = self._name(f"{self._callables[number]}_slot")
        waiting = f"waiting_for({', '.join((self._shape.run, *limited))})"
        slots = ", ".join(self._slots.values())
        function.open_with(f"async with {waiting} as ({slots}{',' * (len(limited) == 1)}):")

    # -- worker threads

    def _end_of_call(self, number: int, limit: int) -> int:
        """The last step of the call that a step begins."""
        is_call = self._steps[number].in_thread
        return self._layout.end_of_thread_run(number, limit) if is_call else number

    def _write_thread_call(
        self, function: Function, first: int, limit: int, kind: Kind, *, inside: bool
    ) -> int:
        """Write a run of sync steps, with what is inside of their block; return the last of all."""
        layout = self._layout
        last = layout.end_of_thread_run(first, limit)
        opening = layout.stays_open(first, last)
        if last == self._last and not inside:
            self._write_thread_call_with_endpoint(function, first)
            return last
        if not opening:
            in_thread = Kind.IN_THREAD_RETURNING_VALUES
            self._write_call_for_values(function, first, last, in_thread, kind)
            return last
        if not self._steps[opening[0]].is_block:
            self._write_thread_block(function, first, last)
            return last
        end = layout.ends[opening[0]]
        if function.blocks >= MAX_DEPTH:
            self._write_call_for_values(function, first, end, kind.of_values, kind)
            return end
        around = function.indent, function.blocks
        self._write_thread_block(function, first, last)
        self._write_inside(function, last + 1, end, kind)
        function.close(*around)
        return end

    def _write_thread_call_with_endpoint(self, function: Function, first: int) -> None:
        shape = self._shape
        call = self._call_of_steps(first, self._last)
        if first < self._border:
            result = self._name("result")
            function.open_with(f"async with steps_in_thread({call}, {shape.run}) as {result}:")
            for line in self._between(result) or ["pass"]:
                function.write(line)
            kind = Kind.IN_THREAD_AROUND_SENDING
        else:
            function.write(f"await {call.in_thread}")
            kind = Kind.IN_THREAD
        self._write(self._function(call, kind), first, self._last, kind)

    def _write_call_for_values(
        self, function: Function, first: int, last: int, kind: Kind, caller: Kind
    ) -> None:
        """Write the call of a function for steps of which none stays open."""
        call = self._call_of_steps(first, last)
        given = self._given(first, last)
        receive = f"{', '.join(given)} = " if given else ""
        is_hop = caller.is_async and not kind.is_async
        goes_on = f"await {call.in_thread}" if is_hop else f"{kind.continuation}{call}"
        function.write(f"{receive}{goes_on}")
        self._write(self._function(call, kind, given), first, last, kind)

    def _write_thread_block(self, function: Function, first: int, last: int) -> None:
        """Write the block of a run of sync steps of which some stay open."""
        if first == last:
            self._expressions.read(function, first)
            opener = f"in_thread({self._expressions.call(first)}, {self._shape.run})"
            self._open(function, first, "async with", opener)
            return
        call = self._call_of_steps(first, last)
        given = self._given(first, last)
        block = self._name("values")
        function.open_with(f"async with steps_in_thread({call}, {self._shape.run}) as {block}:")
        function.open_if(f"if {block} is not None:  # else one has swallowed an exception")
        if given:
            function.write(f"{tuple_of(given)} = {block}")
        kind = Kind.IN_THREAD_YIELDING_VALUES
        self._write(self._function(call, kind), first, last, kind)

    def _call_of_steps(self, first: int, last: int, given: Iterable[str] = ()) -> Call:
        """The call of a new function for some steps, with the values that they need."""
        used = {use.step for use in Plan(self._steps[first : last + 1]).sources(Use)}
        needed = [
            self._values[number]
            for number in range(first)
            if self._values[number] in given or number in used
        ]
        shape = self._shape
        slots = [name for number, name in self._slots.items() if first <= number <= last]
        arguments = (shape.run, *self._shape_parameters(last), *needed, *slots)
        return Call(self._name(self._name_of_steps(first, last)), arguments)

    def _name_of_steps(self, first: int, last: int) -> str:
        """What a function for some steps is called."""
        if first == last:
            return f"{self._callables[first]}_in_thread"
        return f"{self._callables[first]}_to_{self._callables[last]}"

    def _shape_parameters(self, last: int) -> tuple[str, ...]:
        return self._shape.parameters if last == self._last else ()

    def _given(self, first: int, last: int) -> list[str]:
        """The values of some steps that are needed after them."""
        return [self._values[number] for number in self._layout.given(first, last)]

    # -- single steps

    def _write_step(self, function: Function, number: int) -> None:
        step = self._steps[number]
        self._expressions.read(function, number)
        call = self._expressions.call(number)
        if step.opens:
            shield = step.signature.can_suspend
            opener = f"{'shielded' if shield else 'opened'}({call}, {self._shape.run})"
            word = "async with" if step.signature.is_async else "with"
            self._open(function, number, word, opener)
            return
        if step.signature.is_async:
            call = f"await {call}"
        elif not isinstance(step.signature.call, type):
            call = f"no_coroutine({call}, {self._callables[number]})"
        receive = f"{self._values[number]} = " if self._layout.is_used(number) else ""
        function.write(f"{receive}{self._expressions.guarded(number, call)}")
        if number in self._slots:
            function.write(f"{self._slots[number]}.give_back()")

    def _open(self, function: Function, number: int, word: str, opener: str) -> None:
        if number in self._slots:
            function.open_with(f"with {self._slots[number]}:")
        opener = self._expressions.recorded(number, opener)
        guarded = self._expressions.guarded(number, opener)
        if guarded != opener:
            guarded = f"({guarded})"
        receive = f" as {self._values[number]}" if self._layout.is_used(number) else ""
        function.open_with(f"{word} {guarded}{receive}:")

    def _write_endpoint(self, function: Function) -> None:
        shape = self._shape
        self._expressions.read(function, self._last)
        if self._fallible:
            function.write(f"if {shape.run}.errors:")
            function.write(f"{INDENT}raise invalid({shape.run})")
        call = self._expressions.call(self._last)
        signature = self._steps[self._last].signature
        if signature.is_async and not signature.yields:
            call = f"await {call}"
        function.write(f"returned = {call}")
        if signature.yields:  # what it uses is open until it has ended
            self._write_finish(function, Kind.HANDLER)

    def _write_finish(self, function: Function, kind: Kind) -> None:
        """Write what becomes of what the endpoint has returned; of a sync one, in a thread."""
        shape = self._shape
        self._is_finished = True
        if kind is Kind.LIFESPAN:
            function.write(f"{shape.run}.result = {tuple_of(self._values[:-1])}")
            function.write(f"yield {shape.run}.result")
            return
        if kind.is_async and self._steps[self._last].in_thread:
            call = Call(self._name("finish_in_thread"), (shape.run, "returned"))
            function.write(f"await {call.in_thread}")
            function = self._function(call, Kind.IN_THREAD)
        function.write(f"{shape.run}.result = {shape.finish}")


def escaped(text: str) -> str:
    """Text for one line of source, and for the name of a file."""
    return repr(text)[1:-1]
