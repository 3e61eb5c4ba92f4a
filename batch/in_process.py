"""Films scored in this process by one verified model: rows as over HTTP."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from app.api.problems import INTERNAL_ERROR, Problem, problem_of
from app.api.schemas import encode_prediction
from app.api.upload import find_upload
from app.errors import CapacityError, PneumoServeError, TooManyBytes, is_out_of_memory
from app.inference.predictor import open_predictor
from app.names import DEFAULT_ENGINE, EngineName, GateMode
from batch.answer import Answer, row_from
from batch.fingerprint import UnreadableFilm, read_film_bytes
from batch.journal_format import Run
from batch.results import Row

MAX_UPLOAD_BYTES = 64 * 2**20
"""The service's default: what it refuses over HTTP is refused here."""
_ATTEMPTS = 3


@dataclass(frozen=True)
class ScoringOptions:
    """Which model scores, and how; may be sent to another process.

    `model` None: the store's default. `operating_point` None: the model's default. `prevalence` None: as it was fitted.
    """

    store: Path
    model: str | None = None
    engine: EngineName = DEFAULT_ENGINE
    operating_point: str | None = None
    prevalence: float | None = None
    gate: GateMode = "refuse"


class FilmScorer:
    """One verified model; scores films from any thread."""

    def __init__(self, options: ScoringOptions) -> None:
        """Open the model.

        Raises:
            ModelError: it cannot be opened or verified.
            InvalidParameter: the operating point is none of its.
        """
        self._predictor = open_predictor(options.store, options.model, options.engine, prevalence=options.prevalence)
        self._point = self._predictor.point(options.operating_point)
        self.options = replace(options, model=self._predictor.entry.label, operating_point=self._point)
        """With the model's name/version and the operating point's name."""

    @property
    def run(self) -> Run:
        """What all its rows have in common."""
        return Run(self._point, self._predictor.entry.label, self._predictor.manifest.sha256.model_keras)

    def warm(self) -> None:
        """Compute what the calling thread's first film would wait for."""
        self._predictor.warm(self.options.gate)

    def score(self, address: str) -> Row:
        """Return the row of the film at a path or URL; a film that fails is a row with its error.

        The columns are those of a film sent to `POST /predict` of a service with the same options: `http_status` is the
        status that it would have answered, None where the film could not be read; `seconds` includes the reading.

        Raises:
            CallError: the library for its scheme is missing.
        """
        started = time.perf_counter()
        try:
            film = read_film_bytes(address)
        except UnreadableFilm as error:
            return Row(address, error="unreadable-file", error_detail=str(error))
        answer = self.answer(film)
        return row_from(answer, address, time.perf_counter() - started)

    def answer(self, film: bytes) -> Answer:
        """Return the answer of `POST /predict` to a film's bytes."""
        for _ in range(_ATTEMPTS):
            try:
                return Answer(200, self._predict(film))
            except PneumoServeError as error:
                refused = _refusal(problem_of(error), str(error))
                if not isinstance(error, CapacityError):
                    break
            except Exception as error:  # a defect fails this film, not the archive
                if is_out_of_memory(error):
                    raise
                return _refusal(INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        return refused

    def _predict(self, film: bytes) -> bytes:
        if len(film) > MAX_UPLOAD_BYTES:
            raise TooManyBytes(f"Expected at most {MAX_UPLOAD_BYTES} bytes. Received {len(film)} declared.")
        data = find_upload(film, "application/octet-stream", "").data
        predictor, options = self._predictor, self.options
        prediction = predictor.predict(data, operating_point=self._point, gate=options.gate)
        return encode_prediction(prediction, predictor.manifest, filename=None, prevalence=options.prevalence)


class InProcessClient:
    """Stands in for a thread's connection to a service: its films are computed by the threads of `pool`."""

    def __init__(self, scorer: FilmScorer, pool: ThreadPoolExecutor) -> None:
        self._scorer = scorer
        self._pool = pool

    def predict(self, film: bytes) -> Answer:
        """Return the answer to a film, once a thread of the pool has computed it."""
        return self._pool.submit(self._scorer.answer, film).result()

    def close(self) -> None:
        """Close nothing: the pool is the caller's."""


def _refusal(problem: Problem, detail: str) -> Answer:
    body = {"type": f"/problems/{problem.slug}", "title": problem.title, "detail": detail}
    return Answer(problem.status, json.dumps(body).encode())
