# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold what was learned from a cohort: networks, intensity rule and provenance; compare it with a scan."""
