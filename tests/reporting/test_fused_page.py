# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page of a fusion: complete, alone, and every stack is shown where it was found to lie."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from atlas_reader import voxels_of
from stacks import three

from monai_strainer import Fused, Volume, fuse, load_prior
from monai_strainer.reporting.fused_page import fused_page, fused_text
from monai_strainer.reporting.html import RunFacts

GAINS = (1.0, 1.3, 0.8)


@pytest.fixture(scope="module")
def stacks() -> list[Volume]:
    return three(gains=GAINS)


@pytest.fixture(scope="module")
def fused(stacks: list[Volume]) -> Fused:
    return fuse(stacks, load_prior(), spacing=4.0, method="kriging")


def test_all_stacks_and_what_was_done_with_them_are_on_it(stacks: list[Volume], fused: Fused) -> None:
    page = fused_page(stacks, fused, run=RunFacts("monai-strainer fuse a b c OUT", 83.2, "cpu"))
    addresses = re.findall(r"""(?:src|href)=["']?([^"' >]+)""", page)
    assert not [address for address in addresses if not address.startswith("data:")]
    assert page.count("data:image/webp;base64,") == 5  # three stacks, result, standard deviation
    second = fused.details.stacks[1]
    for words in (
        "stack 1, axial",
        "stack 2, coronal",
        "stack 3, sagittal",
        ", ".join(f"{value:+.2f}" for value in second.shift),
        ", ".join(f"{value:+.2f}" for value in second.rotation),
        "scan units",
        "kriging: it was asked for",
        "monai-strainer fuse a b c OUT",
        "1 min 23 s on cpu",
        "research use only",
        "arXiv:2409.09566",
        "Nothing unusual was found",
    ):
        assert words in page, words


def test_a_stack_is_shown_where_it_lies_and_as_bright_as_the_first(stacks: list[Volume], fused: Fused) -> None:
    data = viewer_of(fused_page(stacks, fused))
    atlases = {key: SimpleNamespace(**atlas) for key, atlas in data["volumes"].items()}
    images = [voxels_of(atlases[key]).astype(float) for key in (*data["inputs"], "result")]  # type: ignore[arg-type]
    inside = images[-1] > 60
    for image in images[:-1]:
        assert np.corrcoef(image[inside], images[-1][inside])[0, 1] > 0.75
        assert image[inside].mean() == pytest.approx(images[-1][inside].mean(), rel=0.05)


def viewer_of(page: str) -> dict[str, Any]:
    """What the program of a page reads."""
    found = re.search(r'id="viewer-data">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def test_warnings_and_stacks_that_were_left_out_are_named(stacks: list[Volume], fused: Fused) -> None:
    two = replace(fused.details, stacks=fused.details.stacks[::2], left_out=(2,), warnings=("<b>stack 2</b>",))
    page = fused_page(stacks, replace(fused, details=two))
    assert "could not be aligned: stack 2." in page and "stack 3, sagittal" in page and "coronal, slice" not in page
    assert "&lt;b&gt;stack 2" in page and "Nothing unusual" not in page


def test_the_first_stack_is_named_by_its_file_and_by_nothing_else(stacks: list[Volume], fused: Fused) -> None:
    source = SimpleNamespace(name="sub-01_T2w.nii.gz", path="/home/SECRET/sub-01_T2w.nii.gz", patient="SECRET")
    page = fused_page([replace(stacks[0], source=source), *stacks[1:]], fused)
    assert "<title>sub-01_T2w.nii.gz" in page and "SECRET" not in page


def test_the_text_says_what_was_done(fused: Fused) -> None:
    report, voxels = fused.details, "2 x 2 x 6; 2 x 6 x 2; 6 x 2 x 2 mm"
    text = fused_text(report).paragraph
    assert text.startswith(f"3 stacks (voxels of {voxels}) were fused to voxels of 4 x 4 x 4 mm")
    assert "aligned rigidly with the first" in text and "Gauss-Newton" in text
    assert "those of their headers" in fused_text(replace(report, aligned=False)).paragraph
    assert "residual U-Net" in fused_text(replace(report, method="network")).paragraph
