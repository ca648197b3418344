# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A recipe that costs next to nothing, and a prior that is tuned by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_strainer import Prior, PriorRecipe, pretrain_prior
from monai_strainer.pipelines.prior_recipe import TUNING

SMALL = PriorRecipe(
    encoder=replace(TUNING.encoder, steps=2, points=32, tiles=1),
    detail=replace(TUNING.detail, steps=2, groups=1, patches=1, side=16),
    grid=(4, 12, 14),
)


def tuned(scans: Path, start: Path | str, recipe: PriorRecipe = SMALL, **more: Any) -> Prior:
    return pretrain_prior(scans, scans.parent / "ours", recipe, start=start, **more)
