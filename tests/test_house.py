"""The architecture: which part may import which, and what serving loads."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from app.inference.artifact import Entry, find_entry, list_entries, open_verified
from app.names import EngineName
from tests.conftest import encode, film_pixels

ROOT = Path(__file__).parents[1]
STORE = ROOT / "model_store"
MAX_ENTRY_BYTES = 18_000_000
HEAVY = ["cv2", "fastapi", "keras", "matplotlib", "numpy", "openvino", "pyarrow", "sklearn", "tensorflow", "uvicorn"]
# What each part may import of this repository beside itself.
ARROWS = {
    "app/errors.py": set(),
    "app/names.py": set(),
    "app/version.py": set(),
    "app/cli.py": {"app.errors", "app.names"},
    "app/memory_limit.py": {"app.imaging.formats"},
    "app/notice.py": set(),
    "app/discard.py": set(),
    "app/environment.py": set(),
    "app/healthcheck.py": {"app.environment"},
    "app/json_lines.py": set(),
    "app/keys.py": set(),
    "app/listening.py": set(),
    "app/own_settings.py": {"app.environment"},
    "app/settings.py": {"app.environment", "app.keys", "app.memory_limit", "app.names", "app.own_settings"},
    "app/imaging": {"app.errors", "app.notice"},
    "app/inference": {"app.errors", "app.names", "app.notice", "app.imaging"},
    "app/api": {
        "app.discard",
        "app.errors",
        "app.json_lines",
        "app.keys",
        "app.names",
        "app.notice",
        "app.settings",
        "app.imaging.dicom.record",
        "app.inference",
    },
    "app/main.py": {"app"},
    "app/headers.py": set(),
    "app/protocol.py": {"app.headers"},
    "app/first_request.py": {"app.discard", "app.headers", "app.protocol"},
    "app/server.py": {"app.api.early_refusal", "app.first_request", "app.headers", "app.settings"},
    "app/process.py": set(),
    "app/serve.py": {"app"},
    # Labelled films and their metrics have one home.
    "batch": {"app.cli", "app.errors", "app.names", "app.process", "app.inference", "app.memory_limit"}
    | {f"app.api.{module}" for module in ("problems", "schemas", "upload")}
    | {f"training.{module}" for module in ("data.kinds", "data.layout", "data.patients", "evaluation.metrics")}
    # `score` and `evaluate` write one kind of page.
    | {f"training.reports.{module}" for module in ("film_cards", "film_page", "predictions", "private_page")},
    "gateway": {
        "app.cli",
        "app.environment",
        "app.errors",
        "app.json_lines",
        "app.listening",
        "app.own_settings",
        "app.version",
        # Hostile files have one bounded parser.
        "app.imaging.dicom.attributes",
        "app.imaging.dicom.elements",
        "app.imaging.dicom.syntaxes",
        "app.api.schemas",
        *(f"batch.{module}" for module in ("api_key", "client", "errors", "retry")),
    },
    "training": {"app.cli", "app.errors", "app.names", "app.notice", "app.version", "app.imaging", "app.inference"},
}
# Where a library may be imported, also within a function.
PLACES = {
    ("fastapi", "starlette"): ["app/main.py", "app/api"],
    ("keras", "tensorflow"): ["app/inference/keras_graph.py", "app/inference/tensorflow_engine.py", "training"],
    ("openvino",): ["app/inference/openvino_engine.py", "training/publishing/serving_form.py"],
    ("cv2",): ["app/imaging", "app/inference", "app/process.py", "gateway", "training"],
    ("simplejpeg",): ["app/imaging"],
    ("opentelemetry",): ["app/api/tracing.py"],
    ("pydicom",): ["app/imaging/dicom", "gateway"],
    ("imagecodecs", "openjpeg", "rle"): ["app/imaging/dicom"],
    ("httpx",): ["batch/async_client.py"],
    ("dicomweb_client", "highdicom", "pynetdicom"): ["gateway"],
    ("ray",): ["batch/ray_archive.py", "batch/ray_cluster.py"],
}
# A room of training imports only rooms that are listed before it.
ROOMS = ["data", "augmentation", "networks", "fitting", "evaluation", "audit", "reports", "publishing"]
TOP_OF_TRAINING = {"__init__.py", "commands.py", "train_commands.py", "train.py", "train_options.py", "evaluate.py"}
OURS = {"app", "batch", "gateway", "training", "pneumoserve", "tests", "benchmarks"}


def sources(*places: str) -> list[Path]:
    found = []
    for place in places:
        path = ROOT / place
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    assert found, f"{places} hold no source: the drawing is out of date"
    return found


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports anywhere, by full name; of `from a import b`, `a` and `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("part", ARROWS)
def test_arrows_point_one_way(part: str) -> None:
    """From api to inference to imaging to errors; app knows neither training nor batch."""
    own = part.removesuffix(".py").replace("/", ".")
    allowed = ARROWS[part] | {own}
    wrong = []
    for path in sources(part):
        for name in imports(path):
            # `from app import errors` names the package on its way to the module.
            is_parent = any(package.startswith(f"{name}.") for package in allowed)
            if name.partition(".")[0] in OURS and not is_parent and not within(name, allowed):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_training_knows_only_those_before_it(room: str) -> None:
    """And none knows the commands on top."""
    allowed = {f"training.{before}" for before in ROOMS[: ROOMS.index(room) + 1]}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(f"training/{room}")
        for name in sorted(imports(path))
        if within(name, {"training"}) and name != "training" and not within(name, allowed)
    ]
    assert wrong == []


def test_every_part_of_training_has_its_room() -> None:
    """On top stand the commands alone."""
    assert {path.name for path in (ROOT / "training").glob("*.py")} <= TOP_OF_TRAINING
    assert {path.parent.name for path in (ROOT / "training").glob("*/*.py")} == set(ROOMS)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports within functions included."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sources("app")}
    known = {name: imports(path) & modules.keys() for name, path in modules.items()}
    while ends := {name for name, others in known.items() if not others & known.keys()}:
        known = {name: others for name, others in known.items() if name not in ends}
    assert known == {}


@pytest.mark.parametrize("libraries", PLACES, ids=lambda libraries: libraries[0])
def test_a_library_is_known_in_its_place_only(libraries: tuple[str, ...]) -> None:
    allowed = {path for place in PLACES[libraries] if (ROOT / place).exists() for path in sources(place)}
    assert any(within(name, libraries) for path in allowed for name in imports(path))
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("app", "batch", "gateway", "training", "pneumoserve.py")
        for name in sorted(imports(path))
        if within(name, libraries) and path not in allowed
    ]
    assert wrong == []


def test_no_module_is_made_of_leftovers() -> None:
    names = {path.stem for path in sources("app", "batch", "gateway", "training")}
    assert names & {"util", "utils", "helper", "helpers", "common", "manager", "misc"} == set()


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_serving_with_openvino_imports_neither_keras_nor_tensorflow(tiny_store: Path, tmp_path: Path) -> None:
    """For the whole service, a verified model, and films with every map."""
    film = tmp_path / "film.jpeg"
    film.write_bytes(encode(film_pixels()))
    code = """if True:
        import sys
        from pathlib import Path
        from app.main import create_app
        from app.settings import Settings
        from app.inference.predictor import open_predictor

        store, film = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()
        create_app(Settings(model_store=store))
        for name in ("pooled", "dense", "tanh"):
            prediction = open_predictor(store, name).predict(film, operating_point="half", maps="all")
            print(name, len(prediction.maps))
        trained = {"keras", "tensorflow", "training", "sklearn", "matplotlib", "scipy", "pandas", "torch", "jax"}
        print(sorted(trained & {module.partition(".")[0] for module in sys.modules}))
    """
    done = run(code, tiny_store, film)
    assert done.stdout.splitlines() == ["pooled 3", "dense 3", "tanh 2", "[]"]
    assert done.stderr == ""


def test_the_command_imports_no_heavy_library() -> None:
    code = f"import sys, pneumoserve; print(sorted(set({HEAVY}) & set(sys.modules)))"
    assert run(code).stdout.strip() == "[]"


def committed() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "model_store"],  # noqa: S607 - git, wherever it is
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    paths = [Path(line).parts for line in listed.stdout.splitlines()]
    tracked = {f"{parts[1]}/{parts[2]}" for parts in paths if len(parts) > 3}
    # Without git, as in an unpacked archive, the whole store came with it.
    return [label for label in list_entries(STORE) if label in tracked or listed.returncode]


@pytest.fixture(params=committed() or [None])
def bundled(request: pytest.FixtureRequest) -> Entry:
    """Every committed entry."""
    if request.param is None:
        pytest.skip("no entry is committed in model_store yet")
    return find_entry(STORE, request.param)


@pytest.mark.parametrize("engine", ["openvino", pytest.param("tensorflow", marks=pytest.mark.long)])
def test_a_bundled_model_opens_and_gives_each_film_of_a_batch_its_own_answer(
    bundled: Entry, engine: EngineName
) -> None:
    """Different films have different rows, in their order."""
    opened = open_verified(bundled, engine)
    films = np.stack([film_pixels(seed, *bundled.manifest.shape) for seed in range(4)])
    together = opened.logits(films)
    alone = [float(opened.logits(film[np.newaxis])[0]) for film in films]
    assert together.tolist() == pytest.approx(alone, abs=1e-3)
    assert len(np.unique(together.round(3))) == len(films)
    assert opened.logits(films[::-1]).tolist() == pytest.approx(alone[::-1], abs=1e-3)


def test_a_bundled_model_is_under_18_megabytes(bundled: Entry) -> None:
    """With its plots."""
    assert sum(path.stat().st_size for path in bundled.folder.rglob("*") if path.is_file()) < MAX_ENTRY_BYTES


def test_the_bundled_default_is_a_bundled_model() -> None:
    if not committed():
        pytest.skip("no entry is committed in model_store yet")
    assert find_entry(STORE).label in committed()
