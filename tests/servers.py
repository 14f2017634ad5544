"""Real servers for tests: uvicorn on a free port, in a process or a thread of its own.

```python
with serve("examples.shop.main:app", cwd=tmp_path) as server:
    httpx2.get(f"{server.url}/health")
assert "Application shutdown complete." in server.log
```
"""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

ROOT = Path(__file__).parent.parent
READY = "Application startup complete."
PATIENCE = 60.0
"""Seconds that a server may take to start, to say something, or to stop."""


class Server:
    """A running uvicorn.

    Attributes:
        host: The address that it listens on.
        port: The port, free before.
    """

    host = "127.0.0.1"
    port = 0

    def __init__(self) -> None:
        self._log = Log()

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end: `http://127.0.0.1:51234`."""
        return f"http://{self.host}:{self.port}"

    @property
    def websocket_url(self) -> str:
        """The same for WebSockets: `ws://127.0.0.1:51234`."""
        return f"ws://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        """All that it has logged and printed so far."""
        return self._log.text

    def wait_for(self, text: str, times: int = 1) -> str:
        """Wait until the log holds the text so many times, and return the log.

        Raises:
            AssertionError: It has ended, or `PATIENCE` has, without.
        """
        return self.wait_until(lambda log: log.count(text) >= times, f"said {text!r}")

    def wait_until(self, condition: Callable[[str], bool], what: str) -> str:
        """Wait until the log fulfils a condition, and return the log.

        Args:
            condition: Is asked again with each new line.
            what: For the error, "the server never ...".

        Raises:
            AssertionError: It has ended, or `PATIENCE` has, without.
        """
        return self._log.wait_until(condition, what)

    def start(self) -> None:
        """Wait until it answers."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does, and do not wait for it. Twice: it waits for nobody."""
        raise NotImplementedError

    def stop(self) -> str:
        """Interrupt it, if nobody has, wait until it has ended, and return the log."""
        raise NotImplementedError


@contextmanager
def serve(
    app: Any,
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    **options: str | float | bool,
) -> Iterator[Server]:
    """Run an application under uvicorn until the block ends.

    Args:
        app: `"module:attribute"` runs in a process of its own, is stopped by SIGINT, and its log is
            what it prints. An application object runs in a thread, sees the test's own lists and
            events, and its log is what Python's `logging` gets while it runs.
        cwd: The folder that the process works in; modules are found in the project's root anyway.
        env: Environment variables to add, for a process.
        **options: uvicorn's: `workers=2`, `loop="uvloop"`, `timeout_graceful_shutdown=1`, ...
    """
    if isinstance(app, str):
        server: Server = ServerProcess(app, cwd, env or {}, options)
    else:
        server = ServerThread(app, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def python_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Python process that finds the project's modules from any folder."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **own, **extra}


class ServerProcess(Server):
    """`python -m uvicorn module:attribute`.

    Attributes:
        process: The process; with `workers=`, the one that supervises them.
    """

    process: subprocess.Popen[str]

    def __init__(
        self,
        app: str,
        cwd: Path,
        env: Mapping[str, str],
        options: Mapping[str, str | float | bool],
    ) -> None:
        super().__init__()
        self._workers = int(options.get("workers", 1))
        self._interrupted = False
        arguments = {"host": self.host, "port": 0, "use_colors": False, **options}
        command = [sys.executable, "-m", "uvicorn", app]
        for name, value in arguments.items():
            command += _argument(name.replace("_", "-"), value)
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=python_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self) -> None:
        log = self.wait_for(READY, self._workers)
        log = self.wait_for("Uvicorn running on ")
        match = re.search(r"Uvicorn running on https?://.*?:(\d+) ", log)
        assert match, log
        self.port = int(match[1])
        _wait_until_it_accepts(self.host, self.port)

    def interrupt(self) -> None:
        self._interrupted = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def stop(self) -> str:
        if not self._interrupted:
            self.interrupt()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not stop; its log:\n{self.log}") from None
        finally:
            self._reader.join(PATIENCE)
            assert self.process.stdout
            self.process.stdout.close()
        return self.log

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._log.add(line)
        self._log.close()


class ServerThread(Server):
    """`uvicorn.Server(...).run()` in a thread of this process."""

    def __init__(self, app: Any, options: Mapping[str, Any]) -> None:
        super().__init__()
        self._access_log_propagates = logging.getLogger("uvicorn.access").propagate
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, **options))
        self._socket = socket.create_server((self.host, 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.wait_for(READY)

    def interrupt(self) -> None:
        self._server.force_exit = self._server.should_exit
        self._server.should_exit = True

    def stop(self) -> str:
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)
        self._socket.close()
        assert not self._thread.is_alive(), f"the server did not stop; its log:\n{self.log}"
        return self.log

    def _run(self) -> None:
        handler = _LogHandler(self._log)
        root = logging.getLogger()
        uvicorn_logger = logging.getLogger("uvicorn")
        level = uvicorn_logger.level
        uvicorn_logger.setLevel(logging.INFO)
        root.addHandler(handler)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            root.removeHandler(handler)
            uvicorn_logger.setLevel(level)
            # `access_log=False` stops it for the whole process.
            logging.getLogger("uvicorn.access").propagate = self._access_log_propagates
            self._log.close()


class Log:
    """Lines that one thread writes and others wait for."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._closed = False

    def add(self, line: str) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def wait_until(self, condition: Callable[[str], bool], what: str) -> str:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or condition(self.text), PATIENCE)
            if condition(self.text):
                return self.text
            raise AssertionError(f"the server never {what}; its log:\n{self.text}")


class _LogHandler(logging.Handler):
    """Keeps records as uvicorn prints them, `INFO:     message`."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.add(self.format(record) + "\n")


def _argument(name: str, value: str | float | bool) -> list[str]:
    if value is True:
        return [f"--{name}"]
    if value is False:
        return [f"--no-{name}"]
    return [f"--{name}", str(value)]


def _wait_until_it_accepts(host: str, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, port), PATIENCE).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
