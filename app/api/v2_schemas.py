"""The Open Inference Protocol's objects, as far as this service has them; they refuse any other field.

Source: https://github.com/kserve/open-inference-protocol, and Triton's extension for binary tensors.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

IMAGE = "image"
OUTPUTS = {"probability": "FP32", "class": "BYTES", "refer": "BOOL", "logit": "FP32"}
"""The datatype of each output; one value a film."""

MAX_FILMS = 16
"""Of a request."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class InputParameters(_Strict):
    """How the films are sent."""

    binary_data_size: int | None = Field(
        default=None, ge=0, description="Bytes of the tensor behind the JSON; unset: base64 in `data`."
    )
    content_type: Literal["base64"] | None = Field(default=None, description="What `data` always is.")


class InferInput(_Strict):
    """The films."""

    name: str = Field(description="image")
    shape: list[int] = Field(description="How many films: one dimension.")
    datatype: Literal["BYTES"]
    parameters: InputParameters = Field(default_factory=InputParameters)
    data: list[str] | None = Field(default=None, description="The files as sent, each as base64.")


class OutputParameters(_Strict):
    """How an output is wanted."""

    binary_data: bool | None = Field(default=None, description="Behind the JSON, rather than in it.")


class InferOutput(_Strict):
    """An output that is wanted."""

    name: str = Field(description=", ".join(OUTPUTS))
    parameters: OutputParameters = Field(default_factory=OutputParameters)


class InferParameters(_Strict):
    """As those of `/predict`."""

    operating_point: str | None = Field(
        default=None, description="A name from the model's operating points (see /model); unset: its default."
    )
    gate: Literal["on", "off"] = Field(
        default="on", description="Whether to assess that the films lie in the model's domain; off is for research."
    )
    binary_data_output: bool = Field(
        default=False, description="Whether outputs that do not say otherwise stand behind the JSON."
    )


class InferRequest(_Strict):
    """One to sixteen films; more than the JSON where tensors stand behind it."""

    model_config = ConfigDict(protected_namespaces=())

    id: str | None = Field(default=None, max_length=128, description="Given back.")
    model_name: str | None = Field(default=None, description="As in the address.")
    parameters: InferParameters = Field(default_factory=InferParameters)
    inputs: list[InferInput]
    outputs: list[InferOutput] = Field(default=[], description="Empty: all.")


class AnswerParameters(BaseModel):
    """At which operating point the classes are; `threshold` is a calibrated probability."""

    operating_point: str
    threshold: float


class AnswerTensor(BaseModel):
    """One value a film, in the order of the films."""

    name: str
    datatype: Literal["FP32", "BYTES", "BOOL"]
    shape: list[int]
    data: list[float | bool | str] | None = Field(default=None, description="Unset where it stands behind the JSON.")
    parameters: dict[str, Any] | None = Field(default=None, description="`binary_data_size` where it does.")


class InferAnswer(BaseModel):
    """The answer to all films of a request."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = Field(default=None, description="As sent.")
    parameters: AnswerParameters
    outputs: list[AnswerTensor]


class ServerMetadata(BaseModel):
    """The server, by name and version."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """The process answers."""

    live: Literal[True] = True


class Ready(BaseModel):
    """Films can be sent."""

    ready: Literal[True] = True


class ModelReady(Ready):
    """Films can be sent to this model."""

    name: str


class TensorMetadata(BaseModel):
    """A tensor of any number of films; `content_type`: what its strings are in JSON."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, str] | None = None


class ModelMetadata(BaseModel):
    """The model that runs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class IndexedModel(BaseModel):
    """A model that answers."""

    name: str
    version: str
    state: Literal["READY"] = "READY"
    reason: str = ""
