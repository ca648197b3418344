# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a run of the bundle refuses: scans, scales and weights it cannot use, and options that nobody knows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_strainer import InputError
from monai_strainer.bundle.parts import refuse_typos

pytest.importorskip("ignite")
pytest.importorskip("fire")

from .conftest import BUNDLE, options, restored, save

LAUNCH = ["/any/where/monai/bundle/__main__.py", "run", "--config_file"]


def refusal(folder: Path, source: Path, out: Path, **overrides: Any) -> InputError:
    """The InputError that a run ends with; MONAI may have wrapped it."""
    with pytest.raises((RuntimeError, InputError)) as calls:
        restored(folder, source, out, **overrides)
    error: BaseException | None = calls.value
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    assert error is not None, calls.value
    return error


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.ones((8, 8, 8)), "odd.nii.gz: every voxel has the value 1"),
        (np.full((8, 8, 8), np.nan), "odd.nii.gz: 512 of 512 voxels are NaN or infinite"),
        (np.zeros((1, 1, 1)), "odd.nii.gz: every voxel has the value 0"),
        (np.random.default_rng(0).random((8, 8, 4, 3)), "odd.nii.gz: the image is 4-D (8, 8, 4, 3)"),
    ],
    ids=["constant", "nan", "one pixel", "several channels"],
)
def test_a_scan_that_cannot_be_restored_is_refused(
    data: np.ndarray, words: str, tiny_bundle: Path, tmp_path: Path
) -> None:
    save(data, tmp_path / "in" / "odd.nii.gz")
    assert words in str(refusal(tiny_bundle, tmp_path / "in", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_scale_of_zero_is_refused(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    assert "not positive" in str(refusal(tiny_bundle, cohort_dir, tmp_path / "out", scale_factor=0))


def test_outputs_among_the_inputs_are_refused(tiny_bundle: Path, cohort_dir: Path) -> None:
    assert "inside the input folder" in str(refusal(tiny_bundle, cohort_dir, cohort_dir / "out"))
    assert not (cohort_dir / "out").exists()


def test_weights_of_another_width_are_refused(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as calls:
        restored(tiny_bundle, cohort_dir, tmp_path / "out", **{"network_def#hidden_channels": 24})
    assert "network_def has the sizes" in str(calls.value.__cause__) and not (tmp_path / "out").exists()


def test_a_misspelt_option_ends_the_command(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "monai.bundle", "run", "--config_file", tiny_bundle / "configs/inference.json"]
    calls = options({"bundle_root": tiny_bundle, "dataset_dir": cohort_dir, "ouput_dir": tmp_path / "out"})
    done = subprocess.run([*words, *calls], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode != 0 and "the configuration has no --ouput_dir" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [["--ouput_dir=x"], ["-ouput_dir", "x"], ["--inferrer#steps", "3"]], ids=str)
def test_a_misspelt_option_is_refused_however_it_is_written(more: list[str]) -> None:
    with pytest.raises(InputError, match="Check the spelling"):
        refuse_typos([*LAUNCH, str(BUNDLE / "configs/inference.json"), *more])


@pytest.mark.parametrize("more", [["--scale-factor=2"], ["--seed", "-1"], ["--inferer::steps", "3"]], ids=str)
def test_a_known_option_is_taken_however_it_is_written(more: list[str]) -> None:
    refuse_typos([*LAUNCH, str(BUNDLE / "configs/inference.json"), *more])


def test_options_are_known_from_wherever_the_configuration_comes(tmp_path: Path) -> None:
    spaced, args = tmp_path / "my configs" / "inference.json", tmp_path / "args.json"
    spaced.parent.mkdir()
    shutil.copy(BUNDLE / "configs/inference.json", spaced)
    (spaced.parent / "more.yaml").write_text("knob: 1\n")
    args.write_text(json.dumps({"config_file": str(spaced), "steps": 1}))
    refuse_typos([*LAUNCH, f"['{spaced}','{spaced.parent}/more.yaml']", "--knob", "2", "--steps", "3"])
    refuse_typos([*LAUNCH[:2], "--args_file", str(args), "--scale_factor", "2"])
    args.write_text(json.dumps({"config_file": str(spaced), "stepps": 1}))
    with pytest.raises(InputError, match="--stepps"):
        refuse_typos([*LAUNCH[:2], "--args_file", str(args)])


def test_another_program_may_have_a_run_command() -> None:
    refuse_typos(["/home/me/monai_strainer/study.py", "run", "--rate", "3"])
