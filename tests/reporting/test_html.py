# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page: complete, alone, and made of what the report says; a browser looks at it in tests/external."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from phantoms import small_head, small_prior, small_prior_with_detail

from monai_strainer import Grid, Volume, restore
from monai_strainer.reporting.html import RunFacts, _curve, index_of, page_of
from monai_strainer.restoring.report import (
    CohortFit,
    QualityBeforeAfter,
    QualityFigures,
    Risk,
    TissueVolumes,
    Unusual,
)


@pytest.fixture(scope="module")
def page() -> str:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior(), 2, steps=2)
    run = RunFacts("monai-strainer restore scan.nii.gz OUT", 83.2, "cpu")
    return page_of(scan, out.volume, out.std, out.details.after("<script>alert('a name')</script>"), run=run)


def test_nothing_is_fetched(page: str) -> None:
    addresses = re.findall(r"""(?:src|href)=["']?([^"' >]+)""", page)
    assert not [address for address in addresses if not address.startswith("data:")]
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page


def test_words_cannot_become_programs(page: str) -> None:
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_everything_is_on_it(page: str) -> None:
    assert page.count("data:image/webp;base64,") == 4  # input, result, standard deviation, residual
    for word in (
        "axial",
        "coronal",
        "sagittal",
        "Standard deviation",
        "Data minus result",
        "scan units",
        "made by",
        "1 min 23 s on cpu",
        "monai-strainer restore scan.nii.gz OUT",
        "arXiv:2409.09566",
        'id="curve"',
    ):
        assert word in page


def test_every_control_has_a_name(page: str) -> None:
    for control in re.findall(r"<input[^>]*>", page):
        before = page[: page.index(control)]
        is_inside_a_label = (
            before.rindex("<label") > before.rindex("</label>") if "</label>" in before else "<label" in before
        )
        assert "aria-label=" in control or is_inside_a_label, control
    assert all("aria-label=" in canvas for canvas in re.findall(r"<canvas[^>]*>", page))


def test_the_scan_is_named_by_its_file_and_by_nothing_else() -> None:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior(), 1, steps=0)
    source = SimpleNamespace(name="sub-01_T1w.nii.gz", path="/home/SECRET/sub-01_T1w.nii.gz", patient="SECRET")
    page = page_of(replace(scan, source=source), out.volume, out.std, out.details)
    assert "<title>sub-01_T1w.nii.gz" in page and "SECRET" not in page
    assert "<title>scan" in page_of(scan, out.volume, out.std, out.details)


def test_a_page_does_not_call_an_unusual_scan_usual() -> None:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior(), 1, steps=0)
    calm = replace(out.details, warnings=())
    for value, word in ((0.5, "and the scan looks like the cohort"), (36.2, "does not look like the cohort")):
        unusual = Unusual(distance=value, misfit=0.0, agreement=0.0, largest=0.0)
        cohort = CohortFit(turn=(), unusual=unusual)
        assert word in page_of(scan, out.volume, out.std, replace(calm, cohort=cohort))


def test_the_map_of_the_weight_is_shown_where_it_is_known() -> None:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior_with_detail(), 1)
    assert out.network_weight is not None and out.network_weight.shape == out.std.shape
    weight = float(out.network_weight[scan.data > 300].mean())
    assert weight == pytest.approx(out.report["risk"]["network_weight"], abs=0.1)
    page = page_of(scan, out.volume, out.std, out.details, network_weight=out.network_weight)
    assert "Network set aside" in page and "Network set aside" not in page_of(scan, out.volume, out.std, out.details)


def test_the_map_of_the_estimated_error_is_shown_where_it_is_known() -> None:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior_with_detail(), 1)
    assert out.relative_error is not None and out.relative_error.shape == out.std.shape
    page = page_of(scan, out.volume, out.std, out.details, relative_error=out.relative_error)
    assert 'value="risk"' in page and "120 %" in page and "100 % is that of the scan" in page
    assert 'value="risk"' not in page_of(scan, out.volume, out.std, out.details)
    finer = restore(scan, small_prior_with_detail(), 2)
    assert finer.relative_error is None


def table(page: str, name: str) -> list[list[str]]:
    """The cells of a table, row by row, without its head."""
    rows = re.search(rf'<table id="{name}">(.*?)</table>', page, re.S).group(1).split("</tr>")[1:-1]  # type: ignore[union-attr]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


def test_the_quality_of_input_and_result_are_beside_each_other() -> None:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior(), 1, steps=0)
    volumes = TissueVolumes(dark=200.0, middle=0.0, bright=400.0)
    before = QualityFigures(efc=0.61, fwhm_mm=3.456, cnr=2.5, cjv=0.4, volumes_ml=volumes)
    after = replace(before, efc=0.52, volumes_ml=TissueVolumes(dark=190.0, middle=10.0, bright=400.0))
    risk = Risk(kind="risk", rmse=3.25, rmse_of_input=6.5, network_weight=1.0, set_aside=0.0)
    report = replace(out.details, quality=QualityBeforeAfter(before=before, after=after), risk=risk)
    page = page_of(scan, out.volume, out.std, report)
    cells = {row[0].split(",")[0].split(" (")[0]: row[1:3] for row in table(page, "quality")}
    assert cells == {
        "estimated error": ["6.5", "3.25"],
        "smoothness": ["3.46", "3.46"],
        "entropy focus criterion": ["0.61", "0.52"],
        "contrast-to-noise ratio": ["2.5", "2.5"],
        "coefficient of joint variation": ["0.4", "0.4"],
    }
    assert table(page, "volumes") == [
        ["dark, ml", "200.0", "190.0", "-5.0 %"],
        ["middle, ml", "0.0", "10.0", ""],
        ["bright, ml", "400.0", "400.0", "+0.0 %"],
    ]


def test_a_page_says_that_there_are_no_figures() -> None:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior(), 1, steps=0)
    none = QualityBeforeAfter(before=QualityFigures(), after=QualityFigures())
    page = page_of(scan, out.volume, out.std, replace(out.details, quality=none, risk=None))
    assert 'id="quality">Not measured' in page and 'id="volumes">Not given' in page


def test_a_slab_is_not_shown_from_the_side() -> None:
    scan = small_head((22, 26, 10))
    thin = Volume(scan.data[:, :, 4:6], Grid((22, 26, 2), scan.grid.affine @ np.diag([1, 1, 0.2, 1])), slice_axis=2)
    out = restore(thin, small_prior(), 1, steps=0)
    assert page_of(thin, out.volume, out.std, out.details).count("data-plane=") == 1


def test_a_curve_falls_from_left_to_right() -> None:
    points = [tuple(map(float, p.split(","))) for p in _curve([[0, 1.0], [10, 0.1], [20, 0.01]])[1:].split(" L")]
    assert points == [(0, 0), (160, 60), (320, 120)]


def test_the_index_of_nothing_is_a_page() -> None:
    assert "0 scans" in index_of([], {})


def test_the_index_shows_messages_and_warnings() -> None:
    rows = [
        {"scan": "a.nii", "status": "done", "message": "checked"},
        {"scan": "b.nii", "status": "failed", "message": ""},
    ]
    page = index_of(rows, {"a.nii": "a.html"}, {"a.nii": ["noise <was> high", "thick slices"]})
    scans = re.findall(r"<tbody>(.*?)</tbody>", page, re.S)
    assert "checked" in scans[0] and '<li class="warn">noise &lt;was&gt; high</li>' in scans[0]
    assert "<li" not in scans[1] and scans[1].count("<tr>") == 1


def test_a_runtime_is_not_given_where_none_is_known() -> None:
    assert RunFacts().runtime == "" and RunFacts(seconds=5).runtime == "5.0 s on cpu"


def test_the_time_of_a_run_is_left_out_where_outputs_are_to_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert RunFacts.since(time.perf_counter() - 3, "x", "cpu").seconds == pytest.approx(3, abs=1)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert RunFacts.since(0.0, "x", "cpu") == RunFacts("x", None, "cpu")
