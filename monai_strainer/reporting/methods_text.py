# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write a paragraph for the methods section of a paper from the report of a restoration, with its citations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..restoring.report import Report

__all__ = ["MethodsText", "methods_text", "tool_named"]

_CITED = {
    "strainer": "Vyas K, Humayun AI, Dashpute A, Baraniuk RG, Veeraraghavan A, Balakrishnan G. Learning transferable "
    "features for implicit neural representations. Advances in Neural Information Processing Systems 37, 2024. "
    "arXiv:2409.09566.",
    "monai": "Cardoso MJ, Li W, Brown R, et al. MONAI: an open-source framework for deep learning in healthcare. "
    "arXiv:2211.02701, 2022.",
    "rician": "Gudbjartsson H, Patz S. The Rician distribution of noisy MRI data. Magnetic Resonance in Medicine 34 "
    "(1995), 910-914.",
    "risk": "Stein CM. Estimation of the mean of a multivariate normal distribution. Annals of Statistics 9 (1981), "
    "1135-1151.",
    "plug_and_play": "Venkatakrishnan SV, Bouman CA, Wohlberg B. Plug-and-play priors for model based reconstruction. "
    "IEEE Global Conference on Signal and Information Processing, 2013, 945-948.",
}
_METHODS = {
    "amortised": "A residual U-Net that is given the acquisition and the noise level predicted the image and its "
    "standard deviation from slices and their neighbours, and a data-consistency step followed",
    "plug_and_play": "A residual U-Net served as the denoiser of an iterative method (plug-and-play {plug_and_play}) "
    "with an exact data step",
    "coordinates": "A coordinate network that shares its first layers with those of a cohort was fitted to every slice",
}
_PRIORS = {
    "cohort": "The prior of a cohort was used",
    "general": "The general prior, which was trained on scans of many contrasts and body parts, was used",
    "none": "No detail network was used",
}
_PROFILES = {"box": "an average over its extent", "kspace": "truncated k-space"}


@dataclass
class MethodsText:
    """A paragraph and the list of what it cites.

    Args:
        paragraph: one text; ``[1]`` is the first reference.
        references: in the order of their numbers.
    """

    paragraph: str = ""
    references: list[str] = field(default_factory=list)

    def cite(self, key: str) -> str:
        """Return the number of a reference in brackets; it is added to the list when it is cited first."""
        if _CITED[key] not in self.references:
            self.references.append(_CITED[key])
        return f"[{self.references.index(_CITED[key]) + 1}]"


def tool_named(text: MethodsText, made_by: str) -> str:
    """Return the name and the version of the package, with its citations.

    Args:
        text: collects the citations.
        made_by: ``monai_strainer`` and its version, as a record has it.
    """
    name, _, version = made_by.partition(" ")
    return f"{name} {version}, a plugin of MONAI {text.cite('monai')} built on STRAINER {text.cite('strainer')}"


def methods_text(report: Report, measured: Sequence[float], made: Sequence[float]) -> MethodsText:
    """Write the paragraph.

    Args:
        report: of the restoration.
        measured: voxel size of the scan in mm, per array axis.
        made: voxel size of the result in mm.
    """
    text = MethodsText()
    before, after = (" x ".join(f"{edge:.3g}" for edge in size) for size in (measured, made))
    if report.task == "denoising":
        done = f"The scan (voxels of {before} mm) was denoised"
    else:
        factors = " x ".join(f"{factor:.4g}" for factor in report.scale)
        done = f"The scan was super-resolved by a factor of {factors}, from voxels of {before} mm to {after} mm,"
    sentences = [
        f"{done} with {tool_named(text, report.made_by)}",
        _method(report, text),
        _prior(report),
        *_physics(report, text),
    ]
    if report.risk is not None:
        sentences.append(
            f"Where Stein's unbiased risk estimate {text.cite('risk')} showed that more than noise was removed, the "
            f"data were mixed in (the network was set aside in {100 * report.risk.set_aside:.0f} % of the object)"
        )
    if report.keep_lesions:
        sentences.append(
            "More of small structures than usual was given back to the result, and some noise (keep_lesions)"
        )
    sentences.append(f"The seed of all random draws was {report.seed}")
    text.paragraph = ". ".join(sentences) + "."
    return text


def _method(report: Report, text: MethodsText) -> str:
    sentence = _METHODS[report.method]
    return sentence.format(plug_and_play=text.cite("plug_and_play")) if "{" in sentence else sentence


def _prior(report: Report) -> str:
    """Name the prior, its weights, and the adaptation to the scan."""
    digest = (report.detail_sha256 or report.prior_sha256)[:12]
    weights = f" (SHA-256 of its weights: {digest}...)" if digest else ""
    adaptation = report.choice.adaptation
    adapted = (
        f", adapted to the noise of the scan in {adaptation.steps} steps" if adaptation and adaptation.kept else ""
    )
    return f"{_PRIORS[report.choice.prior]}{weights}{adapted}"


def _physics(report: Report, text: MethodsText) -> list[str]:
    """Name the noise with its level, and what a voxel was taken to be."""
    noise = report.noise
    is_rician = "rician" in noise.model.lower()
    kind = (
        f"Rician {text.cite('rician')}"
        if is_rician
        else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", noise.model.removesuffix("Noise")).capitalize()
    )
    source = "estimated from the scan" if noise.reading.estimated else "given"
    sentences = [
        f"The noise was taken to be {kind} with a standard deviation of {noise.sigma:.4g} in the units of the scan "
        f"({100 * noise.relative:.1f} % of the intensity of the object), {source}"
    ]
    if report.task == "super-resolution" and report.profile is not None:
        profile = report.profile
        shape = _PROFILES.get(profile.kind, f"a {profile.kind.replace('_', ' ')} profile")
        thick = "" if profile.ratio == 1 else f" (slice thickness over slice step: {profile.ratio:.3g})"
        mixed = profile.kspace_weight or 0.0
        also = f", with a weight of {mixed:.2g} for truncated k-space" if 0 < mixed < 1 else ""
        through = ""
        if profile.through not in (None, profile.kind):
            through = f"; along the slice axis {_PROFILES[str(profile.through)]}"
        sentences.append(f"A measured voxel was taken to be {shape}{thick}{also}{through}")
    if report.acquired.zero_filled_axes:
        sizes = " x ".join(map(str, report.acquired.sizes))
        sentences.append(f"The scan was zero-filled and was restored on its acquired matrix of {sizes}")
    return sentences
