# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page: complete, alone, and made of what the report says; a browser looks at it in tests/external."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import small_head, small_prior
from PIL import Image

from monai_strainer import Grid, Profile, Volume, restore
from monai_strainer.physics import Separable
from monai_strainer.reporting.html import _curve, _measured_again, _slice, index_of, page_of
from monai_strainer.restoring.report import Profiled, QualityBeforeAfter, QualityFigures, Risk, TissueVolumes


@pytest.fixture(scope="module")
def page() -> str:
    scan = small_head((22, 26, 10))
    out = restore(scan, small_prior(), 2, steps=2)
    return page_of(scan, out.volume, out.std, out.details.after("<script>alert('a name')</script>"))


def test_nothing_is_fetched(page: str) -> None:
    addresses = re.findall(r"""(?:src|href)=["']?([^"' >]+)""", page)
    assert not [address for address in addresses if not address.startswith("data:")]
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page


def test_words_cannot_become_programs(page: str) -> None:
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_everything_is_on_it(page: str) -> None:
    assert page.count("data:image/png;base64,") == 3 * 5 * 4
    for word in (
        "axial",
        "coronal",
        "sagittal",
        "standard deviation",
        "data minus result",
        "made by",
        'id="curve"',
    ):
        assert word in page


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


def test_input_and_result_show_the_same_place() -> None:
    scan = small_head((22, 26, 10))
    fine = Volume(np.repeat(np.repeat(scan.data, 2, 0), 2, 1), scan.grid.refine((2, 2, 1)))
    for axis in range(3):
        for height in (0.3, 0.5, 0.7):
            small, large = _slice(scan, axis, height), _slice(fine, axis, height)
            factors = [b // a for a, b in zip(small.shape, large.shape)]
            np.testing.assert_array_equal(np.repeat(np.repeat(small, factors[0], 0), factors[1], 1), large)


def test_a_curve_falls_from_left_to_right() -> None:
    points = [tuple(map(float, p.split(","))) for p in _curve([[0, 1.0], [10, 0.1], [20, 0.01]])[1:].split(" L")]
    assert points == [(0, 0), (160, 60), (320, 120)]


def test_the_index_of_nothing_is_a_page() -> None:
    assert "0 scans" in index_of([], {})


@pytest.mark.parametrize("kind", ["box", "gaussian", "kspace"])
def test_the_residual_is_that_of_the_run(kind: str) -> None:
    rng = np.random.default_rng(0)
    out = Volume(rng.random((16, 18, 6)).astype(np.float32), Grid((16, 18, 6), np.diag([1.0, 1, 3, 1])))
    profile = Profile(kind, 0.6)
    data = profile((16, 18, 6), (8, 9, 6)).A(torch.from_numpy(out.data)).numpy()
    scan = Volume(data, out.grid.resize((8, 9, 6)))
    flat = Profile(kind)((16, 18, 6), (8, 9, 6)).A(torch.from_numpy(out.data)).numpy()
    assert np.allclose(_measured_again(scan, out, Profiled(kind=kind, ratio=1.0)), flat, atol=1e-6)
    thick = Volume(
        Profile(kind, 0.6)((16, 18, 6), (16, 18, 2)).A(torch.from_numpy(out.data)).numpy(),
        out.grid.resize((16, 18, 2)),
        slice_axis=2,
    )
    fine = Volume(out.data, out.grid, slice_axis=2)
    assert np.allclose(_measured_again(thick, fine, Profiled(kind=kind, ratio=0.6)), thick.data, atol=1e-6)


def test_the_residual_of_a_zero_filled_axis_is_that_of_a_cut_in_k_space() -> None:
    out = Volume(np.random.default_rng(0).random((16, 18, 6)).astype(np.float32), Grid((16, 18, 6), np.eye(4)))
    scan = Volume(np.zeros((8, 18, 6)), out.grid.resize((8, 18, 6)))
    cut = Profile("kspace")((16, 18, 6), (8, 18, 6)).A(torch.from_numpy(out.data)).numpy()
    assert np.allclose(_measured_again(scan, out, Profiled(kind="box", ratio=1.0), (0,)), cut, atol=1e-6)


def panels(page: str, kind: str) -> list[np.ndarray]:
    """All pictures of a kind, plane by plane."""
    planes = json.loads(re.search(r"const planes = (.*);", page).group(1))  # type: ignore[union-attr]
    files = [base64.b64decode(one[kind].split(",")[1]) for slices in planes for one in slices]
    return [np.asarray(Image.open(io.BytesIO(file))) for file in files]


def test_the_residual_panel_is_grey_where_the_run_explains_the_data() -> None:
    rng = np.random.default_rng(0)
    out = Volume(rng.random((16, 18, 12)).astype(np.float32), Grid((16, 18, 12), np.eye(4)), slice_axis=2)
    profile = Profile("gaussian", 0.6)
    data = Separable([16, 18, profile.matrix(12, 6)]).A(torch.from_numpy(out.data)).numpy()
    data[5, 7:10] += 0.5  # what no result explains
    scan = Volume(data, out.grid.resize((16, 18, 6)), slice_axis=2)
    report = restore(small_head(), small_prior(), 1, steps=0).details
    report = replace(report, profile=Profiled(kind="gaussian", ratio=0.6))
    axial = panels(page_of(scan, out, 0 * out.data, report), "residual")[:5]
    assert all((picture > 250).sum() == 3 and (picture == 127).sum() == 16 * 18 - 3 for picture in axial)
