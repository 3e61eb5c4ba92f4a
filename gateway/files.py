"""`pneumoserve dicom`: films in files → their results in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import PneumoServeError
from gateway.asking import Asker
from gateway.film import read_film
from gateway.identity import Moment
from gateway.results import write_results


def write_files(paths: Sequence[Path], asker: Asker, out: Path, *, contour: bool, output: Callable[[str], None]) -> int:
    """Ask about films and write their results as `<kind>-<SOP Instance UID>.dcm`; say a JSON line a film.

    Results have the film's own date, so that the same film under the same settings makes the same files.

    Returns:
        How many films failed; their lines have an `error`.
    """
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in paths:
        line: dict[str, object] = {"path": str(path)}
        try:
            film = read_film(path.read_bytes())
            assessment, png = asker.ask(film.data)
            results = write_results(film, assessment, png, Moment(film.date, film.time), contour=contour)
            names = {result.kind: f"{result.kind}-{result.uid}.dcm" for result in results}
            for result in results:
                _write(out / names[result.kind], result.data)
            line |= {"class": assessment.label, "probability": assessment.probability, "results": names}
        except (PneumoServeError, OSError) as error:
            failed += 1
            line["error"] = error.strerror if isinstance(error, OSError) else str(error)
        except Exception as error:  # a library's, of one film, whose text quotes values of the film
            failed += 1
            line["error"] = f"Unexpected {type(error).__name__}."
        output(json.dumps(line, ensure_ascii=False))
    return failed


def _write(path: Path, data: bytes) -> None:
    """Write a whole file, or none."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(data)
    unfinished.replace(path)
