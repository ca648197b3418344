# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Declare every entry of a report once, with its unit and meaning.

``docs/schema/report.json`` and the tables of ``docs/concepts/report.md`` are generated from this file by
``python -m benchmarks.report_page``. "Relative" is relative to the intensity scale: the object is in about ``[0, 1]``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from .records import Record, entry

__all__ = ["FORMAT", "Method", "PriorName", "Report", "WrittenRecord"]  # and the records that a report holds

FORMAT: Literal[1] = 1  # of the report; raised where an entry changes its meaning or goes

Method = Literal["amortised", "plug_and_play", "coordinates"]
PriorName = Literal["cohort", "general", "none"]


@dataclass(frozen=True, kw_only=True)
class Profiled(Record):
    """How the scanner was taken to make large voxels of small ones."""

    kind: str = entry("acquisition profile, one of `RestoreOptions.profile`")
    ratio: float = entry("slice thickness over the step between slices", above=0)
    kspace_weight: float | None = entry(
        "weight of the result that assumes truncated k-space ([default profile](any_scan.md#default-profile))",
        "0 to 1", missing="left out", least=0, most=1,
    )  # fmt: skip
    through: str | None = entry("profile along the slice axis, where it was read from the scan", missing="left out")


@dataclass(frozen=True, kw_only=True)
class FitSettings(Record):
    """Settings of the method "coordinates"; see :class:`monai_strainer.fitting.FitOptions`."""

    steps: int = entry('of the method "coordinates" only: gradient steps at most')
    optimiser: str = entry('of "coordinates": "muon" or "adam"')
    freeze: int | str | None = entry('of "coordinates": layers that were kept, see `FitOptions`', missing="null")


@dataclass(frozen=True, kw_only=True)
class TrialResult(Record):
    """What a test on a few slices of the scan says of one prior."""

    risk: float = entry("estimated mean squared error on a few slices of this scan", "relative, squared")
    plain: float = entry("the same for the data (denoising) or for interpolation", "relative, squared")
    weight: float = entry("weight of the network in the mixture with interpolation; 1 is the network alone", "0 to 1")
    widen: float = entry("factor for the standard deviation, 1 or more", "factor")
    promised: float = entry("mean predicted variance of the network; 0 in super-resolution", "relative, squared")


@dataclass(frozen=True, kw_only=True)
class Adaptation(Record):
    """How the general network was adapted to the noise of the scan."""

    steps: int = entry("gradient steps")
    risk_before: float = entry("estimated mean squared error before", "relative, squared")
    risk_after: float = entry("estimated mean squared error after", "relative, squared")
    kept: bool = entry("true if the adapted network was used")


@dataclass(frozen=True, kw_only=True)
class ChosenPrior(Record):
    """Which prior restored the scan, and why."""

    prior: PriorName = entry('"cohort", "general", or "none" (no detail network)')
    why: str = entry("the reason in words")
    trials: dict[PriorName, TrialResult] = entry("tests of the priors on this scan")
    adaptation: Adaptation | None = entry("adaptation to this scan; `null` if there was none", missing="null")


@dataclass(frozen=True, kw_only=True)
class NoiseReading(Record):
    """Where the noise level comes from."""

    estimated: bool | None = entry("false if you gave the noise level", missing="left out")
    is_white: bool | None = entry("false if neighbouring voxels share noise", missing="left out")
    std: float | None = entry("standard error of the estimate", "scan units", missing="left out")
    source: str | None = entry(
        'estimator: "network", "network and wavelet", "blocks" (of JPEG); without a general prior "head" or "air"',
        missing="left out",
    )
    network: float | None = entry("the estimate of the network", "scan units", missing="left out")
    wavelet: float | None = entry("the estimate from wavelet coefficients", "scan units", missing="left out")
    filter_width: float | None = entry(
        "width at half maximum of an in-plane filter, undone first and applied last", "voxels", missing="left out"
    )
    uneven: bool | None = entry("true if a noise map was estimated", missing="left out")
    range: tuple[float, float] | None = entry("5 and 95 % of the noise map", "scan units", missing="left out")
    noisy_slices: tuple[int, ...] | None = entry("slices, from 1, whose noise is read apart", missing="left out")


@dataclass(frozen=True, kw_only=True)
class Noise(Record):
    """The noise that was removed."""

    model: str = entry("name of the noise model: one of `RestoreOptions.noise`, or your own class")
    sigma: float = entry(
        "noise standard deviation that was used, on the acquired grid; root mean square of a map", "scan units"
    )
    relative: float = entry("the same over the intensity scale", "relative")
    reading: NoiseReading = entry("where it comes from", flat=True)


@dataclass(frozen=True, kw_only=True)
class Intensity(Record):
    """How intensities of the scan and of the networks correspond."""

    percentile: float = entry("this percentile of the foreground is the intensity scale", "%")
    scale: float = entry("the intensity scale", "scan units")
    signed: bool = entry("true if values below zero are part of the data; the noise is then Gaussian")


@dataclass(frozen=True, kw_only=True)
class AcquiredGrid(Record):
    """The grid that was measured."""

    sizes: tuple[int, int, int] = entry("acquired matrix size per array axis", "voxels")
    zero_filled_axes: tuple[int, ...] = entry(
        "array axes that were zero-filled; they are restored on the acquired grid"
    )


@dataclass(frozen=True, kw_only=True)
class Risk(Record):
    """Estimated error of a denoised image."""

    kind: str = entry("name of the estimator")
    rmse: float = entry(
        "root mean square error over the object before lesions are given back; at least its uncertainty", "scan units"
    )
    rmse_of_input: float = entry("that of the input: the noise level over the object", "scan units")
    network_weight: float = entry("mean weight of the network in the result; the rest is the data", "0 to 1")
    set_aside: float = entry("fraction of the object with a weight below 0.9", "fraction")


@dataclass(frozen=True)
class DataAgreement(Record):
    """How a result agrees with the data."""

    residual: float = entry("root mean square of `y - A x` in the object", "noise levels")
    whiteness: float = entry("correlation between neighbours of that residual", "-1 to 1")
    undetermined: float = entry("fraction of the energy of the result that the data do not determine", "fraction")


@dataclass(frozen=True, kw_only=True)
class TissueVolumes(Record):
    """Volumes of three classes of intensity."""

    dark: float = entry("volume of the dark class of intensity", "ml", least=0)
    middle: float = entry("volume of the middle class", "ml", least=0)
    bright: float = entry("volume of the bright class", "ml", least=0)


@dataclass(frozen=True, kw_only=True)
class QualityFigures(Record):
    """Image quality of one image, without truth."""

    efc: float | None = entry(
        "entropy focus criterion over its maximum; noise, ghosts, blurring raise it",
        "0 to 1",
        missing="left out",
        least=0,
    )
    fwhm_mm: float | None = entry(
        "smoothness: full width at half maximum; denoising and blurring raise it", "mm", missing="left out", least=0
    )
    fwhm_axes_mm: tuple[float | None, float | None, float | None] | None = entry(
        "the same per array axis; `null` where it cannot be measured", "mm", missing="left out"
    )
    cnr: float | None = entry(
        "contrast-to-noise ratio of the middle and the bright class; higher is better", missing="left out", least=0
    )
    cjv: float | None = entry(
        "coefficient of joint variation of the two classes; lower is better", missing="left out", least=0
    )
    volumes_ml: TissueVolumes | None = entry("volumes of the classes", "ml", missing="left out")


@dataclass(frozen=True, kw_only=True)
class QualityBeforeAfter(Record):
    """Image quality of the scan and of the result; both have the same figures."""

    before: QualityFigures = entry("of the scan")
    after: QualityFigures = entry("of the result")


@dataclass(frozen=True)
class Similarity(Record):
    """Four scores of a head beside those of a cohort."""

    distance: float = entry("Mahalanobis distance of the solved readouts from those of the cohort, per weight")
    misfit: float = entry("root mean square residual of the solved readouts", "relative")
    agreement: float = entry("correlation with the mean head of the cohort", "-1 to 1")
    largest: float = entry("largest local residual", "usual residuals")


@dataclass(frozen=True)
class Unusual(Record):
    """How far each score lies on the wrong side of those of unseen heads."""

    distance: float = entry("how much greater than in unseen heads", "robust standard deviations")
    misfit: float = entry("how much greater", "robust standard deviations")
    agreement: float = entry("how much lower", "robust standard deviations")
    largest: float = entry("how much greater", "robust standard deviations")


@dataclass(frozen=True, kw_only=True)
class CohortFit(Record):
    """Where a whole head lies in the cohort's coordinates, and whether it is like the cohort."""

    turn: tuple[tuple[float, float, float, float], ...] = entry(
        "affine (3 x 4) of head coordinates that aligns the head with the cohort"
    )
    similarity: Similarity | None = entry("scores of the head", missing="left out")
    unusual: Unusual | None = entry(
        "how far each score lies on the wrong side of unseen heads; above 4 is out of distribution", missing="left out"
    )


@dataclass(frozen=True, kw_only=True)
class PassReport(Record):
    """One pass over the scan."""

    slice_axes: tuple[int, ...] = entry("array axes along which slices are taken; the results are averaged")
    factors: tuple[float, float, float] = entry("factor per array axis")
    method: Method = entry("as above")
    undetermined: float = entry("fraction of the error variance that the data leave open; 1 in denoising", "fraction")
    error_std: tuple[float, ...] = entry(
        'root mean square of the standard deviation, per slice axis; of "coordinates": per slice', "relative"
    )
    error_length: tuple[float, ...] | None = entry(
        'of "coordinates": correlation length of that error, per slice', "measured voxels", missing="left out"
    )
    best_step: tuple[int, ...] | None = entry(
        'of "coordinates": step used, per slice; 0 is the solved readout, -1 no network', missing="left out"
    )
    held_out_rmse: tuple[float, ...] | None = entry(
        'of "coordinates": root mean square error on held-out measurements, per slice', "relative", missing="left out"
    )
    curve: tuple[tuple[float, float], ...] | None = entry(
        'of "coordinates": pairs of step and mean held-out error', "relative, squared", missing="left out"
    )


@dataclass(frozen=True, kw_only=True)
class Report(Record):
    """All that is known of one restoration."""

    format: Literal[1] = entry("1: the schema of these entries, `docs/schema/report.json`")
    made_by: str = entry("package and version")
    task: Literal["denoising", "super-resolution"] = entry('"denoising" or "super-resolution"')
    profile: Profiled | None = entry("acquisition profile; `null` for an operator of your own", missing="null")
    method: Method = entry('"amortised", "plug_and_play" or "coordinates"')
    scale: tuple[float, float, float] = entry("factor per array axis", least=1)
    seed: int = entry("seed of all random draws")
    keep_lesions: bool = entry(
        "true if more of small lesions was to be given back than usual ([small lesions](any_scan.md#small-lesions))"
    )
    fit: FitSettings | None = entry("settings of a fit", missing="left out", flat=True)
    prior_sha256: str = entry("hash of the coordinate network")
    prior: str = entry('kind of the prior that was passed: "cohort", "meta", "noise" or "general"')
    detail_sha256: str = entry("hash of the detail network that was used")
    choice: ChosenPrior = entry("which prior was used")
    noise: Noise = entry("noise")
    intensity: Intensity = entry("intensity scale")
    acquired: AcquiredGrid = entry("acquired grid")
    risk: Risk | None = entry('estimated error, of denoising by "amortised"; otherwise empty', missing="empty")
    data: DataAgreement = entry("agreement with the data")
    quality: QualityBeforeAfter = entry("image quality before and after")
    cohort: CohortFit | None = entry("the head beside a cohort; empty for slabs and signed data", missing="empty")
    passes: tuple[PassReport, ...] = entry("one record per pass")
    median_std: float = entry("median of the standard deviation over the object", "scan units")
    notes: tuple[str, ...] = entry("decisions in words: sign, padding, zero-filling, plug-and-play")
    warnings: tuple[str, ...] = entry("what to check before use, in words")
    use: str = entry('"research use only; not for diagnosis"')

    def after(self, *warnings: str) -> Report:
        """Return the report with warnings in front of its own."""
        return replace(self, warnings=(*warnings, *self.warnings))


@dataclass(frozen=True, kw_only=True)
class WrittenRecord(Record):
    """What the JSON record beside an image adds; see :func:`monai_strainer.storage.provenance.record`."""

    created: str = entry("time in UTC; `SOURCE_DATE_EPOCH` sets it")
    versions: dict[str, str | None] = entry("of Python, monai_strainer, torch, numpy and nibabel")
    input: dict[str, str | None] | None = entry("base name and SHA-256 of the input", missing="null")
    outputs: dict[str, str] = entry("base name and SHA-256 of every file that was written")
    configuration: dict[str, Any] = entry("all options, and the hashes of the priors")
    volumes: tuple[dict[str, Any], ...] | None = entry("of 4-D files: the report of each volume", missing="left out")
    source_sha256: str | None = entry("of many scans: hash of the input file or folder", missing="left out")
