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
    """What a network answers besides its logit, for a batch of N films, all float32.

    `cam` (N, rows, columns) is in logits and, with `cam_bias` (N,), sums to the logit; both are None where the
    network's head has no such form. `layers` holds activations (N, rows, columns, channels) by layer name.
    """

    logits: Floats
    cam: Floats | None
    cam_bias: Floats | None
    layers: dict[str, Floats]


class Engine(Protocol):
    """What the service needs of an inference engine. Both calls may come from any thread, at once.

    To add one: answer both within 1e-3 of the others, raise ValueError or TypeError for films of another size than the
    network's, and name it in `app.names` and in `open_engine`.
    """

    name: EngineName

    def logits(self, films: Films) -> Floats:
        """Answer (N,) float32 logits of uint8 films (N, height, width), each from its own film."""
        ...

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        """Answer the logits and the maps that are asked for; the others are None or empty."""
        ...


def check_rows(films: Films, logits: Floats) -> Floats:
    """Refuse an answer that is not one logit a film, as a graph with a fixed batch gives: silently the first's.

    Raises:
        ArtifactRefused: it is not.
    """
    flat = logits.reshape(-1)
    if flat.shape != (len(films),):
        raise ArtifactRefused(f"Expected {len(films)} logits for {len(films)} films. Received {flat.shape[0]}.")
    return flat
