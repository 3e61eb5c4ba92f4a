"""`/docs` with Swagger UI from our own files: hospital networks reach no CDN."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse

ASSETS = Path(__file__).parent.parent / "web" / "vendor" / "swagger-ui"

router = APIRouter()
router.mount("/docs/assets", StaticFiles(directory=ASSETS, check_dir=False), name="docs-assets")


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    """Return Swagger UI."""
    # Relative, to hold behind a proxy's path too.
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="PneumoServe",
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        swagger_favicon_url="data:,",
        # Or a public server is asked to check the description.
        swagger_ui_parameters={"validatorUrl": None},
    )
