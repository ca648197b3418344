# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The segmentation experiment: its brain masks, its segmenters, and how the bias of a volume is split."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from phantoms import affine_of

from experiments.segmentation_methods import SLICES, TASKS, Brain, available, brain_mask, brain_of, measured, restored
from experiments.segmentation_table import complete, interval
from experiments.tissue_segmenters import SEGMENTERS, boundaries, boundary, thresholds
from monai_strainer import Grid, Volume, load_prior

LEVELS = (300.0, 600.0, 1000.0)


def tissues(seed: int = 0) -> NDArray[np.float32]:
    """A slab of three tissues of known means."""
    rng = np.random.default_rng(seed)
    return (np.repeat(np.float32(LEVELS), 400).reshape(3, 20, 20) + rng.normal(0, 40, (3, 20, 20))).astype(np.float32)


def head() -> tuple[Volume, NDArray[np.bool_]]:
    """A head of 2 mm voxels, turned upside down, and its brain: a ball inside a dark rim inside a bright scalp."""
    x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in (60, 60, 90)), indexing="ij", sparse=True)
    radius = np.sqrt(sum(part**2 for part in x))
    data = np.where(radius < 21, 600.0 + 8 * x[2], np.where(radius < 24, 40.0, np.where(radius < 27, 500.0, 0.0)))
    grid = Grid((60, 60, 90), affine_of(np.diag([2.0, 2.0, -2.0]), (-60, -60, 90)))
    return Volume(data.astype(np.float32), grid), radius < 21


def test_thresholds_lie_halfway_between_the_means_of_the_clean_scan() -> None:
    clean = tissues()
    mask = np.ones(clean.shape, bool)
    image = np.full(clean.shape, 440, np.float32)
    image[0], image[1] = 460, 790
    labels = thresholds(image, mask, clean)
    assert [int(np.unique(one)[0]) for one in labels] == [2, 2, 1]


@pytest.mark.parametrize("name", SEGMENTERS)
def test_a_segmenter_numbers_tissues_by_brightness(name: str) -> None:
    clean = np.repeat(tissues(), 2, axis=0)
    labels = SEGMENTERS[name](clean, np.ones(clean.shape, bool), clean)
    assert [float(np.median(one)) for one in labels] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("limit", [350.0, 610.0, 905.0])
def test_the_boundary_of_a_thresholded_image_is_the_threshold(limit: float) -> None:
    image = tissues()
    found = boundary(np.where(image < limit, 1, 2).astype(np.int8), image)
    assert ((image < found) == (image < limit)).all()


def test_a_bias_that_a_moved_boundary_makes_is_not_laid_on_the_image() -> None:
    clean = tissues()
    labels, other = (np.where(clean < limit, 1, 3).astype(np.int8) for limit in (450, 620))
    found = boundaries(other, clean, labels, clean)
    assert found["kept"] == 0 and found["moved"] > 5


def test_a_bias_that_the_image_makes_is_seen_with_the_clean_boundary() -> None:
    clean = tissues()
    labels = np.where(clean < 450, 1, 3).astype(np.int8)
    darker = np.where(clean < 600, clean - 200, clean)
    found = boundaries(np.where(darker < 450, 1, 3).astype(np.int8), darker, labels, clean)
    assert found["kept"] > 20 and abs(found["moved"]) < 5


def test_a_brain_is_found_within_scalp_and_skull() -> None:
    scan, brain = head()
    found = brain_mask(scan)
    assert (found & brain).sum() > 0.99 * brain.sum() and (found & ~brain).sum() < 0.2 * brain.sum()
    assert not (found & (scan.data == 500) & ~brain).any()  # scalp


def test_the_slab_lies_below_the_top_of_the_brain_whatever_the_orientation() -> None:
    scan, brain = head()
    turned = Volume(
        np.ascontiguousarray(scan.data[..., ::-1]),
        Grid(scan.grid.shape, affine_of(np.diag([2.0, 2.0, 2.0]), (0, 0, 0))),
    )
    down, up = brain_of(scan, stripped=False), brain_of(turned, stripped=False)
    middles = [one.start + (SLICES - 1) / 2 for one in (down, up)]
    assert abs(middles[0] + middles[1] - (scan.grid.shape[2] - 1)) <= 2
    assert abs((middles[0] - np.flatnonzero(brain.any((0, 1)))[0]) * 2 - 65) <= 6


@pytest.mark.parametrize("task", [name for name in TASKS if name != "smooth1"])
def test_what_is_compared_is_the_clean_slab(task: str) -> None:
    scan, mask = head()
    brain = Brain(scan, mask, 40)
    clean, method = brain.scan.data[brain.cut()], "cubic" if "cubic" in available(task) else "input"
    made = restored(method, measured(brain, task), load_prior())
    assert made.shape == clean.shape
    means = [image[20:40, 20:40].mean((0, 1)) for image in (made, clean)]  # 8 from slice to slice
    assert np.abs(means[0] - means[1]).mean() < 6


def test_an_interval_holds_the_mean_and_is_wider_where_people_differ() -> None:
    low, high = interval([1.0, 2.0, 3.0, 4.0])
    wide = interval([0.0, 2.0, 3.0, 5.0])
    assert low < 2.5 < high and wide[1] - wide[0] > high - low


def test_a_person_who_lacks_a_method_is_in_no_mean() -> None:
    rows = [
        {"scan": scan, "task": "x2", "method": method, "segmenter": "thresholds"}
        for scan, method in (("a", "cubic"), ("a", "ours"), ("b", "cubic"))
    ]
    assert {row["scan"] for row in complete(rows)} == {"a"}
