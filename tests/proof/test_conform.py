"""What `scripts/conform` proves, in short."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from proof import conform, generated_client, linting
from proof.serving import tool

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]


@pytest.mark.skipif(tool("schemathesis") is None, reason="scripts/conform installs schemathesis")
def test_the_shop_answers_what_its_document_says(capfd: pytest.CaptureFixture[str]) -> None:
    passed = conform.send_what_documents_allow(["--max-examples", "2"], ["shop"])

    assert passed, capfd.readouterr().out


@pytest.mark.skipif(
    tool("openapi-python-client") is None, reason="scripts/conform installs openapi-python-client"
)
def test_a_client_generated_from_the_shops_document_orders_something() -> None:
    pytest.importorskip("httpx", reason="httpx, which the client needs, is not installed")

    assert generated_client.order_something()


def test_documents_are_written_for_the_linter(tmp_path: Path) -> None:
    written = linting.write(tmp_path)

    assert {"shop.json", "museum.json", "openapi-app.json"} <= {*written}
    assert len(written) > 50
    shop = json.loads((tmp_path / "shop.json").read_text())
    assert shop == importlib.import_module("examples.shop.main").app.openapi()


def test_tools_that_are_not_there_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(name: str, path: Any = None) -> None:
        return None

    monkeypatch.setattr("shutil.which", nowhere)

    assert conform.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "schemathesis is not installed: it is left out",
        "npx is not installed: spectral is left out",
        "openapi-python-client is not installed: it is left out",
        "",
        "schemathesis: left out, spectral: left out, client: left out",
    ]
