# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Offer MONAI transforms: scans in and out, simulated low resolution and noise, head coordinates, intensities.

Each transform has a form for arrays and one for dictionaries (``Foo`` and ``Food``, also called ``FooD`` and
``FooDict``). No name is one of MONAI's own.
"""

from __future__ import annotations

from .coordinates import (
    AddHeadCoordinates,
    AddHeadCoordinatesD,
    AddHeadCoordinatesd,
    AddHeadCoordinatesDict,
)
from .degrade import (
    DegradeResolution,
    DegradeResolutionD,
    DegradeResolutiond,
    DegradeResolutionDict,
    RandDegradeResolution,
    RandDegradeResolutionD,
    RandDegradeResolutiond,
    RandDegradeResolutionDict,
)
from .normalise import (
    NormaliseForeground,
    NormaliseForegroundD,
    NormaliseForegroundd,
    NormaliseForegroundDict,
)
from .rician import (
    AddRicianNoise,
    AddRicianNoiseD,
    AddRicianNoised,
    AddRicianNoiseDict,
    RandRicianNoiseSim,
    RandRicianNoiseSimD,
    RandRicianNoiseSimd,
    RandRicianNoiseSimDict,
)
from .scan import (
    LoadScan,
    LoadScanD,
    LoadScand,
    LoadScanDict,
    SaveScan,
    SaveScanD,
    SaveScand,
    SaveScanDict,
    scan_list,
)

__all__ = [
    "AddHeadCoordinates",
    "AddHeadCoordinatesD",
    "AddHeadCoordinatesDict",
    "AddHeadCoordinatesd",
    "AddRicianNoise",
    "AddRicianNoiseD",
    "AddRicianNoiseDict",
    "AddRicianNoised",
    "DegradeResolution",
    "DegradeResolutionD",
    "DegradeResolutionDict",
    "DegradeResolutiond",
    "LoadScan",
    "LoadScanD",
    "LoadScanDict",
    "LoadScand",
    "NormaliseForeground",
    "NormaliseForegroundD",
    "NormaliseForegroundDict",
    "NormaliseForegroundd",
    "RandDegradeResolution",
    "RandDegradeResolutionD",
    "RandDegradeResolutionDict",
    "RandDegradeResolutiond",
    "RandRicianNoiseSim",
    "RandRicianNoiseSimD",
    "RandRicianNoiseSimDict",
    "RandRicianNoiseSimd",
    "SaveScan",
    "SaveScanD",
    "SaveScanDict",
    "SaveScand",
    "scan_list",
]
