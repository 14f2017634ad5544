"""Starts one contender of `large`, and prints what that costs, as JSON; see `cold`.

What is imported above is all that is there before the contender's package.
"""

import gc
import sys
from importlib import import_module
from time import perf_counter, process_time

from benchmarks.memory import resident

MODULES = {
    "microfw": ("microfw",),
    "fastapi": ("fastapi",),
    "litestar": ("litestar",),
    "starlette": ("starlette.applications", "starlette.responses", "starlette.routing"),
}
"""What an application imports of each."""


def main(name: str, routes: int, clock: str) -> None:
    """Import, build, ask; and look at the clock and at the memory in between."""
    now = {"wall": perf_counter, "cpu": process_time}[clock]
    before = resident()
    begin = now()
    for module in MODULES[name]:
        import_module(module)
    figures = {"import": now() - begin, "imported": resident() - before}

    import asyncio
    import json

    from benchmarks.client import Client, Request, answer_of, json_answer, new_log
    from benchmarks.large import LARGE, answer, path

    gc.collect()
    before = resident()
    begin = now()
    app = LARGE[name](routes)
    figures["build"] = now() - begin
    gc.collect()
    figures["built"] = (resident() - before) / routes

    async def ask(number: int) -> float:
        log = new_log()
        client = Client(app, Request(path(number, "7")), log)
        begin = now()
        await client.call()
        end = now()
        if answer_of(log) != json_answer(answer(number, 7, 3)):
            sys.exit(f"route {number} has answered {answer_of(log)}")
        return end - begin

    async def ask_all() -> None:
        figures["first"] = await ask(0)
        figures["other"] = await ask(1)
        figures["again"] = await ask(1)
        for number in range(2, routes):
            await ask(number)

    asyncio.run(ask_all())
    gc.collect()
    figures["used"] = (resident() - before) / routes
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
