# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Prepare the stacks of a fusion: check them, read noise level and intensity scale, restore each alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import InputError
from ..fitting.stack_registration import Stack
from ..physics import Profile, RicianNoise
from ..priors.prior import Prior
from ..restoring.check import check_scan
from ..restoring.options import RestoreOptions
from ..restoring.prepare import prepare
from ..restoring.restore import restore
from ..volume import Volume
from .images import RestoredStack
from .options import FuseOptions

__all__ = ["GivenStack", "prepared_stacks", "restored_stack"]


@dataclass(frozen=True, eq=False)
class GivenStack:
    """A stack as it came, and as it is fitted: intensities divided by ``scale``; ``number`` counts from 1."""

    number: int
    scan: Volume
    stack: Stack
    scale: float


def prepared_stacks(stacks: Sequence[Volume], prior: Prior, options: FuseOptions) -> list[GivenStack]:
    """Check the stacks; read noise level and intensity scale off each.

    Raises:
        InputError: fewer than two stacks, or one that cannot be used.
    """
    if len(stacks) < 2:
        raise InputError(f"{len(stacks)} stack cannot be fused", "pass two stacks or more, or use restore")
    found = []
    for number, scan in enumerate(stacks, 1):
        check_scan(scan, prior)
        ready = prepare(scan, prior, (1.0, 1.0, 1.0), RestoreOptions(sigma=options.sigma), False)
        if ready.signed:
            raise InputError(f"stack {number} has values below zero", "pass magnitude images")
        level = ready.level.level
        sigma = float(np.sqrt(np.mean(np.square(level))))
        y = RicianNoise(sigma).debias(torch.from_numpy(scan.data / np.float32(ready.scale)))
        step = float(scan.grid.spacing[scan.slice_axis])
        profile = Profile(options.profile, (scan.thickness or step) / step)
        found.append(GivenStack(number, scan, Stack(y, scan.grid, scan.slice_axis, sigma, profile), ready.scale))
    return found


def restored_stack(
    one: GivenStack, stack: Stack, prior: Prior, options: FuseOptions, device: str | torch.device
) -> tuple[RestoredStack, str]:
    """Restore one stack alone at about the spacing of the result; return it and the name of the prior used."""
    factors = [max(1.0, float(edge) / options.edge) for edge in one.scan.grid.spacing]
    factors = [factor if factor > 1.05 else 1.0 for factor in factors]
    how = RestoreOptions(sigma=stack.sigma * one.scale, adapt=0, seed=options.seed)
    out = restore(one.scan, prior, factors, options=how, device=device)
    scale = np.float32(one.scale)
    image, std = (Volume(data / scale, out.volume.grid) for data in (out.volume.data, out.std))
    return RestoredStack(image, std, stack), out.details.choice.prior
