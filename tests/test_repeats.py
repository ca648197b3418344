# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What two visits are compared by: a rigid motion is found again, and a person who became another is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phantoms import affine_of, ellipsoid, turn
from scipy import ndimage

from experiments.repeats_compare import Slab, agreement, cut, details, distances, identities, paired
from experiments.rigid import carried, rigid
from monai_strainer import Grid, Volume, write

GRID = Grid((44, 52, 36), affine_of(np.diag([4.0, 4.0, 4.0]), (30, -250, 90)))  # far from the origin


def head(seed: int) -> Volume:
    """A head with its own inside."""
    inside = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(GRID.shape), 1.5)
    data = ellipsoid(GRID.shape, 100.0)
    return Volume(np.where(data > 0, data + 900 * inside.astype(np.float32), 0), GRID, slice_axis=2)


def test_a_rigid_motion_is_found_again() -> None:
    motion = affine_of(turn(5, 2) @ turn(-3, 0), (6.0, -4.0, 3.0))
    moving = Volume(head(0).data, replace(GRID, affine=motion @ GRID.affine))
    found = rigid(head(0), moving)
    corners = np.c_[GRID.corners(), np.ones(8)]
    assert np.abs((found - motion) @ corners.T).max() < 0.5  # mm
    back = carried(moving.data, moving.grid, GRID, motion)
    assert np.allclose(back[2:-2, 2:-2, 2:-2], head(0).data[2:-2, 2:-2, 2:-2], atol=1)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Slab]:
    """Slabs of three people."""
    made = []
    for k in range(3):
        path: Path = tmp_path_factory.mktemp("scans") / f"sub-{k}" / "anat" / "scan.nii.gz"
        path.parent.mkdir(parents=True)
        write(head(k), path)
        made.append(cut(path, "val", 12))
    return made


def test_a_scan_agrees_with_itself_and_less_with_a_noisy_copy(three: list[Slab]) -> None:
    one = three[0]
    pair = paired(one, one, (head(0), head(0)))
    noisy = one.volume.data + 60 * np.random.default_rng(0).standard_normal(one.volume.data.shape).astype(np.float32)
    same, less = (agreement(pair, one.volume.data, second) for second in (one.volume.data, noisy))
    assert same["dice"] > 0.99 > less["dice"] and same["psnr"] > less["psnr"]
    assert all(abs(same[f"volume_{tissue}"]) < 1 for tissue in ("csf", "gm", "wm"))


def test_a_person_who_became_another_is_seen(three: list[Slab]) -> None:
    images = [slab.volume.data for slab in three]
    inside = np.ones((15, 176, 140), bool)
    clean = details(three, images, inside)
    other = details(three[:1], [0.2 * images[0] + 0.8 * images[1]], inside)[0]
    good, bad = (identities(three, clean, {0: x}, lambda a, b: a == b)[0] for x in (clean[0], other))
    assert (good["is_own"], bad["is_own"]) == (1, 0) and good["own"] > 0.99


def test_people_who_are_mixed_come_closer(three: list[Slab]) -> None:
    images = [slab.volume.data for slab in three]
    mixed = [0.8 * image + 0.2 * np.mean(images, axis=0) for image in images]
    inside = np.ones((15, 176, 140), bool)
    before, after = (distances(details(three, x, inside), range(3), lambda a, b: a == b) for x in (images, mixed))
    assert len(before) == 3 and after.mean() < 0.95 * before.mean()
