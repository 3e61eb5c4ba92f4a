"""Films and training, as recorded in `model.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.inference.record import Record


class Part(Record):
    """One side of the split; `groups` counts patients."""

    films: dict[str, int]
    groups: int
    fingerprint: str


class Split(Record):
    """The validation split."""

    rule: str
    validation_proportion: float
    seed: int
    training: Part
    validation: Part


class MedianFile(Record):
    """The median file of one class: pixels, and bytes per pixel."""

    width: int
    height: int
    bytes_per_pixel: float


class Source(Record):
    """Films of one source beside the folder: by class in training and validation; terms → films under them."""

    name: str
    populations: list[str]
    forms: list[str]
    training: dict[str, int]
    validation: dict[str, int]
    fingerprint: str
    licences: dict[str, int]


class Sources(Record):
    """Films beside the folder's, and their split; how they were sampled and changed; the lung network's SHA-256."""

    rule: str
    validation_proportion: float
    unreadable: int
    exact_copies: int
    sampling: dict[str, int | float] | None = None
    lung_network: str | None = None
    sources: list[Source]


class TrainingData(Record):
    """Films of training and validation; `file_size_auc` is that of bytes per pixel alone.

    Set, films, licence and split are the folder's; `sources` are further ones.
    """

    set: str
    films: dict[str, int]
    fingerprint: str
    unreadable: int
    exact_copies: int
    median_file: dict[str, MedianFile]
    file_size_auc: float
    split: Split
    licence: str | None = None
    sources: Sources | None = None


class StyleTransfer(Record):
    """Probabilities of style transfer from another training film."""

    p_transfer: float
    p_whole: float


class Epoch(Record):
    """The metrics of one epoch."""

    accuracy: float
    loss: float
    val_accuracy: float
    val_loss: float
    epoch: int
    learning_rate: float
    seconds: float


class Training(Record):
    """How a network was trained here.

    `teachers` is the number of networks that it learned from beside the labels; `backend` and `machine` are those of
    its last epoch, `software` is that of the entry.
    """

    command: str
    network: str
    source: str
    parameters: int
    backend: str
    optimizer: str
    loss: str
    seed: int
    epochs: int
    batch_size: int
    reduce_lr: bool
    augmentation: dict[str, int | float] | None
    source_side: int | None = None
    style_transfer: StyleTransfer | None = None
    is_balanced: bool = False
    mixup: float = 0.0
    smoothing: float = 0.0
    teachers: int = 0
    weights: str
    machine: str | None = None
    software: dict[str, str] = Field(default_factory=dict)
    seconds: int
    history: list[Epoch]


class ImportedTraining(Record):
    """The training of a foreign network."""

    parameters: int
    imported: Literal[True]
