# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Turn folders of scans into what a prior learns from: which scans train, aligned slices, clean volumes."""
