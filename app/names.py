"""Names with one meaning in every part: the two classes and the inference engines."""

from __future__ import annotations

from typing import Literal

Label = Literal["NORMAL", "PNEUMONIA"]
LABELS: tuple[str, str] = ("NORMAL", "PNEUMONIA")
"""The classes in the order of their numbers: 1 means PNEUMONIA everywhere."""

EngineName = Literal["openvino", "tensorflow"]
DEFAULT_ENGINE: EngineName = "openvino"
