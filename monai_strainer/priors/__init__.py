# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What was learned from a cohort: networks, intensity rule and provenance; read, written and compared with a scan."""
