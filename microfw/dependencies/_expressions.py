"""The calls of a plan's steps as expressions of Python, with what each of them is given."""

from collections.abc import Sequence
from functools import partial

from microfw.dependencies._app_values import app_value
from microfw.dependencies._names import Names
from microfw.dependencies._plan import (
    Argument,
    Attribute,
    Constant,
    Reader,
    Reading,
    Recorder,
    Step,
    Use,
)
from microfw.dependencies._source import Function


class Expressions:
    """Says what is written for a step; what it takes from its surroundings is read first.

    Args:
        steps: Those of the plan.
        names: The names in its source.
        run: That of the `Run`.
        pass_on: What the endpoint is called with besides the arguments of the plan.

    Attributes:
        callables: The names of what the steps call.
        values: The names of their values.
        readings: What is read for which step, by the names of what reads it.
    """

    def __init__(self, steps: Sequence[Step], names: Names, run: str, pass_on: str) -> None:
        self._steps = steps
        self._names = names
        self._run = run
        self._pass_on = pass_on
        self._read_values: dict[tuple[int, str], str] = {}
        self._records: dict[int, str] = {}
        self.callables: list[str] = [
            names.of(step.signature.name, step.signature.call) for step in steps
        ]
        self.values: list[str] = [*(names.new(step.name) for step in steps[:-1]), "returned"]
        self.readings: dict[str, Reading] = {}

    def read(self, function: Function, number: int) -> None:
        """Read what a step takes from its surroundings that may be invalid; make its record."""
        for argument_name, source in self._steps[number].readers:
            name = self._names.new(argument_name)
            self._read_values[number, argument_name] = name
            reader = self._names.of(
                getattr(source.read, "__name__", f"read_{argument_name}"), source.read
            )
            self.readings[reader] = Reading(self._steps[number], argument_name, source.value)
            function.write(f"{name} = {reader}({self._run})")
        for argument in self._steps[number].arguments:
            if isinstance(argument.source, Recorder) and number not in self._records:
                self._records[number] = record = self._names.new(argument.name)
                make = f"{self._run}.{argument.source.name}"
                function.write(f'{record} = {make}("{self._steps[number].scope}")')

    def recorded(self, number: int, opener: str) -> str:
        """What opens a step, with its record, if it has one."""
        record = self._records.get(number)
        return opener if record is None else f"recording({opener}, {record})"

    def guarded(self, number: int, expression: str) -> str:
        """The expression, only evaluated if all that it needs is valid."""
        if not self._steps[number].fallible:
            return expression
        names = [
            self._argument(number, argument)
            for argument in self._steps[number].arguments
            if isinstance(argument.source, Reader)
            or (isinstance(argument.source, Use) and self._steps[argument.source.step].fallible)
        ]
        condition = " and ".join(f"{name} is not INVALID" for name in names)
        return f"{expression} if {condition} else INVALID"

    def call(self, number: int) -> str:
        """The call of a step's function."""
        by_place: list[str] = []
        by_name: list[str] = []
        for argument in self._steps[number].arguments:
            text = self._argument(number, argument)
            if argument.positional_only:
                by_place.append(text)
            else:
                by_name.append(f"{argument.name}={text}")
        arguments = ", ".join((*by_place, *by_name, *self._passed_on(number)))
        return f"{self.callables[number]}({arguments})"

    def _passed_on(self, number: int) -> list[str]:
        is_endpoint = number == len(self._steps) - 1
        return [self._pass_on] if is_endpoint and self._pass_on else []

    def _argument(self, number: int, argument: Argument) -> str:
        source = argument.source
        if isinstance(source, Use):
            return self.values[source.step]
        if isinstance(source, Reader):
            return self._read_values[number, argument.name]
        if isinstance(source, Recorder):
            return self._records[number]
        if isinstance(source, Attribute):
            return f"{self._run}.{source.name}"
        if isinstance(source, Constant):
            return self._names.of(argument.name, source.value)
        look_up = partial(app_value, key=source.key, name=source.name)
        return f"{self._names.of(f'app_{source.name}', look_up)}({self._run})"
