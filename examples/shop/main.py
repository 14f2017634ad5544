"""The application: its routers, and the answer to an error of the shop's own."""

from sqlalchemy import text

from examples.shop import audit, feed, orders, products, users
from examples.shop.database import SessionDep
from examples.shop.products import OutOfStockError
from microfw import App, Request
from microfw.responses import JSONResponse, RedirectResponse

app = App(
    title="Shop",
    description="Products, and orders that are placed whole or not at all.\n\n"
    "Create a user, authorize with the token of the answer, and order.",
    openapi_tags=[
        {"name": "users", "description": "Customers, and their tokens"},
        {"name": "products", "description": "What is for sale"},
        {"name": "orders", "description": "Orders: all of their lines, or none"},
        {"name": "audit", "description": "Who did what"},
    ],
)
app.include_router(users.router)
app.include_router(products.router)
app.include_router(orders.router)
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
