# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Receive DICOM series over the network, restore them, and send the results to an archive."""
