# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Define the networks: coordinate networks, detail network, noise level network; images are channel first."""

from .detail import CONDITIONS, DetailPrior, sizes_of_detail
from .detail_channels import DetailChannels
from .sine_layers_cpu import SineTape, encoded, sine_features
from .siren import Siren, sizes_of
from .stack import SirenStack, stable_rank
from .strainer import StrainerNet

__all__ = [
    "CONDITIONS",
    "DetailChannels",
    "DetailPrior",
    "SineTape",
    "Siren",
    "SirenStack",
    "StrainerNet",
    "encoded",
    "sine_features",
    "sizes_of",
    "sizes_of_detail",
    "stable_rank",
]
