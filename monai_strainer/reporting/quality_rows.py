# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Turn a report's image quality figures into rows to read: name and unit, before, after, and what it means in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["QualityRow", "quality_rows", "volume_rows"]


class QualityRow(NamedTuple):
    """One line of a table.

    Args:
        name: of the figure, with its unit.
        before: of the input.
        after: of the result.
        meaning: in plain words; of a volume, its change in percent.
    """

    name: str
    before: str
    after: str
    meaning: str


_ERROR = QualityRow("estimated error, scan units", "rmse_of_input", "rmse", "root mean square; lower is better")
_FIGURES = {
    "fwhm_mm": ("smoothness (FWHM), mm", "larger is smoother: less noise, or blurred edges"),
    "efc": ("entropy focus criterion, 0 to 1", "lower is sharper; noise in air, ghosts and blurring increase it"),
    "cnr": ("contrast-to-noise ratio", "of the middle and the bright class; higher is better"),
    "cjv": ("coefficient of joint variation", "spread of these classes over their contrast; lower is better"),
}


def quality_rows(report: Mapping[str, Any]) -> list[QualityRow]:
    """List the estimated error and the quality figures that a report has, of the input and of the result.

    Args:
        report: of a restoration; what it lacks is left out.

    Example:
        >>> figures = {"before": {"fwhm_mm": 2.0}, "after": {"fwhm_mm": 3.2}}
        >>> [(row.name, row.before, row.after) for row in quality_rows({"risk": {}, "quality": figures})]
        [('smoothness (FWHM), mm', '2', '3.2')]
    """
    before, after = _sides(report)
    rows = []
    risk = report.get("risk") or {}
    if risk:
        rows.append(_ERROR._replace(before=_digits(risk[_ERROR.before]), after=_digits(risk[_ERROR.after])))
    for key, (name, meaning) in _FIGURES.items():
        if key in before and key in after:
            rows.append(QualityRow(name, _digits(before[key]), _digits(after[key]), meaning))
    return rows


def volume_rows(report: Mapping[str, Any]) -> list[QualityRow]:
    """List the volumes of the three classes of intensity, and by how much the restoration changed them.

    Args:
        report: of a restoration; only heads like the cohort have volumes, others give no rows.

    Example:
        >>> sides = {"before": {"volumes_ml": {"dark": 200.0}}, "after": {"volumes_ml": {"dark": 201.0}}}
        >>> volume_rows({"quality": sides})
        [QualityRow(name='dark, ml', before='200.0', after='201.0', meaning='+0.5 %')]
    """
    before, after = (side.get("volumes_ml", {}) for side in _sides(report))
    rows = []
    for name in after:
        change = f"{100 * (after[name] / before[name] - 1):+.1f} %" if before[name] else ""
        rows.append(QualityRow(f"{name}, ml", f"{before[name]:.1f}", f"{after[name]:.1f}", change))
    return rows


def _sides(report: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    quality = report.get("quality") or {}
    return quality.get("before", {}), quality.get("after", {})


def _digits(value: float) -> str:
    return f"{value:.3g}"
