"""Settings: read once, injected, and other ones in tests."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from microfw import App, Depends
from tests.tutorial.twins import Twins, twin_of

app = App()


@dataclass(frozen=True)
class Settings:
    admin: str
    name: str = "The harbour"
    berths: int = 40


@lru_cache
def get_settings() -> Settings:
    return Settings(admin=os.environ.get("HARBOUR_ADMIN", "ada@harbour.example"))


@app.get("/info")
async def read_info(settings: Annotated[Settings, Depends(get_settings)]):
    return settings


def test_settings_are_read_once(client: Twins) -> None:
    get_settings.cache_clear()

    answers = [client.get("/info").json() for _ in range(2)]

    assert answers == [{"admin": "ada@harbour.example", "name": "The harbour", "berths": 40}] * 2
    assert get_settings.cache_info().misses == 1


def test_a_test_has_settings_of_its_own(client: Twins) -> None:
    twin = twin_of(__name__)
    app.dependency_overrides[get_settings] = lambda: Settings(admin="test@harbour.example")
    twin.app.dependency_overrides[twin.get_settings] = lambda: Settings(
        admin="test@harbour.example"
    )
    try:
        overridden = client.get("/info").json()
    finally:
        app.dependency_overrides.clear()
        twin.app.dependency_overrides = {}

    assert overridden["admin"] == "test@harbour.example"
    assert client.get("/info").json()["admin"] == "ada@harbour.example"
