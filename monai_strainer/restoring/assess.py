# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Assess a restored scan without truth, mix in the data where it errs, and return it on the grid that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..anatomy.label_map import is_label_map
from ..volume import Volume
from .background import nearest
from .data_fit import data_fit
from .given_back import give_back
from .masking import as_measured_outside
from .method import TRAINED
from .noise_level import LEAST
from .outside_band import outside_band
from .pass_context import PassContext, operator_between, slices_with_noise
from .passes import Passed
from .prepare import Prepared
from .report import DataAgreement, Risk
from .risk import check_risk
from .single_voxels import interpolated

__all__ = ["Assessed", "assess"]

_AGREE, _MOST = 1.25, 2.0  # ratio of two estimates of the noise level that is not remarked on, and that is used at most
_FILTERED = 1.4  # ratio of the same estimates from which noise that is not white is taken to be in the result
_FAINT = 4.0  # standard deviations of the noise up to which residuals of a magnitude are skewed: nothing is given back
_SET_ASIDE = 0.8  # mean weight of the network below which the report warns


@dataclass(frozen=True, eq=False)
class Assessed:
    """A result and what is known of it.

    Args:
        volume: on the grid that was asked for.
        std: (X, Y, Z) in the scan's units.
        risk: what the estimate of the error says; None where there is no estimate.
        data: how the result agrees with the data.
        median_std: over the object, in the scan's units.
        warnings: to the user.
        network_weight: (X, Y, Z) of the network in the result, 0 to 1; None where there is no estimate.
        relative_error: (X, Y, Z) estimated error of a neighbourhood over that of the scan; None likewise.
    """

    volume: Volume
    std: NDArray[np.float32]
    risk: Risk | None
    data: DataAgreement
    median_std: float
    warnings: tuple[str, ...]
    network_weight: NDArray[np.float32] | None = None
    relative_error: NDArray[np.float32] | None = None


def assess(
    scan: Volume, ready: Prepared, done: Passed, axis: int, context: PassContext, keep_lesions: bool = False
) -> Assessed:
    """Estimate the risk of a result, mix it with the data where that lowers it, and widen its deviation.

    Args:
        scan: what the scanner gave.
        ready: the scan, prepared.
        done: the result of all passes.
        axis: of the first pass.
        context: of the passes.
        keep_lesions: see :class:`monai_strainer.RestoreOptions`.
    """
    warnings: list[str] = []
    risk: Risk | None = None
    volume, std = done.volume, done.std
    maps: list[NDArray[np.float32]] = []
    if done.divergence is not None:
        volume, std, risk, maps = _with_risk(ready, done, context, keep_lesions)
        if risk.network_weight < _SET_ASIDE and ready.level.readable:
            warnings.append(
                f"the network removed more than noise: it was set aside by {100 * (1 - risk.network_weight):.0f} % "
                "where the estimated error asked for it"
            )
    elif keep_lesions:
        warnings.append("keep_lesions is for denoising by the detail network: nothing more was given back")
    data, held = _support(ready, volume, done, axis, context)
    warnings += _about_level(scan, ready, held)
    std, wider = _widened(ready, std, max(done.reports[0].factors))
    warnings += wider
    image, deviation = _on_wanted_grid(scan, ready, volume.data, std)
    maps = [ready.acquired.deviation_on_wanted_grid(one) for one in maps]
    inside = nearest(ready.inside, image.shape)
    middle = float(np.median(deviation[inside])) if inside.any() else 0.0
    if ready.background is not None:
        image, deviation = ready.background.keep(image), ready.background.keep(deviation, 0.0)
    if ready.mask is not None:
        image, deviation = as_measured_outside(
            scan.data, ready.mask, image, deviation, ready.level.relative * ready.intensity_scale
        )
    result = Volume(np.ascontiguousarray(image), ready.acquired.wanted, scan.source, scan.slice_axis)
    deviation = np.ascontiguousarray(deviation, np.float32)
    return Assessed(result, deviation, risk, data, middle, tuple(warnings), *maps)


def _about_level(scan: Volume, ready: Prepared, held: list[str]) -> list[str]:
    """Warn where a noise level cannot be right, or is more than the networks know; else of what the data say."""
    if is_label_map(scan.data):
        return [
            "the values look like those of a mask or a label map, which is no scan: what is between labels means "
            "nothing; --labels takes a label map to the grid of a restored scan"
        ]
    if not ready.level.readable:
        held = [
            "no noise level can be read off this scan (coarse, smoothed or compressed values); give it with --sigma"
        ]
    if ready.level.relative > TRAINED.rician * 1.1:
        held = [
            *held,
            f"the noise is {100 * ready.level.relative:.0f} % of the object's intensity, more than the networks were "
            f"trained on ({100 * TRAINED.rician:.0f} %)",
        ]
    return held


def _on_wanted_grid(
    scan: Volume, ready: Prepared, data: NDArray[np.float32], std: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return an image and its deviation on the grid that was asked for, with all that was not restored added."""
    image = ready.acquired.on_wanted_grid(data, not ready.signed)
    deviation = ready.acquired.deviation_on_wanted_grid(std)
    as_restored = scan.data if ready.background is None or ready.signed else ready.background.keep(scan.data, 0.0)
    sigma = 0.0 if ready.signed else ready.level.relative * ready.intensity_scale
    inside = nearest(ready.inside, image.shape)
    outside = outside_band(replace(scan, data=as_restored), ready.acquired, inside, sigma)
    if outside is not None:
        image = image + outside.image
        deviation = np.sqrt(np.square(deviation) + outside.variance)
    if ready.single is not None:
        back = interpolated(ready.single, image.shape)
        image = image + back
        deviation = np.hypot(deviation, back)  # whether they are anatomy is not known
    return image if ready.signed else np.maximum(image, 0), deviation


def _widened(ready: Prepared, std: NDArray[np.float32], factor: float) -> tuple[NDArray[np.float32], list[str]]:
    """Widen the deviation by noise that is not white or not sure, and return it with the warnings."""
    warnings: list[str] = []
    kept = _kept_noise(ready, factor)
    if kept > 0:
        std = np.hypot(std, np.float32(kept))
        warnings.append(
            "neighbouring voxels share noise (filtered or interpolated): most of it is kept, and the standard "
            "deviations include it"
        )
    elif ready.level.reading.is_white is False and not ready.acquired.filled and ready.acquired.filter is None:
        warnings.append("neighbouring voxels share noise (filtered or interpolated): bars may be too narrow")
    ratio = _disagreement(ready)
    if ratio > 1:
        std = std * np.float32(ratio)
        warnings.append(
            f"zero-filled: two estimates of the noise level differ by a factor of {ratio:.1f}, and the standard "
            "deviations are increased by it; give the noise level if you know it"
        )
    return std, warnings


def _disagreement(ready: Prepared) -> float:
    """How many times more noise the wavelet reads in a zero-filled scan than is taken off, up to ``_MOST``; else 1."""
    level, wavelet = ready.level.relative * ready.intensity_scale, ready.level.reading.wavelet
    if not (ready.acquired.filled and level and wavelet):
        return 1.0
    ratio = wavelet / level
    return min(ratio, _MOST) if ratio > _AGREE else 1.0


def _kept_noise(ready: Prepared, factor: float) -> float:
    """Return the level of noise that is not white and that denoising takes for anatomy, in the scan's units; else 0.

    The network reads white noise, and that level is taken off; the wavelet reads filtered noise too.
    """
    reading = ready.level.reading
    wavelet, level = reading.wavelet or 0.0, ready.level.relative * ready.intensity_scale
    if reading.is_white is not False or ready.acquired.filled or factor > 1:
        return 0.0
    return wavelet if wavelet > max(_FILTERED * level, LEAST * ready.intensity_scale) else 0.0


def _with_risk(
    ready: Prepared, done: Passed, context: PassContext, keep_lesions: bool
) -> tuple[Volume, NDArray[np.float32], Risk, list[NDArray[np.float32]]]:
    """Mix a result with the data; return it, its deviation, the risk, and the maps of weight and relative error."""
    axis = ready.acquired.volume.slice_axis
    clean, variance = _without_bias(ready, axis, context)

    def stack(data: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(np.moveaxis(data, axis, 0))

    assert done.divergence is not None
    unit = np.float32(context.intensity_scale)
    found = check_risk(
        stack(done.volume.data / unit),
        stack(done.std / unit),
        clean,
        variance,
        stack(done.divergence),
        stack(ready.inside),
    )
    restored, std = found.image, found.std
    spacing = [ready.acquired.volume.grid.spacing[k] for k in (axis, *(k for k in range(3) if k != axis))]
    bright = ready.signed | (np.square(restored) > _FAINT**2 * variance)
    restored, std = give_back(restored, std, clean, variance, stack(ready.inside) & bright, spacing, more=keep_lesions)
    image = np.moveaxis(restored, 0, axis) * unit
    if not ready.signed:
        np.maximum(image, 0, out=image)
    inside = stack(ready.inside)
    weight = float(found.weight[inside].mean()) if inside.any() else 1.0
    risk = Risk(
        kind="Stein's unbiased risk estimate",
        rmse=max(found.risk, _uncertainty_of_risk(ready, found.input_risk, int(inside.sum()))) ** 0.5 * float(unit),
        rmse_of_input=found.input_risk**0.5 * float(unit),
        network_weight=weight,
        set_aside=float((found.weight[inside] < 0.9).mean()) if inside.any() else 0.0,
    )
    volume = Volume(np.ascontiguousarray(image), done.volume.grid, done.volume.source, done.volume.slice_axis)
    maps = [np.moveaxis(one, 0, axis) for one in (found.weight, found.relative_error)]
    return volume, np.moveaxis(std, 0, axis) * unit, risk, maps


def _without_bias(ready: Prepared, axis: int, context: PassContext) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the data without the bias of their noise, and its variance, both (S, H, W)."""
    y, noise = slices_with_noise(ready.acquired.volume, axis, context, ready.level.level)
    return noise.debias(y).cpu().numpy(), noise.sigma.square().expand(y.shape).cpu().numpy()


def _uncertainty_of_risk(ready: Prepared, variance: float, voxels: int) -> float:
    """Return the standard error of an estimated risk: its voxels are finite, and the noise level is an estimate.

    The risk of an image is what it changed minus ``sigma^2``, about; an error of ``sigma`` counts twice.
    """
    level = ready.level.relative * ready.intensity_scale
    relative = (ready.level.reading.std or 0.0) / level if level > 0 else 0.0
    return variance * float(np.hypot(2 * min(relative, 0.5), (2 / max(voxels, 1)) ** 0.5))


def _support(
    ready: Prepared, out: Volume, done: Passed, axis: int, context: PassContext
) -> tuple[DataAgreement, list[str]]:
    """How the result agrees with the data, slice by slice along an axis, or with the operator of all axes."""
    along = None if done.whole is not None else axis
    y, noise = slices_with_noise(ready.acquired.volume, along, context, ready.level.level)
    x, _ = slices_with_noise(out, along, context, 0.0)
    whole = done.whole
    if whole is None:
        whole = operator_between(out.grid, ready.acquired.volume.grid, context.operator, context.filled, axis)
    found = data_fit(whole.cpu(), x.cpu(), y.cpu(), noise.cpu())
    return found, found.warnings()
