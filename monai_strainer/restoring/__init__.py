# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Decide how a scan is restored, and judge the result without truth."""
