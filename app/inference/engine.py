"""The protocol of inference engines: a saved network → logits and maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused
from app.names import EngineName

Films = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Maps:
    """Logits and maps of N films, float32.

    `cam` (N, rows, columns), in logits, and `cam_bias` (N,) sum to the logit, or are None where the head has no such
    form. `layers`: activations (N, rows, columns, channels) by layer name. `channel_means`: (N, K), see `MapsSpec`;
    None where the model has no gate.
    """

    logits: Floats
    cam: Floats | None
    cam_bias: Floats | None
    layers: dict[str, Floats]
    channel_means: Floats | None = None


class Engine(Protocol):
    """An inference engine, callable from any thread.

    Engines agree within 1e-3, raise ValueError or TypeError for films of another size, and are named in `app.names` and
    `open_engine`.
    """

    name: EngineName

    def logits(self, films: Films) -> Floats:
        """Return float32 logits (N,) of uint8 films (N, height, width)."""
        ...

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        """Return logits, channel means and the wanted maps; others are None or empty."""
        ...


def check_rows(films: Films, logits: Floats) -> Floats:
    """Return logits (N,); a graph with a fixed batch silently gives only the first film's.

    Raises:
        ArtifactRefused: not one a film.
    """
    flat = logits.reshape(-1)
    if flat.shape != (len(films),):
        raise ArtifactRefused(f"Expected {len(films)} logits for {len(films)} films. Received {flat.shape[0]}.")
    return flat
