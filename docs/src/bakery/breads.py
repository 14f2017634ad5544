from bakery.queue import queue
from microfw import BackgroundTasks, Router

router = Router(prefix="/breads")


@queue.task
async def bake(bread: str) -> str:
    return f"{bread} is baked"


@router.post("/{bread}", status_code=202)
async def order(bread: str, tasks: BackgroundTasks) -> str:
    return tasks.enqueue(bake, bread)
