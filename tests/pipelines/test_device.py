# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A device is chosen once it is known to work."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.errors import InputError
from monai_strainer.pipelines.device import device_of


def test_auto_takes_an_accelerator_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, name in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert device_of("auto") == name


@pytest.mark.parametrize("name", ["abacus", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="there is no device"):
        device_of(name)
