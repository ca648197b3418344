# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train priors: the shared encoder of a cohort, the detail network beside it, and the general networks."""

from .aligned_points import CohortTiles
from .encoder import Recipe, pretrain

__all__ = ["CohortTiles", "Recipe", "pretrain"]
