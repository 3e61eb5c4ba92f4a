"""The manifests for Kubernetes: what they say is known there, and fits the service."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from app.settings import Settings
from app.version import package_version
from tests.deploy.manifests import FOLDER, documents, keys, pod, validator
from tests.test_draining import seconds_to_end

ROOT = Path(__file__).parents[2]
DOCUMENTS = documents()
PODS = {name: found for name, document in DOCUMENTS.items() if (found := pod(document))}
OVERLAYS = sorted(file.parent for file in FOLDER.rglob("kustomization.yaml"))
KUBECTL = shutil.which("kubectl")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_manifest_is_valid(name: str) -> None:
    document = DOCUMENTS[name]
    validator(document["kind"], document["apiVersion"]).validate(document)


@pytest.mark.parametrize("version", ["1.36", "1.37"])
def test_kubernetes_validate_accepts_what_it_knows(version: str) -> None:
    for document in DOCUMENTS.values():
        if document["kind"] not in ("InferenceService", "ServiceMonitor"):
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_key_that_is_misspelt_is_caught(name: str) -> None:
    document = DOCUMENTS[name]
    check = validator(document["kind"], document["apiVersion"])
    count = len(list(keys(document)))
    assert count > 5
    for number in range(count):
        wrong = copy.deepcopy(document)
        mapping, key = list(keys(wrong))[number]
        mapping[key + "x"] = mapping.pop(key)
        assert not check.is_valid(wrong), key


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_privileges(name: str) -> None:
    found = PODS[name]
    assert found["automountServiceAccountToken"] is False
    assert found["enableServiceLinks"] is False
    for container in found["containers"]:
        assert found.get("securityContext", {}) | container["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}


def test_knative_takes_the_predictors_pod() -> None:
    """Unless its administrator switches features on, these are all fields of a Pod that it takes."""
    predictor = set(PODS["overlays/kserve/inferenceservice.yaml"])
    of_kserve = {"minReplicas", "maxReplicas", "containerConcurrency", "timeout"}
    assert predictor - of_kserve <= {
        "automountServiceAccountToken",
        "containers",
        "enableServiceLinks",
        "imagePullSecrets",
        "serviceAccountName",
        "volumes",
    }


def test_a_pod_is_given_the_time_to_drain() -> None:
    grace = PODS["base/deployment.yaml"]["terminationGracePeriodSeconds"]
    assert grace - seconds_to_end(Settings()) >= 2


def test_the_job_has_as_many_indexes_as_the_command_is_told() -> None:
    job = DOCUMENTS["overlays/archive/job.yaml"]["spec"]
    assert f"--shard=auto/{job['completions']}" in job["template"]["spec"]["containers"][0]["args"]


def test_the_page_builds_what_the_dockerfile_can() -> None:
    """Each target is a stage, each lock a file."""
    commands = re.findall(r"docker build[^`&\n]*", (ROOT / "docs" / "kubernetes.md").read_text())
    assert len(commands) == 2
    stages = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    for command in commands:
        assert set(re.findall(r"--target (\S+)", command)) <= set(stages)
        assert all((ROOT / "locks" / f"{lock}.txt").exists() for lock in re.findall(r"SERVE_LOCK=(\S+)", command))
        assert package_version() in command


def test_images_have_this_version() -> None:
    tags = [image["newTag"] for folder in OVERLAYS for image in _kustomization(folder).get("images", [])]
    assert set(tags) == {package_version()}


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_an_overlay_names_files_that_exist(folder: Path) -> None:
    named = [folder / name for name in _kustomization(folder)["resources"]]
    assert named
    assert all(path.exists() for path in named)


def test_every_manifest_is_part_of_an_overlay() -> None:
    named = {(folder / name).resolve() for folder in OVERLAYS for name in _kustomization(folder)["resources"]}
    assert {FOLDER / name for name in DOCUMENTS} <= named


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_kustomize_builds_an_overlay_and_sets_its_images(folder: Path) -> None:
    done = subprocess.run(
        [str(KUBECTL), "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    if "unknown field" in done.stderr and "labels" in done.stderr:
        pytest.skip("this kubectl is older than 1.24")
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    for document in built:
        validator(document["kind"], document["apiVersion"]).validate(document)
    images = [container["image"] for document in built for container in (pod(document) or {}).get("containers", [])]
    assert images
    assert all(image.endswith(f":{package_version()}") for image in images)


def _kustomization(folder: Path) -> dict:
    return yaml.safe_load((folder / "kustomization.yaml").read_text())
