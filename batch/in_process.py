"""Films scored in this process by one verified model: rows as over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from app.api.problems import INTERNAL_ERROR, Problem, problem_of
from app.api.schemas import encode_prediction
from app.api.upload import find_upload
from app.errors import CapacityError, PneumoServeError, TooManyBytes, is_out_of_memory
from app.inference.predictor import open_predictor
from app.memory_limit import MAX_UPLOAD_BYTES
from app.names import DEFAULT_ENGINE, EngineName, GateMode
from batch.answer import Answer, row_from
from batch.connection import Liveness
from batch.fingerprint import FilmTooLarge, UnreadableFilm, read_film_bytes
from batch.journal_format import Run
from batch.results import Row

UNREADABLE = "unreadable-file"
READERS_A_CORE = 4
"""Threads that read films: an object store answers after some 30 ms, a core scores a film in 10."""
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
        options, manifest = self.options, self._predictor.manifest
        gate = None if options.gate == "refuse" else options.gate
        return Run(self._point, options.model, manifest.sha256.model_keras, prevalence=options.prevalence, gate=gate)

    def warm(self) -> None:
        """Compute what the calling thread's first film would wait for."""
        self._predictor.warm(self.options.gate)

    def score(self, address: str) -> Row:
        """Return the row of the film at a path or URL; see `score_film`."""
        return score_film(address, self.answer)

    def answer(self, film: bytes) -> Answer:
        """Return the answer of `POST /predict` to a film's bytes."""
        for _ in range(_ATTEMPTS):
            try:
                return Answer(200, self._predict(film))
            except PneumoServeError as error:
                refused = _refused(error)
                if not isinstance(error, CapacityError):
                    break
            except Exception as error:  # a defect fails this film, not the archive
                if is_out_of_memory(error):
                    raise
                return _refuse(INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        return refused

    def _predict(self, film: bytes) -> bytes:
        if len(film) > MAX_UPLOAD_BYTES:
            raise _too_many(len(film))
        data = find_upload(film, "application/octet-stream", "").data
        predictor, options = self._predictor, self.options
        prediction = predictor.predict(data, operating_point=self._point, gate=options.gate)
        return encode_prediction(prediction, predictor.manifest, filename=None, prevalence=options.prevalence)


def score_film(address: str, answer: Callable[[bytes], Answer]) -> Row:
    """Return the row of the film at a path or URL, answered by `answer`; a film that fails is a row with its error.

    The columns are those of a film sent to `POST /predict` of a service with the same options: `http_status` is the
    status that it would have answered, None where the film could not be read; `seconds` includes the reading.

    Raises:
        CallError: the library for its scheme is missing.
    """
    started = time.perf_counter()
    try:
        answered = answer(read_film_bytes(address, MAX_UPLOAD_BYTES))
    except FilmTooLarge as error:  # left unread: several at once would not fit into memory
        answered = _refused(_too_many(error.size))
    except UnreadableFilm as error:
        return Row(address, error=UNREADABLE, error_detail=str(error))
    return row_from(answered, address, time.perf_counter() - started)


class InProcess:
    """A model whose films are computed by `threads` threads, however many threads read them."""

    def __init__(self, scorer: FilmScorer, threads: int) -> None:
        # A thread that computes keeps a compiled model of its own: readers have none.
        self._pool = ThreadPoolExecutor(threads, "film", scorer.warm)
        self._scorer = scorer

    def find_run(self) -> Run:
        """Return what all rows have in common."""
        return self._scorer.run

    def connect(self, _: Liveness) -> Handover:
        """Return what answers one thread's films."""
        return Handover(self.predict)

    def predict(self, film: bytes) -> Answer:
        """Return the answer to a film, once a thread has computed it."""
        return self._pool.submit(self._scorer.answer, film).result()

    def score(self, address: str) -> Row:
        """Return the row of the film at a path or URL; see `score_film`."""
        return score_film(address, self.predict)

    def close(self) -> None:
        """Begin no further film."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Handover:
    """What one thread's films are answered by: here `InProcess.predict`, which all threads share."""

    def __init__(self, predict: Callable[[bytes], Answer]) -> None:
        self.predict = predict

    def close(self) -> None:
        """Close nothing."""


def _too_many(size: int) -> TooManyBytes:
    return TooManyBytes(f"Expected at most {MAX_UPLOAD_BYTES} bytes. Received {size} declared.")


def _refused(error: PneumoServeError) -> Answer:
    return _refuse(problem_of(error), str(error))


def _refuse(problem: Problem, detail: str) -> Answer:
    body = {"type": f"/problems/{problem.slug}", "title": problem.title, "detail": detail}
    return Answer(problem.status, json.dumps(body).encode())
