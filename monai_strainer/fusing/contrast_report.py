# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say what other contrasts did for a scan."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ContrastReport", "GuideReport"]


@dataclass(frozen=True)
class GuideReport:
    """What was done with one of the other contrasts.

    Args:
        spacing: of its voxels in mm.
        restored: it has thick slices itself, and was restored first.
        moved: it was moved from where its header says, because it agrees better there.
        rotation, shift: of that motion; rotation vector in degrees, mm.
        findings: what is unusual about its file.
    """

    spacing: tuple[float, float, float]
    restored: bool
    moved: bool
    rotation: tuple[float, float, float]
    shift: tuple[float, float, float]
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContrastReport:
    """What was done with the other contrasts of a scan.

    Args:
        used: False: the result is that of the scan alone.
        why: in words.
        error_without, error_with: root mean square error of the test at twice the thickness, noise included, without
            and with the other contrasts; over the intensity scale. 0 where there was no test.
        agreement: mean over the object, from 0 (the contrasts do not agree) to 1.
        guides: the other contrasts, in the order they were given.
        alone: report of the restoration of the scan alone.
    """

    used: bool
    why: str
    error_without: float
    error_with: float
    agreement: float
    guides: tuple[GuideReport, ...]
    alone: dict[str, Any]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to check."""
        own = () if self.used else (f"the other contrasts are not used: {self.why}",)
        found = (f"contrast {k}: {text}" for k, guide in enumerate(self.guides, 1) for text in guide.findings)
        return (*own, *self.alone["warnings"], *found)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and words, fit for JSON."""
        return {"task": "restoration with other contrasts", **asdict(self), "warnings": list(self.warnings)}
