# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Declare every option of a restoration once; Python, the command line, the inferer and the bundle read it here.

Other options are declared in the same way, those of a fusion in ``fusing/options.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ..errors import SEEDS, InputError, Limits
from ..geometry import MIRRORS

if TYPE_CHECKING:  # the command line reads this file for its help text, and does not wait for torch
    import numpy as np
    from numpy.typing import NDArray

    from ..fitting import FitOptions
    from ..physics import NoiseModel, Operator, OperatorFactory

__all__ = ["METHODS", "NOISES", "PROFILES", "RestoreOptions", "changed", "declared", "refuse_unfit", "said"]

_PACKAGE = Path(__file__).resolve().parent.parent
METHODS = ("auto", "amortised", "plug_and_play", "coordinates")
# One file a profile; listed here, for importing them would load torch.
PROFILES = ("auto", *sorted(file.stem for file in (_PACKAGE / "physics" / "axis_profiles").glob("[!_]*.py")))
Options = TypeVar("Options", bound=Any)  # a frozen dataclass
# Module of ``physics`` and class, by name for the same reason; a parameter stands behind a colon: noncentral_chi:8.
NOISES = {
    "rician": "noise.RicianNoise",
    "gaussian": "noise.GaussianNoise",
    "noncentral_chi": "noise_of_coils.NoncentralChiNoise",
}


def said(
    text: str,
    *,
    kind: Any = None,
    among: Collection[str] = (),
    unit: str | None = None,
    limits: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the metadata of a field of options: what a command line says about it.

    Args:
        text: help.
        kind: of its value; ``bool`` makes a flag, ``--no-`` and its name where the default is True.
        among: the values that there are.
        unit: stands for the value in the help.
        limits: of a number: ``least``, ``most`` or ``above``.
    """
    return {"help": text, "kind": kind, "among": among, "unit": unit, "limits": limits or {}}


@dataclass(frozen=True, eq=False)
class RestoreOptions:
    """How a scan is restored.

    Args:
        sigma: noise standard deviation in the scan's units, a number or a map; None estimates it. Plug-and-play takes
            the root mean square of a map per slice.
        noise: ``"rician"`` for magnitude images, ``"noncentral_chi:8"`` for the sum of squares of 8 coils, or
            ``"gaussian"`` for real-valued images; a noise class, or a noise with its level, is also accepted. Values
            below zero make the noise Gaussian.
        profile: how a scanner makes large voxels of small ones: ``"box"`` averages, ``"gaussian"`` weights,
            ``"kspace"`` cuts the high frequencies off; all are in :mod:`monai_strainer.physics.axis_profiles`.
            ``"auto"`` takes the box; where the general prior refines a plane, it also allows for cut k-space (see the
            docs on any scan).
        operator: builds ``A`` from a fine and a measured shape, or is ``A`` itself; takes the place of ``profile``.
        mask: (X, Y, Z), true where the scan is restored. The network reads the noise level inside, and the intensity
            scale and all figures of the report are those inside. Outside, the result is the scan itself, or its linear
            interpolation on a finer grid.
        thickness: of slices in mm where they have gaps or overlap; by default what the scan says of itself, else the
            step between them. Matters where the step between slices is refined.
        method: ``"amortised"`` is one pass of the detail network; ``"plug_and_play"`` uses it as a denoiser, for
            operators it was not trained on; ``"coordinates"`` fits the coordinate network to every slice; ``"auto"``
            takes the first that applies.
        steps: of the method ``"coordinates"``: gradient steps at most; 0 gives the solved readout alone. By default
            60, or 20 on scans of more than 32 slices, which otherwise take a quarter of an hour on two CPU cores.
        fit: other options of the method ``"coordinates"``; its ``steps`` are not used.
        coordinate_features: give the detail network the features of the coordinate network.
        mirrors: mirror images of every slice whose predictions by the detail network are averaged: 1, 2 or 4. Fewer are
            quicker, and a little worse.
        adapt: steps, at most, by which the general network learns from the noise of the scan itself before it denoises
            it; 0 for none. By default 100, fewer on small scans, none below 1 % noise. Kept only where the estimated
            error gets lower.
        keep_lesions: denoising by the detail network gives back what it removed and noise does not explain, small
            lesions and vessels. With this option more counts as such, and some noise comes back, 0.1 to 0.2 dB.
        seed: of all draws. The same input, prior, options and seed give the same bytes on one CPU.

    Raises:
        InputError: a value that does not exist or lies outside of its limits, an option of another method.

    Example:
        >>> RestoreOptions(method="coordinates", steps=0).profile
        'auto'
    """

    sigma: float | NDArray[np.float32] | None = field(
        default=None,
        metadata=said(
            "noise standard deviation in the scan's units (default: estimated)",
            kind=float,
            unit="S",
            limits={"least": 0},
        ),
    )
    noise: str | type[NoiseModel] | NoiseModel = field(
        default="rician",
        metadata=said(
            "of a magnitude image, of one of N coils combined by sum of squares (noncentral_chi:N), or of a "
            "real-valued one",
            among=NOISES,
        ),
    )
    profile: str = field(
        default="auto",
        metadata=said("what a measured voxel is: an average, a weighted one, or cut-off k-space", among=PROFILES),
    )
    operator: OperatorFactory | Operator | None = None
    mask: NDArray[np.bool_] | None = None
    thickness: float | None = field(
        default=None,
        metadata=said("slice thickness where slices have gaps or overlap", kind=float, unit="MM", limits={"above": 0}),
    )
    method: str = field(
        default="auto",
        metadata=said(
            "one pass of the detail network, that network as a denoiser, or a fit of the coordinate network",
            among=METHODS,
        ),
    )
    steps: int | None = field(
        default=None,
        metadata=said(
            "of the method coordinates: gradient steps at most; 0 is the closed-form solve alone",
            kind=int,
            unit="N",
            limits={"least": 0},
        ),
    )
    fit: FitOptions | None = None
    coordinate_features: bool = True
    mirrors: int = 4
    adapt: int | None = field(
        default=None,
        metadata=said(
            "steps by which the general network learns from the scan's own noise; 0 for none (default: up to 100)",
            kind=int,
            unit="N",
            limits={"least": 0},
        ),
    )
    keep_lesions: bool = field(
        default=False,
        metadata=said("denoising: give back more of small lesions and vessels than usual, and some noise", kind=bool),
    )
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (("method", METHODS), ("profile", PROFILES)):
            if getattr(self, name) not in choices:
                raise InputError(f"there is no {name} {getattr(self, name)!r}", f"choose from {', '.join(choices)}")
        if isinstance(self.noise, str) and self.noise.partition(":")[0] not in NOISES:
            raise InputError(f"there is no noise {self.noise!r}", f"choose from {', '.join(NOISES)}")
        refuse_unfit(self)
        SEEDS.checked(self.seed, "seed", whole=True)
        if self.mirrors not in MIRRORS:
            raise InputError(f"{self.mirrors} mirror images cannot be averaged", "choose 1, 2 or 4")
        if self.adapt and self.method not in ("auto", "amortised"):
            raise InputError(f"the method {self.method} does not adapt a network", "leave adapt out, or use amortised")
        if self.keep_lesions and self.method not in ("auto", "amortised"):
            raise InputError(
                f"the method {self.method} gives nothing back", "leave keep_lesions out, or use the method amortised"
            )
        if self.fit is not None and self.method not in ("auto", "coordinates"):
            raise InputError("fit belongs to another method", "use it with the method coordinates")
        if self.operator is not None and self.profile != "auto":
            raise InputError("an operator and a profile were given", "give one of them")

    @property
    def noise_kind(self) -> type[NoiseModel]:
        """The class of the noise."""
        if isinstance(self.noise, str):
            name, _, parameter = self.noise.partition(":")
            module, _, kind = NOISES[name].partition(".")
            named: type[NoiseModel] = getattr(import_module(f"..physics.{module}", __package__), kind)
            return named.of(parameter) if parameter else named
        return self.noise if isinstance(self.noise, type) else self.noise.kind

    @property
    def given_sigma(self) -> float | NDArray[np.float32] | None:
        """The noise level that was given: by ``sigma``, or by a noise with its level."""
        if self.sigma is not None or isinstance(self.noise, str | type):
            return self.sigma
        level = self.noise.sigma.cpu()
        return level.numpy() if level.ndim else float(level)

    @property
    def build(self) -> OperatorFactory | Operator:
        """The operator, or what builds it."""
        from ..physics import Profile

        if self.operator is not None:
            return self.operator
        return Profile() if self.profile == "auto" else Profile(self.profile)

    def plain(self) -> dict[str, Any]:
        """Return the options that a command line can give, fit for JSON."""
        return {name: getattr(self, name) for name in declared()} | {"seed": self.seed}


def declared(kind: type[Any] | None = None) -> dict[str, Mapping[str, Any]]:
    """Return what a command line can give: options, and for each its default, help text, kind, choices and unit.

    Args:
        kind: class of the options; those of a restoration by default.

    Example:
        >>> declared()["profile"]["among"][:4]
        ('auto', 'box', 'gaussian', 'kspace')
    """
    each = fields(RestoreOptions if kind is None else kind)
    return {one.name: {**one.metadata, "default": one.default} for one in each if one.metadata}


def refuse_unfit(options: Any) -> None:
    """Refuse options whose numbers lie outside of their declared limits, or whose flags are neither true nor false.

    Args:
        options: of any kind; arrays and None are not judged.

    Raises:
        InputError: the option, its value, and what can be given.
    """
    for name, option in declared(type(options)).items():
        value, kind = getattr(options, name), option["kind"]
        if kind is bool and not isinstance(value, bool):
            raise InputError(f"{name} {value!r} is neither true nor false", "give True or False")
        if kind in (int, float) and value is not None and not getattr(value, "shape", ()):
            Limits(**option["limits"]).checked(value, name, whole=kind is int)


@overload
def changed(options: None, given: Mapping[str, Any]) -> RestoreOptions: ...
@overload
def changed(options: Options, given: Mapping[str, Any]) -> Options: ...
def changed(options: Any, given: Mapping[str, Any]) -> Any:
    """Options with some of them replaced by name.

    Args:
        options: of any kind; None is the defaults of a restoration.
        given: new values.

    Raises:
        InputError: an option that does not exist; the message names those there are.

    Example:
        >>> changed(None, {"sigma": 20.0}).sigma
        20.0
    """
    start = RestoreOptions() if options is None else options
    known = {one.name for one in fields(start)}
    if unknown := sorted(set(given) - known):
        raise InputError(f"there is no option {', '.join(unknown)}", f"choose from {', '.join(sorted(known))}")
    return replace(start, **given)
