# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Rows of figures: what one side lacks has no row, and changes of volumes are in percent."""

from __future__ import annotations

from monai_strainer.reporting.quality_rows import quality_rows, volume_rows
from monai_strainer.restoring.report import QualityBeforeAfter, QualityFigures, TissueVolumes


def test_a_figure_that_one_side_lacks_has_no_row() -> None:
    quality = QualityBeforeAfter(
        before=QualityFigures(fwhm_mm=2.0, efc=0.41), after=QualityFigures(fwhm_mm=2.5, cnr=3.0)
    )
    assert [(row.before, row.after) for row in quality_rows(None, quality)] == [("2", "2.5")]


def test_the_change_of_a_volume_is_in_percent_and_none_of_nothing() -> None:
    sides = [
        QualityFigures(volumes_ml=TissueVolumes(dark=dark, middle=0.0, bright=bright))
        for dark, bright in ((100.0, 50.0), (90.0, 51.0))
    ]
    rows = volume_rows(QualityBeforeAfter(before=sides[0], after=sides[1]))
    assert [row.meaning for row in rows] == ["-10.0 %", "", "+2.0 %"]
    assert volume_rows(QualityBeforeAfter(before=sides[0], after=QualityFigures())) == []
