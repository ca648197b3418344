# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The text for a methods section says what the report says, and cites what it names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from phantoms import small_head, small_prior, small_prior_with_detail

from monai_strainer import restore
from monai_strainer.reporting.methods_text import MethodsText, methods_text
from monai_strainer.restoring.report import Profiled, Report


@pytest.fixture(scope="module")
def report() -> Report:
    return restore(small_head((22, 26, 10)), small_prior_with_detail(), 1, sigma=10.0).details


def are_cited(text: MethodsText) -> bool:
    """Whether the numbers in the text are those of the list, each in its place."""
    cited = list(dict.fromkeys(int(number) for number in re.findall(r"\[(\d+)\]", text.paragraph)))
    return cited == list(range(1, len(text.references) + 1))


def test_denoising_is_described_with_level_method_prior_and_risk(report: Report) -> None:
    text = methods_text(report, (1, 1, 3), (1, 1, 3))
    for word in ("denoised", "1 x 1 x 3 mm", report.made_by.split()[1], "Rician", " 10 in the units", "given", "seed"):
        assert word in text.paragraph, word
    assert are_cited(text) and any("2409.09566" in reference for reference in text.references)
    assert any("Stein" in reference for reference in text.references)


def test_super_resolution_is_described_with_factors_spacing_and_profile(report: Report) -> None:
    refined = replace(
        report,
        task="super-resolution",
        scale=(1.0, 1.0, 5.0),
        risk=None,
        profile=Profiled(kind="gaussian", ratio=0.8, kspace_weight=0.25),
    )
    text = methods_text(refined, (1, 1, 5), (1, 1, 1))
    for word in ("1 x 1 x 5, from voxels of 1 x 1 x 5 mm to 1 x 1 x 1 mm", "gaussian profile", "0.8", "0.25"):
        assert word in text.paragraph, word
    assert are_cited(text) and "Stein" not in "".join(text.references)


def test_other_methods_are_named_and_cited(report: Report) -> None:
    plug = methods_text(replace(report, method="plug_and_play"), (1, 1, 1), (1, 1, 1))
    assert are_cited(plug) and "Venkatakrishnan" in "".join(plug.references)
    fitted = methods_text(restore(small_head(), small_prior(), 1, steps=0).details, (1, 1, 1), (1, 1, 1))
    assert "coordinate network" in fitted.paragraph and are_cited(fitted)
