# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Serve the JSON configurations of the bundles: give what JSON cannot express."""
