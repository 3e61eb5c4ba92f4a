"""The asynchronous Python client: as `Client`, with `await`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import anyio
    import httpx
except ModuleNotFoundError as error:
    message = f"AsyncClient needs {error.name}, which is not installed: pip install 'pneumoserve[client]'"
    raise ModuleNotFoundError(message, name=error.name) from None

from app.api.schemas import Health, ModelDescription, Prediction
from batch import operations
from batch.answer import Answer
from batch.operations import Operation, Result, Switch
from batch.retry import DEFAULT_RETRIES, RetryPolicy, Tries, read_retry_after
from batch.service import ANSWER_TIMEOUT_SECONDS, CONNECT_TIMEOUT_SECONDS, Request, Service

if TYPE_CHECKING:
    from types import TracebackType

    from app.inference.overlay import Style
    from app.inference.predictor import MapKind

# As many connections as the caller has calls under way.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)
_TIMEOUT = httpx.Timeout(ANSWER_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS, pool=None)


class AsyncClient:
    """Calls the service, for asyncio and trio; arguments, answers, retries and errors are `Client`'s.

    It sends as many films at once as the caller has calls under way. A call may be cancelled at any time.

    httpx reads no answer before a film was sent whole: one of over 12 MB that a busy service refuses unread is retried
    as a lost connection is.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        retries: RetryPolicy = DEFAULT_RETRIES,
        operating_point: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    ) -> None:
        """Open nothing yet; see `Client`. `clock` and `sleep` count and wait seconds."""
        self._service = Service(url, operating_point, api_key)
        self._retries, self._clock, self._sleep = retries, clock, sleep
        # As `Client`: no proxy, and the system's certificates; none for plain HTTP.
        self._http = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity"},
            verify=self._service.context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            timeout=_TIMEOUT,
            limits=_LIMITS,
            trust_env=False,
        )

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; no call may follow."""
        await self._http.aclose()

    async def predict(
        self,
        film: bytes | Path,
        *,
        operating_point: str | None = None,
        activation_maps: MapKind = "none",
        gate: Switch | None = None,
    ) -> Prediction:
        """Return how likely pneumonia is on a film; see `Client.predict`."""
        given = operations.predict(
            self._service,
            await _read(film),
            operating_point=operating_point,
            activation_maps=activation_maps,
            gate=gate,
        )
        return await self._run(given)

    async def explain(
        self,
        film: bytes | Path,
        *,
        style: Style = "heat",
        level: float | None = None,
        operating_point: str | None = None,
        gate: Switch | None = None,
    ) -> bytes:
        """Return a film with the evidence drawn over it, as PNG; see `Client.explain`."""
        given = operations.explain(
            self._service, await _read(film), style=style, level=level, operating_point=operating_point, gate=gate
        )
        return await self._run(given)

    async def model(self) -> ModelDescription:
        """Return what is served; see `Client.model`."""
        return await self._run(operations.model(self._service))

    async def health(self) -> Health:
        """Return the state of a service that is ready; see `Client.health`."""
        return await self._run(operations.health(self._service))

    async def _run(self, operation: Operation[Result]) -> Result:
        tries = Tries(self._retries, self._clock)
        while True:
            answer = await self._send_once(operation.request)
            wait = tries.wait_after(answer)
            if wait is None:
                return operation.result(answer)
            await self._sleep(wait)

    async def _send_once(self, request: Request) -> Answer:
        try:
            response = await self._http.request(
                request.method, self._service.origin + request.target, content=request.body, headers=request.headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return _lost("no-connection", error)
        except httpx.TimeoutException as error:
            return _lost("timeout", error)
        except httpx.RequestError as error:
            return _lost("connection-lost", error)
        return Answer(response.status_code, response.content, read_retry_after(response.headers.get("Retry-After")))


def _lost(slug: str, error: Exception) -> Answer:
    return Answer(None, lost=slug, detail=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


async def _read(film: bytes | Path) -> bytes:
    return await anyio.Path(film).read_bytes() if isinstance(film, Path) else film
