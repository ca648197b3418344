# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A head that is unlike the cohort is reported with its scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from phantoms import oblique_head as head
from phantoms import small_prior_with_detail

from monai_strainer import Prior, restore
from monai_strainer.priors.similarity import COARSE, ReferenceScores, SimilarityScores


@pytest.fixture(scope="module")
def both() -> Prior:
    return small_prior_with_detail(tail=0.005)


def test_a_head_unlike_the_cohort_is_a_warning(both: Prior) -> None:
    usual = SimilarityScores(0.0, 0.0, 1.0, 0.0)
    tight = ReferenceScores(usual, SimilarityScores(*[1e-3] * 4), np.full(COARSE, 1e-3, np.float32))
    out = restore(head(), replace(both, typical=tight), 1)
    assert any("does not look like the cohort" in warning for warning in out.report["warnings"])
    assert out.report["cohort"]["unusual"]["misfit"] > 4 and len(out.report["cohort"]["turn"]) == 3
