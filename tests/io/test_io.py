# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What ``write`` refuses before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_strainer.errors import InputError
from monai_strainer.io import write
from monai_strainer.volume import Volume


def test_a_deviation_of_another_shape_is_refused(tmp_path: Path, phantom: Volume) -> None:
    with pytest.raises(InputError, match="do not fit"):
        write(phantom, tmp_path / "x.nii", std=np.ones((2, 2, 2)))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path, phantom: Volume) -> None:
    (tmp_path / "note").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write(phantom, tmp_path / "note" / "x.nii")
