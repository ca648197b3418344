# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the head coordinates of a scan: by its box where the whole head is there, by trial where only a part is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..anatomy.foreground import intensity_scale_of
from ..anatomy.head_frame import Pose, find_pose
from ..fitting.readout import ROUNDS, features_of, ridge
from ..networks.precision import has_bfloat16
from ..priors.prior import Prior
from ..volume import Volume

__all__ = ["search_pose"]

TRIALS = np.linspace(-0.9, 0.9, 19)
SIDE = 64  # pixels per side that a trial looks at
ROUGH_SIDE = 32  # ... that the first look at all levels sees
ROUGH_ROUNDS = 2  # of the fixed point of their misfit
KEPT = 3  # levels after it: in 15 slices of three heads, with 0 to 9 % noise, the best was always among two


def search_pose(scan: Volume, mask: NDArray[np.bool_], prior: Prior) -> tuple[Pose, bool]:
    """Find the pose of a scan in head coordinates, and whether the whole head was there to measure it.

    A slab or a single slice shows no top and no bottom. Then the head is given the cohort's size, and the slab is
    tried at many levels; the one whose solved readout explains its middle slice best is taken.

    Args:
        scan: the scan.
        mask: its foreground.
        prior: what the scan will be restored with.
    """
    pose = find_pose(mask, scan.grid)
    axis = scan.slice_axis
    ras = pose.axes[axis][0]
    full = 2 * prior.half_mm[ras]
    if scan.grid.extent[axis] >= 0.75 * full:
        return pose, True
    half = list(pose.half)
    for k, (r, _) in enumerate(pose.axes):
        half[k] = 2 * prior.half_mm[r] / scan.grid.extent[k]
    pose = replace(pose, half=(half[0], half[1], half[2]))
    if prior.network.spatial_dims < 3:
        return pose, False
    middle = scan.grid.shape[axis] // 2
    image = scan.slices(axis)[middle] / intensity_scale_of(scan.data, mask, prior.percentile)  # (H, W)
    trials = []
    for level in TRIALS:
        centre = list(pose.centre)
        place_of_slice = (2 * middle + 1) / scan.grid.shape[axis] - 1
        centre[axis] = place_of_slice - pose.axes[axis][1] * level * pose.half[axis]
        trials.append(replace(pose, centre=(centre[0], centre[1], centre[2])))
    # few pixels say which levels to look at closely: a quarter of them takes a quarter of the time
    rough = _tried(trials, scan, axis, image, prior, ROUGH_SIDE, True)
    best = sorted(rough, key=lambda pair: pair[0])[:KEPT]
    return min(_tried([trial for _, trial in best], scan, axis, image, prior, SIDE), key=lambda pair: pair[0])[1], False


@torch.no_grad()
def _tried(
    trials: list[Pose],
    scan: Volume,
    axis: int,
    image: NDArray[np.float32],
    prior: Prior,
    side: int,
    is_rough: bool = False,
) -> list[tuple[float, Pose]]:
    """Return the error of the middle slice at every pose, seen at ``side`` pixels per side, with the pose.

    It is the misfit of :func:`monai_strainer.fitting.solve_readouts`; the features of all poses are made at once. A
    rough look has fewer rounds of it, and products in bfloat16 where they are quick.
    """
    middle, siren = scan.grid.shape[axis] // 2, prior.network.cpu()
    rows, columns = (np.unique(np.linspace(0, n - 1, min(n, side)).astype(int)) for n in image.shape)
    y = torch.from_numpy(2 * image[np.ix_(rows, columns)] - 1).flatten()  # (P,)
    positions = [trial.coordinates(scan.grid.shape, axis, slice(middle, middle + 1)) for trial in trials]
    coords = torch.from_numpy(np.concatenate([one[:, :, rows][:, :, :, columns] for one in positions]))
    half = is_rough and has_bfloat16(coords.device)
    features = features_of(siren, coords.transpose(0, 1), half).flatten(2)  # (C + 1, trials, P)
    mean = torch.cat([siren.readout.weight[0], siren.readout.bias]).double()
    precision, energy = torch.linalg.inv(siren.get_buffer("readout_covariance").double()), y.double().square().sum()
    rounds = ROUGH_ROUNDS if is_rough else ROUNDS
    misfits = []
    for seen in features.unbind(1):
        gram, moment = (seen @ seen.T).double(), (seen @ y).double()
        misfits.append(float(ridge(gram, moment, energy, len(y), mean, precision, rounds)[2]))
    return list(zip(misfits, trials))
