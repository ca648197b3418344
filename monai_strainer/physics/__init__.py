# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the scanner did to the image: linear operators, noise models, and the noise level read off one scan."""

from __future__ import annotations

from .noise import GaussianNoise, NoiseModel, RicianNoise
from .operators import Composition, Mask, Operator
from .profiles import Blur, Downsample, KSpaceCrop, SliceProfile
from .separable import Identity, Separable

__all__ = [
    "Blur",
    "Composition",
    "Downsample",
    "GaussianNoise",
    "Identity",
    "KSpaceCrop",
    "Mask",
    "NoiseModel",
    "Operator",
    "RicianNoise",
    "Separable",
    "SliceProfile",
]
