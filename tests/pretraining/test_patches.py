# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of measured patches: each follows from seed and number alone, and image and coordinates belong together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.fitting import describe_acquisition, interpolate
from monai_strainer.geometry import centres
from monai_strainer.networks.detail import CONDITIONS
from monai_strainer.physics import AcquisitionDistribution
from monai_strainer.pretraining.patches import CleanScan, MeasuredPatches

NOISY = AcquisitionDistribution(whole=1.0)
SLOPES = (0.5, -0.3, 0.2)  # of the logarithm of intensity, along x, y and z


def head(shape: tuple[int, int, int] = (24, 28, 20), order: tuple[int, int, int] = (0, 1, 2)) -> CleanScan:
    """Everywhere tissue, and its intensity follows the position: ``exp(0.5 x - 0.3 y + 0.2 z - 0.6)``."""
    places = tuple((0.9 * centres(n)).astype(np.float32) for n in shape)
    grids = np.meshgrid(*places, indexing="ij", sparse=True)
    data = np.exp(sum(SLOPES[ras] * grid for ras, grid in zip(order, grids)) - 0.6)
    return CleanScan(data.astype(np.float16), (places[0], places[1], places[2]), order)


def bytes_of(group: dict[str, Tensor]) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in group.items()}


@given(st.integers(0, 40), st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_a_group_depends_on_the_seed_and_its_number_alone(i: int, seed: int) -> None:
    heads = [head(), head((20, 20, 20))]
    one, two = (MeasuredPatches(heads, length, side=16, seed=seed) for length in (41, 500))
    two[3], two[i]
    np.random.seed(i)  # noqa: NPY002
    torch.manual_seed(i)
    assert bytes_of(one[i]) == bytes_of(two[i])
    assert bytes_of(one[i]) != bytes_of(MeasuredPatches(heads, 41, side=16, seed=seed + 1)[i])
    assert bytes_of(one[i]) != bytes_of(two[i + 1])


@pytest.mark.parametrize(("patches", "side", "slices"), [(1, 8, 1), (3, 16, 3), (4, 20, 5)])
def test_shapes_are_those_asked_for(patches: int, side: int, slices: int) -> None:
    data = MeasuredPatches([head()], 20, patches=patches, side=side, slices=slices)
    side = side // 8 * 8
    for i in range(20):
        shapes = {name: tuple(value.shape) for name, value in data[i].items()}
        assert shapes == {
            "image": (patches, slices + 2, side, side),
            "conditions": (patches, CONDITIONS),
            "coords": (patches, 3, side // 4, side // 4),
            "label": (patches, 1, side, side),
        }
        assert all(value.dtype == torch.float32 and bool(torch.isfinite(value).all()) for value in data[i].values())


def test_the_patch_shrinks_to_the_smallest_scan() -> None:
    data = MeasuredPatches([head(), head((40, 13, 30))], 10)
    assert data.side == 8 and data[0]["label"].shape == (4, 1, 8, 8)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_places_go_with_the_image_in_every_plane_and_orientation(order: tuple[int, int, int]) -> None:
    data = MeasuredPatches([head(order=order)], 30, patches=2, side=16, measurements=NOISY)
    planes = set()
    for i in range(30):
        group = data[i]
        for label, coords in zip(group["label"], group["coords"]):
            logs = torch.nn.functional.avg_pool2d(
                label.double().log(), 4
            ).flatten()  # log gain + gamma (slopes c - 0.6)
            sums = sum(slope * c for slope, c in zip(SLOPES, coords.double())).flatten()  # type: ignore[union-attr]
            system = torch.stack([sums, torch.ones_like(sums)], dim=1)
            gamma, gain = solution = torch.linalg.lstsq(system, logs[:, None]).solution[:, 0]
            torch.testing.assert_close(system @ solution, logs, atol=1e-3, rtol=0)
            assert 0.74 < float(gamma) < 1.36 and 0.79 < float((gain + 0.6 * gamma).exp()) < 1.21
            planes.add(tuple(bool(c.std() < 1e-6) for c in coords))
    assert len(planes) == 3  # each coordinate is still in some plane


def test_all_orientations_come_up() -> None:
    data = MeasuredPatches([head()], 60, patches=4, side=16, measurements=NOISY)
    seen = set()
    for i in range(60):
        for coords in data[i]["coords"]:
            rows, columns = coords.diff(dim=1).mean((1, 2)), coords.diff(dim=2).mean((1, 2))
            along = (int(rows.abs().argmax()), int(columns.abs().argmax()))
            seen.add((along, bool(rows.sum() > 0), bool(columns.sum() > 0)))
    assert len(seen) == 6 * 4


def test_the_label_is_the_slice_in_the_middle_without_its_noise() -> None:
    faint = AcquisitionDistribution(rician=0.003 / 0.75, gaussian=0.002, whole=1.0)
    data = MeasuredPatches([head()], 20, side=16, neighbours=(0.0, 0.1), measurements=faint)
    for i in range(20):
        group = data[i]
        torch.testing.assert_close(group["image"][:, 2:3], group["label"], atol=0.03, rtol=0)


def test_neighbours_are_there_and_alike_or_none_at_all() -> None:
    data = MeasuredPatches([head()], 80, side=16, neighbours=(0.4, 0.2))
    spacing_ratio = set()
    for i in range(80):
        group = data[i]
        near = float(group["conditions"][0, -1])
        spacing_ratio.add(round(near, 3))
        others = group["image"][:, [0, 1, 3, 4]]
        assert bool((others == 0).all()) if near == 0 else bool((others.abs().amax((2, 3)) > 0.05).all())
    assert spacing_ratio == {0, 1, 0.5, 0.333, 0.25, 0.2}


def test_all_patches_of_a_group_share_one_measurement() -> None:
    group = MeasuredPatches([head()], 4, side=16, patches=4)[1]
    assert bool((group["conditions"] == group["conditions"][:1]).all())
    assert bool((group["image"][:, 5:] == group["image"][:1, 5:]).all())


def test_the_noise_is_known_to_five_per_cent() -> None:
    data = MeasuredPatches([head()], 300, side=16, patches=1)
    ratios = []
    for i in range(300):
        rng = np.random.default_rng((0, i))
        rng.integers(2**62)  # the seed of the noise
        operator, noise = data.measurements.draw(16, rng)
        group = data[i]
        known = float(group["image"][0, 5, 0, 0]) / 10
        if float(noise.sigma) > 0:
            ratios.append(known / float(noise.sigma))
        expected = describe_acquisition(operator, type(noise)(known), float(group["conditions"][0, -1]))
        torch.testing.assert_close(group["conditions"][0], expected, atol=1e-5, rtol=0)
        share = interpolate(operator, torch.zeros(operator.shape_out))[1]
        torch.testing.assert_close(group["image"][0, 6], 30 * share, atol=1e-5, rtol=0)
    assert 0.95 <= min(ratios) < 0.97 and 1.03 < max(ratios) <= 1.05


def test_patches_look_for_the_head() -> None:
    data = np.zeros((40, 40, 40), np.float16)
    data[12:28, 12:28, 12:28] = 0.5
    places = centres(40).astype(np.float32)
    patches = MeasuredPatches([CleanScan(data, (places,) * 3, (0, 1, 2))], 30, side=16)
    filled = [float((patches[i]["label"] > 0.05).float().mean((1, 2, 3)).min()) for i in range(30)]
    assert np.mean(np.array(filled) > 0.25) > 0.6


def test_air_stays_air() -> None:
    data = np.full((16, 16, 16), -0.01, np.float16)
    patches = MeasuredPatches([CleanScan(data, (centres(16).astype("f4"),) * 3, (0, 1, 2))], 3, side=16)
    assert float(patches[0]["label"].abs().max()) == 0


@pytest.mark.parametrize("i", [-1, 3, 100])
def test_there_are_no_groups_beyond_the_last(i: int) -> None:
    data = MeasuredPatches([head()], 3, side=8)
    assert len(data) == 3
    with pytest.raises(IndexError):
        data[i]


def test_the_heads_are_not_changed() -> None:
    one = head()
    before = one.data.copy(), [place.copy() for place in one.coords]
    data = MeasuredPatches([one], 10, side=16)
    for i in range(10):
        data[i]["label"].zero_(), data[i]["coords"].zero_()
    assert np.array_equal(one.data, before[0])
    assert all(np.array_equal(a, b) for a, b in zip(one.coords, before[1]))


def test_an_empty_cohort_is_refused() -> None:
    with pytest.raises(InputError, match="cohort is empty"):
        MeasuredPatches([], 3)


def test_a_scan_too_small_for_a_patch_is_refused() -> None:
    with pytest.raises(InputError, match="fewer than 8 voxels"):
        MeasuredPatches([head(), head((24, 7, 24))], 3)


def test_a_single_slice_may_be_turned_over() -> None:
    data = MeasuredPatches([head()], 64, patches=1, side=8, slices=1)  # in a sixteenth of them nothing else is done
    assert all(bool(torch.isfinite(data[i]["image"]).all()) for i in range(64))
