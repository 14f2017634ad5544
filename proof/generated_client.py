"""Whether a client that openapi-python-client makes of the shop's document talks to the shop."""

import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from proof.documents import PLACES
from proof.serving import served, tool

PACKAGE = "client_of_the_shop"


def order_something() -> bool | None:
    """Become a user and order; return whether all went well, or `None` without the generator."""
    command = tool("openapi-python-client")
    if command is None:
        print("openapi-python-client is not installed: it is left out")
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(command, folder)
        with served(f"{PLACES['shop']}:app", folder) as url:
            sys.path.insert(0, name)
            try:
                placed = _order(url)
            finally:
                sys.path.remove(name)
    print(f"the generated client has placed the order {placed}")
    return True


def generate(command: str, folder: Path) -> None:
    """Make the client, a package in a folder."""
    document = folder / "openapi.json"
    document.write_text(json.dumps(importlib.import_module(PLACES["shop"]).app.openapi()))
    options = ["--path", str(document), "--output-path", str(folder / PACKAGE), "--meta", "none"]
    subprocess.run([command, "generate", *options], check=True, capture_output=True)


def _order(url: str) -> dict[str, Any]:
    client = _module("client")
    models = _module("models")
    anybody = client.Client(url, raise_on_unexpected_status=True)
    user = _call("users.create_user_users_post", anybody, body=models.NewUser("Ada"))
    known = client.AuthenticatedClient(url, user.token, raise_on_unexpected_status=True)
    assert _call("users.read_current_user_users_me_get", known).name == "Ada"
    product, *_ = _call("products.list_products_products_get", anybody)
    wanted = models.NewOrder([models.NewOrderLine(product.name, 1)])
    placed = _call("orders.place_order_orders_post", known, body=wanted)
    assert _call("orders.list_orders_orders_get", known) == [placed]
    nobody = _call("users.read_current_user_users_me_get", anybody)
    assert nobody.detail
    order: dict[str, Any] = placed.to_dict()
    return order


def _module(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


def _call(operation: str, client: Any, **values: Any) -> Any:
    return _module(f"api.{operation}").sync(client=client, **values)
