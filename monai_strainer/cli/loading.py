# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Load what a command computes with in less time than Python takes by itself."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

__all__ = ["load"]


def load(inputs: Sequence[Path]) -> None:
    """Load the modules that restore, before they are used.

    Modules make many objects and no garbage: nothing is collected while they are loaded, nor are they searched for
    garbage later.

    Args:
        inputs: to restore.
    """
    from ..io import is_nifti

    was_enabled = gc.isenabled()
    gc.disable()
    try:
        from ..pipelines import restore_file  # noqa: F401

        if any(is_nifti(path) for path in inputs):
            from ..io.nifti.without_dicom import load_nibabel

            load_nibabel()
    finally:
        if was_enabled:
            gc.enable()
    gc.freeze()
