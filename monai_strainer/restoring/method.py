# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose the method from the operator, and understand operators that are given as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from ..errors import InputError
from ..physics import AcquisitionDistribution, Operator, Profile, Separable
from ..priors.prior import Prior
from ..volume import Volume
from .report import Method, Profiled

__all__ = ["TRAINED", "FixedOperator", "choose_method", "operator_of", "profile_report", "thick_profile"]

TRAINED = AcquisitionDistribution()  # what the detail networks have seen


def choose_method(
    method: str, prior: Prior, first: Operator, factors: tuple[float, float, float], sigma: float
) -> tuple[Method, bool]:
    """Choose the method; return it, and whether the networks were trained on such operators.

    A network of a cohort serves up to the noise it was trained on; beyond, it is used as a denoiser between exact data
    steps. The general network is equivariant and has no such limit.

    Args:
        method: that was asked for.
        prior: to restore with.
        first: operator of the first pass.
        factors: per array axis.
        sigma: noise level, the object being about ``[0, 1]``.

    Raises:
        InputError: the method needs a detail network and the prior has none.
    """
    if method in ("amortised", "plug_and_play") and prior.detail is None:
        raise InputError("the prior has no detail prior", "pretrain with one, or use --method coordinates")
    known = isinstance(first, Separable) and all(  # a blur, missing lines: no step of training had an axis like that
        matrix is None or n > m for matrix, n, m in zip(first.matrices, first.shape_in, first.shape_out)
    )
    is_trained = known and max(factors) <= TRAINED.factor + 0.5
    if method != "auto":
        return cast("Method", method), is_trained
    if prior.detail is None:
        return "coordinates", is_trained
    is_quiet = sigma <= TRAINED.rician * 1.1 or prior.general is not None
    return ("amortised" if is_trained and is_quiet else "plug_and_play"), is_trained


@dataclass(frozen=True, eq=False)
class FixedOperator:
    """Build an operator that is given as it is, for the shapes it was made for.

    Args:
        operator: that is given.
    """

    operator: Operator

    def __call__(self, fine: tuple[int, ...], measured: tuple[int, ...]) -> Operator:
        """Return the operator, if it has the shapes that are needed.

        Args:
            fine: shape before.
            measured: shape after.

        Raises:
            InputError: it was made for other shapes.
        """
        if tuple(self.operator.shape_in) != tuple(fine) or tuple(self.operator.shape_out) != tuple(measured):
            raise InputError(
                f"the operator takes {tuple(self.operator.shape_in)} to {tuple(self.operator.shape_out)}, the slices "
                f"need {tuple(fine)} to {tuple(measured)}",
                "give an operator of these shapes, or a Profile, which fits any",
            )
        return self.operator


def operator_of(operator: Any) -> Any:
    """Return a builder of operators; an operator that is given as it is serves the shapes it was made for."""
    return FixedOperator(operator) if isinstance(operator, Operator) else operator


def thick_profile(operator: Any, ratio: float) -> Profile:
    """Return the profile with the thickness of the slices.

    Args:
        operator: that was given for the restoration.
        ratio: thickness of a slice over the step between slices.

    Raises:
        InputError: the operator is no ``Profile``.
    """
    if not isinstance(operator, Profile):
        raise InputError("a slice thickness was given beside an operator that has its own", "pass one of them")
    return replace(operator, ratio=ratio)


def profile_report(
    operator: Any, thickness: float | None, scan: Volume, factors: tuple[float, float, float]
) -> Profiled | None:
    """Return what the report says of a profile: its kind, and slice thickness over step.

    Args:
        operator: of the restoration; None is returned for any but a ``Profile``.
        thickness: of slices in mm; None is the step.
        scan: that was restored.
        factors: per array axis.
    """
    if not isinstance(operator, Profile):
        return None
    axis = scan.slice_axis
    is_thick = thickness is not None and factors[axis] > 1
    ratio = float(thickness or 1.0) / float(scan.grid.spacing[axis]) if is_thick else operator.ratio
    return Profiled(kind=operator.kind, ratio=ratio)
