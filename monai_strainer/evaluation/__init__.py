# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compare restoration methods on reference scans that were degraded by a known forward model."""
