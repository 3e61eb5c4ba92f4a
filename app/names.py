"""Names with one meaning in every part: the two classes, the inference engines, the modes of the gate."""

from __future__ import annotations

from typing import Literal

Label = Literal["NORMAL", "PNEUMONIA"]
LABELS: tuple[str, str] = ("NORMAL", "PNEUMONIA")
"""The classes in the order of their numbers: 1 means PNEUMONIA everywhere."""

EngineName = Literal["openvino", "tensorflow"]
DEFAULT_ENGINE: EngineName = "openvino"

GateMode = Literal["refuse", "flag", "off"]
"""An unsuitable film is an error, or answered as an unusual one is; `off`: nothing is assessed."""
