"""What grew is drawn, one picture each."""

import pytest

from benchmarks.plots import draw

GREW = {
    "clients": [
        {
            "clients": clients,
            "per_second": 90,
            "limit_per_second": 100,
            "median_ms": 9 * clients,
            "p99_ms": 20 * clients,
        }
        for clients in (1, 2, 4)
    ],
    "size": [{"megapixels": size, "cpu_ms": 3 + 2 * size, "median_ms": 5 + 2 * size} for size in (0.1, 1, 50)],
    "cores": [{"cores": cores, "per_second": 90 * cores, "limit_per_second": 100 * cores} for cores in (1, 2)],
    "memory": [{"requests": requests, "megabytes": 250} for requests in (0, 50_000, 100_000)],
}


@pytest.mark.parametrize("name", GREW)
def test_every_growth_has_a_picture(name, tmp_path):
    """A PNG, named after what it grows with."""
    path = draw(name, GREW[name], "tiny/1", tmp_path)
    assert path == tmp_path / f"growth-{name}.png"
    assert path.read_bytes().startswith(b"\x89PNG")
