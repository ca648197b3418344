# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read BIDS file names and the JSON files beside images."""
