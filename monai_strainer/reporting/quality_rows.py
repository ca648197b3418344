# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""List a report's image quality figures as rows: name and unit, before, after, and what they mean in words."""

from __future__ import annotations

from typing import NamedTuple

from ..restoring.report import QualityBeforeAfter, Risk

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


_FIGURES = {
    "fwhm_mm": ("smoothness (FWHM), mm", "larger is smoother: less noise, or blurred edges"),
    "efc": ("entropy focus criterion, 0 to 1", "lower is sharper; noise in air, ghosts and blurring increase it"),
    "cnr": ("contrast-to-noise ratio", "of the middle and the bright class; higher is better"),
    "cjv": ("coefficient of joint variation", "spread of these classes over their contrast; lower is better"),
}


def quality_rows(risk: Risk | None, quality: QualityBeforeAfter) -> list[QualityRow]:
    """List the estimated error and the quality figures of the input and of the result.

    Args:
        risk: estimated error of denoising; None where it was not estimated.
        quality: figures before and after; those that one of them lacks are left out.

    Example:
        >>> from monai_strainer.restoring.report import QualityFigures
        >>> quality = QualityBeforeAfter(before=QualityFigures(fwhm_mm=2.0), after=QualityFigures(fwhm_mm=3.2))
        >>> row, = quality_rows(None, quality)
        >>> row.name, row.before, row.after
        ('smoothness (FWHM), mm', '2', '3.2')
    """
    rows = []
    if risk is not None:
        meaning = "root mean square; lower is better"
        rows.append(QualityRow("estimated error, scan units", _digits(risk.rmse_of_input), _digits(risk.rmse), meaning))
    before, after = quality.before.as_dict(), quality.after.as_dict()
    for key, (name, meaning) in _FIGURES.items():
        if before.get(key) is not None and after.get(key) is not None:
            rows.append(QualityRow(name, _digits(before[key]), _digits(after[key]), meaning))
    return rows


def volume_rows(quality: QualityBeforeAfter) -> list[QualityRow]:
    """List the volumes of the three classes of intensity, and by how much the restoration changed them.

    Args:
        quality: figures before and after; only heads like the cohort have volumes, others give no rows.

    Example:
        >>> from monai_strainer.restoring.report import QualityFigures, TissueVolumes
        >>> sides = [QualityFigures(volumes_ml=TissueVolumes(dark=d, middle=0.0, bright=5.0)) for d in (200.0, 201.0)]
        >>> volume_rows(QualityBeforeAfter(before=sides[0], after=sides[1]))[0]
        QualityRow(name='dark, ml', before='200.0', after='201.0', meaning='+0.5 %')
    """
    if quality.before.volumes_ml is None or quality.after.volumes_ml is None:
        return []
    before, after = quality.before.volumes_ml.as_dict(), quality.after.volumes_ml.as_dict()
    rows = []
    for name in after:
        change = f"{100 * (after[name] / before[name] - 1):+.1f} %" if before[name] else ""
        rows.append(QualityRow(f"{name}, ml", f"{before[name]:.1f}", f"{after[name]:.1f}", change))
    return rows


def _digits(value: float) -> str:
    return f"{value:.3g}"
