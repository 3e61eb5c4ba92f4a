from __future__ import annotations

from pathlib import Path

import pytest

from app.memory_limit import fitting_limits, granted_memory

MIB = 2**20


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("memory.max", "536870912\n", 512 * MIB),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "536870912\n", 512 * MIB),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("memory.high", "1\n", None),
    ],
)
def test_the_limit_is_the_control_groups(tmp_path: Path, name: str, text: str, expected: int | None) -> None:
    """Of version 2 or 1; none without such a file."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert granted_memory(tmp_path) == expected


def test_without_a_limit_the_defaults_are_as_documented() -> None:
    assert fitting_limits(None) == (64 * MIB, 256 * MIB, 50_000_000)


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (512 * MIB, (30_678_337, 53_687_091, 10_324_440)),
        (1536 * MIB, (64 * MIB, 256 * MIB, 50_000_000)),
        (100 * MIB, (3_834_792, 6_710_886, 1_290_555)),
    ],
)
def test_the_defaults_follow_the_memory(memory: int, expected: tuple[int, int, int]) -> None:
    """As much as compose grants is enough for all of them; where there is too little, they stay above zero."""
    assert fitting_limits(memory) == expected
