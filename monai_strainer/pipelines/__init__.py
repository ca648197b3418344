# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run whole tasks from file to file: one scan, many scans, a BIDS dataset, a demonstration."""
