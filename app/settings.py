"""Everything that can be set, by environment variables that begin with `PNEUMOSERVE_`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.imaging.formats import DEFAULT_MAX_PIXELS
from app.names import DEFAULT_ENGINE, EngineName


class Settings(BaseSettings):
    """The settings of one service; byte counts are of bodies as sent, times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="PNEUMOSERVE_", frozen=True, env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on; 0 picks a free one.")
    model_store: Path = Field(default=Path("model_store"), description="The folder of the model store.")
    model: str | None = Field(
        default=None, description="Name or name/version of the model; unset: what the store's file DEFAULT names."
    )
    engine: EngineName = Field(
        default=DEFAULT_ENGINE, description="What computes: openvino, or tensorflow, the reference."
    )
    max_upload_bytes: int = Field(default=64 * 2**20, ge=1, description="The largest body that is accepted.")
    max_pixels: int = Field(default=DEFAULT_MAX_PIXELS, ge=1, description="The largest width × height that is decoded.")
    max_in_flight: int = Field(default=64, ge=1, description="Films decoded, waiting or computed at once.")
    max_reading: int = Field(default=256, ge=1, description="Bodies being read at once.")
    max_bytes_held: int = Field(default=256 * 2**20, ge=1, description="Bytes of bodies in memory at once.")
    body_timeout_seconds: float = Field(
        default=20, gt=0, description="How long a body may take that comes slower than 64 KiB a second on average."
    )
    deadline_seconds: float = Field(default=30, gt=0, description="How long an answer may take, from the body's end.")
    prevalence: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of pneumonia among this site's films; unset: as the model was fitted.",
    )
    log_format: Literal["json", "text"] = Field(default="json", description="One JSON object a line, or plain text.")
