"""`POST /explain`: one film in, the same film out with the evidence drawn over it."""

from __future__ import annotations

import math
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from app.api.film_request import NO_STORE, PlainRoute, authorize, process_film
from app.api.parameters import EXPLAIN, ON_OFF, choose, describe_request, read_parameters
from app.api.problems import INTERNAL_ERROR, PROBLEMS, document
from app.api.service import Service
from app.api.upload import Upload
from app.errors import InvalidParameter
from app.inference.overlay import STYLES

router = APIRouter(route_class=PlainRoute, tags=["films"])


class Explained(NamedTuple):
    """A PNG, and its seconds by phase."""

    png: bytes
    seconds: dict[str, float]


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
    query = read_parameters(request.scope["query_string"], EXPLAIN)
    point = predictor.point(query.get("operating_point"))
    style = choose("style", query.get("style"), STYLES)
    level = _read_level(query.get("level"))
    gate = service.settings.gate if choose("gate", query.get("gate"), ON_OFF) == "on" else "off"

    def work(film: Upload) -> Explained:
        explained = predictor.explain(film.data, operating_point=point, style=style, level=level, gate=gate)
        return Explained(explained.encode(), explained.prediction.seconds)

    result = await process_film(request, service, work)
    return Response(result.png, media_type="image/png", headers=NO_STORE)


def _read_level(wanted: str | None) -> float | None:
    if wanted is None:
        return None
    try:
        level = float(wanted)
    except ValueError:
        level = math.nan
    if not 0 <= level < math.inf:
        raise InvalidParameter("level: expected a number of logits, 0 or more. Received another.")
    return level
