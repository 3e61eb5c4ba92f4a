"""What a caller should know of a film or a model, and what is no error: it stands in the `warnings` of an answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Notice:
    """A stable code and a sentence; of one film, or of a model whatever the film."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    detail: Annotated[str, Field(min_length=1)]
