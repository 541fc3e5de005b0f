"""The shop's entry: pydantic-settings reads, checks and hides."""

import sys
from typing import Annotated

from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

import shop


class Settings(BaseSettings):
    """Three variables; the environment stands above the file."""

    model_config = SettingsConfigDict(env_file=".env", hide_input_in_errors=True)
    secret_key: Annotated[SecretStr, Field(min_length=32)]
    payments_url: SecretStr
    port: Annotated[int, Field(ge=1, le=65535)]

    @field_validator("secret_key")
    @classmethod
    def not_the_example(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text.strip() or "changeme" in text.lower():
            raise ValueError("must be a key that nobody knows")
        return value

    @field_validator("payments_url")
    @classmethod
    def a_url(cls, value: SecretStr) -> SecretStr:
        HttpUrl(value.get_secret_value())
        return value


if __name__ == "__main__":
    try:
        found = Settings()
    except ValidationError as error:
        sys.exit(str(error))
    shop.serve(
        secret_key=found.secret_key.get_secret_value(),
        payments_url=found.payments_url.get_secret_value(),
        port=found.port,
    )
