# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw measured patches of any scan: what a general detail prior and the noise level network learn from."""

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
from ..physics import AcquisitionDistribution
from .contrasts import bias_field, intensity_curve
from .source import Source

__all__ = ["NEAREST", "CleanPatch", "VariedPatches", "clean_patch"]

UNEVEN = 0.3  # fraction of pure noise groups whose level varies over the patch, as under parallel imaging
NEAREST = 0.1  # spacing ratio below which neighbours are hidden
FRACTIONS = {"scan": 0.7, "labels": 0.15, "photograph": 0.15}


@dataclass(frozen=True)
class CleanPatch:
    """A patch before it is measured.

    Args:
        patch: (slices, side, side).
        spacing_ratio: in-plane spacing over the step between slices; 0 where the neighbours are hidden.
        gain: by how much a small change of intensity was multiplied, on average.
    """

    patch: NDArray[np.float32]
    spacing_ratio: float
    gain: float


def clean_patch(source: Source, side: int, slices: int, stride: int, rng: np.random.Generator) -> CleanPatch:
    """Slices of a random position, plane and orientation, with a random contrast and bias field.

    Args:
        source: where to cut.
        side: of the patch, in voxels.
        slices: number of neighbouring slices, the one to restore in the middle.
        stride: slices between two of them; 0 hides the neighbours.
        rng: of the draw.
    """
    axis = int(rng.choice(source.axes))
    rows, columns = (k for k in range(3) if k != axis)
    shape, reach = source.data.shape, slices // 2
    size = (min(side, shape[rows]), min(side, shape[columns]))
    window: list[Any] = [slice(None)] * 3
    anything = rng.random() < 0.08  # air and edges too
    for _ in range(20):
        level = int(rng.integers(shape[axis]))
        r, c = int(rng.integers(shape[rows] - size[0] + 1)), int(rng.integers(shape[columns] - size[1] + 1))
        window[axis], window[rows], window[columns] = level, slice(r, r + size[0]), slice(c, c + size[1])
        if anything or (source.data[tuple(window)] > 0.1).mean() > 0.3:
            break
    window[axis] = np.clip(level + max(stride, 1) * np.arange(-reach, reach + 1), 0, shape[axis] - 1)
    patch = np.moveaxis(source.data[tuple(window)], axis, 0).astype(np.float32)
    patch = np.pad(patch, ((0, 0), (0, side - size[0]), (0, side - size[1])), mode="reflect")
    before = patch
    patch = intensity_curve(patch, rng)
    slope = _slope(before, patch)
    if rng.random() < 0.4:
        patch = patch * bias_field((1, side, side), rng, float(rng.uniform(0, 0.5)))
    plane = (source.spacing[rows] * source.spacing[columns]) ** 0.5
    spacing_ratio = 0.0 if stride == 0 or shape[axis] == 1 else min(1.0, plane / (source.spacing[axis] * stride))
    flips = int(rng.integers(16))
    patch = patch[:, ::-1] if flips & 1 else patch
    patch = patch[:, :, ::-1] if flips & 2 else patch
    patch = patch.transpose(0, 2, 1) if flips & 4 else patch
    patch = patch[::-1] if flips & 8 else patch
    gain = np.float32(np.exp(rng.uniform(-0.5, 0.5)))
    return CleanPatch(patch * gain, spacing_ratio, float(slope * gain))


def _slope(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Root mean square of the finest differences after a change of contrast, over those before it."""
    a, b = (np.diff(np.diff(image[0], axis=0), axis=1) for image in (before, after))
    return float(np.sqrt((b**2).mean() / max(float((a**2).mean()), 1e-12)))


class VariedPatches(Dataset[dict[str, Tensor]]):
    """Group ``i``: a few patches of random sources under one measurement drawn at random.

    Args:
        sources: from :mod:`monai_strainer.cohorts.sources`.
        length: number of groups.
        patches: of a group.
        side: of a patch, in voxels; a multiple of 8.
        slices: that the network sees.
        single: fraction of groups without neighbouring slices.
        seed: of the draws.
        measurements: what is drawn.

    Returns:
        per group ``image`` (P, slices + 2, side, side), ``conditions`` (P, K), ``label`` (P, 1, side, side) and
        ``coords`` (P, 0).
    """

    def __init__(
        self,
        sources: Sequence[Source],
        length: int,
        *,
        patches: int = 4,
        side: int = 80,
        slices: int = 5,
        single: float = 0.25,
        seed: int = 0,
        measurements: AcquisitionDistribution | None = None,
    ) -> None:
        if not sources:
            raise InputError("there is nothing to learn from", "pass at least one scan")
        self.kinds = {kind: [s for s in sources if s.kind == kind] for kind in FRACTIONS}
        present = [kind for kind in FRACTIONS if self.kinds[kind]]
        total = sum(FRACTIONS[kind] for kind in present)
        self.fractions = [(kind, FRACTIONS[kind] / total) for kind in present]
        self.length, self.patches, self.side, self.slices = length, patches, side, slices
        self.single, self.seed = single, seed
        self.measurements = AcquisitionDistribution() if measurements is None else measurements

    def __len__(self) -> int:
        return self.length

    def clean_of(self, rng: np.random.Generator, stride: int) -> tuple[Source, CleanPatch]:
        """Draw a random source and a patch of it.

        Args:
            rng: of the draw.
            stride: slices from one neighbour to the next; 0 has none.

        Returns:
            the source, and the patch before it is measured.
        """
        names, fractions = zip(*self.fractions)
        pool = self.kinds[str(rng.choice(names, p=fractions))]
        source = pool[int(rng.integers(len(pool)))]
        return source, clean_patch(source, self.side, self.slices, stride, rng)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        if not 0 <= i < self.length:
            raise IndexError(i)
        rng = np.random.default_rng((self.seed, i))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        operator, noise = self.measurements.draw(self.side, rng)
        stride = 0 if rng.random() < self.single else 1 if rng.random() < 0.85 else 2
        drawn = [self.clean_of(rng, stride)[1] for _ in range(self.patches)]
        clean = torch.stack([torch.from_numpy(np.ascontiguousarray(d.patch)) for d in drawn])  # (P, slices, side, side)
        kind, level = type(noise), noise.sigma
        if operator.is_identity and rng.random() < UNEVEN:
            field = bias_field((self.side, self.side), rng, float(rng.uniform(0.1, 0.5)))
            level = level * torch.from_numpy(field)
        y = kind(level).sample(operator.A(clean), generator)
        slices, fraction = interpolate(operator, y)
        middle, known = self.slices // 2, level * float(rng.uniform(0.95, 1.05))  # as known in practice
        numbers = []
        for k, d in enumerate(drawn):
            near = d.spacing_ratio if d.spacing_ratio >= NEAREST else 0.0
            if near == 0.0:
                hide_neighbours(slices[k])
            numbers.append(describe_acquisition(operator, kind(known), near))
        shown = assemble_inputs(slices, fraction, kind(known).sigma, numbers[0])
        return {
            "image": shown.image,
            "conditions": torch.stack(numbers),
            "coords": torch.zeros(self.patches, 0),
            "label": clean[:, middle : middle + 1],
        }
