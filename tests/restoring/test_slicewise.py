# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of passes: which planes are taken, that their mean is a mean, and that progress ends."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import small_head, small_prior, small_prior_with_detail

from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.geometry import MIRRORS, Grid
from monai_strainer.networks import DetailPrior
from monai_strainer.physics import Profile, RicianNoise
from monai_strainer.restoring import slicewise
from monai_strainer.restoring.pass_context import PassContext
from monai_strainer.restoring.plan import plan_passes
from monai_strainer.restoring.slicewise import detail_pass, neighbours_close
from monai_strainer.volume import Volume


def blank(shape: tuple[int, int, int], spacing: tuple[float, float, float], axis: int = 2) -> Volume:
    return Volume(np.zeros(shape), Grid(shape, np.diag([*spacing, 1.0])), slice_axis=axis)


def scene_of(scan: Volume, **more: object) -> PassContext:
    pose = find_pose(foreground(scan.data), scan.grid)
    return PassContext(small_prior_with_detail(tail=0.01), pose, 600.0, RicianNoise, Profile(), **more)  # type: ignore[arg-type]


def test_noise_is_taken_off_along_all_planes_of_a_cubic_scan() -> None:
    assert plan_passes(blank((30, 30, 30), (1, 1, 1.2), 1), (1, 1, 1)) == (((1, 0, 2), (1, 1, 1)),)


@pytest.mark.parametrize(("shape", "spacing"), [((30, 30, 30), (1, 1, 2)), ((30, 30, 8), (1, 1, 1))])
def test_coarse_or_few_slices_have_one_pass(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    assert plan_passes(blank(shape, spacing), (1, 1, 1)) == (((2,), (1, 1, 1)),)


def test_each_refinement_is_seen_in_the_planes_that_hold_it() -> None:
    thick = blank((20, 22, 5), (1, 1, 5))
    assert plan_passes(thick, (2, 2, 1)) == (((2,), (2, 2, 1)),)
    assert plan_passes(thick, (1, 1, 5)) == (((0, 1), (1, 1, 5)),)
    assert plan_passes(thick, (2, 1, 5)) == (
        ((2,), (2, 1, 1)),
        ((0, 1), (1, 1, 5)),
    )
    assert plan_passes(blank((20, 1, 5), (1, 1, 5)), (1, 1, 5)) == (((0,), (1, 1, 5)),)


def test_three_planes_give_the_mean_of_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicewise, "_mirrors", lambda *_: MIRRORS[4][:3])  # those of one plane alone
    scan = small_head((18, 20, 16))
    context = scene_of(scan)
    one = [detail_pass(scan, (axis,), (1, 1, 1), 0.02, context) for axis in range(3)]
    all_three = detail_pass(scan, (0, 1, 2), (1, 1, 1), 0.02, context)
    np.testing.assert_allclose(all_three.volume.data, np.mean([w.volume.data for w in one], 0), atol=0.05)
    np.testing.assert_allclose(all_three.std, np.mean([w.std for w in one], 0), rtol=1e-4)


def test_planes_take_turns_to_read_the_divergence() -> None:
    scan = small_head((18, 20, 16))
    found = detail_pass(scan, (0, 1, 2), (1, 1, 1), 0.02, scene_of(scan)).divergence
    alone = detail_pass(scan, (0,), (1, 1, 1), 0.02, scene_of(scan)).divergence
    assert found is not None and alone is not None and np.isfinite(alone).all()
    assert 0.5 < np.isfinite(found).mean() < 0.95
    assert np.nanmean(found) == pytest.approx(float(alone.mean()), abs=0.05)


@pytest.mark.parametrize("method", ["amortised", "plug_and_play"])
def test_a_pass_ends_at_all_slices_and_a_magnitude_stays_above_zero(method: str) -> None:
    scan, calls = small_head((18, 20, 6)), []
    context = scene_of(scan, progress=lambda done, total: calls.append((done, total)))
    result = detail_pass(scan, (0, 1), (1, 1, 2), 0.02, context, method)
    assert calls[-1] == (38, 38) and [d for d, _ in calls] == sorted(d for d, _ in calls)
    assert result.volume.data.shape == (18, 20, 12) == result.std.shape and result.volume.data.min() >= 0
    np.testing.assert_allclose(result.volume.grid.corners(), scan.grid.corners(), atol=1e-6)


def test_a_prior_without_detail_network_is_refused() -> None:
    scan = small_head()
    context = PassContext(small_prior(), find_pose(foreground(scan.data), scan.grid), 600.0, RicianNoise, Profile())
    with pytest.raises(ValueError, match="no detail prior"):
        detail_pass(scan, (2,), (1, 1, 1), 0.02, context)


@pytest.mark.parametrize(("step", "seen"), [(4.9, [1, 2, 3, 4, 5]), (5.1, [3])])
def test_neighbours_farther_than_five_voxels_are_hidden(step: float, seen: list[int]) -> None:
    grid = Grid((18, 20, 7), np.diag([1, 1, step, 1.0]))
    scan = Volume(small_head((18, 20, 7)).data, grid, slice_axis=2)
    other = Volume(scan.data.copy(), grid, slice_axis=2)
    other.data[:, :, 3] *= 1.2
    one, two = (detail_pass(v, (2,), (1, 1, 1), 0.02, scene_of(scan)).volume.data for v in (scan, other))
    assert [k for k in range(7) if not np.array_equal(one[..., k], two[..., k])] == seen


@pytest.mark.parametrize(("equivariant", "last"), [(False, 0.2), (True, 0.1)])
def test_neighbours_are_hidden_beyond_the_distance_that_each_kind_of_network_was_trained_on(
    equivariant: bool, last: float
) -> None:
    detail = DetailPrior(5, (8, 8), 1, 0, equivariant=equivariant)
    near, far = (
        neighbours_close(detail, Grid((9, 9, 9), np.diag([1, 1, step, 1.0])), 2, 9)
        for step in (0.99 / last, 1.01 / last)
    )
    assert near == pytest.approx(last / 0.99) and far == 0
