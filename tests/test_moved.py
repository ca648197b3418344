# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Names of modules before 0.2.0 still work, and say what the new name is."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.util import find_spec

import pytest

from monai_strainer._moved import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_name_leads_to_modules_that_exist(old: str) -> None:
    package = find_spec("monai_strainer")
    assert package is not None and package.submodule_search_locations is not None
    assert all(find_spec(f"monai_strainer.{new}") is not None for new in MOVED[old].split())


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("bundle_parts.refuse_typos", "monai_strainer.bundle.parts"),
        ("cohort.split_scans", "monai_strainer.cohorts.read"),
        ("prior.Prior", "monai_strainer.priors.prior"),
        ("prior.load_prior", "monai_strainer.priors.store"),
        ("pose.foreground", "monai_strainer.anatomy.foreground"),
        ("fitting.head.solve_readouts", "monai_strainer.fitting.readout"),
    ],
)
def test_an_old_dotted_name_is_the_new_object_and_warns(name: str, home: str) -> None:
    module, _, attribute = name.rpartition(".")
    sys.modules.pop(f"monai_strainer.{module}", None)
    with pytest.warns(DeprecationWarning, match=r"is now monai_strainer\."):
        old = importlib.import_module(f"monai_strainer.{module}")
    assert getattr(old, attribute) is getattr(importlib.import_module(home), attribute)


@pytest.mark.parametrize("name", ["pretraining.Recipe", "pretraining.CohortTiles", "cli.main", "io.read"])
def test_a_name_that_a_room_offers_needs_no_warning(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    code = f"from monai_strainer.{module} import {attribute}"
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_name_that_never_was_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("monai_strainer.nowhere")
    with pytest.raises(AttributeError, match="nothing"):
        importlib.import_module("monai_strainer.pose").nothing  # noqa: B018
