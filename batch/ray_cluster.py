"""Ray: a cluster of this machine's cores alone, or one that runs already."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.process import granted_cores
from batch.errors import CallError, NoCluster

_OBJECT_STORE_BYTES = 256 * 2**20
_CONNECT_SECONDS = 5.0
_SECONDS_FOR_CPUS = 10.0
"""So long an earlier driver's actors hold their CPUs after its end."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent home
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # else a line on standard error for every actor; what failed is in ray-data.log
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a warning
}


def parse_address(on: str) -> str | None:
    """Return ADDRESS (HOST:PORT, or auto) of `ray:ADDRESS`; None of `ray`, which is this machine alone.

    Raises:
        CallError: it is neither.
    """
    engine, _, address = on.partition(":")
    is_address = address == "auto" or (":" in address and "://" not in address)
    if engine != "ray" or (on != "ray" and not is_address):
        raise CallError(
            "Expected --on ray, --on ray:auto or --on ray:HOST:PORT, on a machine that belongs to that cluster. "
            f"Received: {on}."
        )
    return address or None


@contextmanager
def ray_actors(address: str | None) -> Iterator[int]:
    """Connect to a cluster, or start one that ends with the context; yield how many actors of one CPU it may have.

    One CPU stays free: actors on every CPU leave none for Ray Data's own tasks, which then wait for ever (ray#44687).
    A cluster of this machine alone counts one CPU more than there are cores, so that every core works.

    Raises:
        CallError: Ray is not installed.
        NoCluster: nothing answers at the address, or it has no two CPUs free.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise CallError(f"--on ray needs {error.name}, which is not installed: run `make install-ray`.") from None
    _log_to_files()
    try:
        if address is None:
            cpus = _start()
        else:
            _connect(address)
            cpus = _count_free()
        yield cpus - 1
    finally:
        ray.shutdown()


def _log_to_files() -> None:
    """Keep what Ray Data tells of its plans, and of parts that are given out again, in Ray's log files."""
    for handler in logging.getLogger("ray.data").handlers:
        if type(handler).__name__ == "PlainRayHandler":
            handler.setLevel(logging.CRITICAL)


def _start() -> int:
    """Start a cluster of this machine alone; return its CPUs."""
    import ray

    cpus = granted_cores() + 1
    try:
        ray.init(
            "local",
            num_cpus=cpus,
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except Exception as error:  # of many kinds: no time, no memory, no disk
        raise NoCluster(
            f"Expected Ray to start on this machine. Received: {error} Without --on the same command needs no Ray."
        ) from error
    return cpus


def _connect(address: str) -> None:
    import ray

    _check_answers(address)
    try:
        ray.init(address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # of many kinds: another version, a wrong token, a machine that is no part of it
        raise NoCluster(
            f"Expected a Ray cluster at {address} that this machine belongs to. Received: {error} "
            "Start one with `ray start --head`, and join it with `ray start --address=HOST:PORT`."
        ) from error


def _check_answers(address: str) -> None:
    """Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise NoCluster(
            f"Expected a Ray cluster at {address}. Received: {error}. Start one with `ray start --head`; "
            "`--on ray` alone needs none."
        ) from None


def _count_free() -> int:
    """Return the CPUs that are free, once those of an earlier start are."""
    import ray

    wait_until = time.monotonic() + _SECONDS_FOR_CPUS
    while True:
        total, free = (int(of().get("CPU", 0)) for of in (ray.cluster_resources, ray.available_resources))
        if free == total >= 2 or time.monotonic() > wait_until:
            break
        time.sleep(0.5)
    if free < 2:
        raise NoCluster(
            f"Expected a Ray cluster with at least 2 CPUs free: one scores, one stays free for Ray Data. "
            f"Received: {free} of {total} free. Join more machines with `ray start --address=HOST:PORT`, "
            "or wait until other jobs end."
        )
    return free
