"""Task queues on taskiq: work that outlives the request and the process, with dependencies.

```python
broker = RedisStreamBroker("redis://localhost")
queue = TaskQueue(app, broker)


@queue.task(retries=3)
async def send_invoice(order_id: int, session: SessionDep) -> int: ...


@app.post("/orders")
async def place(order: NewOrder, session: SessionDep, tasks: BackgroundTasks) -> None:
    ...
    tasks.enqueue(send_invoice, order.id)  # sent after the commit
```

It needs the extra `taskiq`, and asyncio.
"""

try:
    from microfw.tasks._queue import TaskQueue
    from microfw.tasks._task import Task
except ModuleNotFoundError as _problem:
    if _problem.name != "taskiq":
        raise
    raise ImportError(
        "microfw.tasks needs taskiq: pip install 'microfw-asgi[taskiq]'", name=_problem.name
    ) from None

__all__ = ["Task", "TaskQueue"]
