# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the command line: ``python -m monai_strainer.cli``."""

from .leaving import run

run()
