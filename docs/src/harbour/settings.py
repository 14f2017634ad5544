import secrets
from functools import cache

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def make_key() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(32))


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HARBOUR_", env_file=".env", hide_input_in_errors=True
    )

    database: str = "sqlite+aiosqlite:///harbour.sqlite3"
    create_tables: bool = True
    signing_key: SecretStr = Field(default_factory=make_key, min_length=32)
    berths: int = 40


@cache
def get_settings() -> Settings:
    return Settings()
