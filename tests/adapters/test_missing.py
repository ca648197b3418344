# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Adapters without their packages: they can be imported, and say what to install."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from monai_strainer import InputError
from monai_strainer.adapters.deepinv import StrainerDenoiser, StrainerPhysics, StrainerReconstructor
from monai_strainer.physics import Identity


@pytest.mark.skipif(find_spec("deepinv") is not None, reason="deepinv is installed")
def test_the_extra_is_named_where_deepinv_is_missing() -> None:
    for make in (StrainerDenoiser, StrainerReconstructor, lambda: StrainerPhysics(Identity((4, 4)))):
        with pytest.raises(InputError, match=r"pip install 'monai_strainer\[deepinv\]'"):
            make()
