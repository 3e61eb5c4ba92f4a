"""`pneumoserve predict`: one JSON line a film, in this process."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.api.problems import problem_of
from app.api.schemas import encode_prediction
from app.errors import CapacityError, ImageError, InvalidParameter, MissingFile, RequestError
from app.inference.explain import ActivationMap
from app.inference.predictor import MapKind, Predictor
from app.names import GateMode
from batch.paths import printable

STDIN = "-"


def predict_files(
    predictor: Predictor,
    files: Sequence[str],
    *,
    operating_point: str | None = None,
    maps: MapKind = "none",
    save_maps: Path | None = None,
    gate: GateMode = "refuse",
    output: Callable[[str], None] = print,
) -> int:
    """Print a line of JSON a film: the answer of `POST /predict`, or an error.

    Args:
        predictor: of the model.
        files: paths, or `-` for standard input.
        operating_point: None: the model's default.
        maps: activation maps computed.
        save_maps: folder for the maps as PNG, all where `maps` is "none"; None: they stay in the answer.
        gate: what becomes of a film outside the model's domain.
        output: takes each line.

    Returns:
        how many films failed.

    Raises:
        InvalidParameter: the operating point is unknown, or `save_maps` unusable.
    """
    point = predictor.point(operating_point)
    if save_maps is not None:
        _prepare(save_maps, files)
        maps = "all" if maps == "none" else maps
    failed = 0
    for name in files:
        filename = None if name == STDIN else printable(Path(name).name or name)
        try:
            prediction = predictor.predict(_read_film(name), operating_point=point, maps=maps, gate=gate)
        except (ImageError, RequestError, CapacityError, OSError) as error:
            failed += 1
            slug = "unreadable-file" if isinstance(error, OSError) else problem_of(error).slug
            detail = error.strerror if isinstance(error, OSError) else str(error)
            output(json.dumps({"filename": filename, "error": slug, "detail": detail}))
            continue
        answer = json.loads(
            encode_prediction(prediction, predictor.manifest, filename=filename, prevalence=predictor.prevalence)
        )
        if save_maps is not None:
            _save(prediction.maps, save_maps, _stem(name))
            answer["activation_maps"] = []
        output(json.dumps(answer))
    return failed


def _prepare(folder: Path, files: Sequence[str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidParameter(f"Expected --save-maps to be a folder that can be made: {error.strerror}.") from None
    if len({_stem(name) for name in files}) < len(files):
        raise InvalidParameter("Expected films of different names, for --save-maps. Received one name twice.")


def _save(maps: Sequence[ActivationMap], folder: Path, stem: str) -> None:
    try:
        for plot in maps:
            (folder / f"{stem}-{plot.kind}-{plot.layer or 'film'}.png").write_bytes(plot.png)
    except OSError as error:
        raise InvalidParameter(f"Expected --save-maps to be a folder that can be written: {error.strerror}.") from None


def _stem(name: str) -> str:
    return "stdin" if name == STDIN else Path(name).stem


def _read_film(name: str) -> bytes:
    """Read a film from a file or standard input.

    Raises:
        OSError: it cannot be read; `strerror` may be shown.
        MissingFile: it is empty.
    """
    if name == STDIN:
        if sys.stdin is None:  # closed before the process began
            raise OSError(errno.EBADF, "Standard input is closed")
        data = sys.stdin.buffer.read()
    else:
        path = Path(name)
        # Reading a pipe or a device may never end.
        if path.exists() and not (path.is_file() or path.is_dir()):
            expected = "Expected a file. Received a pipe, a socket or a device: send it to `predict -`"
            raise OSError(errno.EINVAL, expected)
        data = path.read_bytes()
    if not data:
        raise MissingFile("Expected the bytes of a film. Received none.")
    return data
