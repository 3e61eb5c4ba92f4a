"""The pipeline: films of the outbox are asked about, their results written and delivered, one after the other."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gateway.asking import Asker
from gateway.destinations import Destination
from gateway.errors import Failed, FilmRefused, Unavailable, UnusableFilm
from gateway.film import read_film
from gateway.outbox import Entry, Outbox
from gateway.results import write_results
from gateway.retrying import draw_wait, put_off
from gateway.settings import GatewaySettings

_LONGEST_PAUSE = 10.0  # of a whole stage: also how long after its return a destination may stay unnoticed
_IDLE_SECONDS = 0.5
_CLEAN_SECONDS = 600.0

_log = logging.getLogger("pneumoserve.gateway")


class _Stage:
    """One step of the pipeline, and until when it pauses because nobody answered."""

    def __init__(self, state: str, work: Callable[[Entry], None]) -> None:
        self.state = state
        self.work = work
        self.silences = 0
        self.paused_until = 0.0

    def answered(self) -> None:
        self.silences, self.paused_until = 0, 0.0

    def silent(self) -> None:
        self.silences += 1
        self.paused_until = time.time() + draw_wait(self.silences, _LONGEST_PAUSE)


class Worker:
    """One thread's work; `run` returns once `stop` was called and the film at hand is done."""

    def __init__(
        self, settings: GatewaySettings, outbox: Outbox, asker: Asker, destination: Destination, health: Path
    ) -> None:
        self._settings, self._outbox, self._health = settings, outbox, health
        self._asker, self._destination = asker, destination
        self._deliveries = _Stage("written", self._deliver)
        self._questions = _Stage("received", self._ask)
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._clean_at = 0.0
        self.delivered = 0
        self.errors = 0

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the film at hand."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                is_idle = not self._work()
            except (OSError, sqlite3.Error) as error:  # the disk's, which may be free again; health is not touched
                _log.error("the outbox cannot be used", extra={"fields": {"reason": type(error).__name__}})
                self._stopping.wait(_LONGEST_PAUSE)
            else:
                if is_idle:
                    self._wake.wait(_IDLE_SECONDS)
        self._destination.close()
        self._asker.close()

    def _work(self) -> bool:
        """Do one film; return whether one was due."""
        if time.time() >= self._clean_at:
            self._outbox.forget(time.time() - self._settings.retention_days * 86_400)
            self._clean_at = time.time() + _CLEAN_SECONDS
        # Deliveries first: they free what waits.
        has_worked = self._step(self._deliveries) or self._step(self._questions)
        if not has_worked:
            self._destination.close()
            self._asker.close()  # the service closes idle connections, and a film would find that out
            self._outbox.forget_log()
        self._health.touch(mode=0o600)
        return has_worked

    def _step(self, stage: _Stage) -> bool:
        """Do one film of a stage, if one is due; return whether one was."""
        if time.time() < stage.paused_until:
            return False
        entry = self._outbox.next_due(stage.state)  # type: ignore[arg-type]
        if entry is None:
            return False
        try:
            stage.work(entry)
        except Unavailable as error:
            stage.silent()
            self._put_off(entry, error)
        except (FilmRefused, UnusableFilm) as error:
            stage.answered()
            reason = error.slug if isinstance(error, FilmRefused) else "unusable-film"
            self._outbox.refuse(entry.id, reason)
            _log.info("film refused", extra={"fields": {"film": entry.id, "reason": reason}})
        except Failed as error:
            stage.answered()
            self._put_off(entry, error)
        except (OSError, sqlite3.Error):
            raise
        except Exception as error:  # a library's, of one film: the others go on
            self._put_off(entry, Failed(f"Unexpected {type(error).__name__}."))
        else:
            stage.answered()
        return True

    def _ask(self, entry: Entry) -> None:
        film = read_film(self._outbox.film(entry.id))
        assessment, png = self._asker.ask(film.data)
        results = write_results(film, assessment, png, entry.moment, contour=self._settings.contour)
        self._outbox.write(entry.id, results)

    def _deliver(self, entry: Entry) -> None:
        for result in self._outbox.results(entry.id):
            self._destination.send(result)
            self._outbox.acknowledge(entry.id, result.kind)
            self.delivered += 1

    def _put_off(self, entry: Entry, error: Unavailable | Failed) -> None:
        self.errors += isinstance(error, Failed)
        put_off(self._outbox, self._settings, entry, error)
