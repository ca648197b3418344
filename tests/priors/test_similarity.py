# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the similarity scores: heads like the cohort's pass, other things do not, and records come back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import small_cohort, small_siren
from scipy import ndimage

from monai_strainer import Prior, Volume, load_prior, read
from monai_strainer.anatomy.coarse_image import CoarseHead, coarse_head, mirrored_coarse_heads
from monai_strainer.anatomy.foreground import foreground, intensity_scale_of
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.cohorts.read import split_scans
from monai_strainer.priors.similarity import (
    LIMIT,
    ReferenceScores,
    SimilarityScores,
    aligned,
    reference_scores,
    similarity_scores,
)


@pytest.fixture(scope="module")
def typical() -> ReferenceScores:
    return reference_scores(small_siren(), mirrored_coarse_heads(small_cohort(scans=6, shape=(8, 16, 20))))


def test_a_record_comes_back(typical: ReferenceScores) -> None:
    back = ReferenceScores.from_record(json.loads(json.dumps(typical.as_record())))
    assert (back.middle, back.spread) == (typical.middle, typical.spread)
    np.testing.assert_allclose(back.residual, typical.residual, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.pop("middle"),
        lambda r: r["spread"].pop("misfit"),
        lambda r: r.update(residual=[[1.0]]),
        lambda r: r.update(residual=(0 * np.asarray(r["residual"])).tolist()),
    ],
)
def test_a_record_that_is_none_is_refused(change: object, typical: ReferenceScores) -> None:
    record = json.loads(json.dumps(typical.as_record()))
    change(record)  # type: ignore[operator]
    with pytest.raises((ValueError, KeyError, TypeError)):
        ReferenceScores.from_record(record)


def test_heads_of_the_cohort_are_no_surprise_and_noise_is(typical: ReferenceScores) -> None:
    siren = small_siren()
    coarse = next(mirrored_coarse_heads(small_cohort(scans=1, shape=(8, 16, 20), seed=9)))
    assert typical.warnings(similarity_scores(siren, aligned(siren, coarse)[0], typical)) == []
    noise = torch.rand(coarse.images.shape, generator=torch.Generator().manual_seed(0))
    assert typical.warnings(similarity_scores(siren, CoarseHead(noise, coarse.coords), typical))


def test_no_place_is_stricter_than_the_middle_one(typical: ReferenceScores) -> None:
    assert typical.residual.min() == pytest.approx(np.median(typical.residual), rel=0.01)
    assert typical.residual.min() < 0.9 * typical.residual.max()


def test_only_the_wrong_side_is_a_warning(typical: ReferenceScores) -> None:
    far = 2 * LIMIT
    m, s = typical.middle, typical.spread
    better = SimilarityScores(m.distance - far * s.distance, 0.0, m.agreement + far * s.agreement, 0.0)
    assert typical.warnings(better) == []
    assert len(typical.warnings(replace(better, agreement=m.agreement - far * s.agreement))) == 1


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def changed(scan: Volume, what: str) -> np.ndarray:
    data, head = scan.data, foreground(scan.data)
    top = float(np.percentile(data[head], 99.5))
    if what == "another contrast":
        return np.where(head, np.clip(1.1 * top - data, 0, None), 0)
    if what == "another plane":
        return np.ascontiguousarray(data[:, ::-1])
    if what == "a large tumour":
        place = np.indices(data.shape) - (np.array(data.shape) / 2 + [25, 10, 10])[:, None, None, None]
        return np.where((place**2).sum(0) < 20**2, 0.25 * top, data)
    if what == "noise":
        return np.abs(np.random.default_rng(0).standard_normal(data.shape))
    if what == "a tilt of 45 degrees":
        return ndimage.rotate(data, 45, axes=(1, 2), reshape=False, order=1)
    return data


@pytest.mark.parametrize(
    ("what", "is_strange"),
    [
        ("as it is", False),
        ("another contrast", True),
        ("another plane", True),
        ("a large tumour", True),
        ("noise", True),
        ("a tilt of 45 degrees", True),
    ],
)
def test_the_shipped_prior_finds_unusual_scans(what: str, is_strange: bool, prior: Prior, oasis: Path) -> None:
    assert prior.typical is not None
    scan = read(split_scans(oasis)[1][0])
    data = changed(scan, what).astype(np.float32)
    mask = foreground(data)
    coarse = coarse_head(data, find_pose(mask, scan.grid), intensity_scale_of(data, mask))
    found = similarity_scores(prior.network, aligned(prior.network, coarse)[0], prior.typical)
    assert bool(prior.typical.warnings(found)) == is_strange, prior.typical.scores(found)
