"""Small faults put into the code that opens and closes dependencies, one at a time: tests see each.

Each is a text of one module and what takes its place. The tests run against a copy of the project.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "microfw"
HEART = "dependencies"


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Attributes:
        module: Which one has it: of those in `HEART`, or by its path in the package.
        what: What is wrong then.
        text: Stands in the module once.
        instead: Takes its place.
    """

    module: str
    what: str
    text: str
    instead: str

    @property
    def path(self) -> str:
        """The module's file, below the project's root."""
        folder = PACKAGE if "/" in self.module else f"{PACKAGE}/{HEART}"
        return f"{folder}/{self.module}.py"


MUTATIONS = (
    Mutation(
        "_walk",
        "overrides are forgotten",
        "            call = override\n",
        "            call = dependency.call\n",
    ),
    Mutation(
        "_walk",
        "`use_cache=False` is forgotten once the value is there",
        "self._nodes.get(key) if dependency.use_cache else None",
        "self._nodes.get(key)",
    ),
    Mutation(
        "_walk",
        "different security scopes share a step",
        "key: Hashable = (id(below), dependency.lifetime, scopes)",
        "key: Hashable = (id(below), dependency.lifetime)",
    ),
    Mutation(
        "_graph",
        "different scopes share a step",
        "key: Hashable = (id(node.callable), node.lifetime, node.security_scopes)",
        "key: Hashable = (id(node.callable), node.security_scopes)",
    ),
    Mutation(
        "_walk",
        "who reads security scopes further below is not noticed",
        "use.reads_security_scopes for _, _, use in current.uses",
        "False for _ in current.uses",
    ),
    Mutation(
        "_order",
        "wider scopes do not open first",
        "                waits[number] |= request\n",
        "                pass\n",
    ),
    Mutation(
        "_order",
        "a wider scope opens while a block of scope use is open",
        "if begun and number in self._bits:",
        "if not begun and number in self._bits:",
    ),
    Mutation(
        "_order",
        "a block of scope use ends with the first that uses it",
        "last[block] = max(last[user] for user in self._users[block])",
        "last[block] = min(last[user] for user in self._users[block])",
    ),
    Mutation(
        "_graph",
        "a dependency without a scope closes before those who use it",
        "node.lifetime = node.need = max(need, base, asked_for)",
        "node.lifetime = node.need = max(base, asked_for)",
    ),
    Mutation(
        "_graph",
        "what is used in scope request may close earlier",
        "if dependant is not None and need > explicit:",
        "if dependant is not None and need > explicit and need is Lifetime.APP:",
    ),
    Mutation(
        "_graph",
        "in scope app, `use_cache=False` is forgotten",
        "        return call, object()\n",
        "        return call, node.security_scopes\n",
    ),
    Mutation(
        "_graph",
        "what uses an invalid value runs, unless it reads one itself",
        "return steps[source.step].fallible",
        "return False",
    ),
    Mutation(
        "_plan",
        "invalid values of dependencies are no error",
        "return any(step.fallible for step in self.steps)",
        "return self.endpoint.fallible",
    ),
    Mutation(
        "_layout",
        "the innermost of scope request exits before the response is sent",
        "return opening[-1] + 1 if opening else -1",
        "return opening[-1] if opening else -1",
    ),
    Mutation(
        "_writer",
        "values do not reach the function in which a deep plan goes on",
        "call = self._call_of_steps(number, last, given)",
        "call = self._call_of_steps(number, last)",
    ),
    Mutation(
        "_expressions",
        "one valid value is enough",
        'condition = " and ".join(',
        'condition = " or ".join(',
    ),
    Mutation(
        "_layout",
        "scopes mix in one call to a thread",
        "            last = self.border - 1\n",
        "            pass\n",
    ),
    Mutation(
        "_writer",
        "exit code that awaits is not shielded",
        "'shielded' if shield else 'opened'",
        "'opened' if shield else 'opened'",
    ),
    Mutation(
        "_runtime",
        "what exit code raises after a success is swallowed",
        "            raise self._yielded_twice()\n"
        "        except BaseException as raised:\n"
        "            if error is None or not",
        "            raise self._yielded_twice()\n"
        "        except BaseException as raised:\n"
        "            if error is not None and not",
    ),
    Mutation(
        "_runtime",
        "an async generator that yields twice is not closed",
        "                await generator.aclose()\n",
        "                pass\n",
    ),
    Mutation(
        "_runtime",
        "the log names the last dependency that swallowed, not the first",
        "        if self._run.swallowed is None:\n",
        "        if True:\n",
    ),
    Mutation(
        "_runtime",
        "a cancellation can be swallowed",
        "        if self._is_cancelled(error):\n            return False\n        if",
        "        if",
    ),
    Mutation(
        "_runtime",
        "the shield is not raised",
        "            scope.shield = True\n        exit_code",
        "            scope.shield = False\n        exit_code",
    ),
    Mutation(
        "_runtime",
        "exit code is cancelled by `Task.cancel()`",
        "await uninterrupted(\n"
        "                exit_code,\n"
        "                task,\n"
        "                run.cleanup,\n"
        "                self._place,\n"
        "                self._asker,\n"
        "                is_cancelled=is_cancelled,\n"
        "            )",
        "await exit_code",
    ),
    Mutation(
        "_runtime",
        "on trio `cleanup_timeout` is ignored",
        "scope.deadline = anyio.current_time() + cleanup.timeout",
        "scope.deadline = math.inf",
    ),
    Mutation(
        "_thread_blocks",
        "no exit code, if the request is cancelled while a thread runs the setup",
        "                await self.__aexit__(type(error), error, error.__traceback__)\n"
        "            raise\n",
        "            raise\n",
    ),
    Mutation(
        "_thread_blocks",
        "exit code in a thread does not handle the exception that it sees",
        "            if error is None:\n                return self._block",
        "            if True:\n                return self._block",
    ),
    Mutation(
        "_runtime",
        "a cancellation can be swallowed by exit code that awaits",
        "        scope.shield = False  # to see what is around it\n",
        "",
    ),
    Mutation(
        "_cancellation",
        "on asyncio nobody is noticed to be in a cancel scope",
        "        if state is None or state.cancel_scope is None:\n",
        "        if True:\n",
    ),
    Mutation(
        "_threads",
        "a request that holds something waits for a free thread",
        "        if self.holding:\n",
        "        if self.holding > 1:\n",
    ),
    Mutation(
        "_threads",
        "exit code in a thread is skipped if it is cancelled before it begins",
        "                if outcome.is_revoked:\n",
        "                if not outcome.is_revoked:\n",
    ),
    Mutation(
        "_threads",
        "what a thread resets of context variables stays set",
        "        self._changes += [(variable, _ABSENT)"
        " for variable in before if variable not in context]\n",
        "",
    ),
    Mutation(
        "_threads",
        "later threads do not see the context variables that async steps set",
        "            context.run(self._adopt, here)\n",
        "            pass\n",
    ),
    Mutation(
        "_uninterrupted",
        "a cancellation during exit code is forgotten",
        "    if guard.kept:\n        await guard.deliver()\n    return result",
        "    return result",
    ),
    Mutation(
        "_uninterrupted",
        "a timeout in exit code does not count its own cancellations",
        "        self._task.uncancel()  # for",
        "        # for",
    ),
    Mutation(
        "_cleanup",
        "only the oldest of several exit codes has a time limit",
        "                self.timer = self.loop.call_at(deadline, self.expire)\n"
        "                break\n",
        "                break\n",
    ),
    Mutation(
        "_cleanup",
        "on a second event loop there is no time limit",
        "deadlines = self._by_loop.get(loop)\n        if deadlines is None:",
        "deadlines = next(iter(self._by_loop.values()), None)\n        if deadlines is None:",
    ),
    Mutation(
        "_app_steps",
        "each route opens its own of scope app",
        "        if step.key not in known and step.key not in numbers:\n",
        "        if True:\n",
    ),
    Mutation(
        "_late_opening",
        "an opening that nobody waits for any more is not cancelled",
        "                opening.scope.cancel()\n",
        "                pass\n",
    ),
    Mutation(
        "_late_opening",
        "what opened late does not see the error with which the lifespan ends",
        "self._seen = None if is_cancelled else error",
        "self._seen = None",
    ),
    Mutation(
        "_walk",
        "in scope app, a dependency is the same whatever is overridden below it",
        "current.replaced = frozenset(self._replaced(current))",
        "pass",
    ),
    Mutation(
        "_writer",
        "the exit code of scope app is not shielded",
        "shield = step.signature.can_suspend",
        "shield = step.signature.can_suspend and not self._shape.is_lifespan",
    ),
    Mutation(
        "_order",
        "a block of scope use ends while one that opened inside of it is open",
        "last[outer] = max(last[outer], last[block])",
        "pass",
    ),
    Mutation(
        "_layout",
        "the body is received before anything runs",
        "        return min(first, self.waits_at) if holds_places else first\n",
        "        return 0\n",
    ),
    Mutation(
        "_layout",
        "places are held while the body is received",
        "return min(first, self.waits_at) if holds_places else first",
        "return first",
    ),
    Mutation(
        "_layout",
        "what stays open is open while the body is received",
        "first = next(n for n in range(number + 1) if self.ends[n] >= number)",
        "first = number",
    ),
    Mutation(
        "_limits",
        "places are taken in the order of the steps",
        "for limit in sorted(needed, key=lambda limit: limit.number):",
        "for limit in needed:",
    ),
    Mutation(
        "_limits",
        "who comes later may pass those who wait",
        "if self.queue or self.free < needs:",
        "if self.free < needs:",
    ),
    Mutation(
        "_limits",
        "who is cancelled as its turn comes keeps the places",
        "            if waiting.has_places:\n                self.give_back(needs)\n",
        "            if waiting.has_places:\n                pass\n",
    ),
    Mutation(
        "_limits",
        "who waits behind one that gives up is not let in",
        "self.give_back(0)  # who",
        "pass  # who",
    ),
    Mutation(
        "_writer",
        "a place is given back when the request ends",
        'function.open_with(f"with {self._slots[number]}:")',
        "pass",
    ),
    Mutation(
        "_recording",
        "an outcome does not have the exception that exit code sees",
        "    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> Any:\n"
        "        self._record.begin(error)\n",
        "    async def __aexit__(self, kind: ErrorClass, error: Error, traceback: Traceback) -> Any:\n"
        "        self._record.begin(None)\n",
    ),
    Mutation(
        "_answering/outcomes",
        "an answer of an error's status is a success",
        "response.status_code < _FIRST_ERROR",
        "response.status_code < 600",
    ),
    Mutation(
        "_answering/outcomes",
        "scope request is shown what was built, not what was sent",
        'if sent is not None or self._failed or self._scope != "function":',
        "if self._failed:",
    ),
    Mutation(
        "_answering/outcomes",
        "scope use is never shown a success",
        '        if self._scope == "use":\n            return self._run.swallowed is None and not self._run.errors\n',
        "",
    ),
    Mutation(
        "_answering/outcomes",
        "a client that has left is not noticed",
        "self.has_left = await self._receive.has_left()",
        "pass",
    ),
    Mutation(
        "_answering/tasks",
        "tasks for always are dropped with the others",
        "        if self.kept_tasks is None:\n",
        "        if True:\n",
    ),
    Mutation(
        "_answering/exchange",
        "final headers are dropped with the others",
        "self._response = self._final_headers",
        "self._response = self._final_headers = None",
    ),
    Mutation(
        "_routes/route",
        "tasks that run always do not, where nothing handles the exception",
        "if exchange.has_run is not None or not exchange.delivered:",
        "if exchange.has_run is not None or (unanswered is None and not exchange.delivered):",
    ),
    Mutation(
        "_routes/planned_app",
        "overrides do not reach mounted applications",
        "applications = [*dict.fromkeys(_applications(self))] if mounted else [self]",
        "applications = [self]",
    ),
    Mutation(
        "_routes/planned_app",
        "a mounted application opens its own of scope app",
        "        if mounted.share_app_scope:\n",
        "        if False:\n",
    ),
)

# ---------------------------------------------------------------------- trying them

QUICK, THOROUGH = ("-m", "not hypothesis"), ("-m", "hypothesis")

LIKELIEST = {
    "_answering/exchange": ("kept",),
    "_answering/outcomes": ("outcome",),
    "_answering/tasks": ("kept",),
    "_app_scope": ("scopes", "app_scope"),
    "_app_steps": ("scopes", "cancellation"),
    "_late_opening": ("app_scope",),
    "_cancellation": ("cancellation",),
    "_cleanup": ("cancellation",),
    "_expressions": ("validation_order",),
    "_graph": ("order", "scopes", "overrides", "validation_order"),
    "_layout": ("order", "scopes", "threads", "late_body"),
    "_limits": ("limits",),
    "_order": ("order", "scopes", "use_scope"),
    "_plan": ("validation_order",),
    "_recording": ("outcome",),
    "_routes/planned_app": ("mounted",),
    "_routes/route": ("kept",),
    "_runtime": ("cancellation", "exceptions"),
    "_thread_blocks": ("threads", "cancellation"),
    "_threads": ("threads", "cancellation"),
    "_uninterrupted": ("cancellation",),
    "_walk": ("order", "scopes", "overrides"),
    "_writer": ("order", "scopes", "cancellation", "validation_order", "limits"),
}
"""By module, those of the tests of the lifecycle that see most."""

STAGES: tuple[tuple[str, ...], ...] = (
    (*QUICK, "tests/lifecycle", "tests/dependencies"),
    (*THOROUGH, "tests/lifecycle", "tests/dependencies"),
    ("tests/proof/test_reference.py",),
    ("tests/proof/test_faults.py", "tests/test_background.py", "tests/test_applications.py"),
)
"""What pytest is asked for, one after the other, until something fails."""

PATIENCE = 120
"""Seconds after which a test hangs; ten times as many are for all of a stage."""

HANGS = "a test hangs"


@contextmanager
def mutated(root: Path, mutation: Mutation) -> Iterator[None]:
    """Have a fault in a project's folder for a while."""
    path = root / mutation.path
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace(mutation.text, mutation.instead), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(source, encoding="utf-8")


def stages_for(mutation: Mutation) -> list[Sequence[str]]:
    """All stages, after those tests that are the likeliest to see it."""
    likeliest = [f"tests/lifecycle/test_{name}.py" for name in LIKELIEST[mutation.module]]
    return [(*QUICK, *likeliest), *STAGES]


def failing_test(
    root: Path, stages: Sequence[Sequence[str]] = STAGES, patience: float = PATIENCE
) -> str | None:
    """Run a project's tests up to the first that fails; return which one; `None` if all pass.

    One that passes the second time has failed by chance: time was short on a busy machine.
    """
    for stage in stages:
        by_chance: list[str] = []
        while failing := failing_test_of(root, (*stage, *by_chance), patience):
            if failing == HANGS or failing_test_of(root, (failing,), patience):
                return failing
            by_chance.append(f"--deselect={failing}")
    return None


def failing_test_of(root: Path, stage: Sequence[str], patience: float) -> str | None:
    options = ("-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-rfE")
    limits = (f"-ofaulthandler_timeout={patience}", "-ofaulthandler_exit_on_timeout=true")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *limits, *stage],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as tests:
        try:
            output, _ = tests.communicate(timeout=10 * patience)
        except subprocess.TimeoutExpired:
            os.killpg(tests.pid, signal.SIGKILL)
            return HANGS
    if tests.returncode == 0:
        return None
    first = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", output, re.MULTILINE)
    if first is None and "Timeout (" not in output:
        raise RuntimeError(f"the tests did not run:\n{output}")
    return first[1] if first else HANGS


def copied(root: Path, folder: Path) -> Path:
    """Copy a project's files, none of what is made of them."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.db", "*.egg-info")
    return Path(shutil.copytree(root, folder / "project", ignore=ignored))


def row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Try the faults; the exit status says whether tests see each."""
    parser = argparse.ArgumentParser("scripts/mutate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("word", nargs="?", default="", help="only those with it in what they are")
    word = parser.parse_args(arguments).word
    tried = [it for it in MUTATIONS if word in f"{it.module}: {it.what}"]
    os.nice(5)
    with tempfile.TemporaryDirectory() as folder:
        root = copied(ROOT, Path(folder))
        failing = failing_test(root)
        if failing is not None:
            print(f"without any fault fails: {failing}")
            return 2
        row("module", "fault", "seen by", "seconds")
        row("---", "---", "---", "---:")
        unseen = 0
        for mutation in tried:
            began = time.monotonic()
            with mutated(root, mutation):
                seen_by = failing_test(root, stages_for(mutation))
            unseen += seen_by is None
            told = f"`{seen_by}`" if seen_by else "**none**"
            row(f"`{mutation.module}`", mutation.what, told, f"{time.monotonic() - began:.0f}")
    print(f"\n{len(tried) - unseen} of {len(tried)} are seen")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
