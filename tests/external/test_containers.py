# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The recipes of the containers by other people's programs: hadolint, pip, and a builder where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dicom_files import series
from phantoms import small_prior

from monai_strainer import save_prior

pytestmark = pytest.mark.external

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "containers" / "Dockerfile"
SOURCES = [
    source for line in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text()) for source in line.split()
]


def test_a_wheel_can_be_built_from_what_is_copied(tmp_path: Path) -> None:
    """A file that setup.py wants and the recipes forget would show here only."""
    for source in SOURCES:
        target = tmp_path / "src" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, target)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-w", tmp_path / "out"]
    done = subprocess.run(command, cwd=tmp_path / "src", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "out").iterdir()
    names = subprocess.run([sys.executable, "-m", "zipfile", "-l", wheel], capture_output=True, text=True).stdout
    for name in ("_bundle/mri_strainer/models/model.pt", "listening/service.py", "reporting/templates/scan.html"):
        assert f"monai_strainer/{name} " in names


def test_hadolint_has_nothing_to_say() -> None:
    program = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint is not installed: tests/external/install.sh")
    done = subprocess.run([program, str(DOCKERFILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_image_runs_without_a_network_and_as_nobody(tmp_path: Path) -> None:
    """Where a builder is at hand."""
    docker = shutil.which("docker") or shutil.which("podman")
    if docker is None or subprocess.run([docker, "info"], capture_output=True).returncode:
        pytest.skip("there is no builder of containers")
    subprocess.run([docker, "build", "-f", DOCKERFILE, "-t", "monai_strainer:test", ROOT], check=True)
    run = [docker, "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--entrypoint", "sh"]
    said = subprocess.run(
        [*run, "monai_strainer:test", "-c", "id -u; monai-strainer --version"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert said[0] == "10001" and said[1] == "monai_strainer"


def test_a_restoration_needs_no_network(tmp_path: Path) -> None:
    """In a namespace without any interface that is up."""
    alone = ["unshare", "--net", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine makes no network namespaces")
    save_prior(small_prior(), tmp_path / "bundle")
    source = series(tmp_path / "in")
    words = ["restore", source, tmp_path / "out", "--prior", tmp_path / "bundle", "--steps", "0", "--device", "cpu"]
    command = [*alone, sys.executable, "-m", "monai_strainer.cli", *map(str, words), "--std", "--report"]
    subprocess.run(command, cwd=ROOT, check=True)
    assert (tmp_path / "out" / "monai_strainer.json").exists()
