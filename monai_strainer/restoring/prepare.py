# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Prepare a scan: background, sign, acquired grid, intensity scale, noise level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..anatomy.foreground import foreground, intensity_scale_of
from ..physics import GaussianNoise, NoiseModel, Profile
from ..priors.prior import Prior
from ..volume import Volume
from .background import Background, constant_background, is_signed, nearest
from .masking import checked_mask
from .noise_level import NoiseLevel, given_level
from .options import RestoreOptions
from .scan_noise import BLOCKS, NoiseReader
from .single_voxels import single_voxels
from .zero_filling import Acquired, find_acquired, is_measured_further, noise_on_acquired_grid

__all__ = ["Prepared", "prepare"]

_ENOUGH = 0.01  # noise, of the intensity scale, above which it shows a part of k-space: anatomy has less there
_HALF_MEASURED = (
    "k-space looks measured further on one side (partial Fourier): the scan is refined from its own grid, not from the "
    "smaller one that is measured on both sides"
)
_REPEATED = "every voxel is repeated (nearest-neighbour interpolation)"
_SINGLE = "single voxels differ from all around them: they are interpolated, not restored"
_COMPRESSED = (
    "blocks of 8 x 8 voxels: the scan was compressed with loss (as JPEG), and the errors of that are taken as its noise"
)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A scan ready to be restored.

    Args:
        acquired: the scan on its acquired grid, and the factors from there.
        background: exact values that are kept.
        signed: whether values below zero are meant.
        inside: (X, Y, Z) where the object is, on the acquired grid; only the part in the mask, if there is one.
        whole: (X, Y, Z) where all of the object is.
        mask: (X, Y, Z) what is restored, on the scan's grid; None restores all of it.
        intensity_scale: intensity that stands for 1.
        noise: kind of noise.
        level: of the noise, relative to ``intensity_scale``.
        notes: what was decided, in plain words.
        single: (X, Y, Z) what single voxels of the scan have more than their neighbours, and ``acquired`` is without;
            None where there are none, or they are restored with the others.
    """

    acquired: Acquired
    background: Background | None
    signed: bool
    inside: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    mask: NDArray[np.bool_] | None
    intensity_scale: float
    noise: type[NoiseModel]
    level: NoiseLevel
    notes: tuple[str, ...]
    single: NDArray[np.float32] | None = None


def prepare(
    scan: Volume,
    prior: Prior,
    factors: tuple[float, float, float],
    options: RestoreOptions,
    find_reconstruction: bool,
    find_filters: bool = True,
) -> Prepared:
    """Decide all that does not depend on the method.

    Args:
        scan: what the scanner gave.
        prior: to restore it with.
        factors: per array axis.
        options: noise level, kind of noise and mask, as they were asked for.
        find_reconstruction: whether to look for what was done after the acquisition: zero-filling, and, where the
            noise level is read off the scan, empty corners of k-space, blocks of a lossy compression or, in a scan to
            denoise, a filter in the plane.
        find_filters: False looks for zero-filling alone.

    Raises:
        InputError: a noise map or a mask of another shape, a mask of nothing, or nothing in the scan is an image.
    """
    sigma, mask, background = options.given_sigma, checked_mask(options.mask, scan), constant_background(scan.data)
    given, signed, noise, notes = _with_sign(scan, background, options.noise_kind)
    signal = None if signed else foreground(given.data)
    single = None
    if max(factors) > 1 and isinstance(options.build, Profile):
        single = single_voxels(given, _inside(given, background, signed) if signal is None else signal)
    if single is not None:
        given = replace(given, data=given.data - single)
        signal = None if signed else foreground(given.data)
        notes.append(f"{np.count_nonzero(single)} {_SINGLE}")
    acquired = find_acquired(given, factors, signal, find_reconstruction and (sigma is None or np.ndim(sigma) == 0))
    notes += _reconstructed(acquired, scan.grid.shape)
    low = acquired.volume
    whole = signal if signal is not None and low is given else _inside(low, background, signed)
    inside = whole if mask is None else nearest(mask, low.grid.shape)
    intensity_scale = _scale_of(low, inside, signed, prior.percentile)
    if sigma is None:
        reader = NoiseReader(prior.general, noise, intensity_scale, inside)
        acquired, level = reader.whitened(acquired, not signed, options.seed, find_reconstruction and find_filters)
        notes += [] if acquired.filter is None else [acquired.filter.note]
        notes += [_COMPRESSED] if level.reading.source == BLOCKS else []
        if level.reading.noisy_slices:
            listed = ", ".join(map(str, level.reading.noisy_slices))
            notes.append(
                f"slices with far more noise than those around them, restored with a level of their own: {listed}"
            )
    elif np.ndim(sigma) == 0 and acquired.filled:
        level = given_level(low, noise_on_acquired_grid(given, acquired, float(sigma)), noise, intensity_scale, inside)
    else:
        level = given_level(low, sigma, noise, intensity_scale, inside)
    if acquired.filled and max(factors) > 1 and signal is not None:
        absolute, is_quiet = level.relative * intensity_scale, level.relative <= _ENOUGH
        if is_measured_further(given, acquired, signal, absolute, is_quiet):
            whole_grid = prepare(scan, prior, factors, options, find_reconstruction=False)
            return replace(whole_grid, notes=(*whole_grid.notes, _HALF_MEASURED))
    return Prepared(
        acquired, background, signed, inside, whole, mask, intensity_scale, noise, level, tuple(notes), single
    )


def _with_sign(
    scan: Volume, background: Background | None, noise: type[NoiseModel]
) -> tuple[Volume, bool, type[NoiseModel], list[str]]:
    """Return the scan without padding, whether values below zero are meant, the kind of its noise, and notes."""
    if is_signed(scan.data, background):
        if not noise.is_magnitude:
            return scan, True, noise, []
        words = "values below zero: the scan is no magnitude, its signs are kept and its noise is taken as Gaussian"
        return scan, True, GaussianNoise, [words]
    if background is None or background.value >= 0:
        return scan, False, noise, []
    given = replace(scan, data=background.keep(scan.data, 0.0))
    return given, False, noise, [f"the padding value {background.value:g} is no signal"]


def _reconstructed(acquired: Acquired, shape: Sequence[int]) -> list[str]:
    """Say in words what was done to a scan of a shape after the acquisition: zero-filling and repeating."""
    notes = []
    if acquired.filled:
        sizes = ", ".join(f"{acquired.sizes[k]} of {shape[k]}" for k in acquired.filled)
        notes.append(f"zero-filled: {sizes} voxels were acquired; the scan is restored on the acquired grid")
    if max(acquired.repeats) > 1:
        times = ", ".join(f"{times} times along axis {k}" for k, times in enumerate(acquired.repeats) if times > 1)
        notes.append(f"{_REPEATED} {times}: the scan is restored from one of each")
    return notes


def _scale_of(low: Volume, inside: NDArray[np.bool_], signed: bool, percentile: float) -> float:
    """Return the intensity that stands for 1."""
    scale = float(np.percentile(np.abs(low.data[inside]), percentile)) if signed else 0.0
    return scale if scale > 0 else intensity_scale_of(low.data, inside, percentile)


def _inside(low: Volume, background: Background | None, signed: bool) -> NDArray[np.bool_]:
    """Where the object is: the foreground of a magnitude; all but the background of signed data."""
    if not signed:
        return foreground(low.data)
    if background is None:
        return np.ones(low.grid.shape, bool)
    inside = background.keep(np.ones(low.grid.shape, np.float32), 0.0) > 0
    return inside if inside.any() else np.ones(low.grid.shape, bool)
