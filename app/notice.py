"""A remark on a film or a model that is no error, in an answer's `warnings`."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Notice:
    """A stable code and a sentence, about one film or the model."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    detail: Annotated[str, Field(min_length=1)]
