# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Bundles that come with the package are found in a source tree and in a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.errors import InputError
from monai_strainer.priors import shipped as bundles
from monai_strainer.priors.shipped import bundle_path

ROOT = Path(__file__).resolve().parents[2]


def test_a_source_tree_finds_its_bundle() -> None:
    assert bundle_path() == ROOT / "bundles" / "mri_strainer" or (bundle_path() / "LICENSE").is_file()


def test_an_installed_package_finds_its_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "monai_strainer" / "_bundle" / "mri_strainer"
    inside.mkdir(parents=True)
    monkeypatch.setattr(bundles, "__file__", str(tmp_path / "monai_strainer" / "priors" / "shipped.py"))
    assert bundle_path() == inside.resolve()


@pytest.mark.parametrize("name", ["no_such_bundle", "../bundles/mri_strainer", "..", ""])
def test_a_bundle_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no bundle called"):
        bundle_path(name)
