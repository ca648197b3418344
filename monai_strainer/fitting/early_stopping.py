# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Stop a fit without truth: some measurements are held out, and the fit stops where they are predicted best."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["HeldOut"]


class HeldOut:
    """Remembers, slice by slice, the image that best predicted the measurements it never saw.

    Args:
        mask: ``(h, w)`` true where a measurement is held out.
        slices: ``S``.

    Example:
        >>> watch = HeldOut.draw((8, 8), slices=1, fraction=0.25, generator=torch.Generator().manual_seed(0))
        >>> watch.update(0, images=torch.zeros(1, 8, 8), missed=torch.ones(1, 8, 8))
        >>> watch.update(1, images=torch.ones(1, 8, 8), missed=torch.zeros(1, 8, 8))
        >>> watch.best_step.tolist(), float(watch.images.mean())
        ([1], 1.0)
    """

    def __init__(self, mask: Tensor, slices: int) -> None:
        self.mask = mask
        self.error = torch.full((slices,), torch.inf, device=mask.device)
        self.best_step = torch.zeros(slices, dtype=torch.long, device=mask.device)
        self.images = torch.empty(0)
        self.curve: list[tuple[int, float]] = []

    @classmethod
    def draw(cls, shape: tuple[int, int], slices: int, fraction: float, generator: torch.Generator) -> HeldOut:
        """Hold out a random fraction of the ``(h, w)`` measurements, at least one and never all of them.

        Args:
            shape: rows and columns of the data.
            slices: ``S``, the number of slices.
            fraction: of the measurements, 0 to 1.
            generator: of the draw, on the CPU.
        """
        count = min(max(1, round(fraction * shape[0] * shape[1])), shape[0] * shape[1] - 1)
        mask = torch.zeros(shape[0] * shape[1], dtype=torch.bool)
        mask[torch.randperm(mask.numel(), generator=generator)[:count]] = True
        return cls(mask.reshape(shape), slices)

    def to(self, device: torch.device) -> None:
        """Move to where the images are."""
        self.mask, self.error, self.best_step = self.mask.to(device), self.error.to(device), self.best_step.to(device)

    def update(self, step: int, images: Tensor, missed: Tensor) -> None:
        """Keep the images whose held-out measurements were missed by less than ever before.

        Args:
            step: that made the images.
            images: ``(S, H, W)``.
            missed: ``(S, h, w)`` difference between each measurement and its prediction.
        """
        error = missed.square()[:, self.mask].mean(1)  # (S,)
        is_better = error < self.error
        self.images = (
            images.clone() if self.images.numel() == 0 else torch.where(is_better[:, None, None], images, self.images)
        )
        self.error = torch.where(is_better, error, self.error)
        self.best_step = torch.where(is_better, torch.full_like(self.best_step, step), self.best_step)
        self.curve.append((step, float(error.mean())))
