# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the position of a scan in the coordinates of the cohort's heads, and say whether it is like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from ..anatomy.coarse_image import coarse_head
from ..anatomy.head_frame import Pose, find_pose
from ..priors.prior import Prior
from ..priors.similarity import aligned, similarity_scores
from .pose_search import search_pose
from .prepare import Prepared
from .report import CohortFit, Similarity, Unusual

__all__ = ["Localised", "localise"]

_SIZES = (0.65, 1.45)  # of the cohort's heads: beyond, the voxel size of the file is in question


@dataclass(frozen=True, eq=False)
class Localised:
    """Where a scan lies in the cohort's head.

    Args:
        pose: from array axes to head coordinates.
        whole: whether a whole head was there to measure it.
        unlike: why the scan is unlike the cohort; empty where it is like it, or where nothing is known.
        fit: what the report says; None where no whole head was compared.
        warnings: to the user.
    """

    pose: Pose
    whole: bool
    unlike: str = ""
    fit: CohortFit | None = None
    warnings: tuple[str, ...] = ()


def localise(ready: Prepared, prior: Prior) -> Localised:
    """Find the head, align it with the cohort's heads, and compare it with them.

    Args:
        ready: the scan.
        prior: of a cohort, or the general one, which needs no position.
    """
    volume = ready.acquired.volume
    if ready.signed or prior.record.get("kind") == "general":
        return Localised(find_pose(ready.whole, volume.grid), False)
    pose, whole = search_pose(volume, ready.whole, prior)
    if not whole or prior.network.spatial_dims != 3 or min(volume.grid.shape) == 1:
        return Localised(pose, whole)
    network = prior.network.cpu()
    seen, alignment = aligned(network, coarse_head(volume.data, pose, ready.intensity_scale, prior.plane))
    fit, unlike, warnings = CohortFit(turn=tuple(_rounded(row) for row in alignment)), "", []
    if prior.typical is not None:
        found = similarity_scores(network, seen, prior.typical)
        unlike = "; ".join(prior.typical.warnings(found))
        similarity, unusual = Similarity(**asdict(found)), Unusual(**prior.typical.scores(found))
        fit = replace(fit, similarity=similarity, unusual=unusual)
    ratios = [a / b for a, b in zip(pose.half_mm(volume.grid), prior.half_mm)]
    if not unlike and not (_SIZES[0] < min(ratios) and max(ratios) < _SIZES[1]):
        size = 2 * max(pose.half_mm(volume.grid))
        warnings.append(
            f"the head is {size:.0f} mm long, the cohort's are {2 * max(prior.half_mm):.0f}: check the voxel size"
        )
    return Localised(replace(pose, alignment=alignment), whole, unlike, fit, tuple(warnings))


def _rounded(row: Sequence[float]) -> tuple[float, float, float, float]:
    a, b, c, d = (round(value, 4) for value in row)
    return a, b, c, d
