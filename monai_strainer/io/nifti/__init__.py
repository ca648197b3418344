# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read and write NIfTI files."""
