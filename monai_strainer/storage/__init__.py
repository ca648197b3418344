# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write files whole or not at all: checkpoints, weights, tables, records. Nothing here knows what a scan is."""
