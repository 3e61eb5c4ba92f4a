"""The service's settings, from `PNEUMOSERVE_…` variables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from app.environment import DEFAULT_HOST, DEFAULT_PORT, PREFIX
from app.keys import ApiKey, read_keys
from app.memory_limit import Limits, fitting_limits, granted_memory
from app.names import DEFAULT_ENGINE, EngineName, GateMode
from app.own_settings import OwnSettings

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


def _read_origins(value: Any) -> Any:
    """Split at commas, and refuse what no browser sends as an Origin."""
    if not isinstance(value, str):
        return value
    origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
    if origins == ("*",):
        return origins
    for number, origin in enumerate(origins, 1):
        has_usual_port = origin.startswith("http:") and origin.endswith(":80")
        has_usual_port |= origin.startswith("https:") and origin.endswith(":443")
        if has_usual_port or not _ORIGIN.fullmatch(origin):
            raise ValueError(
                "Expected * alone, or origins as a browser sends them, with commas between: https://viewer.example.org,"
                "http://localhost:3000, in small letters, without path, slash at the end or the scheme's usual port. "
                f"Number {number} is none"
            )
    return origins


def _read_root_path(value: Any) -> Any:
    """Read `/xray/` as `/xray`, and `/` as none."""
    if not isinstance(value, str):
        return value
    path = value.rstrip("/")
    if not _ROOT_PATH.fullmatch(path):
        raise ValueError("Expected a path like /xray, of letters, digits and . _ ~ - behind each /. Received another")
    return path


def _fitting() -> Limits:
    return fitting_limits(granted_memory())


def _read_api_keys(value: Any) -> Any:
    return read_keys(value) if isinstance(value, str) else value


class Settings(OwnSettings):
    """Byte counts are of bodies as sent; times are in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    host: str = Field(default=DEFAULT_HOST, min_length=1, description="The address to listen on; :: takes IPv4 too.")
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535, description="The port to listen on; 0 picks a free one.")
    model_store: Path = Field(default=Path("model_store"), description="The folder of the model store.")
    model: str | None = Field(
        default=None, description="Name or name/version of the model; unset: what the store's file DEFAULT names."
    )
    engine: EngineName = Field(
        default=DEFAULT_ENGINE, description="What computes: openvino, or tensorflow, the reference."
    )
    max_upload_bytes: int = Field(
        default_factory=lambda: _fitting().max_upload_bytes, ge=1, description="The largest body that is accepted."
    )
    max_pixels: int = Field(
        default_factory=lambda: _fitting().max_pixels, ge=1, description="The largest width × height that is decoded."
    )
    max_in_flight: int = Field(
        default=64, ge=1, description="Films begun to be sent, decoded, waiting or computed at once."
    )
    max_reading: int = Field(default=256, ge=1, description="Bodies being read at once.")
    max_bytes_held: int = Field(
        default_factory=lambda: _fitting().max_bytes_held, ge=1, description="Bytes of bodies in memory at once."
    )
    body_timeout_seconds: float = Field(
        default=20, gt=0, description="How long a body may take that comes slower than 64 KiB a second on average."
    )
    deadline_seconds: float = Field(default=30, gt=0, description="How long an answer may take, from the body's end.")
    drain_grace_seconds: float = Field(
        default=3, ge=0, description="How long after SIGTERM the listener stays open and answers 503."
    )
    prevalence: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Proportion of pneumonia among this site's films; unset: as the model was fitted.",
    )
    gate: GateMode = Field(
        default="refuse",
        description="What becomes of a film outside the model's domain: refuse, flag (answered, with refer) or off.",
    )
    keep_alive_seconds: int = Field(
        default=5,
        ge=1,
        description="How long a connection stays open for the next request; a proxy wants it longer than its own.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_origins)] = Field(
        default=(), description="Origins whose pages a browser lets ask, with commas between; * for all."
    )
    root_path: Annotated[str, BeforeValidator(_read_root_path)] = Field(
        default="", description="The path at which a proxy shows this service; taken off where the proxy leaves it."
    )
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(_read_api_keys)] = Field(
        default=(), description="Who may send films: pairs name:sha256 with commas between; unset: everybody."
    )
    allow_anonymous: bool = Field(
        default=False, description="Whether to serve other machines although there are no API keys."
    )
    published_host: str | None = Field(
        default=None, description="The address under which clients reach the service; unset: HOST."
    )
    log_client_ids: bool = Field(
        default=False, description="Whether the log shows callers' own request ids, rather than a keyed hash of them."
    )
    log_format: Literal["json", "text"] = Field(default="json", description="One JSON object a line, or plain text.")

    @property
    def reached_at(self) -> str:
        """The host under which clients reach the service."""
        return self.published_host or self.host

    @classmethod
    def variables(cls) -> list[str]:
        """Return the names of all variables, without the prefix."""
        return [name.upper() for name in cls.model_fields]
