"""An open-loop load generator: sends films when they are due, whatever became of those before.

    python -m benchmarks.flood --port 8000 --rate 500 --seconds 10 --listing FILE

Each film comes on a connection of its own: its head, then its body, for as long as the socket takes it. It prints one
JSON object, see `Report`. wrk cannot do this: its clients wait for answers.
"""

from __future__ import annotations

import argparse
import heapq
import json
import re
import resource
import select
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

_PIECE = 128 * 1024
_GIVE_UP_SECONDS = 60.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)\r\n", re.IGNORECASE)


@dataclass
class Report:
    """What became of the films.

    Attributes:
        answers: per answer: seconds since the begin, status (0: none), seconds from the head sent to the answer's head,
            `Retry-After` in seconds, proportion of the body sent by then, which try of its film it was, and the
            film's bytes.
        cpu_seconds: of this process.
        late_seconds: how much later than due a film was sent, at most: the generator's own limit.
    """

    answers: list[tuple[float, int, float, int, float, int, int]] = field(default_factory=list)
    cpu_seconds: float = 0.0
    late_seconds: float = 0.0


@dataclass
class _Exchange:
    connection: socket.socket
    body: memoryview
    turn: int
    tries: int
    begun: float = 0.0
    head_is_sent: bool = False
    sent: int = 0
    received: bytes = b""
    is_answered: bool = False


class Flood:
    """Sends films at a rate; with `obeys`, a film refused with 429 comes again when `Retry-After` says so.

    A client that `stops` ends its connection at a refusal, as curl does; another sends its whole body first, and reads
    only then, as Python's and Java's plain clients do.
    """

    def __init__(self, port: int, films: list[bytes], *, obeys: bool = False, stops: bool = True) -> None:
        self._port, self._films, self._obeys, self._stops = port, films, obeys, stops
        self._poll = select.epoll()
        self._open: dict[int, _Exchange] = {}
        self._due: list[tuple[float, int, int]] = []
        self._report = Report()
        self._start = 0.0

    def run(self, rate: float, seconds: float, *, clock: Callable[[], float] = perf_counter) -> Report:
        """Send `rate` films a second for `seconds`; return when all are answered, or given up."""
        self._start = clock()
        self._due = [(self._start + turn / rate, turn, 1) for turn in range(int(rate * seconds))]
        while self._due or self._open:
            now = clock()
            while self._due and self._due[0][0] <= now:
                due, turn, tries = heapq.heappop(self._due)
                self._report.late_seconds = max(self._report.late_seconds, now - due)
                self._begin(turn, tries, now)
                now = clock()
            wait = min(max(self._due[0][0] - now, 0.0), 1.0) if self._due else 1.0
            for number, event in self._poll.poll(wait):
                self._step(self._open[number], event, clock())
            for exchange in [one for one in self._open.values() if now - one.begun > _GIVE_UP_SECONDS]:
                self._end(exchange, now)
        used = resource.getrusage(resource.RUSAGE_SELF)
        self._report.cpu_seconds = used.ru_utime + used.ru_stime
        return self._report

    def _begin(self, turn: int, tries: int, now: float) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect_ex(("127.0.0.1", self._port))
        exchange = _Exchange(connection, memoryview(self._films[turn % len(self._films)]), turn, tries, now)
        self._open[connection.fileno()] = exchange
        self._poll.register(connection, select.EPOLLIN | select.EPOLLOUT)

    def _step(self, exchange: _Exchange, event: int, now: float) -> None:
        try:
            if event & select.EPOLLOUT:
                self._send(exchange, now)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._receive(exchange, now)
        except BlockingIOError:
            pass
        except OSError:
            # Reset while sending: an answer may still be there to read.
            if event & select.EPOLLERR or not self._try_receive(exchange, now):
                self._end(exchange, now)

    def _send(self, exchange: _Exchange, now: float) -> None:
        if not exchange.head_is_sent:
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(exchange.body)}\r\n\r\n"
            exchange.connection.send(head.encode())
            exchange.head_is_sent, exchange.begun = True, now
            return
        exchange.sent += exchange.connection.send(exchange.body[exchange.sent : exchange.sent + _PIECE])
        if exchange.sent == len(exchange.body):
            self._poll.modify(exchange.connection, select.EPOLLIN)

    def _try_receive(self, exchange: _Exchange, now: float) -> bool:
        try:
            self._receive(exchange, now)
        except OSError:
            return False
        return True

    def _receive(self, exchange: _Exchange, now: float) -> None:
        data = exchange.connection.recv(65536)
        exchange.received += data
        if not exchange.is_answered and b"\r\n\r\n" in exchange.received:
            self._note(exchange, now)
        is_whole = exchange.is_answered and (self._stops or exchange.sent == len(exchange.body))
        if not data or is_whole:
            self._end(exchange, now)

    def _note(self, exchange: _Exchange, now: float) -> None:
        status = _STATUS.match(exchange.received)
        retry = _RETRY_AFTER.search(exchange.received)
        seconds = int(retry[1]) if retry else 0
        code = int(status[1]) if status else 0
        exchange.is_answered = True
        sent = exchange.sent / len(exchange.body)
        self._report.answers.append(
            (now - self._start, code, now - exchange.begun, seconds, sent, exchange.tries, len(exchange.body)),
        )
        if self._obeys and code == 429:
            heapq.heappush(self._due, (now + seconds, exchange.turn, exchange.tries + 1))

    def _end(self, exchange: _Exchange, now: float) -> None:
        if not exchange.is_answered:
            size = len(exchange.body)
            self._report.answers.append((now - self._start, 0, now - exchange.begun, 0, 1.0, exchange.tries, size))
        del self._open[exchange.connection.fileno()]
        exchange.connection.close()


def main() -> None:
    """Send, and print the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="films a second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--listing", type=Path, required=True, help="a file that lists the films")
    parser.add_argument("--obeys", action="store_true", help="a refused film comes again after Retry-After")
    parser.add_argument("--plain", action="store_true", help="send whole bodies before reading an answer")
    arguments = parser.parse_args()
    films = [Path(line).read_bytes() for line in arguments.listing.read_text().splitlines()]
    flood = Flood(arguments.port, films, obeys=arguments.obeys, stops=not arguments.plain)
    report: dict[str, Any] = vars(flood.run(arguments.rate, arguments.seconds))
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
