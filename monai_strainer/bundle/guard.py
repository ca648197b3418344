# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Keep a coordinate network that train.json trained further only where it explains scans held out better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..anatomy.aligned_slices import AlignedSlices
from ..cohorts.read import Cohort
from ..networks import Siren
from ..pipelines.prior_phases import persons_of
from ..pipelines.prior_start import Start
from ..pretraining.tuning import Gain, encoder_gain, held_out

__all__ = ["Guard"]


@dataclass(frozen=True, eq=False)
class Guard:
    """Which scans of a cohort train the coordinate network, and which decide whether the result is kept.

    It does nothing where a training starts from nothing, or from a general prior, which has no coordinate network.

    Args:
        cohort: of the run.
        scans: its files, in the same order; scans of one person stay on one side.
        start: where the training starts.
    """

    cohort: Cohort
    scans: Sequence[Path]
    start: Start | None = None

    @property
    def is_on(self) -> bool:
        """Return whether there is a coordinate network to fall back to."""
        return self.start is not None and self.start.record["kind"] != "general"

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies a run with this guard; nothing where it is off."""
        return {"start": self.start.prior.digest} if self.is_on and self.start is not None else {}

    @property
    def learning(self) -> AlignedSlices:
        """Slices of the scans that train."""
        return self._of(held_out(persons_of(self.scans))[0]) if self.is_on else self.cohort.slices

    def gain_of(self, siren: Siren, ridge: float, seed: int, step: int) -> Gain:
        """Compare a trained network with the start on the scans held out, and give it the weights of the better one.

        Args:
            siren: trained; takes the weights of the start where training did not help.
            ridge: of the readouts.
            seed: of the points.
            step: steps that it was trained for.

        Returns:
            the gain; 0 where the start stays.
        """
        if not self.is_on or self.start is None:
            return Gain()
        unseen = self._of(held_out(persons_of(self.scans))[1])
        before = self.start.prior.network
        gain = encoder_gain(before, siren, unseen, ridge=ridge, seed=seed, step=step)
        if gain.step == 0:
            siren.load_state_dict(before.state_dict())
        return gain

    def _of(self, numbers: Sequence[int]) -> AlignedSlices:
        """Return the slices of some scans."""
        slices = self.cohort.slices
        return AlignedSlices(slices.images[list(numbers)], slices.axes, slices.order)
