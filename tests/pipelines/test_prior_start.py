# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Where a training starts: a bundle with a detail network, or a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from phantoms import small_prior
from small_training import SMALL, tuned

from monai_strainer import InputError, save_prior
from monai_strainer.pipelines.prior_start import start_of


def test_a_start_that_is_none_is_refused(scans: Path, tmp_path: Path) -> None:
    save_prior(small_prior(), tmp_path / "half")
    for folder, says in ((tmp_path / "half", "no detail network"), (tmp_path / "nowhere", "no such bundle")):
        with pytest.raises(InputError, match=says):
            tuned(scans, folder)
    with pytest.raises(InputError, match="no bundle called"):
        start_of("unknown_strainer", SMALL)
