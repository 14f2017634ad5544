from functools import cache

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HARBOUR_", env_file=".env")

    database: str = "sqlite+aiosqlite:///harbour.sqlite3"
    signing_key: SecretStr = SecretStr("only for development, and not long")
    berths: int = 40


@cache
def get_settings() -> Settings:
    return Settings()
