"""An audit → `audit.json` and `audit.png`."""

from __future__ import annotations

import json
from pathlib import Path

from training.audit.audit import Audit
from training.audit.plots import plot_audit
from training.audit.text import describe_audit

AUDIT_FILES = ("audit.json", "audit.png")


def write_audit(audit: Audit, folder: Path) -> None:
    """Write `AUDIT_FILES` into a folder, made if missing; the same audit gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [section.to_json() for section in describe_audit(audit)]
    text = json.dumps({**audit.to_json(), "sections": sections}, indent=1, ensure_ascii=False)
    (folder / AUDIT_FILES[0]).write_text(text + "\n", encoding="utf-8")
    plot_audit(audit, folder / AUDIT_FILES[1])
