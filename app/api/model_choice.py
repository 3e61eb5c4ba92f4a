"""Loads the chosen model in a thread, and the next one beside it when the choice changes."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress

from app.api.service import Refusal, Service
from app.errors import OUT_OF_MEMORY, ArtifactRefused, ModelError, ModelNotFound, is_out_of_memory
from app.inference.artifact import read_choice
from app.inference.memory import ENGINE_BYTES, THREAD_BYTES, check_room
from app.inference.predictor import Predictor, open_predictor

_log = logging.getLogger("pneumoserve")
_POLL_SECONDS = 1.0


class ModelChoice:
    """Follows the file `DEFAULT` of the model store, unless a setting names the model."""

    def __init__(
        self, service: Service, *, ready: Callable[[Predictor], None], refused: Callable[[Exception], None] | None
    ) -> None:
        """`ready` is called with the first model, or `refused` with the reason why there is none."""
        self._service, self._ready, self._refused = service, ready, refused
        self._settings = service.settings
        self._asked = asyncio.Event()
        self._choice: str | None = None

    async def follow(self) -> None:
        """Load the first model, then each that is chosen after it; SIGHUP looks at once, at a refused one again."""
        self._choice = self._read()
        try:
            predictor = await self._open()
        except Exception as error:
            # Any error: a service must not stay unready without a reason in its log.
            _log.error("model refused", extra={"fields": {"reason": _reason(error)}})
            if self._refused is not None:
                self._refused(error)
            return
        self._service.serve(predictor)
        self._ready(predictor)
        # Only the main thread of a process may handle signals; tests run in others.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)
        while self._settings.model is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _POLL_SECONDS)
            # Cleared before the look, or a signal that comes meanwhile would be lost.
            is_asked = self._asked.is_set()
            self._asked.clear()
            choice = await asyncio.to_thread(self._read)
            if is_asked or choice != self._choice:
                self._choice = choice
                await self._swap(choice)

    async def _swap(self, choice: str | None) -> None:
        service = self._service
        running = service.loaded().entry.label
        if choice == running:
            service.refusal = None
            return
        try:
            predictor = await self._open()
        except Exception as error:
            # Any error: the running model serves on.
            service.refusal = Refusal(_printable(choice), _short_reason(error))
            service.metrics.count_reload("refused")
            _log.error("model refused", extra={"fields": {"reason": _reason(error), "serving": running}})
            return
        service.serve(predictor)
        service.metrics.count_reload("swapped")
        _log.info("model swapped", extra={"fields": {"from": running, "to": predictor.entry.label}})

    async def _open(self) -> Predictor:
        """Load, verify and warm the chosen model, while another may serve."""
        settings, scheduler = self._settings, self._service.scheduler

        def load() -> Predictor:
            # Besides the workers: the thread that loads, and those of OpenVINO that ask for memory.
            check_room(ENGINE_BYTES + (scheduler.workers + 3) * THREAD_BYTES)
            return open_predictor(
                settings.model_store,
                settings.model,
                settings.engine,
                max_pixels=settings.max_pixels,
                prevalence=settings.prevalence,
            )

        predictor = await asyncio.to_thread(load)
        await scheduler.warm(lambda: predictor.warm(settings.gate))
        return predictor

    def _read(self) -> str | None:
        try:
            return read_choice(self._settings.model_store)
        except ModelNotFound:
            return None


def _reason(error: Exception) -> str:
    if isinstance(error, ModelError):
        return str(error)
    return OUT_OF_MEMORY if is_out_of_memory(error) else f"unexpected {type(error).__name__}"


def _short_reason(error: Exception) -> str:
    """Return a reason for callers: without the store's folder."""
    if isinstance(error, ModelNotFound):
        return "Expected the file DEFAULT to name a model of the store. It does not."
    return str(error) if isinstance(error, ArtifactRefused) else _reason(error)


def _printable(choice: str | None) -> str | None:
    return choice if choice is not None and choice.isprintable() and len(choice) <= 80 else None
