# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw figures and write HTML pages that need no network."""
