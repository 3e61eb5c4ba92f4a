"""An Orthanc's new films into the outbox."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable

from gateway.errors import Failed, Unavailable, UnusableFilm
from gateway.orthanc import Orthanc
from gateway.outbox import Outbox
from gateway.receiver import take
from gateway.retrying import put_off
from gateway.settings import GatewaySettings

_LONGEST_WAIT = 10.0

_log = logging.getLogger("pneumoserve.gateway")


class Poller:
    """Reads an Orthanc's changes until it is stopped; how far is kept in the outbox.

    `received` is called after each film that is in the outbox.
    """

    def __init__(
        self, settings: GatewaySettings, orthanc: Orthanc, outbox: Outbox, received: Callable[[], None]
    ) -> None:
        self._settings, self._orthanc, self._outbox, self._received = settings, orthanc, outbox, received
        self._seconds = settings.poll_seconds
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
                self.read_announced()
            except (Unavailable, Failed) as error:
                wait = max(self._seconds, min(2 * wait, _LONGEST_WAIT))
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

        An instance that Orthanc does not give is put aside, so that it holds up no other. The place is noted after
        each, so that none is taken again for another's sake.

        Raises:
            Unavailable, Failed: of Orthanc as a whole, or of the disk; what was not read is read next time.
        """
        since = self._outbox.place(self._orthanc.name)
        newest = self._orthanc.last_change()
        if since is None:
            since = 0 if self._settings.orthanc_since == "start" else newest
            self._outbox.note_place(self._orthanc.name, since)
        elif newest < since:
            since = 0  # another database under the same address
        arrivals, last, is_all = self._orthanc.arrivals(since)
        for arrival in arrivals:
            if self._stopping.is_set():
                return False
            self._check_room()
            is_answered = self._try(arrival.instance)
            self._outbox.note_place(self._orthanc.name, arrival.number)
            if not is_answered:
                return False  # whether Orthanc answers at all is asked before the next one
        if last != since:
            self._outbox.note_place(self._orthanc.name, last)
        return is_all

    def read_announced(self) -> None:
        """Try the instance again that was put aside and is due first, if any is."""
        entry = self._outbox.next_due("announced")
        if entry is None:
            return
        self._check_room()
        try:
            self._take(self._outbox.instance(entry.id))
        except (Unavailable, Failed) as error:
            put_off(self._outbox, self._settings, entry, error)
        else:
            self._outbox.forget_announced(entry.id)

    def _try(self, instance: str) -> bool:
        """Take an instance, or put it aside; return whether Orthanc gave it."""
        try:
            self._take(instance)
        except (Unavailable, Failed) as error:
            put_off(self._outbox, self._settings, self._outbox.announce(instance), error)
            return False
        return True

    def _check_room(self) -> None:
        if shutil.disk_usage(self._settings.folder).free < self._settings.min_free_bytes:
            raise Unavailable("The disk is nearly full.")

    def _take(self, instance: str) -> None:
        if not self._orthanc.is_film(instance):
            return
        try:
            data = self._orthanc.download(instance, self._settings.max_film_bytes)
            if data is None:
                return
            if take(data, self._outbox):
                self._received()
                return
        except UnusableFilm as error:
            _log.warning("film not taken", extra={"fields": {"reason": str(error)}})
        self.ignored += 1
