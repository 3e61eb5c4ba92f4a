"""The programs of docs/callers.md, ready to be run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "callers.md"
FILES = {
    "curl": "predict.sh",
    "Python client": "predict.py",
    "Python client, asynchronous": "predict.py",
    "Python without this package": "predict.py",
    "JavaScript": "predict.mjs",
    "Java": "Predict.java",
    "C#": "Program.cs",
}
"""The file of each section's program."""


def programs(section: str) -> list[str]:
    """Return the code blocks of a section."""
    _, _, rest = PAGE.read_text().partition(f"\n## {section}\n")
    blocks = re.findall(r"^```\w+\n(.*?)^```$", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    assert blocks, f"docs/callers.md has no program under {section!r}"
    return blocks


def make_command(language: str, program: str, folder: Path) -> list[str]:
    """Write a program into an empty folder and return the command that runs it, from there."""
    path = folder / FILES[language]
    path.write_text(program)
    if language == "C#":
        asked = ["dotnet", "--version"]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        (folder / "Predict.csproj").write_text(
            '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><Nullable>enable</Nullable>'
            f"<ImplicitUsings>enable</ImplicitUsings><TargetFramework>net{version.partition('.')[0]}.0"
            "</TargetFramework></PropertyGroup></Project>\n"
        )
        return ["dotnet", "run", "--"]
    runtime = {".sh": "sh", ".py": sys.executable, ".mjs": "node", ".java": "java"}[path.suffix]
    return [runtime, path.name]


def is_missing(language: str) -> bool:
    """Return whether the runtime of a language that may be missing is; curl, Python and Node never are."""
    runtime = {"Java": "java", "C#": "dotnet"}.get(language)
    return runtime is not None and shutil.which(runtime) is None
