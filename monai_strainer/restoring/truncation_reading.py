# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read from a scan how much it looks like truncated k-space, and what weight such a result has."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ..networks.truncation import TruncationNet
from ..volume import Volume
from .patches import patches_of

__all__ = ["kspace_weight", "rounded"]

USUAL = 0.25  # weight of truncated k-space where nothing can be read
_SIDE = 48  # of a patch, in voxels
_PATCHES = 96  # at most
_SURE = 0.05  # below it, and above 1 minus it, a weight counts as 0 or 1
_MOST = 6.0  # log odds of one patch that count: a few patches, such as the hard edges of a phantom, do not decide


@torch.no_grad()
def kspace_weight(scan: Volume, network: TruncationNet | None, inside: NDArray[np.bool_]) -> float:
    """Return the probability that the voxels of a scan, in its slices, are truncated k-space and not area averages.

    With ``l`` the mean of the network's log odds over patches of the scan, each between -6 and 6,

        ``p = sigmoid(l + log(0.25 / 0.75))``

    If the results of the two assumptions differ by ``d`` and one of them is right, the weight ``p`` has the smallest
    expected squared error, ``p (1 - p) d^2``. Probabilities below 5 % and above 95 % count as 0 and 1: then one
    result is computed only. Noise hides the difference, and ``p`` goes to 0.25.

    Args:
        scan: on its acquired grid.
        network: that reads it; None, as in older bundles, gives 0.25.
        inside: (X, Y, Z) where the object is.

    Example:
        >>> from ..geometry import Grid
        >>> scan = Volume(np.ones((8, 8, 1), np.float32), Grid((8, 8, 1), np.eye(4)), slice_axis=2)
        >>> kspace_weight(scan, None, scan.data > 0)
        0.25
    """
    if network is None:
        return USUAL
    axis, device = scan.slice_axis, next(network.parameters()).device
    signal = np.ascontiguousarray(np.moveaxis(inside, axis, 0))
    found = [network(image.to(device)).cpu() for image, _ in patches_of(scan.slices(axis), signal, _SIDE, _PATCHES)]
    if not found:
        return USUAL
    odds = float(torch.cat(found).double().clamp(-_MOST, _MOST).mean()) + math.log(USUAL / (1 - USUAL))
    return rounded(1 / (1 + math.exp(-odds)))


def rounded(weight: float) -> float:
    """Return 0 or 1 in place of a weight that is as good as sure, so that one result is computed only."""
    return 0.0 if weight < _SURE else 1.0 if weight > 1 - _SURE else weight
