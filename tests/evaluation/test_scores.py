# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Scores: an image equals itself, an offset has its PSNR, and error bars that are too short hold less."""

from __future__ import annotations

import numpy as np
import pytest

from monai_strainer.evaluation.scores import scores_of

TRUTH = np.random.default_rng(0).random((2, 24, 24), np.float32)
MASK = np.zeros(TRUTH.shape, bool)
MASK[:, 4:20, 4:20] = True


def test_an_error_outside_the_mask_counts_for_the_whole_image_alone() -> None:
    image = np.where(MASK, TRUTH + np.float32(0.1), TRUTH + np.float32(0.3))
    found = scores_of(image, TRUTH, MASK, peak=2.0)
    assert found["psnr_mask"] == pytest.approx(20 * np.log10(2 / 0.1), abs=1e-3)
    assert found["psnr_image"] < found["psnr_mask"] and found["coverage90"] is None
    assert scores_of(TRUTH, TRUTH, MASK, peak=2.0)["ssim_mask"] == pytest.approx(1)


@pytest.mark.parametrize(("factor", "expected"), [(1.0, 0.9), (0.5, 0.59), (2.0, 0.999)])
def test_coverage_is_that_of_the_normal_distribution(factor: float, expected: float) -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(TRUTH.shape).astype(np.float32)
    std = np.full(TRUTH.shape, 0.1 * factor, np.float32)
    found = scores_of(TRUTH + noise, TRUTH, np.ones(TRUTH.shape, bool), 1.0, std)
    assert found["coverage90"] == pytest.approx(expected, abs=0.03)
