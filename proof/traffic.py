"""Mixed traffic for a soak: customers who order, err, vanish, listen, upload and break things."""

import asyncio
import json
import random
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Self

from websockets.asyncio.client import connect

PATIENCE = 60.0
RESET = struct.pack("ii", 1, 0)


@dataclass
class Traffic:
    """What was done, and which answers were not those expected."""

    port: int
    done: Counter[str] = field(default_factory=Counter[str])
    unexpected: Counter[str] = field(default_factory=Counter[str])
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is set, customers come; the others finish what they do, and hang up."""
    busy: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def begin(self) -> None:
        """Wait for customers to be let in, and be one of them."""
        await self.open.wait()
        self.busy += 1

    async def end(self) -> None:
        async with self.changed:
            self.busy -= 1
            self.changed.notify_all()

    async def all_gone(self) -> None:
        """Wait until no customer is there."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.busy == 0)


class Customer:
    """One connection, which is opened again when it was closed."""

    def __init__(self, traffic: Traffic, chance: random.Random) -> None:
        self.traffic = traffic
        self.chance = chance
        self.connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.token = ""

    async def live(self) -> None:
        """Do one thing after the other, until cancelled."""
        while True:
            await self.traffic.begin()
            try:
                await self.act(Customer.register)
                for _ in range(50):
                    if not self.traffic.open.is_set():
                        break
                    await self.act(self.chance.choice(ACTIONS))
            finally:
                self.hang_up()
                await self.traffic.end()

    async def act(self, action: Callable[[Self], Awaitable[None]]) -> None:
        name = action.__name__
        try:
            async with asyncio.timeout(PATIENCE):
                await action(self)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            self.traffic.unexpected[f"{name}: {error!r}"] += 1
            self.hang_up()
        self.traffic.done[name] += 1

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.connection is None or self.connection[0].at_eof():
            self.hang_up()
            self.connection = await asyncio.open_connection("127.0.0.1", self.traffic.port)
        return self.connection

    def hang_up(self, *, reset: bool = False) -> None:
        if self.connection is not None:
            _, writer = self.connection
            if reset:
                writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET)
            writer.close()
            self.connection = None

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = "application/json",
        cut: int = 0,
        more: Mapping[str, str] = {},
    ) -> asyncio.StreamReader:
        """Send a request, the body without its last `cut` bytes, with `more` headers."""
        reader, writer = await self.connect()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer {self.token}\r\n"
            f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in more.items())
            + "\r\n"
        )
        writer.write(head.encode() + body[: len(body) - cut])
        await writer.drain()
        return reader

    async def ask(
        self,
        expected: set[int],
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = "application/json",
    ) -> tuple[int, bytes]:
        """Send a request and read the answer."""
        reader = await self.send(method, path, body, kind)
        status, answer, closes = await read_answer(reader)
        if closes:
            self.hang_up()
        if status not in expected:
            self.traffic.unexpected[f"{method} {path}: {status}"] += 1
        return status, answer

    async def register(self) -> None:
        self.token = ""
        status, answer = await self.ask({201}, "POST", "/users", b'{"name": "customer"}')
        if status == 201:
            self.token = json.loads(answer)["token"]

    async def order(self) -> None:
        items = self.chance.sample(["book", "lamp", "pen"], self.chance.randint(1, 3))
        lines = [{"item": item, "quantity": self.chance.randint(1, 20)} for item in items]
        body = json.dumps({"lines": lines}).encode()
        status, _ = await self.ask({201, 409}, "POST", "/orders", body)
        if status == 409:
            await self.ask({200}, "POST", "/soak/deliveries")

    async def look(self) -> None:
        await self.ask(
            {200}, "GET", self.chance.choice(["/products", "/orders", "/audit", "/users/me"])
        )

    async def work_in_thread(self) -> None:
        await self.ask({200}, "GET", "/soak/thread")

    async def err(self) -> None:
        await self.ask({422}, "POST", "/orders", self.chance.choice([b"{", b"{}", b'{"lines": 1}']))
        await self.ask({404}, "GET", "/nowhere")
        await self.ask({405}, "DELETE", "/products")

    async def impersonate(self) -> None:
        token, self.token = self.token, "stolen"
        await self.ask({401}, "GET", "/orders")
        self.token = token

    async def read_streams(self) -> None:
        await self.ask({200}, "GET", "/orders.csv")
        await self.ask({200}, "GET", "/soak/items")

    async def vanish_while_sending(self) -> None:
        await self.send("POST", "/orders", b'{"lines": []}' + b" " * 10_000, cut=5_000)
        self.hang_up(reset=self.chance.random() < 0.5)

    async def vanish_while_waiting(self) -> None:
        await self.send("GET", self.chance.choice(["/soak/slow", "/orders", "/soak/thread"]))
        self.hang_up(reset=self.chance.random() < 0.5)

    async def vanish_while_receiving(self) -> None:
        reader = await self.send("GET", self.chance.choice(["/soak/endless", "/soak/items"]))
        await reader.read(100)
        self.hang_up(reset=self.chance.random() < 0.5)

    async def follow(self) -> None:
        async with connect(f"ws://127.0.0.1:{self.traffic.port}/feed") as websocket:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.chance.random()):
                    await websocket.recv()
            if self.chance.random() < 0.5:
                websocket.transport.abort()

    async def upload(self) -> None:
        size = self.chance.choice([10, 100_000, 2_000_000])
        part = b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
        body = part + bytes(size) + b"\r\n--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        if self.chance.random() < 0.3:
            await self.send("POST", "/soak/uploads", body, kind, cut=size // 2)
            self.hang_up(reset=True)
        else:
            await self.ask({200}, "POST", "/soak/uploads", body, kind)

    async def break_something(self) -> None:
        """The server closes these connections, after the answer."""
        for status, path in ((500, "/soak/error"), (200, "/soak/failing-task")):
            await self.ask({status}, "GET", path)
            self.hang_up()


ACTIONS = [
    *[Customer.order, Customer.look] * 3,
    Customer.work_in_thread,
    Customer.err,
    Customer.impersonate,
    Customer.read_streams,
    Customer.vanish_while_sending,
    Customer.vanish_while_waiting,
    Customer.vanish_while_receiving,
    Customer.follow,
    Customer.upload,
    Customer.break_something,
]


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Return the status, the body, and whether the server closes the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(first.split()[1]), body, headers.get("connection") == "close"
