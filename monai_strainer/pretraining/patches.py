# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw measured patches of clean scans of one kind: what a detail prior of a cohort learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import InputError
from ..fitting import assemble_inputs, describe_acquisition, hide_neighbours, interpolate
from ..physics import AcquisitionDistribution, GaussianNoise, NoiseModel
from .varied_patches import NEAREST

__all__ = ["CLINICAL", "CleanScan", "MeasuredPatches"]

CLINICAL = AcquisitionDistribution()


@dataclass(frozen=True, eq=False)
class CleanScan:
    """A clean head to learn from.

    Args:
        data: (X, Y, Z) intensities in about ``[0, 1]``; float16 is enough.
        coords: per array axis the head coordinates of its voxels.
        order: per array axis the anatomical axis (0 x, 1 y, 2 z).
        spacing: of its voxels in mm.
        axes: array axes along which slices may be cut: not across thick slices.
    """

    data: NDArray[np.float16]
    coords: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    order: tuple[int, int, int]
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    axes: tuple[int, ...] = (0, 1, 2)

    @property
    def narrowest(self) -> int:
        """Voxels of the shortest axis that lies in a slice."""
        return min(n for axis in self.axes for k, n in enumerate(self.data.shape) if k != axis)


class MeasuredPatches(Dataset[dict[str, Tensor]]):
    """Group ``i``: a few patches of random heads, planes and orientations, under one measurement drawn at random.

    Args:
        heads: the cohort.
        length: number of groups.
        patches: of a group.
        side: of a patch, in voxels; less where a scan is smaller.
        slices: that the network sees, the one to restore in the middle.
        neighbours: fractions of groups without neighbouring slices, and with distant ones.
        seed: of the draws.
        measurements: what is drawn.

    Returns:
        per group ``image`` (P, slices + 2, side, side), ``conditions`` (P, K), ``coords`` (P, 3, side / 4, side / 4)
        and ``label`` (P, 1, side, side).
    """

    def __init__(
        self,
        heads: Sequence[CleanScan],
        length: int,
        *,
        patches: int = 4,
        side: int = 96,
        slices: int = 5,
        neighbours: tuple[float, float] = (0.3, 0.1),
        seed: int = 0,
        measurements: AcquisitionDistribution = CLINICAL,
    ) -> None:
        if not heads:
            raise InputError("the cohort is empty", "pass at least one scan")
        self.side = min(side, *(head.narrowest for head in heads)) // 8 * 8
        if self.side < 8:
            raise InputError("the cohort has a scan of fewer than 8 voxels along an axis", "pretrain on whole heads")
        self.heads, self.length, self.patches, self.slices = heads, length, patches, slices
        (self.single, self.far), self.seed, self.measurements = neighbours, seed, measurements

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        if not 0 <= i < self.length:
            raise IndexError(i)
        rng = np.random.default_rng((self.seed, i))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        operator, noise = self.measurements.draw(self.side, rng)
        u = rng.random()
        is_gaussian = isinstance(noise, GaussianNoise)
        single = 0.7 if is_gaussian else self.single
        stride = 0 if u < single else int(rng.integers(2, 6)) if u > 1 - self.far else 1
        pairs = [self._patch(rng, stride) for _ in range(self.patches)]
        clean = torch.stack([torch.from_numpy(patch) for patch, _, _ in pairs])  # (P, slices, side, side)
        y = noise.sample(operator.A(clean), generator)
        slices, fraction = interpolate(operator, y)
        slices = slices.clone()
        known: NoiseModel = type(noise)(float(noise.sigma) * float(rng.uniform(0.95, 1.05)))  # as known in practice
        numbers = []
        for k, (_, _, spacing_ratio) in enumerate(pairs):
            if spacing_ratio == 0:
                hide_neighbours(slices[k])
            numbers.append(describe_acquisition(operator, known, spacing_ratio))
        shown = assemble_inputs(slices, fraction, known.sigma, numbers[0])
        middle = self.slices // 2
        return {
            "image": shown.image,
            "conditions": torch.stack(numbers),
            "coords": torch.stack([torch.from_numpy(coords) for _, coords, _ in pairs]),
            "label": clean[:, middle : middle + 1],
        }

    def _patch(self, rng: np.random.Generator, stride: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Slices ``(slices, side, side)`` of one head in a random plane and orientation, coords, spacing_ratio."""
        side, reach = self.side, self.slices // 2
        head = self.heads[int(rng.integers(len(self.heads)))]
        axis = head.axes[int(rng.integers(len(head.axes)))]
        rows, columns = (k for k in range(3) if k != axis)
        shape = head.data.shape
        for _ in range(20):  # look for a patch that holds some of the head
            level = int(rng.integers(shape[axis]))
            r, c = (int(rng.integers(shape[k] - side + 1)) for k in (rows, columns))
            window: list[Any] = [slice(None)] * 3
            window[axis], window[rows], window[columns] = level, slice(r, r + side), slice(c, c + side)
            if (head.data[tuple(window)] > 0.05).mean() > 0.25:
                break
        near = np.clip(level + max(stride, 1) * np.arange(-reach, reach + 1), 0, shape[axis] - 1)
        window[axis] = near
        patch = np.moveaxis(head.data[tuple(window)], axis, 0).astype(np.float32)
        gain, gamma = rng.uniform(0.8, 1.2), 1.0 if rng.random() < 0.5 else rng.uniform(0.75, 1.35)
        patch = np.float32(gain) * np.maximum(patch, 0) ** np.float32(gamma)
        rough = np.empty((3, side // 4, side // 4), np.float32)
        rough[head.order[axis]] = head.coords[axis][level]
        rough[head.order[rows]] = head.coords[rows][r : r + side].reshape(-1, 4).mean(1)[:, None]
        rough[head.order[columns]] = head.coords[columns][c : c + side].reshape(-1, 4).mean(1)[None, :]
        flips = int(rng.integers(16))
        if flips & 1:
            patch, rough = patch[:, ::-1], rough[:, ::-1]
        if flips & 2:
            patch, rough = patch[:, :, ::-1], rough[:, :, ::-1]
        if flips & 4:
            patch, rough = patch.transpose(0, 2, 1), rough.transpose(0, 2, 1)
        if flips & 8:
            patch = patch[::-1]
        # a single slice turned over counts as contiguous, and torch refuses it
        return patch.copy(), rough.copy(), _closeness(head, axis, stride)


def _closeness(head: CleanScan, axis: int, stride: int) -> float:
    """In-plane spacing over the step between slices; 0 where the neighbours are hidden, or too far away to help."""
    if stride == 0 or head.data.shape[axis] == 1:
        return 0.0
    rows, columns = (head.spacing[k] for k in range(3) if k != axis)
    near = min(1.0, (rows * columns) ** 0.5 / (head.spacing[axis] * stride))
    return near if near >= NEAREST else 0.0
