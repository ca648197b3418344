# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read the noise of one scan: its level, and the filter that a scanner applied to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..networks.noise_level import NoiseLevelNet
from ..physics import NoiseModel
from ..priors.prior import GeneralPrior
from ..volume import Volume
from .compression import block_error
from .method import TRAINED
from .noise_filter import Found, find_filter
from .noise_level import NoiseLevel, estimated_level
from .removed_spectrum import removed, spectrum_fall
from .round_kspace import Found as Corners
from .round_kspace import find_round_kspace
from .zero_filling import Acquired, Shaping

__all__ = ["BLOCKS", "NoiseReader"]

BLOCKS = "blocks"  # the source of a level that stands for the errors of a lossy compression
_UNSURE = 0.3  # of the errors of a compression: their standard error


@dataclass(frozen=True, eq=False)
class NoiseReader:
    """Reads the noise of one scan with the networks of a general prior.

    Args:
        general: the prior; None reads the level by classical means alone, and finds no filter.
        kind: of the noise.
        intensity_scale: intensity that stands for 1.
        inside: (X, Y, Z) where the object is.
    """

    general: GeneralPrior | None
    kind: type[NoiseModel]
    intensity_scale: float
    inside: NDArray[np.bool_]

    def whitened(self, acquired: Acquired, magnitude: bool, seed: int, enabled: bool) -> tuple[Acquired, NoiseLevel]:
        """Return the scan with white noise, as far as it is known what the scanner did to it, and its level.

        Empty corners of k-space are looked for first, then blocks of a lossy compression; a filter only in a scan to
        denoise, on its own grid.

        Args:
            acquired: the scan on its acquired grid.
            magnitude: values are kept at 0 or above.
            seed: of the noise in the corners.
            enabled: False takes the noise as it is.
        """
        scan = acquired.volume
        found: tuple[Shaping, Volume, NoiseLevel] | None = None
        if enabled:
            found = self.corners_of(scan, magnitude, seed)
        level = self.level_of(scan, bool(acquired.filled)) if found is None else found[2]
        if enabled and found is None and not acquired.filled:
            compressed = self.with_blocks(scan, level)
            if compressed is not None:
                return acquired, compressed
            if max(acquired.factors) == 1:
                found = self.filter_of(scan, level, magnitude)
        if found is None:
            return acquired, level
        shaping, volume, level = found
        return replace(acquired, volume=volume, filter=shaping), level

    def level_of(self, scan: Volume, was_filled: bool) -> NoiseLevel:
        """Return the level of the noise of the scan.

        Args:
            scan: on its acquired grid.
            was_filled: whether axes were zero-filled before it was brought to that grid.
        """
        return estimated_level(scan, self._network, self.kind, self.intensity_scale, self.inside, was_filled)

    def with_blocks(self, scan: Volume, level: NoiseLevel) -> NoiseLevel | None:
        """Return the level of the errors of a lossy compression, where that is higher; None without blocks.

        Args:
            scan: on its own grid.
            level: of the noise that is left in it.
        """
        axis = scan.slice_axis
        error = block_error(scan.slices(axis), np.moveaxis(self.inside, axis, 0))
        if error is None:
            return None
        if error <= level.relative * self.intensity_scale:
            return level
        reading = replace(level.reading, std=_UNSURE * error, is_white=False, source=BLOCKS, uneven=False, range=None)
        return NoiseLevel(error / self.intensity_scale, reading=reading)

    def filter_of(self, scan: Volume, level: NoiseLevel, magnitude: bool) -> Found | None:
        """Return the filter that the noise passed, the scan without it and the level there; None where there is none.

        Args:
            scan: to denoise.
            level: of its noise.
            magnitude: values are kept at 0 or above.
        """
        return find_filter(scan, level, self, magnitude, TRAINED.rician)

    def corners_of(self, scan: Volume, magnitude: bool, seed: int) -> Corners | None:
        """Return the ellipse of k-space that was kept, the scan with full corners, and its level; None without one.

        Args:
            scan: to denoise.
            magnitude: values are kept at 0 or above.
            seed: of the noise in the corners.
        """

        def read(volume: Volume, there: NDArray[np.bool_]) -> NoiseLevel:
            return replace(self, inside=there).level_of(volume, was_filled=False)

        return find_round_kspace(scan, self.inside, self.intensity_scale, magnitude, read, seed)

    def level(self, volume: Volume, some: slice = slice(None)) -> NoiseLevel:
        """Return the level of a volume with some slices of the scan, read without small patches.

        Args:
            volume: to read.
            some: which slices of the scan it has.
        """
        axis = volume.slice_axis
        there = np.moveaxis(np.moveaxis(self.inside, axis, 0)[some], 0, axis)
        return estimated_level(volume, self._network, self.kind, self.intensity_scale, there, small_patches=False)

    def fall(self, scan: Volume, sigma: float) -> float:
        """Return how the spectrum of what the network takes off the scan falls; not a number without a network.

        Args:
            scan: to denoise.
            sigma: level of its noise, in the scan's units.
        """
        if self.general is None:
            return math.nan
        relative = self.kind(sigma / self.intensity_scale)
        return spectrum_fall(*removed(self.general.detail, scan, self.inside, self.intensity_scale, relative))

    @property
    def _network(self) -> NoiseLevelNet | None:
        return None if self.general is None else self.general.noise_level
