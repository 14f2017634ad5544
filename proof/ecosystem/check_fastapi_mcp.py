"""fastapi-mcp: the routes as tools of the Model Context Protocol."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

fastapi_mcp = pytest.importorskip("fastapi_mcp")


class Item(BaseModel):
    name: str


def application() -> FastAPI:
    app = FastAPI(title="Items", description="Of items")

    @app.get("/items/{item_id}", operation_id="get_item", tags=["items"])
    async def get_item(item_id: int) -> Item:
        """Get an item."""
        return Item(name=f"item {item_id}")

    @app.post("/items", operation_id="create_item")
    async def create_item(item: Item) -> Item:
        return item

    return app


def test_routes_are_tools() -> None:
    mcp = fastapi_mcp.FastApiMCP(application())
    assert sorted(tool.name for tool in mcp.tools) == ["create_item", "get_item"]
    (tool,) = (each for each in mcp.tools if each.name == "get_item")
    assert "item_id" in tool.inputSchema["properties"]


def test_tools_are_filtered() -> None:
    mcp = fastapi_mcp.FastApiMCP(application(), include_tags=["items"])
    assert [tool.name for tool in mcp.tools] == ["get_item"]


def test_it_is_mounted() -> None:
    app = application()
    mcp = fastapi_mcp.FastApiMCP(app)
    mcp.mount_http()
    assert any(getattr(route, "path", "").startswith("/mcp") for route in app.routes)
    assert TestClient(app).get("/items/3").json() == {"name": "item 3"}
