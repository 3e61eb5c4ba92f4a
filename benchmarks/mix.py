"""What a soak sends: films of every form, and one in twenty that is bad."""

from __future__ import annotations

import http.client
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from benchmarks.films import draw_film, encode

GONE, LOST = "client gone", "no answer"
BAD_EVERY = 20
_TIMEOUT_SECONDS = 120
_BOUNDARY = "a-boundary-that-no-film-holds"


@dataclass(frozen=True)
class Message:
    """A request of one kind; a client that `leaves` hangs up in the middle of the body."""

    kind: str
    body: bytes
    target: str = "/predict"
    content_type: str = "application/octet-stream"
    leaves: bool = False

    def send(self, port: int) -> str:
        """Send it on a connection of its own; return the status, `GONE`, or `LOST` where none came."""
        if self.leaves:
            head = f"POST {self.target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(self.body)}\r\n\r\n"
            with closing(socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS)) as gone:
                gone.sendall(head.encode() + self.body[: len(self.body) // 2])
            return GONE
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
        with closing(connection):
            try:
                connection.request("POST", self.target, self.body, {"Content-Type": self.content_type})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return LOST
            return str(answer.status)


def good_messages(films: Sequence[bytes], dicom: Sequence[bytes] = ()) -> list[Message]:
    """Return the films as raw bodies, as forms, with maps, as overlays, and DICOM files."""
    messages = []
    for number, film in enumerate(films):
        form = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="film"\r\n\r\n'.encode()
            + film
            + f"\r\n--{_BOUNDARY}--\r\n".encode()
        )
        messages += [
            Message("raw", film),
            Message("form", form, content_type=f"multipart/form-data; boundary={_BOUNDARY}"),
            Message("cam", film, "/predict?activation_maps=cam"),
            Message("overlay", film, "/explain"),
        ]
        if number % 8 == 0:
            messages.append(Message("all maps", film, "/predict?activation_maps=all"))
    return [*messages, *(Message("DICOM", file) for file in dicom)]


def bad_messages(film: bytes) -> list[Message]:
    """Return one of each kind that is refused, and one whose client leaves."""
    return [
        Message("truncated", film[: len(film) * 2 // 3]),
        Message("bomb", bomb()),
        Message("other format", b"GIF89a" + bytes(1000)),
        Message("unknown parameter", film, "/predict?threshold=0.5"),
        Message("empty", b""),
        Message("broken form", film, content_type="multipart/form-data; boundary=missing"),
        Message("left", film, leaves=True),
    ]


def bomb() -> bytes:
    """Return a PNG of 64 × 64 pixels that inflates to 64 MB."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(64_000_000), 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def drawn_films() -> list[bytes]:
    """Draw small films and large."""
    return [encode(draw_film(seed, 1e6 * (0.3 + seed), aspect=1.2), 85) for seed in range(4)]


class Mix:
    """Sends messages, one in `BAD_EVERY` of them bad, and counts the answers by kind."""

    def __init__(self, port: int, good: Sequence[Message], bad: Sequence[Message]) -> None:
        self._port, self._good, self._bad = port, good, bad
        self.answers: Counter[tuple[str, str]] = Counter()

    def kinds(self) -> list[Message]:
        """Return one message of each kind."""
        return list({message.kind: message for message in [*self._good, *self._bad]}.values())

    def choose(self, turn: int) -> Message:
        """Return the message of a turn."""
        if turn % BAD_EVERY == BAD_EVERY - 1:
            return self._bad[turn // BAD_EVERY % len(self._bad)]
        return self._good[turn % len(self._good)]

    def send(self, turn: int, count: Callable[[tuple[str, str]], None]) -> None:
        """Send the message of a turn, and hand its kind and answer to `count`."""
        message = self.choose(turn)
        count((message.kind, message.send(self._port)))
