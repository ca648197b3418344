# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Lesions have their size in any direction, lie apart inside the object, and their contrast is read off right."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import ellipsoid

from experiments.lesion_shapes import (
    LENGTH,
    SIZES,
    Lesions,
    centreline,
    erased,
    false_spots,
    profile,
    recovered,
    with_lesions,
)
from experiments.small_lesions import missed
from monai_strainer import Grid, Volume

ISOTROPIC = np.ones(3)


@pytest.fixture(scope="module")
def slab() -> Volume:
    """Eight slices of an object with a fine pattern."""
    rows, columns = np.indices((160, 160))
    data = ellipsoid((160, 160, 40), 100.0)[:, :, 16:24]
    pattern = 20 * np.sin(rows / 2) * np.sin(columns / 2)
    data = np.where(data > 0, data + pattern[:, :, None].astype(np.float32), 0)
    return Volume(data.astype(np.float32), Grid(data.shape, np.eye(4)), slice_axis=2)


@pytest.fixture(scope="module")
def made(slab: Volume) -> Lesions:
    return with_lesions(slab, 1, 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_a_lesion_has_its_volume_in_any_direction(size: str, angle: float) -> None:
    diameter = float(size.split()[-2])
    volume = np.pi * diameter**2 / 4 * LENGTH if "vessel" in size else np.pi * diameter**3 / 6
    for spacing in (ISOTROPIC, np.array([0.5, 0.5, 2.0])):
        share = profile(size, spacing, 2, angle)
        rough = 0.25 if diameter == 1 else 0.12  # a voxel has five parts along every axis
        assert float(share.sum()) * np.prod(spacing) == pytest.approx(volume, rel=rough)
        assert np.allclose(share, share[::-1, ::-1, ::-1], atol=0.05) and 0 < share.max() <= 1


@pytest.mark.parametrize("angle", [0.0, 0.7, 1.6])
def test_the_centreline_lies_in_the_vessel_and_runs_along_it(angle: float) -> None:
    share = profile("vessel 3 mm", ISOTROPIC, 2, angle)
    line = centreline(share, ISOTROPIC, 2, angle)
    assert (share[line > 0] == 1).all() and 10 <= line.sum() <= 1.5 * LENGTH


def test_lesions_lie_apart_and_inside(slab: Volume, made: Lesions) -> None:
    assert {part.size for part in made.parts} == set(SIZES)
    taken = np.zeros(slab.data.shape, int)
    for part in made.parts:
        taken[part.where] += 1
    assert taken.max() == 1
    assert (slab.data[made.changed.data != slab.data] > 0).all()


def test_all_of_the_contrast_is_1_and_half_of_it_a_half(made: Lesions) -> None:
    lesion = made.changed.data - made.scan.data
    for part in (1.0, 0.5, 0.0):
        found = recovered(made, part * lesion)
        assert set(found) == set(SIZES)
        assert all(value == pytest.approx(part, abs=1e-5) for value in found.values())


def test_structure_that_is_erased_comes_back_only_where_an_image_shows_it(slab: Volume) -> None:
    gone = erased(slab, 0)
    assert len(gone.parts) > 1 and not np.array_equal(gone.scan.data, slab.data)
    assert recovered(gone, slab.data - gone.scan.data)["erased"] == pytest.approx(1, abs=1e-5)
    assert recovered(gone, np.zeros_like(slab.data))["erased"] == 0


def test_false_spots_are_counted(slab: Volume) -> None:
    error = np.zeros_like(slab.data)
    assert false_spots(error, slab) == 0
    for row in (60, 80, 100):
        error[row, 80, 4] = 200 * (-1) ** row
    ml = 1e5 / float((slab.data > 0).sum())
    assert false_spots(error, slab) == pytest.approx(3 * ml, rel=0.05)
    assert false_spots(0.01 * error, slab) == 0


def test_the_gate_names_every_size_that_is_below_the_better_rival() -> None:
    table = {
        ("denoise5", "dark", "bm4d"): [0.5] * len(SIZES),
        ("denoise5", "dark", "ours"): [0.48, 0.4, *[0.6] * (len(SIZES) - 2)],
        ("x2", "dark", "cubic"): [0.5] * len(SIZES),
        ("x2", "dark", "ours"): [0.5] * len(SIZES),
    }
    assert missed(table) == [["denoise5, ours", "dark 2 mm -0.10"], ["x2, ours", "none"]]  # type: ignore[arg-type]
