"""What the gateway takes from the network, and from whom."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from gateway.film import FILM_CLASSES
from gateway.outbox import Outbox
from gateway.receiver import Receiver
from gateway.settings import GatewaySettings
from tests.gateway.dicom_films import dicom_film
from tests.gateway.test_dicom_results import results
from tests.running import wait_until


@contextmanager
def receiving(folder: Path, **settings: object) -> Iterator[tuple[Receiver, Outbox]]:
    outbox = Outbox(folder)
    chosen = GatewaySettings(**{"folder": folder, "destination": "dicom://A@h:1", "port": 0, **settings})  # type: ignore[arg-type]
    receiver = Receiver(chosen, outbox, lambda: None)
    try:
        yield receiver, outbox
    finally:
        receiver.stop(0)
        outbox.close()


@contextmanager
def associated(receiver: Receiver, *, calling: str = "CR1", called: str = "PNEUMOSERVE") -> Iterator[Association]:
    entity = AE(calling)
    for sop_class in (Verification, CTImageStorage, *FILM_CLASSES):
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", receiver.port, ae_title=called)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def store(association: Association, film: bytes) -> int | None:
    return association.send_c_store(pydicom.dcmread(BytesIO(film))).get("Status")


def test_a_film_is_in_the_outbox_before_its_sender_hears_of_success(tmp_path: Path) -> None:
    with receiving(tmp_path) as (receiver, outbox), associated(receiver) as association:
        assert store(association, dicom_film()) == 0x0000
        entry = outbox.next_due("received")
        assert entry is not None
        assert pydicom.dcmread(BytesIO(outbox.film(entry.id))) == pydicom.dcmread(BytesIO(dicom_film()))


def test_an_echo_is_answered(tmp_path: Path) -> None:
    with receiving(tmp_path) as (receiver, _), associated(receiver) as association:
        assert association.send_c_echo().Status == 0x0000


def test_classes_that_are_no_films_are_not_negotiated(tmp_path: Path) -> None:
    with receiving(tmp_path) as (receiver, _), associated(receiver) as association:
        accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
    assert accepted == {str(Verification), *map(str, FILM_CLASSES)}


def test_its_own_results_are_no_films(tmp_path: Path) -> None:
    """An archive that forwards everything makes no loop."""
    capture = results(dicom_film())["secondary-capture"].data
    with receiving(tmp_path) as (receiver, outbox), associated(receiver) as association:
        assert store(association, capture) == 0x0000
        assert sum(outbox.counts().values()) == 0
        assert receiver.ignored == 1
    assert SecondaryCaptureImageStorage in FILM_CLASSES


def test_a_film_without_pixels_is_not_taken(tmp_path: Path) -> None:
    """Its sender is told so."""
    with receiving(tmp_path) as (receiver, outbox), associated(receiver) as association:
        assert store(association, dicom_film(PixelData=None)) == 0xC000
        assert sum(outbox.counts().values()) == 0


@pytest.mark.parametrize(
    ("peers", "calling", "called"),
    [
        ("CR2@127.0.0.1", "CR1", "PNEUMOSERVE"),
        ("CR1@10.0.0.0/8", "CR1", "PNEUMOSERVE"),
        ("CR1@127.0.0.1", "CR1", "ANOTHER"),
    ],
)
def test_who_is_not_named_may_not_send(tmp_path: Path, peers: str, calling: str, called: str) -> None:
    """By title, by address, or to another title."""
    with (
        receiving(tmp_path, peers=peers) as (receiver, _),
        associated(receiver, calling=calling, called=called) as association,
    ):
        assert not association.is_established


def test_who_is_named_may_send(tmp_path: Path) -> None:
    with receiving(tmp_path, peers="CR2@10.0.0.1, CR1@127.0.0.0/24") as (receiver, _), associated(receiver) as found:
        assert found.is_established


def test_associations_over_the_limit_are_rejected(tmp_path: Path) -> None:
    """And once one has ended the next may come."""
    with receiving(tmp_path, max_associations=1) as (receiver, _):
        with associated(receiver) as first, associated(receiver) as second:
            assert first.is_established
            assert second.is_rejected
        wait_until(lambda: can_associate(receiver))


def can_associate(receiver: Receiver) -> bool:
    with associated(receiver) as association:
        return association.is_established


def test_a_film_over_the_limit_ends_its_association(tmp_path: Path) -> None:
    """Others are not disturbed."""
    large = dicom_film(Rows=2000, Columns=2000, PixelData=bytes(8_000_000))
    with receiving(tmp_path, max_film_bytes=500_000) as (receiver, outbox):
        with associated(receiver) as association, associated(receiver) as other:
            assert store(association, large) is None
            assert store(other, dicom_film()) == 0x0000
        assert outbox.counts()["received"] == 1


def test_a_pdu_over_the_limit_is_not_read(tmp_path: Path) -> None:
    """Its sender waits in vain for more to be read."""
    with receiving(tmp_path) as (receiver, _):
        with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
            connection.settimeout(20)
            connection.sendall(struct.pack(">BBL", 1, 0, 2**20))
            assert connection.recv(10) == b""
        assert can_associate(receiver)


# pynetdicom may end the thread of an association that it aborts before the first whole message.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_who_sends_half_a_pdu_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Beyond the time that running associations are given."""
    with receiving(tmp_path) as (receiver, _):
        connection = socket.create_connection(("127.0.0.1", receiver.port))
        connection.sendall(b"\x01\0\0")
        wait_until(lambda: receiver._server is not None and receiver._server.active_associations != [])
        begun = time.monotonic()
    assert time.monotonic() - begun < 20
    connection.close()


def test_no_film_is_taken_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    """Its sender keeps it and comes again."""
    with receiving(tmp_path, min_free_bytes=2**60) as (receiver, outbox), associated(receiver) as association:
        assert store(association, dicom_film()) == 0xA700
        assert sum(outbox.counts().values()) == 0
