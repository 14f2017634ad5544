from bakery import breads
from bakery.queue import app

__all__ = ["app"]

app.include_router(breads.router)
