"""The body of an inference request → its films and what is wanted of them, with or without binary tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from app.api.json_form import decode_image
from app.api.v2_schemas import (
    IMAGE,
    OUTPUTS,
    InferInput,
    InferOutput,
    InferParameters,
    InferRequest,
    InputParameters,
    OutputParameters,
)
from app.errors import InvalidParameter, MalformedForm, MissingFile, PneumoServeError

LENGTH_HEADER = "Inference-Header-Content-Length"
"""Bytes of the JSON before binary tensors, once inflated; unset: the body is JSON alone."""

_MAX_VALUES = 500
"""Parsed, a body of tiny values takes twenty times its size in memory."""

_LENGTH_BYTES = 4


@dataclass(frozen=True)
class InferenceCall:
    """A request that was read.

    Attributes:
        id: the caller's, for the answer.
        films: each file's bytes, or its base64.
        parameters: of the whole request.
        outputs: the wanted ones by name, and whether they are to stand behind the JSON; in their order.
    """

    id: str | None
    films: list[memoryview | str]
    parameters: InferParameters
    outputs: dict[str, bool]

    def film(self, index: int) -> bytes:
        """Return a film's file.

        Raises:
            MissingFile: it is empty.
            MalformedForm: it is no base64.
        """
        film = self.films[index]
        if isinstance(film, str):
            return decode_image(film)
        if not film:
            raise MissingFile("Expected the bytes of an image. Received an empty element.")
        return bytes(film)


def read_call(body: bytes, header_length: str | None, *, model: str, most_films: int) -> InferenceCall:
    """Read an inference request.

    Args:
        body: inflated.
        header_length: the value of `Inference-Header-Content-Length`.
        model: its name, as the address has it.
        most_films: that one request may send.

    Raises:
        MissingFile: no input `image`, or no film in it.
        MalformedForm: broken JSON, another shape or datatype, sizes that do not fit together, too many films.
        InvalidParameter: an unknown parameter or output, or a wrong value of a parameter.
    """
    length = _read_length(header_length, len(body))
    request = _read_json(body[:length])
    if request.model_name not in (None, model):
        raise MalformedForm("model_name: expected the name in the address. Received another.")
    image = _only_image(request)
    size = image.parameters.binary_data_size
    tensor = memoryview(body)[length:]
    if (size or 0) != len(tensor):
        raise MalformedForm(
            f"Expected as many bytes behind the JSON as binary_data_size says, {size or 0}. Received {len(tensor)}."
        )
    if (size is None) == (image.data is None):
        raise MalformedForm("Expected the input's data, or binary_data_size in its parameters. Received both or none.")
    if len(image.shape) != 1:
        raise MalformedForm(f"Expected a shape of one dimension, the films. Received {len(image.shape)} dimensions.")
    wanted = image.shape[0]
    if wanted > most_films:
        raise MalformedForm(f"Expected at most {most_films} films in a request. Received {wanted}.")
    films: list[memoryview | str] = [*image.data] if image.data is not None else [*_split(tensor, most_films)]
    if len(films) != wanted:
        raise MalformedForm(f"Expected as many films as the shape says, {wanted}. Received {len(films)}.")
    if not films:
        raise MissingFile(f"Expected one film or more in the input {IMAGE!r}. Received none.")
    return InferenceCall(request.id, films, request.parameters, _wanted_outputs(request))


def _read_length(header_length: str | None, size: int) -> int:
    if header_length is None:
        return size
    if not (header_length.isascii() and header_length.isdecimal() and len(header_length) < 19):
        raise MalformedForm(f"Expected a number of bytes in {LENGTH_HEADER}. Received another value.")
    if int(header_length) > size:
        raise MalformedForm(f"Expected {header_length} bytes of JSON, as {LENGTH_HEADER} says. Received {size}.")
    return int(header_length)


def _read_json(text: bytes) -> InferRequest:
    if not text.isascii():
        raise MalformedForm("Expected JSON of ASCII characters, others escaped. Received others.")
    # Each value needs one of these; base64 has none.
    if sum(map(text.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise MalformedForm(f"Expected JSON with an inference request. Received over {_MAX_VALUES} values.")
    try:
        fields = json.loads(text.decode("ascii"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise MalformedForm(f"Expected a JSON object. Received broken JSON: {error}.") from None
    except ValueError:
        raise MalformedForm("Expected JSON with an inference request. Received a number too long.") from None
    try:
        return InferRequest.model_validate(fields)
    except ValidationError as error:
        raise _refusal(error) from None


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedForm("Expected each field of a JSON object once. Received one twice.")
    return fields


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedForm("Expected numbers that JSON has. Received NaN or an infinity.")


def _refusal(error: ValidationError) -> PneumoServeError:
    """Return the first thing that is wrong, by its place; what the caller wrote there is not told."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    is_unknown = first["type"] == "extra_forbidden"
    path = first["loc"][:-1] if is_unknown else first["loc"]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    if "parameters" not in path:
        expected = "only fields of the protocol" if is_unknown else first["msg"].removeprefix("Input should be ")
        return MalformedForm(f"{place or 'the request'}: expected {expected}. Received another.")
    if not is_unknown:
        return InvalidParameter(f"{place}: expected {first['msg'].removeprefix('Input should be ')}. Received another.")
    owner = InferParameters if len(path) == 1 else InputParameters if path[0] == "inputs" else OutputParameters
    return InvalidParameter(f"{place}: expected only {', '.join(owner.model_fields)}. Received another name.")


def _only_image(request: InferRequest) -> InferInput:
    images = [each for each in request.inputs if each.name == IMAGE]
    if not images:
        raise MissingFile(f"Expected an input named {IMAGE!r}. Received {len(request.inputs)} of other names.")
    if len(request.inputs) > 1:
        raise MalformedForm(f"Expected the input {IMAGE!r} alone, once. Received {len(request.inputs)} inputs.")
    return images[0]


def _split(tensor: memoryview, most: int) -> list[memoryview]:
    """Return the elements of a BYTES tensor, each behind its length, a little-endian uint32."""
    elements: list[memoryview] = []
    while tensor:
        if len(elements) == most:
            raise MalformedForm(f"Expected at most {most} films in a request. Received more.")
        size = int.from_bytes(tensor[:_LENGTH_BYTES], "little")
        end = _LENGTH_BYTES + size
        if end > len(tensor):
            raise MalformedForm(
                f"Expected {size} bytes in the element {len(elements)} of the tensor, as its length says. "
                f"Received {max(len(tensor) - _LENGTH_BYTES, 0)}."
            )
        elements.append(tensor[_LENGTH_BYTES:end])
        tensor = tensor[end:]
    return elements


def _wanted_outputs(request: InferRequest) -> dict[str, bool]:
    outputs = request.outputs or [InferOutput(name=name) for name in OUTPUTS]
    wanted: dict[str, bool] = {}
    for output in outputs:
        if output.name not in OUTPUTS or output.name in wanted:
            raise InvalidParameter(f"outputs: expected names of {', '.join(OUTPUTS)}, each once. Received another.")
        own = output.parameters.binary_data
        wanted[output.name] = request.parameters.binary_data_output if own is None else own
    return wanted
