# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the image quality figures: known noise, widths and tissues are found; nothing but the image changes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from phantoms import small_head, small_prior, small_prior_with_detail
from scipy import ndimage

from monai_strainer import Grid, Prior, RestoreOptions, Volume, restore
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.priors.similarity import COARSE, ReferenceScores, SimilarityScores
from monai_strainer.restoring.localise import Localised
from monai_strainer.restoring.prepare import prepare
from monai_strainer.restoring.quality import contrast, entropy_focus, quality_of, smoothness, tissue_thresholds
from monai_strainer.restoring.report import CohortFit, Similarity

SHAPE, SPACING = (48, 44, 40), np.array([1.0, 1.5, 2.0])
PER_SIGMA = 2 * np.sqrt(2 * np.log(2))  # full width at half maximum of a Gaussian


def grid(shape: tuple[int, ...] = SHAPE) -> Grid:
    return Grid(shape, np.diag([*SPACING, 1.0]))


def white(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ball(radius: float, shape: tuple[int, ...] = SHAPE) -> NDArray[np.bool_]:
    x, y, z = np.meshgrid(*((2 * np.arange(n) + 1) / n - 1 for n in shape), indexing="ij", sparse=True)
    return np.asarray(x**2 + y**2 + z**2 < radius**2)


def brain(air: float = 0.0) -> NDArray[np.float32]:
    """200 in the middle, 800 around it, 500 in the rim, each in a checkerboard of +-2, +-10 and +-5; then air."""
    sign = 1 - 2 * (np.indices(SHAPE).sum(0) % 2)
    tissue = np.select([ball(0.3), ball(0.7), ball(0.85)], [200 + 2 * sign, 800 + 10 * sign, 500 + 5 * sign], 0)
    return np.where(ball(0.85), tissue, np.abs(air * white())).astype(np.float32)


def figures(before: NDArray[np.float32], after: Volume, unlike: str = "", whole: bool = True) -> dict[str, Any]:
    """Before and after of a head that is like the cohort, or not."""
    scan = Volume(before, grid())
    ready = prepare(scan, small_prior(), (1.0, 1.0, 1.0), RestoreOptions(sigma=5.0), False)
    fit = CohortFit(turn=(), similarity=Similarity(0, 0, 0, 0))
    place = Localised(find_pose(ready.inside, scan.grid), whole, unlike, fit)
    return quality_of(scan, ready, place, after).as_dict()


def same_grid(before: NDArray[np.float32], after: NDArray[np.float32], **more: Any) -> dict[str, Any]:
    return figures(before, Volume(after, grid()), **more)


def test_the_entropy_is_that_of_mriqc() -> None:
    x = np.abs(white()).ravel()
    p, root = x / np.sqrt(np.square(x).sum()), np.sqrt(x.size)
    most = x.size * (1 / root) * np.log(1 / root)
    assert entropy_focus(x) == pytest.approx((p * np.log(p)).sum() / most, rel=1e-5)


def test_the_entropy_is_one_for_equal_values_and_falls_as_one_voxel_gets_brighter() -> None:
    found = []
    for bright in (5, 50, 500, 5e6):
        x = np.full(4096, 5, np.float32)
        x[7] = bright
        found.append(entropy_focus(x))
    assert found[0] == pytest.approx(1, abs=1e-5) and found == sorted(found, reverse=True)
    assert found[-1] < 1e-2


def test_one_voxel_so_bright_that_the_others_vanish_beside_it_leaves_a_number() -> None:
    x = np.full(64, 1e-12, np.float32)
    x[0] = 1e30
    assert entropy_focus(x) == pytest.approx(0, abs=1e-6)


def test_noise_in_air_raises_the_entropy_whatever_the_unit() -> None:
    one, two = (entropy_focus(brain(air).ravel()) for air in (0.0, 30.0))
    assert one < two == pytest.approx(entropy_focus(0.01 * brain(30.0).ravel()), rel=1e-4)


@pytest.mark.parametrize("wanted", [(3.0, 4.0, 6.0), (2.5, 5.0, 5.0)])
@pytest.mark.parametrize("lag", [1.0, 1.5, 2.0])
def test_the_width_of_smoothed_noise_is_found_in_mm(wanted: tuple[float, ...], lag: float) -> None:
    shape = (96, 88, 80)
    sigma = np.array(wanted) / SPACING / PER_SIGMA
    field = 700 + 40 * ndimage.gaussian_filter(white(shape).astype(np.float64), sigma, mode="wrap")
    found = smoothness(field.astype(np.float32), ball(0.9, shape), SPACING, lag * SPACING)
    assert found == pytest.approx(wanted, rel=0.1)


def test_smoothing_widens_along_its_own_axis() -> None:
    noisy = brain() + 30 * white()
    smooth = ndimage.gaussian_filter1d(noisy, 1.0, axis=1)
    a, b = (smoothness(x, ball(0.8), SPACING, SPACING) for x in (noisy, smooth))
    assert None not in a + b
    growth = np.array(b, float) / np.array(a, float)
    assert growth[1] > 1.2 * max(growth[0], growth[2])


def test_what_lies_outside_the_object_does_not_count() -> None:
    inside, x = ball(0.8), brain() + 30 * white()
    other = np.where(inside, x, -1e4).astype(np.float32)
    assert smoothness(x, inside, SPACING, SPACING) == smoothness(other, inside, SPACING, SPACING)


def test_contrast_is_that_of_the_equations() -> None:
    found = same_grid(brain(10.0), brain(10.0))["after"]
    noise = np.abs(10 * white())[~ball(0.95)].std()
    assert found["cjv"] == pytest.approx((10 + 5) / 300, rel=1e-3)
    assert found["cnr"] == pytest.approx(300 / np.sqrt(10**2 + 5**2 + noise**2), rel=0.01)
    volume = SPACING.prod() / 1000
    counts = [ball(0.3).sum(), (ball(0.85) & ~ball(0.7)).sum(), (ball(0.7) & ~ball(0.3)).sum()]
    assert found["volumes_ml"]["middle"] == pytest.approx(counts[1] * volume, rel=1e-6)
    assert found["volumes_ml"]["bright"] == pytest.approx(counts[2] * volume, rel=1e-6)
    assert found["volumes_ml"]["dark"] >= counts[0] * volume  # and the rim of the object


def test_an_image_that_is_left_as_it_is_has_equal_figures() -> None:
    found = same_grid(brain(10.0), brain(10.0))
    assert found["before"] == found["after"]
    assert set(found["after"]) == {"efc", "fwhm_mm", "fwhm_axes_mm", "cnr", "cjv", "volumes_ml"}


@pytest.mark.parametrize("factors", [(2, 2, 1), (1, 3, 2)])
def test_finer_voxels_alone_change_no_figure(factors: tuple[int, ...]) -> None:
    scan = brain(10.0) + 20 * np.abs(white(seed=1))
    found = figures(scan, Volume(np.kron(scan, np.ones(factors)), grid().refine(factors)))
    assert set(found["after"]) >= {"efc", "fwhm_mm", "cnr", "cjv", "volumes_ml"}
    for name, value in found["before"].items():
        assert found["after"][name] == pytest.approx(value, rel=1e-4), name
    assert found["after"]["volumes_ml"] == pytest.approx(same_grid(scan, scan)["after"]["volumes_ml"], rel=1e-6)


def test_noise_raises_joint_variation_and_lowers_contrast_without_a_bound() -> None:
    levels = (0, 40, 150, 400)  # the last one is beyond the distance of the tissues
    found = [same_grid(brain() + level * np.abs(white(seed=1)), brain())["before"] for level in levels]
    assert [one["cjv"] for one in found] == sorted(one["cjv"] for one in found) and found[-1]["cjv"] > 1.2
    assert [one["cnr"] for one in found] == sorted((one["cnr"] for one in found), reverse=True)


def test_thresholds_are_those_of_the_restored_scan() -> None:
    usual, darker = (same_grid(gain * brain(), brain()) for gain in (np.float32(1), np.float32(0.5)))
    assert usual["after"]["volumes_ml"] == darker["after"]["volumes_ml"]
    assert darker["before"]["volumes_ml"]["bright"] == 0  # 400, and the threshold lies at 650
    assert darker["before"]["cjv"] == pytest.approx(usual["before"]["cjv"], rel=1e-3)  # on the same voxels


def test_thresholds_lie_between_the_tissues() -> None:
    rng = np.random.default_rng(0)
    means = (20.0, 50.0, 80.0)
    found = tissue_thresholds(np.concatenate([rng.normal(mean, 4, 4000) for mean in means]).astype(np.float32))
    assert found == pytest.approx((35, 65), abs=1)


@pytest.mark.parametrize("kind", ["normal", "uniform", "constant", "few"])
def test_one_tissue_is_not_taken_for_two(kind: str) -> None:
    rng = np.random.default_rng(0)
    values = {
        "normal": rng.normal(50, 10, 20000),
        "uniform": rng.uniform(10, 90, 20000),
        "constant": np.full(20000, 50.0),
        "few": np.array([10.0, 50.0, 90.0]),
    }[kind]
    assert tissue_thresholds(values.astype(np.float32)) is None


@pytest.mark.parametrize("more", [{"unlike": "another contrast"}, {"whole": False}])
def test_only_whole_heads_like_the_cohort_have_classes(more: dict[str, Any]) -> None:
    for found in same_grid(brain(), brain(), **more).values():
        assert set(found) == {"efc", "fwhm_mm", "fwhm_axes_mm"}


def test_the_rim_of_the_object_is_no_air() -> None:
    clean = brain(10.0)
    blurred = np.where(ball(0.95) & ~ball(0.85), 300, clean).astype(np.float32)
    found = same_grid(clean, blurred)
    assert found["after"]["cnr"] > 0.7 * found["before"]["cnr"]


def test_what_was_left_around_a_stripped_head_is_no_air_and_zeros_have_no_entropy() -> None:
    stripped = brain()
    rest = stripped.copy()
    rest[:5, :5, :5] = 600 + 100 * white((5, 5, 5))  # a piece of the skull
    one, two = (same_grid(x, x)["after"] for x in (stripped, rest))
    assert two["cnr"] == one["cnr"]
    assert one["efc"] == pytest.approx(entropy_focus(stripped[stripped > 0]), rel=1e-6)


def test_padding_within_the_object_has_no_width() -> None:
    holes = np.zeros(SHAPE, bool)
    holes[20:22, 20:22, 18:20] = True
    zero, padded = (np.where(ball(0.85) & ~holes, brain(), value).astype(np.float32) for value in (0, -2000))
    one, two = (same_grid(x, x)["after"] for x in (zero, padded))
    assert two["fwhm_axes_mm"] == pytest.approx(one["fwhm_axes_mm"], rel=1e-6)


def test_a_figure_that_one_image_lacks_is_left_out_of_both() -> None:
    flat = np.select([ball(0.3), ball(0.7), ball(0.85)], [200, 800, 500], 0).astype(np.float32)
    for found in same_grid(brain(), flat).values():
        assert "cjv" in found and "cnr" not in found  # nothing varies in the second image


def test_what_cannot_be_computed_is_left_out() -> None:
    empty = np.zeros(0, np.float32)
    flat, inside = np.full(SHAPE, 0.1, np.float32), np.ones(SHAPE, bool)
    assert entropy_focus(empty) is None and entropy_focus(np.zeros(9, np.float32)) is None
    with np.errstate(all="raise"):
        assert smoothness(flat, inside, SPACING, SPACING) == (None, None, None)
    ramp = np.indices(SHAPE)[0].astype(np.float32)
    assert smoothness(ramp, inside, SPACING, SPACING)[0] is None
    assert smoothness(flat, ~inside, SPACING, SPACING) == (None, None, None)
    assert smoothness(white((9, 9, 1)), np.ones((9, 9, 1), bool), SPACING, SPACING)[2] is None
    assert contrast(flat[0, 0], flat[0, 1], empty) == (None, None)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return small_prior_with_detail()


@pytest.mark.parametrize("scale", [1, 2, 1.5])
@pytest.mark.parametrize("kind", ["usual", "single slice", "signed", "coarse", "padded"])
def test_every_scan_has_numbers_before_and_after(prior: Prior, kind: str, scale: float) -> None:
    scan = small_head()
    data = {
        "usual": scan.data,
        "single slice": scan.data[:, :, 3:4],
        "signed": scan.data - 400,
        "coarse": 400 * np.round(scan.data / 400),
        "padded": np.where(scan.data > 100, scan.data, -2000),
    }[kind]
    usual = Volume(data, Grid(data.shape, scan.grid.affine), slice_axis=2)
    found = restore(usual, prior, scale, sigma=10.0).report["quality"]
    assert set(found["before"]) == set(found["after"]) and "fwhm_mm" in found["after"]
    assert ("efc" in found["after"]) == (kind != "signed")
    json.dumps(found, allow_nan=False)


def test_a_head_like_the_cohort_has_contrast_and_volumes(prior: Prior, phantom: Volume) -> None:
    wide = ReferenceScores(
        SimilarityScores(0.0, 0.0, 0.0, 0.0), SimilarityScores(*[1e9] * 4), np.ones(COARSE, np.float32)
    )
    clean = np.maximum(phantom.data, 0)
    noisy = Volume(np.hypot(clean + 20 * white(clean.shape), 20 * white(clean.shape, 1)), phantom.grid)
    report = restore(noisy, replace(prior, typical=wide), 1, sigma=20.0).report
    assert report["cohort"]["similarity"]
    assert {"cnr", "cjv", "volumes_ml"} <= set(report["quality"]["before"])
