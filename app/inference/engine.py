"""What an inference engine is: a saved network → logits and maps."""

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
    """The logits and maps of N films, all float32.

    `cam` (N, rows, columns) is in logits and, with `cam_bias` (N,), sums to the logit; both are None where the head has
    no such form. `layers` holds activations (N, rows, columns, channels) by layer name.
    """

    logits: Floats
    cam: Floats | None
    cam_bias: Floats | None
    layers: dict[str, Floats]


class Engine(Protocol):
    """An inference engine; any thread may call it at any time.

    A new one answers within 1e-3 of the others, raises ValueError or TypeError for films of another size, and is named
    in `app.names` and `open_engine`.
    """

    name: EngineName

    def logits(self, films: Films) -> Floats:
        """Return (N,) float32 logits of uint8 films (N, height, width), each from its own film."""
        ...

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        """Return the logits and the maps that are asked for; the others are None or empty."""
        ...


def check_rows(films: Films, logits: Floats) -> Floats:
    """Return one logit a film. A graph with a fixed batch gives only the first film's, silently.

    Raises:
        ArtifactRefused: there are more or fewer.
    """
    flat = logits.reshape(-1)
    if flat.shape != (len(films),):
        raise ArtifactRefused(f"Expected {len(films)} logits for {len(films)} films. Received {flat.shape[0]}.")
    return flat
