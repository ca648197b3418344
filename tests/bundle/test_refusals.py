# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a run of the bundle refuses: scans, scales and weights it cannot use, and options that nobody knows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_strainer import InputError

pytest.importorskip("ignite")
pytest.importorskip("fire")

from .conftest import restored, save


def refusal(folder: Path, source: Path, out: Path, **overrides: Any) -> InputError:
    """The InputError that a run ends with; MONAI may have wrapped it."""
    with pytest.raises((RuntimeError, InputError)) as caught:
        restored(folder, source, out, **overrides)
    error: BaseException | None = caught.value
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    assert error is not None, caught.value
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


def test_one_scan_that_cannot_be_restored_does_not_end_the_run_of_the_others(
    tiny_bundle: Path, cohort_dir: Path, tmp_path: Path
) -> None:
    for k, name in enumerate(("a", "c")):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(cohort_dir / f"head{k}.nii.gz", tmp_path / "in" / f"{name}.nii.gz")
    save(np.random.default_rng(0).random((8, 8, 4, 3)), tmp_path / "in" / "b.nii.gz")
    said = str(refusal(tiny_bundle, tmp_path / "in", tmp_path / "out", scale_factor=1))
    assert "1 of 3 scans could not be restored: b.nii.gz: the image is 4-D" in said and "the others are done" in said
    made = [path.name for path in sorted((tmp_path / "out").rglob("*.nii*")) if "_std" not in path.name]
    assert [name[0] for name in made] == ["a", "c"]


def test_a_scale_of_zero_is_refused(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    assert "not positive" in str(refusal(tiny_bundle, cohort_dir, tmp_path / "out", scale_factor=0))


def test_outputs_among_the_inputs_are_refused(tiny_bundle: Path, cohort_dir: Path) -> None:
    assert "inside the input folder" in str(refusal(tiny_bundle, cohort_dir, cohort_dir / "out"))
    assert not (cohort_dir / "out").exists()


def test_weights_of_another_width_are_refused(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        restored(tiny_bundle, cohort_dir, tmp_path / "out", **{"network_def#hidden_channels": 24})
    assert "network_def has the sizes" in str(caught.value.__cause__) and not (tmp_path / "out").exists()
