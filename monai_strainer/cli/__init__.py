# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read options, call the pipelines, and print what happened: the command line."""

from .command_line import main
from .leaving import run

__all__ = ["main", "run"]
