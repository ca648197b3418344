# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Give what a detail network estimates as the channels of one tensor, as tools that read configurations expect."""

from __future__ import annotations

import torch
from torch import Tensor

from .detail import CONDITIONS, DetailPrior

__all__ = ["DetailChannels"]

_IS_RICIAN, _CLOSENESS = 8, 9  # positions among the conditions


class DetailChannels(DetailPrior):
    """A detail network with one input and one output; its weights are those of a :class:`DetailPrior`.

    Without conditions it denoises slices under Rician noise, with neighbours as far apart as pixels. It then has to be
    equivariant: only such a network reads the noise level from the image alone.

    Args:
        sizes: as for :class:`DetailPrior`.

    Example:
        >>> net = DetailChannels(channels=(8, 8), blocks=1, features=0, equivariant=True)
        >>> net(torch.rand(1, 7, 16, 24)).shape
        torch.Size([1, 2, 16, 24])
    """

    def forward(  # type: ignore[override]
        self, image: Tensor, conditions: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Restore the slice in the middle.

        Args:
            image: ``(B, slices + 2, H, W)``, as for :class:`DetailPrior`.
            conditions: ``(B, CONDITIONS)``; by default those of denoising.
            features: of the coordinate prior, or None.

        Returns:
            ``(B, 2, H, W)``: the restored slice and its standard deviation, float32.
        """
        if conditions is None:
            conditions = image.new_zeros(image.shape[0], CONDITIONS)
            conditions[:, [_IS_RICIAN, _CLOSENESS]] = 1
        mean, log_std = super().forward(image, conditions, features)
        return torch.cat([mean, log_std.exp()], dim=1)
