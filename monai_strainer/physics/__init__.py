# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Model the scanner: linear operators, noise models, and the noise level estimated from one scan."""

from __future__ import annotations

from .kspace_lines import KSpaceLines, random_lines
from .measurement import Measurement
from .noise import GaussianNoise, NoiseModel, RicianNoise
from .noise_estimation import NoiseEstimate
from .noise_of_coils import NoncentralChiNoise
from .operators import Composition, Mask, Operator, OperatorFactory
from .profiles import Blur, Downsample, KSpaceCrop, Profile, SliceProfile
from .random_measurements import AcquisitionDistribution
from .separable import Identity, Separable
from .slice_operator import SliceOperator
from .stack_operator import Rigid, StackOperator, rigid_matrix

__all__ = [
    "AcquisitionDistribution",
    "Blur",
    "Composition",
    "Downsample",
    "GaussianNoise",
    "Identity",
    "KSpaceCrop",
    "KSpaceLines",
    "Mask",
    "Measurement",
    "NoiseEstimate",
    "NoiseModel",
    "NoncentralChiNoise",
    "Operator",
    "OperatorFactory",
    "Profile",
    "RicianNoise",
    "Rigid",
    "Separable",
    "SliceOperator",
    "SliceProfile",
    "StackOperator",
    "random_lines",
    "rigid_matrix",
]
