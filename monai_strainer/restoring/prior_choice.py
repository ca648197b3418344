# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose between the prior of a cohort and the general prior for one scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch

from ..anatomy.head_frame import Pose
from ..physics import Operator, OperatorFactory, Profile
from ..priors.prior import Prior
from .choice import Candidate, Trial, coarser_plane, coarser_trial, noise_trial, some_slices
from .localise import Localised
from .method import FixedOperator
from .pass_context import PassContext, slice_operator, slices_with_noise
from .plan import Pass, Plan
from .prepare import Prepared
from .report import Adaptation, PriorName, TrialResult
from .slicewise import neighbours_close

__all__ = ["Choice", "choose_prior", "tried"]

# A coarser copy of a head is no head of the cohort, so super-resolution tests the cohort's network on what it knows
# less well than the scan itself. Risks of the general network over its own: 0.91 to 1.23 on heads of the cohort's kind,
# with and without noise, where it is 0.9 to 1.9 dB better on the scan; at most 0.88 (one of 0.93) on whole heads, body
# parts and newborns, where the general one is 0.2 to 0.6 dB better. Comparing them as denoisers does not separate these
# groups: the ratio on the cohort's kind is down to 0.72. Where truncated k-space is made coarser by 1.5 alone, the
# ratio is 0.82 to 0.93 on nine heads of the cohort's kind (the cohort's network is 1.4 to 3.3 dB better), 0.79 and 0.81
# on two newborns (0.6 and 0.9 dB better), and at most 0.85 on 16 other scans (0.1 dB better to 1.8 dB worse).
_COARSER = 0.89
_COARSER_KSPACE = 0.80  # made coarser by 1.5 or less
_CLOSE = (1.5, 2.0)  # factors from which to which the first limit takes over


@dataclass(frozen=True, eq=False)
class Choice:
    """The prior that restores a scan, and why.

    Args:
        prior: to use; its detail network is the one chosen.
        name: "cohort", "general", or "none" where there is no detail network.
        why: in plain words.
        trial: what the test on the scan says of it, if there was one.
        trials: what the report says of the tests, by prior.
        adaptation: what the report says of the adaptation to the scan, if there was one.
    """

    prior: Prior
    name: PriorName
    why: str
    trial: Trial | None = None
    trials: dict[PriorName, TrialResult] = field(default_factory=dict)
    adaptation: Adaptation | None = None


def choose_prior(prior: Prior, ready: Prepared, localised: Localised, plan: Plan) -> Choice:
    """Test the priors on a few slices of the scan and take the one with the lower estimated error.

    Only a restoration in one pass, by networks that were trained on operators like the plan's, is tested.

    Args:
        prior: as loaded; holds the general one.
        ready: the scan.
        localised: where the head would be, and whether it is like the cohort's.
        plan: of the restoration.
    """
    first, operator, is_trained = plan.passes[0], plan.build, plan.is_trained and plan.method == "amortised"
    general = None if prior.general is None else replace(prior, detail=prior.general.detail, typical=None)
    if prior.detail is None or general is None:
        return Choice(prior, "none" if prior.detail is None else "cohort", "there is one prior")
    if prior.record.get("kind") == "general" or ready.signed:
        only: list[tuple[PriorName, Prior]] = [("general", general)]
        why = "the general prior was asked for" if not ready.signed else "signed data are outside the cohort"
    elif localised.unlike:
        why, only = localised.unlike, [("general", general)]
    else:
        why, only = "lower estimated error on the scan itself", [("cohort", prior), ("general", general)]
    if not is_trained:
        name, chosen = only[0]
        return Choice(chosen, name, why if len(only) == 1 else "the scan may be one of the cohort's kind")
    results = {name: tried(one, name, ready, localised.pose, first, operator) for name, one in only}
    known = {name: trial for name, trial in results.items() if trial is not None}
    factor = {"cohort": _handicap(ready, first, operator), "general": 1.0}
    worth = {name: trial.risk * factor[name] for name, trial in known.items()}
    name, chosen = min(only, key=lambda item: worth.get(item[0], math.inf))
    if not known:
        name, chosen = only[-1]
        why = why if len(only) == 1 else "no test on the scan is possible"
    trials = {key: TrialResult(**{k: round(float(v), 8) for k, v in asdict(t).items()}) for key, t in known.items()}
    return Choice(chosen, name, why, known.get(name), trials)


def _handicap(ready: Prepared, first: Pass, operator: OperatorFactory) -> float:
    """Factor for the risk of the cohort's network, which knows a coarser copy less well than the scan itself."""
    if max(first.factors) == 1:
        return 1.0
    shape = ready.acquired.volume.grid.shape
    plane = coarser_plane(shape, first.factors, first.axes[0])
    if plane is None or not (isinstance(operator, Profile) and operator.kind == "kspace"):
        return _COARSER
    measured = [n for k, n in enumerate(shape) if k != plane[0]]
    tested = max(fine / coarse for fine, coarse in zip(measured, plane[1]))
    return float(np.interp(tested, _CLOSE, (_COARSER_KSPACE, _COARSER)))


def tried(one: Prior, name: str, ready: Prepared, pose: Pose, first: Pass, operator: OperatorFactory) -> Trial | None:
    """Test one prior on the first axis of the first pass.

    Args:
        one: its detail network is tested.
        name: of it.
        ready: the scan.
        pose: where the head would be.
        first: axes to restore along, and the factors of the first pass.
        operator: builds ``A``.

    Returns:
        None where the scan is too small for a test, or the operator serves one shape only.
    """
    axes, factors = first
    volume, is_denoising = ready.acquired.volume, max(factors) == 1
    plane = None if is_denoising else coarser_plane(volume.grid.shape, factors, axes[0])
    if not is_denoising and (plane is None or isinstance(operator, FixedOperator)):  # which has no coarser twin
        return None
    axis, coarse = plane or (axes[0], (0, 0))
    context = PassContext(one, pose, ready.intensity_scale, ready.noise, operator)
    y, noise = slices_with_noise(volume, axis, context, ready.level.level)
    inside = torch.from_numpy(np.ascontiguousarray(np.moveaxis(ready.inside, axis, 0)))
    assert one.detail is not None
    detail = one.detail.cpu()  # where the test runs, wherever an earlier scan was restored
    siren = one.network.cpu() if detail.features else None

    def coords_of(some: slice) -> torch.Tensor:
        return torch.from_numpy(pose.coordinates(volume.grid.shape, axis, some)[:, : one.network.spatial_dims])

    near = neighbours_close(detail, volume.grid.refine(factors) if axis == axes[0] else volume.grid, axis, len(y))
    candidate = Candidate(name, detail, siren, coords_of if siren is not None else None, near)
    slices = some_slices(inside)
    if is_denoising:
        return noise_trial(candidate, y, noise, inside, slices)

    def between(high: Sequence[int], low: Sequence[int]) -> Operator:
        return slice_operator(high, low, operator, [k in ready.acquired.filled for k in range(3) if k != axis])

    return coarser_trial(candidate, between, coarse, y, noise, inside, slices)
