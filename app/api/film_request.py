"""A request that sends one film: admitted, read, worked on in the scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.api import json_form
from app.api.admission import ClientGone, HeldBody
from app.api.service import Service
from app.api.upload import Upload, find_upload
from app.errors import Unauthorized, UnsuitableImage
from app.keys import find_only_name

if TYPE_CHECKING:
    from starlette.types import Receive

_KEY_HEADER = "x-api-key"


class Timed(Protocol):
    """What work returns: among others, its seconds by phase."""

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by phase."""
        ...


Result = TypeVar("Result", bound=Timed)


class PlainRoute(APIRoute):
    """A documented route whose endpoint takes the request itself, without FastAPI's parsing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint."""
        return self.endpoint


def authorize(request: Request, service: Service) -> None:
    """Check the API key of a request that sends a film, before its body is read; the log shows the key's name.

    Raises:
        Unauthorized: keys are set, and none of them came.
    """
    keys = service.settings.api_keys
    if not keys:
        return
    sent = request.headers.getlist(_KEY_HEADER)
    name = find_only_name(keys, sent)
    if name is None:
        came = "none" if not sent else "another" if len(sent) == 1 else "several"
        raise Unauthorized(f"Expected the header X-API-Key with a key of this service. Received {came}.")
    request.state.account.key_name = name


async def process_film(request: Request, service: Service, work: Callable[[Upload], Result]) -> Result:
    """Return what `work` makes of the film in a request's body, computed by a worker of the scheduler.

    Raises:
        PneumoServeError: the body is refused, see `Admission` and `find_upload`; or of `work`.
        ClientGone: the client hung up; a film that was not begun is dropped.
    """
    headers, admission = request.headers, service.admission
    content_type, encoding = headers.get("content-type", ""), headers.get("content-encoding", "")
    body = admission.hold()
    try:
        data, deadline = await receive_body(request, service, body)
        decoded = json_form.decoded_bytes(data, content_type)
        held = [data]
        del data
        admission.enter(body, decoded)
    except BaseException:
        body.release()
        raise

    # Popped, so that a form is not held beside its film. From here the scheduler releases the body, when the worker is
    # done with it.
    with watch_client(request) as gone:
        try:
            result, waited = await service.scheduler.run(
                lambda: work(find_upload(held.pop(), content_type, encoding)),
                deadline=deadline,
                done=body.release,
                gone=gone,
            )
        except UnsuitableImage as error:
            if error.reason is not None:
                service.metrics.count_gate("refused", error.reason)
            raise
    request.state.account.seconds.update(wait=waited, **result.seconds)
    return result


async def receive_body(request: Request, service: Service, body: HeldBody) -> tuple[bytes, float]:
    """Return a request's body, counted in `body`, and the deadline of its answer, by `time.monotonic()`.

    Raises:
        PneumoServeError: the body is refused, see `Admission`.
    """
    account = request.state.account
    data = await service.admission.read_body(body, request.receive, _declared_length(request), account.begun)
    request.state.body_was_read = True
    now = monotonic()
    account.seconds["read"] = now - account.begun
    return data, now + service.settings.deadline_seconds


@contextmanager
def watch_client(request: Request) -> Iterator[asyncio.Future[None]]:
    """Give what fails with ClientGone when the client hangs up; the request's body must have been read."""
    gone = asyncio.create_task(_watch(request.receive))
    try:
        yield gone
    finally:
        gone.cancel()


async def _watch(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientGone


def _declared_length(request: Request) -> int | None:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else None
