"""Run what the pages show, and fill in their code, and what it answers, prints and raises.

`python -m tests.docs.pages [PAGE...]` writes that into the pages. Read what has changed.

A comment ahead of a block of code says where the block comes from:

    <!-- code: first_steps.py -->      what docs/src/first_steps.py holds; `scopes.py:use` is what is
                                       between `# region use` and `# endregion use` there
    <!-- run: first_steps -->           commands, `curl` and `microfw`, and what they answer
    <!-- execute: first_steps -->       Python, which runs beside docs/src/first_steps.py
    <!-- printed -->                    what the last one has printed
    <!-- printed: stopped -->           the same, after the server has been stopped
    <!-- raised: first_steps POST /x --> the exception that a server logs
    <!-- mistake: first_steps make -->  the exception that a function of the module raises

`curl` is answered by the application itself, without a server. A module is started when it is first
named, and is stopped at the end of the page. `first_steps as main` is the module under that name.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from click.testing import CliRunner
from httpx2 import Response

from microfw.cli import main as microfw
from microfw.testclient import TestClient

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "docs" / "src"
BLOCK = re.compile(
    r"^ *<!-- (?P<kind>code|run|execute|printed|raised|mistake)(?:: (?P<what>[^\n]*?))? -->\n\n?"
    r"(?P<open> *```[^\n]*\n)(?P<text>.*?)(?P<close>^ *```$)",
    re.MULTILINE | re.DOTALL,
)

CURL = argparse.ArgumentParser(prog="curl", add_help=False)
CURL.add_argument("url")
CURL.add_argument("-s", "--silent", action="store_true")
CURL.add_argument("-N", "--no-buffer", action="store_true")
CURL.add_argument("-i", "--include", action="store_true")
CURL.add_argument("-X", "--request")
CURL.add_argument("-H", "--header", action="append", default=[])
CURL.add_argument("-b", "--cookie")
CURL.add_argument("-u", "--user")
CURL.add_argument("-d", "--data", action="append", default=[])
CURL.add_argument("-F", "--form", action="append", default=[])
CURL.add_argument("--json")


class Page:
    """A page while what it shows is run: the modules that it has named, and their clients."""

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}
        self._clients: dict[str, TestClient] = {}
        self._started = contextlib.ExitStack()
        self._printed = io.StringIO()
        self._names: dict[str, dict[str, Any]] = {}

    def filled(self, block: re.Match[str]) -> str:
        """The block with what comes out when it is run."""
        what, text = block["what"] or "", block["text"]
        if block["kind"] not in {"code", "printed"}:
            self._printed = io.StringIO()
        with contextlib.redirect_stdout(self._printed):
            shown = getattr(self, block["kind"])(what, text)
        head = block[0][: block.start("text") - block.start()]
        return f"{head}{shown.rstrip()}\n{block['close']}"

    def code(self, source: str, _: str) -> str:
        name, _, region = source.partition(":")
        text = (SOURCES / name).read_text(encoding="utf-8")
        if region:
            text = text.split(f"# region {region}\n")[1].split(f"# endregion {region}\n")[0]
        return text.strip("\n")

    def run(self, module: str, text: str) -> str:
        commands = re.findall(r"^\$ (?:.*\\\n)*.*\n", text, re.MULTILINE)
        return "".join(f"{command}{self._output(module, command)}" for command in commands)

    def execute(self, module: str, text: str) -> str:
        names = self._names.setdefault(
            module,
            {"__name__": "page", "client": self.client(module), **vars(self._modules[module])},
        )
        exec(compile(text, f"a block beside {module}", "exec"), names)
        return text

    def printed(self, what: str, _: str) -> str:
        if what == "stopped":
            self.stop()
        return self._printed.getvalue()

    def raised(self, what: str, _: str) -> str:
        module, method, path = what.split()
        self.client(module)
        with contextlib.redirect_stdout(io.StringIO()):
            return _message(lambda: TestClient(self._modules[module].app).request(method, path))

    def mistake(self, what: str, _: str) -> str:
        module, function = what.split()
        return _message(getattr(self._load(module), function))

    def client(self, module: str) -> TestClient:
        """The client of a module's application, which is started if it was not."""
        if module not in self._clients:
            app = self._load(module).app
            client = TestClient(app, "http://localhost:8000", raise_server_exceptions=False)
            client.follow_redirects = False
            client.headers["user-agent"] = "curl"
            self._clients[module] = self._started.enter_context(client)
        return self._clients[module]

    def stop(self) -> None:
        """Stop the applications; the next use starts them anew."""
        self._started.close()
        self._clients.clear()

    def _load(self, what: str) -> ModuleType:
        source, _, name = what.partition(" as ")
        if name:
            shutil.copyfile(SOURCES / f"{source}.py", f"{name}.py")
        if what not in self._modules:
            self._modules[what] = importlib.import_module(name or source)
        return self._modules[what]

    def _output(self, module: str, command: str) -> str:
        program, *arguments = shlex.split(command.removeprefix("$ "))
        if program == "curl":
            return self._curl(module, CURL.parse_args(arguments))
        app = self._load(module)
        with contextlib.chdir(Path(str(app.__file__)).parents[app.__name__.count(".")]):
            env = {"MICROFW_APP": f"{app.__name__}:app", "COLUMNS": "100"}
            result = CliRunner().invoke(microfw, arguments, env=env, prog_name="microfw")
        return result.output.rstrip() + "\n"

    def _curl(self, module: str, options: argparse.Namespace) -> str:
        headers = dict(re.split(r":\s*", each, maxsplit=1) for each in options.header)
        given: dict[str, Any] = {}
        if options.json is not None:
            json.loads(options.json)
            headers |= {"content-type": "application/json", "accept": "application/json"}
            given["content"] = options.json
        elif options.data:
            headers["content-type"] = "application/x-www-form-urlencoded"
            given["content"] = "&".join(options.data)
        elif options.form:
            given["files"] = dict(map(_part, options.form))
        if options.cookie:
            headers["cookie"] = options.cookie
        if options.user:
            given["auth"] = tuple(options.user.split(":", 1))
        method = options.request or ("POST" if given.keys() & {"content", "files"} else "GET")
        path = re.sub(r"^(http://)?localhost:8000", "", options.url)
        answer = self.client(module).request(method, path, headers=headers, **given)
        text: str = answer.text
        head = _head(answer) if options.include else ""
        return head + f"{text.rstrip()}\n".removeprefix("\n")


def _part(text: str) -> tuple[str, Any]:
    name, value = text.split("=", 1)
    if value.startswith("@"):
        return name, (value[1:], (SOURCES / value[1:]).read_bytes())
    return name, (None, value)


def _head(answer: Response) -> str:
    """The status and the headers; a server adds its name and the date."""
    lines = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\n".join([*lines, "", ""])


def _message(call: Any) -> str:
    try:
        call()
    except Exception as error:
        kind = type(error)
        return f"{kind.__module__}.{kind.__qualname__}: {error}".replace(f"{SOURCES}/", "")
    raise AssertionError("nothing was raised")


def filled(text: str) -> str:
    """A page's text with what its blocks answer, print and raise."""
    with _in_new_folder():
        page = Page()
        try:
            return BLOCK.sub(page.filled, text)
        finally:
            with contextlib.redirect_stdout(io.StringIO()):
                page.stop()


@contextlib.contextmanager
def _in_new_folder() -> Iterator[None]:
    """Run where databases may be made, with the pages' code found first."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        known = set(sys.modules)
        sys.path[:0] = [str(SOURCES), folder]
        try:
            yield
        finally:
            del sys.path[:2]
            os.chdir(before)
            for name in set(sys.modules) - known:
                if _is_shown(name, folder):
                    del sys.modules[name]


def _is_shown(name: str, folder: str) -> bool:
    """Whether a module is one of the pages': the next page imports it anew."""
    file = getattr(sys.modules[name], "__file__", None) or ""
    return file.startswith((str(SOURCES), folder))


def main() -> None:
    """Write what happens into the pages."""
    for name in sys.argv[1:] or sorted(map(str, (ROOT / "docs").rglob("*.md"))):
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            path.write_text(new, encoding="utf-8")
            print(f"{name} is changed")


if __name__ == "__main__":
    main()
