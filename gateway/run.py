"""`pneumoserve gateway`: settings → a running gateway, until a signal."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
from pathlib import Path

from prometheus_client import start_http_server

from batch.client import Client
from batch.retry import ONCE
from gateway.asking import Asker
from gateway.destinations import Destination, open_destination
from gateway.errors import WrongSettings
from gateway.libraries import prepare_libraries
from gateway.log import configure_log
from gateway.metrics import gateway_registry
from gateway.orthanc import Orthanc
from gateway.outbox import Outbox
from gateway.polling import Poller
from gateway.receiver import Receiver
from gateway.settings import GatewaySettings
from gateway.worker import Worker

_log = logging.getLogger("pneumoserve.gateway")


def run_gateway(settings: GatewaySettings, api_key: str | None) -> int:
    """Receive or poll, ask, write and deliver until SIGTERM or SIGINT; return the exit status.

    Then no more films are taken, the film at hand is finished, and what waits stays in the outbox.

    Raises:
        WrongSettings: it cannot start.
    """
    os.umask(0o077)
    prepare_libraries()
    configure_log()
    outbox = Outbox(settings.folder)
    lock = _lock_folder(settings.folder)
    client = Client(settings.url, api_key, retries=ONCE, operating_point=settings.operating_point)
    asker = Asker(client, with_map=settings.contour)
    health = settings.health_file or settings.folder / "health"
    destination: Destination = Orthanc(settings.orthanc) if settings.orthanc else open_destination(settings)
    worker = Worker(settings, outbox, asker, destination, health)
    source = _open_source(settings, outbox, worker)
    if settings.metrics_port:
        try:
            start_http_server(
                settings.metrics_port,
                settings.metrics_host,
                gateway_registry(outbox, worker, source),
            )
        except OSError as error:
            raise WrongSettings(f"PNEUMOSERVE_GATEWAY_METRICS_PORT: {error.strerror}. Choose another.") from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    _log.info("ready", extra={"fields": {"port": source.port} if isinstance(source, Receiver) else {}})
    worker.run()
    _log.info("draining")
    source.stop(settings.drain_seconds)
    outbox.close()
    health.unlink(missing_ok=True)
    os.close(lock)
    return 0


def _open_source(settings: GatewaySettings, outbox: Outbox, worker: Worker) -> Receiver | Poller:
    if settings.orthanc is None:
        return Receiver(settings, outbox, worker.wake)
    poller = Poller(settings, Orthanc(settings.orthanc), outbox, worker.wake)
    poller.start()
    return poller


def _lock_folder(folder: Path) -> int:
    """Return the lock of a folder's only gateway; the system frees it with the process."""
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise WrongSettings("PNEUMOSERVE_GATEWAY_FOLDER: another gateway works in this folder.") from None
    return lock
