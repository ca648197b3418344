# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A folder becomes a cohort: heads on one grid, about 1 where they are bright, and a digest of what was read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import small_head

from monai_strainer import InputError, Volume, write
from monai_strainer.cohorts.read import read_cohort, read_heads

SHAPE = (22, 26, 18)


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{k}.nii.gz" for k in range(2)]
    for k, path in enumerate(paths):
        write(small_head(SHAPE, seed=k), path)
    return paths


def test_heads_lie_on_one_grid_in_units_of_their_bright_end(scans: list[Path]) -> None:
    found = read_cohort(scans, shape=(5, 16, 18))
    images = found.slices.images
    assert images.shape == (2, 5, 16, 18) and images.dtype == np.float16
    assert 0.9 < float(images.max()) < 1.3 and float(images.min()) >= 0
    assert float(images[:, 2, 8, 9].min()) > 0.5 and float(images[:, 2, 0, 0].max()) < 0.2  # a head, and air around it


def test_the_digest_follows_the_voxels_and_the_grid(scans: list[Path], tmp_path: Path) -> None:
    one, two = read_cohort(scans, shape=(5, 16, 18)), read_cohort(scans, shape=(5, 16, 18))
    assert one.digest == two.digest
    assert one.digest != read_cohort(scans, shape=(5, 16, 20)).digest
    write(small_head(SHAPE, seed=7), scans[0], overwrite=True)
    assert one.digest != read_cohort(scans, shape=(5, 16, 18)).digest


def test_a_cache_holds_the_same_images(scans: list[Path], tmp_path: Path) -> None:
    plain, mapped = (read_cohort(scans, shape=(5, 16, 18), cache=where) for where in (None, tmp_path / "c.npy"))
    np.testing.assert_array_equal(plain.slices.images, mapped.slices.images)


def test_heads_for_the_detail_network_keep_their_own_grid(scans: list[Path]) -> None:
    heads = read_heads(scans)
    assert [head.data.shape for head in heads] == [SHAPE, SHAPE]
    assert heads[0].spacing == pytest.approx(small_head(SHAPE).grid.spacing.tolist())


def test_no_scans_and_a_label_map_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the cohort is empty"):
        read_cohort([])
    head = small_head(SHAPE)
    write(Volume((head.data > 300).astype(np.float32), head.grid), tmp_path / "map.nii.gz")
    with pytest.raises(InputError, match=r"map\.nii\.gz: this is a mask"):
        read_cohort([tmp_path / "map.nii.gz"], shape=(5, 16, 18))
