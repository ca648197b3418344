# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Masks and label maps beside a scan: on its grid or refused, and labels keep their values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import small_head

from monai_strainer import Grid, InputError, Volume, write
from monai_strainer.pipelines.beside_scan import labels_on, read_labels, read_mask

SHAPE = (10, 12, 6)


@pytest.fixture
def scan() -> Volume:
    return small_head(SHAPE)


def saved(scan: Volume, data: np.ndarray, path: Path, shift: float = 0.0) -> Path:
    affine = scan.grid.affine.copy()
    affine[0, 3] += shift
    write(Volume(data.astype(np.float32), Grid(data.shape, affine)), path)
    return path


def test_a_mask_of_a_file_or_of_a_folder_is_true_above_zero(scan: Volume, tmp_path: Path) -> None:
    data = np.zeros(SHAPE)
    data[2:5] = 0.5
    file = saved(scan, data, tmp_path / "scan.nii.gz")
    for path in (file, tmp_path):
        np.testing.assert_array_equal(read_mask(path, scan, Path("elsewhere/scan.nii.gz")), data > 0)
    with pytest.raises(InputError, match="there is no mask for this scan"):
        read_mask(tmp_path, scan, Path("other.nii.gz"))
    with pytest.raises(InputError, match="there is no such mask"):
        read_mask(tmp_path / "missing.nii.gz", scan, Path("other.nii.gz"))


@pytest.mark.parametrize(("shape", "shift", "words"), [((10, 12, 5), 0.0, "voxels, the scan"), (SHAPE, 3.0, "away")])
def test_a_mask_of_another_grid_is_refused(
    shape: tuple[int, ...], shift: float, words: str, scan: Volume, tmp_path: Path
) -> None:
    data = np.zeros(shape)
    data[:4] = 1
    with pytest.raises(InputError, match=words):
        read_mask(saved(scan, data, tmp_path / "m.nii.gz", shift), scan, Path("a.nii.gz"))


def test_labels_are_whole_numbers_and_go_to_finer_voxels_unchanged(scan: Volume, tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 3, SHAPE) * 1001
    labels = read_labels(saved(scan, data, tmp_path / "l.nii.gz"), scan, Path("a.nii.gz"))
    np.testing.assert_array_equal(labels_on(labels, (20, 24, 6)), data.repeat(2, 0).repeat(2, 1))
    with pytest.raises(InputError, match="not whole numbers"):
        read_labels(saved(scan, data / 2, tmp_path / "p.nii.gz"), scan, Path("a.nii.gz"))
