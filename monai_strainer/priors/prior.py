# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold what was learned from a cohort, and what restores a scan of any kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from ..geometry import Plane
from ..networks import DetailPrior, Siren
from ..networks.noise_level import NoiseLevelNet
from ..networks.truncation import TruncationNet
from .similarity import ReferenceScores

__all__ = ["GeneralPrior", "Prior"]


@dataclass(frozen=True, eq=False)
class GeneralPrior:
    """What restores a scan of any kind.

    Args:
        detail: equivariant detail network without coordinate features.
        noise_level: reads the noise level of a patch.
        digest: sha256 of the detail weights; empty for a prior that was never saved.
        record: how they were made.
        truncation: tells truncated k-space from area averages; None in older bundles.
    """

    detail: DetailPrior
    noise_level: NoiseLevelNet
    digest: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    truncation: TruncationNet | None = None


@dataclass(frozen=True, eq=False)
class Prior:
    """What was learned from one cohort.

    Args:
        network: shared encoder, mean readout and readout covariance; holds no readout of any one scan.
        plane: plane of the slices it was trained on.
        percentile: of the foreground that stands for 1 (the intensity rule).
        half_mm: (3,) mean half size of the cohort's heads in mm, RAS order.
        digest: sha256 of the weights file; empty for a prior that was never saved.
        record: how it was made.
        detail: the detail prior that was trained beside the network, if there is one.
        typical: what is usual for heads of the cohort's kind, if that was measured.
        general: the prior for scans that are unlike the cohort; it also reads the noise level.

    Example:
        >>> prior = Prior.cold(seed=0)
        >>> prior.plane, prior.network.num_layers
        ('axial', 6)
    """

    network: Siren
    plane: Plane = "axial"
    percentile: float = 99.5
    half_mm: tuple[float, float, float] = (64.0, 81.5, 62.0)  # an adult brain
    digest: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    detail: DetailPrior | None = None
    typical: ReferenceScores | None = None
    general: GeneralPrior | None = None

    @classmethod
    def cold(cls, seed: int = 0, **network: Any) -> Prior:
        """Return a prior that learned nothing, for comparison: a freshly drawn Siren.

        Args:
            seed: of the draw.
            network: arguments of :class:`monai_strainer.Siren`.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(Siren(**network), record={"kind": "cold", "seed": seed})
