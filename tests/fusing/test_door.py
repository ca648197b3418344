# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""One function for one scan and for several stacks; options of the wrong task are refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phantoms import small_head, small_prior
from stacks import three

from monai_strainer import Fused, FuseOptions, InputError, Restored, RestoreOptions, fuse, load_prior, restore
from monai_strainer.restoring.restore import restore as restore_scan


def test_a_list_of_stacks_is_fused() -> None:
    stacks, prior = three(), load_prior()
    found = restore(stacks, prior, spacing=4, method="kriging", align=False)
    same = fuse(stacks, prior, options=FuseOptions(spacing=4, method="kriging", align=False))
    assert isinstance(found, Fused) and np.array_equal(found.volume.data, same.volume.data)
    assert found.report == same.report and found.report["task"] == "fusion"


def test_one_scan_is_restored() -> None:
    scan, prior = small_head((22, 26, 10)), small_prior()
    found, same = (function(scan, prior, 2, steps=1, seed=3) for function in (restore, restore_scan))
    assert isinstance(found, Restored) and np.array_equal(found.volume.data, same.volume.data)


@pytest.mark.parametrize(
    ("scan", "options", "said"),
    [
        (three(), {"scale": 2}, "several stacks have no common scale.*spacing=1"),
        (three(), {"options": RestoreOptions()}, "Pass FuseOptions"),
        (three()[0], {"options": FuseOptions()}, "Pass RestoreOptions"),
        (three()[:1], {}, "1 stack cannot be fused"),
        (three(), {"steps": 2}, "there is no option steps"),
    ],
)
def test_what_does_not_fit_is_refused(scan: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        restore(scan, small_prior(), **options)
