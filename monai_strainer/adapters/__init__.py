# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Offer operators, networks and restorations as objects of other packages."""
