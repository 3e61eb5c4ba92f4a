"""The servers that are measured, how each is started, and how each is asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.figures import (
    BENTOML,
    BENTOML_CV2,
    BENTOML_MOUNT,
    LITSERVE,
    LITSERVE_BATCHES,
    LITSERVE_CV2,
    NAIVE,
    OURS,
    OURS_TENSORFLOW,
    PLAIN,
)
from benchmarks.limit import Decoder
from benchmarks.load import Form
from benchmarks.servers.entry import DECODER

MANY = 32


@dataclass(frozen=True)
class Ask:
    """One load: how films are sent, by how many clients at once, and for which maps."""

    form: Form
    clients: int = MANY
    maps: str = ""

    @property
    def path(self) -> str:
        """Answer the route with its query."""
        return f"/predict?activation_maps={self.maps}" if self.maps else "/predict"


@dataclass(frozen=True)
class Case:
    """One server with one model.

    Attributes:
        server: its name in the table.
        model: `name/version`.
        command: what starts it; `{port}` stands for the port.
        environment: what is added to ours; `{port}` likewise.
        asks: the loads, in their order.
        decoder: the bare loop whose answers are expected.
        health: the route that answers 200 when it is ready.
        scores: whether `pneumoserve score` is measured on it too.
    """

    server: str
    model: str
    command: Sequence[str]
    environment: Mapping[str, str]
    asks: tuple[Ask, ...]
    decoder: Decoder = "ours"
    health: str = "/health"
    scores: bool = False

    def started(self, port: int) -> tuple[list[str], dict[str, str]]:
        """Answer command and environment for a port; none of the caller's own settings of the service come in."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PNEUMOSERVE_")}
        added = {name: value.format(port=port) for name, value in self.environment.items()}
        return [part.format(port=port) for part in self.command], inherited | added


BUSY = (Ask("raw"), Ask("multipart"))
EVERY_LOAD = (*BUSY, Ask("raw", 8), Ask("multipart", 8), Ask("raw", 1), Ask("multipart", 1))
MAPS = (Ask("raw", maps="none"), Ask("raw", maps="cam"), Ask("raw", maps="layers"))


def make_ours(
    model: str,
    asks: tuple[Ask, ...],
    *,
    server: str = OURS,
    scores: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Case:
    """Make the case of `pneumoserve serve`.

    Args:
        model: `name/version`.
        asks: the loads.
        server: which engine, by the name in the table.
        scores: see `Case`.
        settings: others of the service, without their prefix.
    """
    engine = "tensorflow" if server == OURS_TENSORFLOW else "openvino"
    named = {"port": "{port}", "model": model, "engine": engine} | dict(settings or {})
    environment = {f"PNEUMOSERVE_{name.upper()}": value for name, value in named.items()}
    return Case(server, model, (sys.executable, "pneumoserve.py", "serve"), environment, asks, scores=scores)


def make_tensorflow_cases(model: str) -> list[Case]:
    """Make the cases of what others write around Keras; none where TensorFlow is not installed."""
    if not has_tensorflow():
        return []
    asks = (Ask("multipart"),)
    return [Case(name, model, _module(sys.executable, name, model), {}, asks, decoder="cv2") for name in (NAIVE, PLAIN)]


def make_peer_cases(model: str, bin_folder: Path) -> list[Case]:
    """Make the cases of LitServe and BentoML, installed in an environment of their own.

    Args:
        model: `name/version`.
        bin_folder: where that environment has its programs.
    """
    lit = _module(str(bin_folder / "python"), "litserve_peer", model)
    form = (Ask("multipart"),)
    batches, own = [*lit, "--batch", "8"], {DECODER: "cv2"}
    cases = [
        Case(LITSERVE, model, lit, {}, form),
        Case(LITSERVE_BATCHES, model, batches, {}, form),
        Case(LITSERVE_CV2, model, batches, own, form, decoder="cv2"),
    ]
    for name, service in ((BENTOML, "Radiographs"), (BENTOML_MOUNT, "Mounted"), (BENTOML_CV2, "Mounted")):
        bento = [str(bin_folder / "bentoml"), "serve", f"benchmarks.servers.bentoml_peer:{service}"]
        listen = ["--host", "127.0.0.1", "--port", "{port}"]
        # Its home would else be made in the user's own.
        home = str(bin_folder.parent / "bentoml-home")
        environment = {"BENCH_MODEL": model, "BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "true"}
        decoder: Decoder = "cv2" if name == BENTOML_CV2 else "ours"
        environment[DECODER] = decoder
        cases.append(Case(name, model, bento + listen, environment, (Ask("raw"),), decoder=decoder, health="/readyz"))
    return cases


def has_tensorflow() -> bool:
    """Tell whether TensorFlow is installed, without importing it."""
    return find_spec("tensorflow") is not None


def _module(python: str, name: str, model: str) -> list[str]:
    return [python, "-m", f"benchmarks.servers.{name}", "--model", model, "--port", "{port}"]
