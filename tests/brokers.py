"""Message brokers of our own, where they are installed: new servers on free ports.

```python
with redis() as url: ...
```
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 60.0
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""Debian's; the one on PATH changes the user."""


class BrokerServer:
    """A server that can be stopped and started again on the same port, with the same data.

    Attributes:
        url: Where it answers.
    """

    url: str

    def __init__(
        self, url: str, port: int, command: Sequence[str], env: Mapping[str, str], folder: Path
    ) -> None:
        self.url = url
        self._port = port
        self._command = [*command]
        self._env = {**os.environ, **env}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_for(self._accepts, self._folder / "log")

    def stop(self) -> None:
        """Stop it, and the processes that it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            _kill_group(process.pid)

    def pause(self) -> None:
        """Have it keep its connections, and answer nothing."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again, also what it was asked meanwhile."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGCONT)

    def _accepts(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self._port), 5).close()
        except OSError:
            return False
        return True


@contextmanager
def redis() -> Iterator[BrokerServer]:
    """Run Redis, which keeps each write. Skips the test where it is not installed."""
    program = _program("redis-server")
    with _folder() as folder:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        yield from _running(f"redis://127.0.0.1:{port}", port, command, {}, folder)


@contextmanager
def nats() -> Iterator[BrokerServer]:
    """Run NATS with JetStream. Skips the test where it is not installed."""
    program = _program("nats-server")
    with _folder() as folder:
        port = free_port()
        command = [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "data")]
        yield from _running(f"nats://127.0.0.1:{port}", port, command, {}, folder)


@contextmanager
def rabbitmq() -> Iterator[BrokerServer]:
    """Run RabbitMQ. Skips the test where it is not installed."""
    program = RABBITMQ if Path(RABBITMQ).exists() else _program("rabbitmq-server")
    with _folder() as folder:
        port, mapper, distribution = free_port(), free_port(), free_port()
        env = {
            "HOME": str(folder),  # where the nodes' cookie is
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"microfw-{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }
        # With the port mapper of Erlang's in its group of processes; it would start one of its own.
        command = ["sh", "-c", f'epmd -address 127.0.0.1 & exec "{program}"']
        yield from _running(f"amqp://guest:guest@127.0.0.1:{port}", port, command, env, folder)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _running(
    url: str, port: int, command: Sequence[str], env: Mapping[str, str], folder: Path
) -> Iterator[BrokerServer]:
    server = BrokerServer(url, port, command, env, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="broker-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _wait_for(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
