"""The servers that are measured, and what starts each."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from app.inference.artifact import Entry
from benchmarks.films import ROOT
from benchmarks.load import Form
from benchmarks.servers.entry import Decoder

NAIVE, CAREFUL = "naive: `model.predict` in an async endpoint", "careful: traced function, FastAPI's threads"
LITSERVE, BENTOML = "LitServe, batches of 8", "BentoML, FastAPI mounted"


@dataclass(frozen=True)
class Case:
    """A server with a model. `{port}` in `command` and `environment` stands for its port.

    Films are sent as `form`. The bare loop with `decoder` gives the expected answers. `health` returns 200 when ready.
    """

    name: str
    entry: Entry
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    form: Form = "raw"
    decoder: Decoder = "ours"
    health: str = "/health"
    cwd: Path = ROOT

    def start(self, port: int) -> tuple[list[str], dict[str, str]]:
        """Return command and environment for a port, without the caller's own settings of the service."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PNEUMOSERVE_")}
        added = {name: value.format(port=port) for name, value in self.environment.items()}
        return [part.format(port=port) for part in self.command], inherited | added


def our_case(entry: Entry, *, name: str = "PneumoServe", cwd: Path = ROOT, **settings: object) -> Case:
    """Return the case of `pneumoserve serve` with some settings, of the checkout `cwd`."""
    # The service's clocks go on while it is stopped.
    settings = {"body_timeout_seconds": 600, "deadline_seconds": 600} | settings
    environment = {f"PNEUMOSERVE_{key.upper()}": str(value) for key, value in settings.items()}
    environment |= {"PNEUMOSERVE_PORT": "{port}", "PNEUMOSERVE_MODEL": entry.label, "PYTHONPATH": str(cwd)}
    return Case(name, entry, [sys.executable, "pneumoserve.py", "serve"], environment, cwd=cwd)


def rival_cases(entry: Entry, peers: Path | None) -> list[Case]:
    """Return the other servers: Keras' where TensorFlow is installed, and those of the environment `peers`."""
    cases = []
    if find_spec("tensorflow"):
        keras = [sys.executable, "-m", "benchmarks.servers.keras_endpoint", entry.label, "{port}"]
        for name, command in ((NAIVE, keras), (CAREFUL, [*keras, "careful"])):
            cases.append(Case(name, entry, command, form="multipart", decoder="cv2", health="/livez"))
    if peers:
        litserve = [str(peers / "python"), "-m", "benchmarks.servers.litserve_peer", entry.label, "{port}"]
        cases.append(Case(LITSERVE, entry, litserve, form="multipart", health="/livez"))
        bentoml = [str(peers / "bentoml"), "serve", "benchmarks.servers.bentoml_peer:Radiographs"]
        bentoml += ["--host", "127.0.0.1", "--port", "{port}"]
        # BentoML's home would else be made in the user's own.
        named = {"BENCH_MODEL": entry.label, "BENTOML_HOME": str(peers.parent / "bentoml-home")}
        cases.append(Case(BENTOML, entry, bentoml, named | {"BENTOML_DO_NOT_TRACK": "true"}, health="/readyz"))
    return cases
