"""Settings from the project's own variables: the base of the service's and the gateway's."""

from __future__ import annotations

import os

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from app.environment import PREFIX, own_variables


class OwnSettings(BaseSettings):
    """Settings whose variables Kubernetes cannot set by what it injects."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment without what Kubernetes injects into it."""
        own = EnvSettingsSource(settings_cls)
        own.env_vars = {f"{PREFIX}{name}".lower(): value for name, value in own_variables(os.environ).items()}
        return init_settings, own


def describe_wrong(error: ValidationError, prefix: str) -> list[str]:
    """Return what was expected of each wrong variable, never its value."""
    return [
        f"{prefix}{'_'.join(str(part) for part in problem['loc']).upper()}: "
        f"{problem['msg'].removeprefix('Value error, ')}."
        for problem in error.errors()
    ]
