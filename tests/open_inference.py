"""The programs of docs/open-inference.md, and what they are to print."""

from __future__ import annotations

import re
from pathlib import Path

from tests.running import Running

ROOT = Path(__file__).parents[1]
STORE = ROOT / "model_store"


def program(client: str) -> str:
    """Return the program of the section on a client."""
    text = (ROOT / "docs" / "open-inference.md").read_text()
    found = re.search(rf"^## With {client}\n.*?^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def said(server: Running, films: dict[str, bytes]) -> str:
    """Return the lines of films, by what `/predict` answers."""
    lines = []
    for name, film in films.items():
        answer = server.client.post("/predict", content=film).json()
        refer = "refer" if answer["refer"] else "answered"
        lines.append(f"{name} {answer['probability']:.6f} {answer['class']} {refer}\n")
    return "".join(lines)
