"""Where parts are written: a name is written once, whole, or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import s3fs

from batch.destinations import Destination, is_prefix, open_destination
from batch.errors import StoreFailed, UnusableResult
from tests.batch.object_store import ObjectStore, object_store


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    """One S3 for the module."""
    with object_store() as running:
        yield running


@pytest.fixture(params=["folder", "file URL", "S3", "S3 without conditional writes"])
def out(request: pytest.FixtureRequest, store: ObjectStore, tmp_path: Path) -> Iterator[str]:
    """A destination of each kind, new for each test."""
    store.has_conditions = request.param != "S3 without conditional writes"
    local = f"{tmp_path}/new/parts/"
    yield {"folder": local, "file URL": f"file://{local}"}.get(request.param, f"s3://films/{tmp_path.name}/")
    store.has_conditions = True


@pytest.fixture
def destination(out: str) -> Destination:
    return open_destination(out)


def test_what_is_written_is_listed_and_read(destination: Destination) -> None:
    """A new destination is empty."""
    assert destination.names() == set()
    assert destination.read("a") is None
    assert destination.create("a", b"first")
    assert destination.names() == {"a"}
    assert destination.read("a") == b"first"


def test_a_name_is_written_once(destination: Destination, out: str) -> None:
    """By another start, too."""
    destination.create("a", b"first")
    assert not destination.create("a", b"second")
    assert not open_destination(out).create("a", b"second")
    assert destination.read("a") == b"first"


def test_of_many_at_once_one_writes_a_name(out: str, store: ObjectStore) -> None:
    """Without conditional writes, what is there is whole, whoever wrote it."""
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda number: open_destination(out).create("a", b"%d" % number * 1000), range(8)))
    if store.has_conditions:
        assert sum(written) == 1
    content = open_destination(out).read("a")
    assert content in [b"%d" % number * 1000 for number in range(8)]
    assert open_destination(out).names() == {"a"}


def test_what_a_killed_start_left_is_not_listed_and_goes_with_the_next(tmp_path: Path) -> None:
    """Half a part has a hidden name of its own."""
    (tmp_path / ".a.0123").write_bytes(b"hal")
    (tmp_path / ".b.0123").write_bytes(b"hal")
    folder = open_destination(f"{tmp_path}/")
    assert folder.names() == set()
    assert folder.create("a", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.0123", "a"]


@pytest.mark.parametrize("out", ["az://films/parts/", "memory://parts/", "https://example.org/parts/"])
def test_a_store_that_is_not_known_to_write_once_is_refused(out: str) -> None:
    with pytest.raises(UnusableResult, match="Expected --out to be a folder, s3://, gs:// or file://"):
        open_destination(out)


def test_a_bucket_that_does_not_exist_is_one_line(store: ObjectStore) -> None:
    with pytest.raises(StoreFailed, match="Expected --out to be a prefix that can be read and written"):
        open_destination("s3://nobody/parts/").create("a", b"")


def test_without_conditional_writes_a_store_that_fails_is_one_line(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the write without a condition, too."""
    system = s3fs.S3FileSystem()  # one instance a thread: the destination's
    pipe = system.pipe_file

    def fail(path: str, data: bytes, **options: str) -> object:
        if not options:
            raise PermissionError(errno.EACCES, "Forbidden")
        return pipe(path, data, **options)

    monkeypatch.setattr(system, "pipe_file", fail)
    monkeypatch.setattr(store, "has_conditions", False)
    with pytest.raises(StoreFailed, match=r"read and written\. Received: Forbidden"):
        open_destination("s3://films/fails/").create("a", b"")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnusableResult, match=r"folder that can be made: .*file/parts"):
        open_destination(f"{tmp_path}/file/parts/")


@pytest.mark.parametrize(
    ("out", "expected"), [("r/", True), ("s3://b/p", True), ("gs://b/p/", True), ("r.csv", False), ("r", False)]
)
def test_a_prefix_ends_with_a_slash_or_is_a_url(out: str, expected: bool) -> None:
    assert is_prefix(out) == expected
