"""The application: its routers, and the answer to an error of the shop's own."""

from sqlalchemy import text

from examples.shop import audit, feed, invoices, orders, products, users
from examples.shop.database import SessionDep
from examples.shop.products import OutOfStockError
from examples.shop.queue import app
from microfw import Request
from microfw.responses import JSONResponse, RedirectResponse

__all__ = ["app"]

app.include_router(users.router)
app.include_router(products.router)
app.include_router(orders.router)
app.include_router(invoices.router)
app.include_router(audit.router)
app.include_router(feed.router)


@app.get("/")
async def start() -> RedirectResponse:
    """Lead to the products."""
    return RedirectResponse("/products")


@app.get("/health")
async def health(session: SessionDep) -> dict[str, str]:
    """Answer only if the database does."""
    await session.execute(text("SELECT 1"))
    return {"status": "ok"}


@app.exception_handler(OutOfStockError)
async def out_of_stock(request: Request, error: OutOfStockError) -> JSONResponse:
    """Answer after the session has rolled back: what the order had taken is there again."""
    return JSONResponse({"detail": str(error)}, 409)
