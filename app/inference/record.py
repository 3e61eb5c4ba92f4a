"""The form of `model.json`'s records, and format 1's key names."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    WrapSerializer,
    model_serializer,
)

T = TypeVar("T")

FORMAT_1 = {
    "validation_proportion": "validation_share",
    "style_transfer": "looks",
    "p_transfer": "p_borrow",
    "chance_ece": "ece_if_perfect",
    "abstention": "refer",
    "perturbed": "altered",
    "unperturbed": "as_sent",
    "perturbations": "views",
    "by_perturbation": "by_view",
}
"""Field → its key in the file, where they differ."""


def _read_empty(value: object) -> object:
    return None if value == {} else value


def _write_empty(value: object, write: SerializerFunctionWrapHandler) -> object:
    return {} if value is None else write(value)


OrEmpty = Annotated[T | None, BeforeValidator(_read_empty), WrapSerializer(_write_empty)]
"""A record that a network trained elsewhere does not have: `{}` in the file, None here."""


class Record(BaseModel):
    """A part of `model.json`, by format 1's keys; others are kept, unset ones left out."""

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        alias_generator=lambda name: FORMAT_1.get(name, name),
        validate_by_name=True,
        serialize_by_alias=True,
    )

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unset = type(self).model_fields.keys() - self.model_fields_set
        keys = {FORMAT_1.get(name, name) for name in unset}
        return {key: value for key, value in write(self).items() if key not in keys}


class Estimate(Record):
    """A metric with its 95 % interval, or a note why it has no value."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str | None = None
