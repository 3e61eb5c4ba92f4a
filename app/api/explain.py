"""`POST /explain`: one film in, the same film out with the evidence drawn over it."""

from __future__ import annotations

import math
import re
from time import perf_counter
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from app.api.film_request import PlainRoute, authorize, process_film
from app.api.parameters import EXPLAIN, MAX_LEVEL, ON_OFF, choose, describe_request, read_parameters
from app.api.problems import INTERNAL_ERROR, NO_STORE, PROBLEMS, document
from app.api.service import Service
from app.api.upload import Upload
from app.errors import InvalidParameter
from app.inference.gate import Passage
from app.inference.overlay import STYLES

_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?", re.ASCII)

router = APIRouter(route_class=PlainRoute, tags=["films"])


class Explained(NamedTuple):
    """A PNG, its seconds by phase, and what the gate found."""

    png: bytes
    seconds: dict[str, float]
    gate: Passage


@router.post(
    "/explain",
    summary="Show what one chest X-ray's probability rests on",
    response_class=Response,
    response_description="The film at its own size, the evidence over it.",
    responses={
        200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
        **document(*PROBLEMS.values(), INTERNAL_ERROR),
    },
    openapi_extra=describe_request(EXPLAIN),
)
async def explain(request: Request) -> Response:
    """Send a film as to `/predict`. Orange speaks for pneumonia, blue against it; no side is over 2048 pixels.

    Not a medical device.
    """
    service: Service = request.app.state.service
    authorize(request, service)
    predictor = service.ready()
    request.state.account.model = predictor.manifest
    query = read_parameters(request.scope["query_string"], EXPLAIN)
    point = predictor.point(query.get("operating_point"))
    style = choose("style", query.get("style"), STYLES)
    level = _read_level(query.get("level"))
    gate = service.settings.gate if choose("gate", query.get("gate"), ON_OFF) == "on" else "off"

    def work(film: Upload) -> Explained:
        explained = predictor.explain(film.data, operating_point=point, style=style, level=level, gate=gate)
        begun = perf_counter()
        png, prediction = explained.encode(), explained.prediction
        prediction.seconds["explain"] += perf_counter() - begun
        return Explained(png, prediction.seconds, prediction.gate)

    result = await process_film(request, service, work)
    service.metrics.count_gate(result.gate.verdict, result.gate.reason)
    return Response(result.png, media_type="image/png", headers=NO_STORE)


def _read_level(wanted: str | None) -> float | None:
    if wanted is None:
        return None
    level = float(wanted) if _NUMBER.fullmatch(wanted) else math.inf
    if level > MAX_LEVEL:
        raise InvalidParameter(f"level: expected a number of logits, 0 to {MAX_LEVEL}. Received another.")
    return level
