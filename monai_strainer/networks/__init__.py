# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Coordinate networks: coordinate images in, images out, channel first."""

from .siren import Siren, sizes_of
from .stack import SirenStack, stable_rank
from .strainer import StrainerNet

__all__ = ["Siren", "SirenStack", "StrainerNet", "sizes_of", "stable_rank"]
