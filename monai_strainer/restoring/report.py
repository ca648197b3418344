# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write down how a scan was restored: plain numbers and words, fit for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._version import __version__
from ..priors.prior import Prior
from .assess import Assessed
from .localise import Localised
from .passes import Passed
from .prepare import Prepared
from .prior_choice import Choice

__all__ = ["FORMAT", "report_of"]

FORMAT = 1  # of the report: docs/schema/report.json

_OTHER_OPERATOR = "no network was trained on this operator or factor: it serves as a denoiser (plug-and-play)"


def report_of(
    prior: Prior,
    ready: Prepared,
    place: Localised,
    choice: Choice,
    done: Passed,
    found: Assessed,
    quality: Mapping[str, Any],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """Build the report of one restoration.

    Args:
        prior: as loaded.
        ready: the scan, prepared.
        place: where it lies in the cohort's head.
        choice: which prior restored it.
        done: all passes.
        found: what is known of the result.
        quality: image quality figures before and after.
        run: "method", "scale", "seed", and the options of a fit.
    """
    warnings = [*place.warnings, *found.warnings]
    if choice.name in ("cohort", "none") and not place.whole and not ready.signed:
        warnings.insert(0, "the scan holds only part of a head; its level was found by trying, not measured")
    if choice.name in ("cohort", "none") and place.unlike:
        warnings.insert(0, place.unlike)
    volume = ready.acquired.volume
    across = volume.grid.axis_of(prior.plane) != volume.slice_axis and min(volume.grid.shape) > 1
    if run["method"] == "coordinates" and across:
        warnings.append(f"the prior was trained on {prior.plane} slices, the scan's slices run along another axis")
    general = prior.general
    if run["method"] == "coordinates":
        detail = ""
    elif choice.name == "general" and general is not None:
        detail = general.digest
    else:
        detail = prior.record.get("detail", {}).get("sha256", "")
    return {
        "format": FORMAT,
        "made_by": f"monai_strainer {__version__}",
        "task": "denoising" if max(run["scale"]) == 1 else "super-resolution",
        **run,
        "prior_sha256": prior.digest,
        "prior": prior.record.get("kind", "cohort"),
        "detail_sha256": detail,
        "choice": {"prior": choice.name, "why": choice.why, "trials": choice.record, "adaptation": choice.adaptation},
        "noise": {
            "model": ready.noise.__name__,
            "sigma": ready.level.relative * ready.scale,
            "relative": ready.level.relative,
            **ready.level.record,
        },
        "intensity": {"percentile": prior.percentile, "scale": ready.scale, "signed": ready.signed},
        "acquired": {"sizes": list(ready.acquired.sizes), "zero_filled_axes": list(ready.acquired.filled)},
        "risk": found.risk,
        "data": found.data,
        "quality": dict(quality),
        "cohort": place.record,
        "passes": done.records,
        "median_std": found.median_std,
        "notes": [*ready.notes, *([_OTHER_OPERATOR] if run["method"] == "plug_and_play" else [])],
        "warnings": warnings,
        "use": "research use only; not for diagnosis",
    }
