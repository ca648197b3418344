# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read what setup.py hands to setuptools: what this tree declares, whatever is installed beside it."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any
from unittest import mock

import setuptools

__all__ = ["setup_arguments"]
SETUP = Path(__file__).resolve().parents[1] / "setup.py"


def setup_arguments() -> dict[str, Any]:
    """Run setup.py with a ``setup`` that keeps its keywords."""
    before = Path.cwd()
    os.chdir(SETUP.parent)  # find_packages looks at the working directory
    try:
        with mock.patch.object(setuptools, "setup") as setup:
            runpy.run_path(str(SETUP))
    finally:
        os.chdir(before)
    arguments: dict[str, Any] = setup.call_args.kwargs
    return arguments
