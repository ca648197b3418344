# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore several scans of one person together: stacks as one volume, contrasts that help each other."""
