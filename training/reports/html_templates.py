"""The templates of HTML pages, and their pictures."""

from __future__ import annotations

from base64 import b64encode

from jinja2 import Environment, PackageLoader, StrictUndefined


def open_html_templates() -> Environment:
    """Return the templates; every text is escaped, and the filter `jpeg` makes a data link of bytes."""
    templates = Environment(
        loader=PackageLoader("training.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters["jpeg"] = _to_jpeg_link
    return templates


def _to_jpeg_link(data: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(data).decode()}"
