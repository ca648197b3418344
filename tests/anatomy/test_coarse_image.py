# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the coarse image: it does not depend on resolution or the order of the array, and mirrors mirror."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import ellipsoid, small_cohort

from monai_strainer.anatomy.coarse_image import COLUMNS, ROWS, SLICES, CoarseHead, coarse_head, mirrored_coarse_heads
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume


def look(data: np.ndarray, affine: np.ndarray | None = None, plane: str = "axial") -> CoarseHead:
    grid = Grid(data.shape, np.eye(4) if affine is None else affine)  # type: ignore[arg-type]
    return coarse_head(data, find_pose(foreground(data), grid), 600.0, plane)


def test_a_coarse_image_has_its_size_and_its_coordinates_are_the_cohorts() -> None:
    seen = look(ellipsoid((44, 52, 36)))
    assert seen.images.shape == (SLICES, ROWS, COLUMNS) and seen.coords.shape == (SLICES, 3, ROWS, COLUMNS)
    x, y, z = seen.coords[3].flatten(1)
    assert z.std() < 1e-6 and x.max() == pytest.approx(1.1 * (1 - 1 / ROWS)) and y.min() < -1


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_resolution_hardly_matters(plane: str) -> None:
    data = ellipsoid((88, 104, 72))
    halved = data.reshape(44, 2, 52, 2, 36, 2).mean((1, 3, 5))
    pose = find_pose(foreground(data), Grid(data.shape, np.eye(4)))  # the same at any resolution
    fine, rough = (coarse_head(image, pose, 600.0, plane) for image in (data, halved))
    assert (fine.images - rough.images).square().mean().sqrt() < 0.05
    torch.testing.assert_close(fine.coords, rough.coords)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_direction_of_an_axis_does_not_matter(axis: int) -> None:
    data = ellipsoid((44, 52, 36)) * np.linspace(0.7, 1, 44, dtype=np.float32)[:, None, None]
    mirrored = np.eye(4)
    mirrored[axis, axis] = -1
    seen, other = look(data), look(np.ascontiguousarray(np.flip(data, axis)), mirrored)
    torch.testing.assert_close(other.images, seen.images, atol=0.02, rtol=0)


def test_the_order_of_the_array_does_not_matter() -> None:
    data = ellipsoid((44, 52, 36))
    turned = np.zeros((4, 4))
    turned[[2, 0, 1, 3], [0, 1, 2, 3]] = 1
    seen, other = look(data), look(data.transpose(2, 0, 1), turned)
    torch.testing.assert_close(other.images, seen.images, atol=0.02, rtol=0)


def test_a_slab_shows_the_levels_it_holds() -> None:
    data = ellipsoid((44, 52, 36))
    whole = find_pose(foreground(data), Grid(data.shape, np.eye(4)))
    part = (slice(0, 44), slice(0, 52), slice(12, 20))
    seen = coarse_head(data[part], whole.within(data.shape, part), 600.0)
    assert 1 <= len(seen.images) < SLICES
    everything = coarse_head(data, whole, 600.0)
    levels = everything.coords[:, 2, 0, 0].tolist()
    k = levels.index(pytest.approx(float(seen.coords[0, 2, 0, 0])))
    assert (seen.images[0] - everything.images[k]).abs().mean() < 0.03


def test_a_single_slice_between_two_levels_is_seen() -> None:
    data = ellipsoid((44, 52, 36))
    whole = find_pose(foreground(data), Grid(data.shape, np.eye(4)))
    part = (slice(0, 44), slice(0, 52), slice(17, 18))
    assert len(coarse_head(data[part], whole.within(data.shape, part), 600.0).images) == 1


def test_a_mirrored_head_is_the_head_of_a_mirrored_scan() -> None:
    cohort = small_cohort(scans=2, shape=(8, 16, 20))
    seen = list(mirrored_coarse_heads(cohort))
    assert len(seen) == 2 and isinstance(seen[0], CoarseHead)
    flipped = type(cohort)(cohort.images[:, :, ::-1], cohort.axes, cohort.order)
    twice = next(mirrored_coarse_heads(flipped))
    torch.testing.assert_close(twice.images.flip(1), seen[0].images, atol=1e-5, rtol=0)


def test_volumes_are_left_alone() -> None:
    scan = Volume(ellipsoid(), Grid((22, 26, 18), np.eye(4)))
    before = scan.data.copy()
    look(scan.data)
    assert (scan.data == before).all()
