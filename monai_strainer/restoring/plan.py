# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Plan a restoration before any network restores: method, passes, noise, operator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from ..fitting import FitOptions
from ..physics import Operator, OperatorFactory, Profile
from ..priors.prior import Prior
from ..volume import Volume
from .method import choose_method, operator_of, profile_report
from .options import RestoreOptions
from .pass_context import operator_between
from .prepare import Prepared
from .profile_misfit import NOISY, profile_misfit, weight_with
from .report import Method, Profiled
from .truncation_reading import kspace_weight, rounded

__all__ = ["Pass", "Plan", "plan_passes", "plan_restoration"]

MANY_SLICES = 32
COMPARABLE = 1.5  # ratio of spacings up to which slices along all three axes are restored and averaged
FEWEST = 24  # slices that make an axis worth a pass
CONTIGUOUS = 0.05  # thickness over step, less one, below which slices touch each other


class Pass(NamedTuple):
    """One pass over a scan.

    Args:
        axes: array axes along which slices are taken; the results are averaged.
        factors: per array axis; a pass refines within its slices.
    """

    axes: tuple[int, ...]
    factors: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Plan:
    """What is done with a scan.

    Args:
        method: "amortised", "plug_and_play" or "coordinates".
        passes: one after the other.
        factors: of all passes together, per array axis of the acquired grid.
        build: builds ``A`` from the fine and the measured shape of a slice.
        is_trained: whether the networks were trained on operators and factors like these.
        kspace_weight: probability that the voxels are truncated k-space, as read from the scan; 0 where the profile
            is known. Above 0.5 ``build`` is truncated k-space.
        through: profile along the slice axis, where it is refined too and was read from the scan; None is ``build``.
        thickness: of slices in mm, where it is another than the step between them.
        fit: of the method "coordinates".
        noise: kind of noise.
        sigma: its level in the scan's units.
        notes: what was decided, in plain words.
        profile: what the report says of the operator.

    Example:
        >>> from monai_strainer.physics import Profile
        >>> print(Plan("amortised", (Pass((2,), (2.0, 2.0, 1.0)),), (2.0, 2.0, 1.0), Profile(), True))
        amortised: slices along axis 2, factors 2 x 2 x 1
    """

    method: Method
    passes: tuple[Pass, ...]
    factors: tuple[float, float, float]
    build: OperatorFactory
    is_trained: bool
    kspace_weight: float = 0.0
    through: Profile | None = None
    thickness: float | None = None
    fit: FitOptions | None = None
    noise: str = ""
    sigma: float = 0.0
    notes: tuple[str, ...] = ()
    profile: Profiled | None = None

    @property
    def other(self) -> tuple[Profile, float] | None:
        """The less probable profile and its weight; None where the profile is known, or sure."""
        weight = min(self.kspace_weight, 1 - self.kspace_weight)
        return (Profile("kspace" if self.kspace_weight <= 0.5 else "box"), weight) if weight > 0 else None

    def __str__(self) -> str:
        lines = []
        for one in self.passes:
            axes = " and ".join(str(axis) for axis in one.axes)
            factors = " x ".join(f"{factor:.4g}" for factor in one.factors)
            lines.append(f"{self.method}: slices along axis {axes}, factors {factors}")
        if self.noise:
            lines.append(f"noise: {self.noise}, standard deviation {self.sigma:.4g}")
        return "\n".join([*lines, *self.notes])


def plan_restoration(ready: Prepared, prior: Prior, options: RestoreOptions, thickness: float | None) -> Plan:
    """Choose the method and the passes.

    Args:
        ready: the scan, prepared.
        prior: to restore it with.
        options: as given.
        thickness: of the scan's slices in mm, as its header says.

    Raises:
        InputError: the method needs a detail network and the prior has none.
    """
    build = operator_of(options.build)
    is_profile = isinstance(build, Profile)
    if options.thickness is not None or is_profile:
        thickness = thickness if options.thickness is None else options.thickness
    else:
        thickness = None
    low, factors = ready.acquired.volume, ready.acquired.factors
    passes = plan_passes(low, factors)
    first = _first_operator(passes[0], ready, build)
    if max(factors) == 1 and not first.is_identity:  # it acts within the scan's slices, not in planes across them
        passes = (Pass((low.slice_axis,), factors),)
    method, is_trained = choose_method(options.method, prior, first, factors, ready.level.relative)
    in_plane = passes[0].axes == (low.slice_axis,) and max(factors) > 1
    is_open = options.profile == "auto" and options.operator is None and in_plane and method == "amortised"
    weight, through = None, None
    if is_open and prior.general is not None:
        weight = _weight_of_kspace(ready, prior, passes[0].factors)
        build = Profile("kspace") if weight > 0.5 else build
        if len(passes) > 1:
            through = _profile_through(ready, prior, weight, thickness)
    return Plan(
        method,
        passes,
        factors,
        build,
        is_trained,
        weight or 0.0,
        through,
        thickness,
        _fit_of(options, low) if method == "coordinates" else None,
        ready.noise.__name__,
        ready.level.relative * ready.intensity_scale,
        ready.notes,
        _with_reading(profile_report(build, thickness, low, factors), weight, through),
    )


def _weight_of_kspace(ready: Prepared, prior: Prior, factors: tuple[float, float, float]) -> float:
    """Read from the scan how probable truncated k-space is; where that is not sure, ask how both fit the data."""
    truncation = None if prior.general is None else prior.general.truncation
    weight = kspace_weight(ready.acquired.volume, truncation, ready.inside)
    cohorts = None if ready.signed or prior.record.get("kind") == "general" else prior.detail
    if cohorts is None or not 0 < weight < 1 or truncation is None or ready.level.relative > NOISY:
        return weight
    misfit = profile_misfit(cohorts, ready, factors)
    return weight if misfit is None else rounded(weight_with(weight, misfit, factors))


def _profile_through(ready: Prepared, prior: Prior, weight: float, thickness: float | None) -> Profile:
    """Read how the voxels were made along the slice axis: truncated k-space where all planes look like it, else a box.

    Slices that were excited one by one have a thickness, not a band limit. Only a scan of many slices with nearly equal
    spacing along all axes, and no gap between slices or overlap of them, may be a 3-D acquisition.
    """
    low, box = ready.acquired.volume, Profile("box")
    spacing, across = low.grid.spacing, low.slice_axis
    is_apart = thickness is not None and abs(thickness / float(spacing[across]) - 1) > CONTIGUOUS
    is_even = spacing.max() / spacing.min() <= COMPARABLE and min(low.grid.shape) >= FEWEST
    if weight <= 0.5 or is_apart or not is_even or prior.general is None:
        return box
    planes = (replace(low, slice_axis=axis) for axis in range(3) if axis != across)
    found = (kspace_weight(plane, prior.general.truncation, ready.inside) for plane in planes)
    return Profile("kspace") if all(one > 0.5 for one in found) else box


def _with_reading(profile: Profiled | None, weight: float | None, through: Profile | None) -> Profiled | None:
    """Return what the report says of a profile that was read from the scan."""
    if profile is None or weight is None:
        return profile
    return replace(profile, kspace_weight=weight, through=None if through is None else through.kind)


def _first_operator(one: Pass, ready: Prepared, build: OperatorFactory) -> Operator:
    low = ready.acquired.volume
    return operator_between(low.grid.refine(one.factors), low.grid, build, ready.acquired.filled, one.axes[0])


def _fit_of(options: RestoreOptions, low: Volume) -> FitOptions:
    """Options of a fit; fewer steps where there are many slices."""
    usual = 60 if low.grid.shape[low.slice_axis] <= MANY_SLICES else 20
    return replace(options.fit or FitOptions(), steps=usual if options.steps is None else options.steps)


def plan_passes(scan: Volume, factors: tuple[float, float, float]) -> tuple[Pass, ...]:
    """Plan the passes that reach the factors.

    A pass refines within its slices. What only takes noise away is done along all axes that are fit for it, and the
    results are averaged. When the step between slices is to be refined, it is seen in the planes that hold it, along
    both other axes.

    Args:
        scan: to restore.
        factors: per array axis, 1 or more.
    """
    across, shape, spacing = scan.slice_axis, scan.grid.shape, scan.grid.spacing
    if max(factors) == 1:
        fit = min(shape) >= FEWEST and spacing.max() / spacing.min() <= COMPARABLE
        others = tuple(k for k in range(3) if k != across) if fit else ()
        return (Pass((across, *others), factors),)
    out: list[Pass] = []
    within = [1.0 if k == across else f for k, f in enumerate(factors)]
    if max(within) > 1:
        out.append(Pass((across,), (within[0], within[1], within[2])))
    if factors[across] > 1:
        through = [factors[across] if k == across else 1.0 for k in range(3)]
        axes = tuple(k for k in range(3) if k != across and shape[k] > 1)
        out.append(Pass(axes, (through[0], through[1], through[2])))
    return tuple(out)
