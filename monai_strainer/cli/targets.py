# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Refuse outputs that could not be written, before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..errors import InputError

__all__ = ["refuse_shut", "require_target"]


def require_target(target: Any, inputs: Sequence[Any], overwrite: bool) -> None:
    """Refuse, before anything is computed, an output of the wrong kind, one that exists, or one that cannot be written.

    Args:
        target: path of the output.
        inputs: paths that are read, that of the scan first; they are never replaced.
        overwrite: whether an existing output may be replaced.

    Raises:
        InputError: as the first line says.
    """
    from ..io import is_dicom, is_image, require_free, require_free_folder
    from ..storage.atomic import clear, is_there

    if (target.is_dir() if is_image(target) else target.is_file()) or not (is_image(target) or is_dicom(inputs[0])):
        raise InputError("the output is no NIfTI file name", "let it end in .nii or .nii.gz", target)
    clear(target)  # of what a killed process left
    refuse_shut(target)
    if not overwrite and is_there(target):
        raise InputError("the output exists already", "pass --overwrite or choose another name", target)
    if is_image(target):
        require_free([target], inputs, overwrite)
    else:
        require_free_folder(target, inputs, overwrite)


def refuse_shut(target: Any) -> None:
    """Refuse, before anything is computed, an output in a folder that cannot be made or written to."""
    home = next(folder for folder in target.absolute().parents if folder.exists())
    if not home.is_dir() or not os.access(home, os.W_OK):
        raise InputError("the output cannot be written into this", "choose a folder that can be written to", home)
