# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find slices with far more noise than those around them: a spike, a failed shot, a slice that was measured again.

One such slice of six is enough to set the level that is read off all patches of a scan, and the network would then take
the anatomy of the other slices for noise. Its own noise follows from a comparison with its neighbours, which show
nearly the same anatomy:

    sigma_s^2 = sigma^2 + h_s^2 - h^2

with ``h_s`` the finest diagonal differences of the slice, and ``h`` those of the slices around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["added_noise", "in_all_slices"]

_FAR_MORE = 2.0  # times the differences around it: 1.8 at most in 66 scans as they are
_AROUND = 5  # slices on either side
_FEWEST = 3  # slices around one, and slices in which the noise is as usual
_BLOCKS = 400  # of 2 x 2 voxels within the object: fewer say little
_MOST = 0.4  # of all slices: where more differ, the noise of the scan is uneven as a whole
_MAD = 0.6745  # median of |n| for a standard normal n


def added_noise(slices: NDArray[np.float32], signal: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the variance that the noise of every slice has beyond that of the slices around it.

    Args:
        slices: (S, H, W); blocks with exact zeros do not count.
        signal: (S, H, W) where the object is.

    Returns:
        (S,), 0 for slices whose noise is as usual.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((9, 32, 32)).astype(np.float32)
        >>> noise[4] *= 5
        >>> added_noise(9 + noise, np.ones(noise.shape, bool)).round(-1).tolist()
        [0.0, 0.0, 0.0, 0.0, 20.0, 0.0, 0.0, 0.0, 0.0]
    """
    level = np.array([_differences(one, there) for one, there in zip(slices, signal)])
    usual = level.copy()  # NaN where a slice is out
    added = np.zeros(len(level), np.float32)
    while True:
        around = np.array([_median_around(usual, k) for k in range(len(level))])
        ratio = np.where(np.isnan(usual), 0, usual / np.maximum(around, 1e-30))
        worst = int(np.argmax(np.nan_to_num(ratio)))
        if not ratio[worst] > _FAR_MORE:
            break
        added[worst] = level[worst] ** 2 - around[worst] ** 2
        usual[worst] = np.nan
    is_rare = np.count_nonzero(added) <= _MOST * len(level) and len(level) - np.count_nonzero(added) >= _FEWEST
    return added if is_rare else np.zeros_like(added)


def in_all_slices(
    level: float | NDArray[np.float32], added: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return a map of levels of all slices from those of the slices with usual noise.

    Args:
        level: a number, or a map (U, H, W) of the slices with usual noise.
        added: (S,) variance of the others beyond it, as from :func:`added_noise`.
        shape: (S, H, W).

    Example:
        >>> in_all_slices(3.0, np.array([0, 16, 0], np.float32), (3, 1, 1)).ravel().tolist()
        [3.0, 5.0, 3.0]
    """
    usual = np.flatnonzero(added == 0)
    nearest = [int(np.argmin(np.abs(usual - k))) for k in range(len(added))]
    base = np.broadcast_to(np.float32(level), shape) if np.ndim(level) == 0 else np.asarray(level)[nearest]
    out: NDArray[np.float32] = np.sqrt(np.square(base, dtype=np.float32) + added[:, None, None])
    return out


def _differences(image: NDArray[np.float32], there: NDArray[np.bool_]) -> float:
    """Return the level of the finest diagonal differences within the object; NaN where there is little of it."""
    valid = there & (image != 0)
    counted = valid[:-1, :-1] & valid[1:, :-1] & valid[:-1, 1:] & valid[1:, 1:]
    if np.count_nonzero(counted) < _BLOCKS:
        return float("nan")
    size = np.abs(image[:-1, :-1] - image[1:, :-1] - image[:-1, 1:] + image[1:, 1:])[counted] / 2
    return float(np.median(size)) / _MAD


def _median_around(level: NDArray[np.float64], k: int) -> float:
    """Return the median level of the slices around one; infinity where there are few."""
    around = np.r_[level[max(0, k - _AROUND) : k], level[k + 1 : k + 1 + _AROUND]]
    around = around[~np.isnan(around)]
    return float(np.median(around)) if len(around) >= _FEWEST else float("inf")
