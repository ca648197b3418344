# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A small cohort and a small bundle that its own train.json trained; made once for all tests of this folder."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from phantoms import affine_of, ellipsoid, turn

from monai_strainer import Grid, Volume, write

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "mri_strainer"
DETAIL = {"detail_steps": 0}
SMALL = {
    "epochs": 1,
    "steps_per_epoch": 2,
    "grid": [6, 24, 28],
    "points": 64,
    "val_tiles": 2,
    "val_interval": 1,
    **DETAIL,
}
SHAPE = (24, 28, 20)


def options(values: dict[str, object]) -> list[str]:
    """The same values as words of a command line."""
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


def workflow(folder: Path, *names: str, kind: str = "infer", **overrides: Any) -> Any:
    """Configurations of a bundle, initialised and ready to run."""
    from monai.bundle import ConfigWorkflow

    files = [str(folder / "configs" / f"{name}.json") for name in names]
    values = {key: str(value) if isinstance(value, Path) else value for key, value in overrides.items()}
    made = ConfigWorkflow(files, workflow_type=kind, logging_file=False, bundle_root=str(folder), **values)
    made.initialize()
    return made


def restored(folder: Path, source: Path, out: Path, *more: str, **overrides: Any) -> list[Path]:
    """The images that a run of a configuration wrote, deviations left out."""
    workflow(folder, "inference", *more, dataset_dir=source, output_dir=out, **{"steps": 1, **overrides}).run()
    return sorted(path for path in out.rglob("*.nii*") if "_std" not in path.name)


def save(data: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data.astype(np.float32), np.diag([5.0, 6.0, 7.0, 1.0])), path)


@pytest.fixture(scope="session")
def cohort_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three whole heads that differ, on one oblique, anisotropic grid."""
    folder = tmp_path_factory.mktemp("heads")
    grid = Grid(SHAPE, affine_of(turn(11, 2) @ turn(-6, 0) @ np.diag([5.5, 6.0, 7.0]), (-60, -80, -70)))
    for k in range(3):
        write(Volume(ellipsoid(SHAPE, 150.0 + 50 * k), grid), folder / f"head{k}.nii.gz")
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(cohort_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bundle with 16 units per layer, trained for two steps from another working directory."""
    pytest.importorskip("ignite")
    pytest.importorskip("fire")
    folder = tmp_path_factory.mktemp("tiny") / BUNDLE.name
    shutil.copytree(BUNDLE, folder, ignore=shutil.ignore_patterns("models", "eval", "runs"))
    for file in folder.glob("configs/*.json"):
        config = json.loads(file.read_text())
        if "network_def" in config:
            config["network_def"]["hidden_channels"] = 16
            file.write_text(json.dumps(config, indent=4) + "\n")
    made = {"bundle_root": folder, "dataset_dir": cohort_dir, "output_dir": folder, **SMALL}
    words = [sys.executable, "-m", "monai.bundle", "run", "--config_file", folder / "configs/train.json"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run([*words, *options(made)], cwd=elsewhere, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-1500:]
    assert not list(elsewhere.iterdir())
    return folder


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Put the root logger back: a bundle's logging.conf gives it a handler for the standard output of the moment."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
