"""The page at `/` and its files, under a Content-Security-Policy that lets nothing in from outside."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response

FOLDER = Path(__file__).parent.parent / "web"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# data: shows the layers' grids, which come as base64. The page turns no text into markup.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for again each time, or an old module would run beside new ones.
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


class PageFile(NamedTuple):
    """One file of the page; `etag` changes with its content."""

    content: bytes
    media_type: str
    etag: str


@cache
def page_files() -> dict[str, PageFile]:
    """Return the page's files by name; they are read once. Folders in between, as of vendors, are not part of it."""
    files = {}
    for path in FOLDER.iterdir():
        if path.suffix in MEDIA_TYPES:
            content = path.read_bytes()
            files[path.name] = PageFile(content, MEDIA_TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')
    return files


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Return the page."""
    return _answer(request, page_files()["index.html"])


@router.api_route("/web/{name}", methods=["GET", "HEAD"])
async def page_file(request: Request, name: str) -> Response:
    """Return one of the page's style sheets, modules and pictures.

    Raises:
        HTTPException: 404, there is none of that name.
    """
    file = page_files().get(name)
    # Its addresses would lead elsewhere from here.
    if file is None or name == "index.html":
        raise HTTPException(404)
    return _answer(request, file)


def _answer(request: Request, file: PageFile) -> Response:
    headers = {**HEADERS, "ETag": file.etag}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
