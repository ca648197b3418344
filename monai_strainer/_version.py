# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold the version."""

__version__ = "0.2.0"
