"""An Orthanc's new films into the outbox."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gateway.errors import Failed, Unavailable, UnusableFilm
from gateway.orthanc import Orthanc
from gateway.outbox import Outbox
from gateway.receiver import take

_LONGEST_WAIT = 10.0

_log = logging.getLogger("pneumoserve.gateway")


class Poller:
    """Reads an Orthanc's changes until it is stopped; how far is kept in the outbox."""

    def __init__(
        self, orthanc: Orthanc, outbox: Outbox, received: Callable[[], None], *, seconds: float, from_start: bool
    ) -> None:
        self._orthanc, self._outbox, self._received = orthanc, outbox, received
        self._seconds, self._from_start = seconds, from_start
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name="poller", daemon=True)
        self.ignored = 0

    def start(self) -> None:
        """Poll in a thread of its own."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End after the film at hand, for which it waits some seconds."""
        self._stopping.set()
        self._thread.join(seconds)

    def run(self) -> None:
        """Poll until `stop`; an Orthanc that does not answer is asked again."""
        wait = self._seconds
        while not self._stopping.is_set():
            try:
                is_all = self.read_changes()
            except (Unavailable, Failed) as error:
                wait = min(2 * wait, max(_LONGEST_WAIT, self._seconds))
                _log.warning("orthanc not read", extra={"fields": {"reason": str(error)}})
            except Exception as error:  # the outbox's disk, above all: it may be free again
                wait = max(_LONGEST_WAIT, self._seconds)
                _log.error("orthanc not read", extra={"fields": {"reason": type(error).__name__}})
            else:
                wait = self._seconds if is_all else 0.0
            self._stopping.wait(wait)
        self._orthanc.close()

    def read_changes(self) -> bool:
        """Take the next new films; return whether that was all.

        Raises:
            Unavailable, Failed: of Orthanc; what was not read is read next time.
        """
        since = self._outbox.place(self._orthanc.name)
        newest = self._orthanc.last_change()
        if since is None:
            since = 0 if self._from_start else newest
            self._outbox.note_place(self._orthanc.name, since)
        elif newest < since:
            since = 0  # another database under the same address
        films, last, is_all = self._orthanc.new_films(since)
        for instance in films:
            self._take(instance)
        if last != since:
            self._outbox.note_place(self._orthanc.name, last)
        return is_all

    def _take(self, instance: str) -> None:
        data = self._orthanc.download(instance)
        if data is None:
            return
        try:
            if take(data, self._outbox):
                self._received()
                return
        except UnusableFilm as error:
            _log.warning("film not taken", extra={"fields": {"reason": str(error)}})
        self.ignored += 1
