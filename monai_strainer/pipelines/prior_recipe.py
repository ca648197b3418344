# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say how a whole prior is made or tuned, and how its progress is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ..geometry import Plane
from ..pretraining.detail import DETAIL, DetailRecipe
from ..pretraining.encoder import COHORT, Kind, Recipe
from ..pretraining.tuning import TUNE_DETAIL, TUNE_ENCODER

__all__ = ["TUNING", "PriorRecipe", "Watch", "silent"]

Watch = Callable[[str, int], AbstractContextManager[Callable[[int, float], None]]]
"""Shows progress: takes a title and the number of steps, and gives what is called with a step and its loss."""


@dataclass(frozen=True)
class PriorRecipe:
    """How a whole prior is made.

    Args:
        kind: see :func:`monai_strainer.pretrain`.
        encoder: of the coordinate network.
        detail: of the detail network; 0 steps train none.
        grid: slices, rows and columns of the common grid.
        plane: of the slices.
        contrast: of the scans; by default T1w where there is one.
        images: use only the first so many scans.
    """

    kind: Kind = "cohort"
    encoder: Recipe = COHORT
    detail: DetailRecipe = DETAIL
    grid: tuple[int, int, int] = (96, 152, 200)
    plane: Plane = "axial"
    contrast: str | None = None
    images: int | None = None


TUNING = PriorRecipe(encoder=TUNE_ENCODER, detail=TUNE_DETAIL)


@contextmanager
def silent(title: str, steps: int) -> Iterator[Callable[[int, float], None]]:
    """Show no progress; takes the place of what does.

    Args:
        title: of the phase; not used.
        steps: of the phase; not used.

    Yields:
        a callback that does nothing.
    """
    yield lambda step, loss: None
