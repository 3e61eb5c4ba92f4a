"""The gateway's settings, from `PNEUMOSERVE_GATEWAY_…` variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import NoDecode, SettingsConfigDict

from app.environment import GATEWAY_PREFIX, PREFIX, own_variables
from app.listening import is_loopback
from app.own_settings import OwnSettings, describe_wrong
from gateway.errors import WrongSettings
from gateway.peers import LOOPBACK, Peer, is_title, read_peers

_PREFIX = PREFIX + GATEWAY_PREFIX


def _read_peers(value: Any) -> Any:
    return read_peers(value) if isinstance(value, str) else value


def _read_title(value: Any) -> Any:
    if isinstance(value, str) and not is_title(value):
        raise ValueError("Expected an AE title of 1 to 16 characters. Received another")
    return value


class GatewaySettings(OwnSettings):
    """Times are in the unit that a name ends with."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, env_ignore_empty=True, extra="forbid")

    url: str = Field(default="http://127.0.0.1:8000", description="The address of the service.")
    folder: Path = Field(default=Path("gateway-outbox"), description="The folder of the outbox.")
    operating_point: str | None = Field(default=None, description="The operating point; unset: the model's default.")
    contour: bool = Field(default=False, description="Whether to write a presentation state with outlines as well.")
    destination: str | None = Field(
        default=None,
        description="Where results go: dicom://AE_TITLE@host:port, dicom-tls://…, or a DICOMweb server's address.",
    )
    orthanc: str | None = Field(
        default=None, description="The address of an Orthanc whose new films are read and that gets the results."
    )
    orthanc_since: Literal["now", "start"] = Field(
        default="now", description="Where to begin with an Orthanc: at its next change, or at its first."
    )
    poll_seconds: float = Field(default=1, gt=0, description="How often Orthanc is asked for changes.")
    host: str = Field(default="127.0.0.1", min_length=1, description="The address to receive films at.")
    port: int = Field(default=11112, ge=0, le=65535, description="The port to receive films at; 0 picks a free one.")
    ae_title: Annotated[str, BeforeValidator(_read_title)] = Field(
        default="PNEUMOSERVE", description="The gateway's own AE title, called and calling."
    )
    peers: Annotated[tuple[Peer, ...], NoDecode, BeforeValidator(_read_peers)] = Field(
        default=LOOPBACK, description="Who may send: AE_TITLE@address or @network/prefix, with commas between."
    )
    tls_certificate: Path | None = Field(
        default=None, description="The gateway's certificate and those between it and its authority, as PEM."
    )
    tls_key: Path | None = Field(default=None, description="The certificate's key; unset: in the certificate's file.")
    tls_authority: Path | None = Field(
        default=None, description="The certificates of those who may sign the certificates of other nodes."
    )
    max_associations: int = Field(default=10, ge=1, description="Associations at once.")
    max_pdu_bytes: int = Field(default=131_072, ge=4096, le=2**20, description="The largest PDU that is accepted.")
    max_film_bytes: int = Field(default=64 * 2**20, ge=1, description="The largest film that is accepted.")
    min_free_bytes: int = Field(default=2**30, ge=0, description="Free space below which no film is accepted.")
    max_errors: int = Field(default=5, ge=1, description="After how many errors a film is given up.")
    give_up_hours: float = Field(
        default=168, gt=0, description="How long a film waits for a service or destination that does not answer."
    )
    retention_days: float = Field(
        default=30, gt=0, description="How long keyed hashes and states of finished films are kept."
    )
    drain_seconds: float = Field(default=10, ge=0, description="How long running associations may go on at the end.")
    metrics_host: str = Field(default="127.0.0.1", min_length=1, description="The address of /metrics.")
    metrics_port: int = Field(default=9108, ge=0, le=65535, description="The port of /metrics; 0: none.")
    health_file: Path | None = Field(
        default=None, description="A file that is touched while all is well; unset: `health` in the folder."
    )

    @classmethod
    def variables(cls) -> list[str]:
        """Return the names of all variables, without the project's prefix."""
        return [GATEWAY_PREFIX + name.upper() for name in cls.model_fields]


def read_settings(given: Mapping[str, Any], *, runs: bool = True) -> GatewaySettings:
    """Return the settings; `given`, from the command line, goes before the environment.

    `runs`: whether a gateway is to run by them.

    Raises:
        WrongSettings: a setting is wrong, unknown or missing; the message never has its value.
    """
    wrong = []
    known = GatewaySettings.variables()
    for name in own_variables(os.environ):
        if name.startswith(GATEWAY_PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            nearest = f" The nearest is {PREFIX}{near[0]}." if near else ""
            wrong.append(f"{PREFIX}{name}: expected a variable that the gateway knows.{nearest}")
    try:
        settings = GatewaySettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong += describe_wrong(error, _PREFIX)
    else:
        wrong += _check(settings) if runs else []
    if wrong:
        raise WrongSettings("\n".join(wrong))
    return settings


def _check(settings: GatewaySettings) -> list[str]:
    if (settings.orthanc is None) == (settings.destination is None):
        return ["Expected either a destination (PNEUMOSERVE_GATEWAY_DESTINATION) or an Orthanc (--orthanc)."]
    if settings.tls_certificate is None and settings.tls_key is not None:
        return ["PNEUMOSERVE_GATEWAY_TLS_CERTIFICATE: expected the certificate of PNEUMOSERVE_GATEWAY_TLS_KEY."]
    if settings.orthanc is None and settings.peers == LOOPBACK and not is_loopback(settings.host):
        return ["PNEUMOSERVE_GATEWAY_PEERS: expected the nodes that may send, since the port is open to the network."]
    return []
