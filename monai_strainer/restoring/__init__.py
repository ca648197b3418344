# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Decide how a scan is restored, restore it, and estimate the error of the result without truth."""
