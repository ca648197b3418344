# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Check an MR series: one small check, and one sentence, for each fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.uid import RLELossless, UncompressedTransferSyntaxes

from .frame import Fault, Frame, names_of, tag_of
from .kinds import are_scans, is_reformatted
from .lossy import lossy_of
from .stack import are_tiled, is_a_stack, is_orthonormal

__all__ = ["MR", "findings", "faults_of"]

MR, ENHANCED, CONVERTED = ("1.2.840.10008.5.1.4.1.1.4" + end for end in ("", ".1", ".4"))
EXPORT = "export the series from the archive again"
CONVERT = "convert it with dcm2niix"


def _is_class(frames: Sequence[Frame]) -> Iterable[Fault]:
    others = [f for f in frames if f.text("SOPClassUID") not in (MR, ENHANCED, CONVERTED)]
    if others:
        kind = getattr(others[0].get("SOPClassUID"), "name", "nothing") or "nothing"
        yield Fault(f"{tag_of('SOPClassUID')} says {kind}, not MR Image", "pass MR images", names_of(others))
    others = [f for f in frames if f.text("Modality") != "MR"]
    if others:
        said = others[0].text("Modality")[:16] or "nothing"
        yield Fault(f"{tag_of('Modality')} says {said}, not MR", "pass MR images", names_of(others))


def _is_one(frames: Sequence[Frame]) -> Iterable[Fault]:
    for keyword in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        groups = Counter(f.text(keyword) for f in frames)
        if len(groups) > 1:  # the values name patients: only their number is given
            rare = min(groups, key=lambda value: groups[value])
            some = [f for f in frames if f.text(keyword) == rare]
            is_torn = len(groups) == len(frames) > 2
            remedy = "de-identify them again so that they keep one" if is_torn else "put each into its own folder"
            yield Fault(f"{tag_of(keyword)} has {len(groups)} values in one series", remedy, names_of(some))


def _is_grey(frames: Sequence[Frame]) -> Iterable[Fault]:
    wrong = [f for f in frames if f.number("SamplesPerPixel") not in (None, 1.0)]
    if wrong:
        yield Fault(f"{tag_of('SamplesPerPixel')} is not 1: colour, not MR", "pass the scan itself", names_of(wrong))
    wrong = [f for f in frames if f.text("PhotometricInterpretation") not in ("MONOCHROME1", "MONOCHROME2")]
    if wrong:
        said = wrong[0].text("PhotometricInterpretation")[:16] or "nothing"
        yield Fault(f"{tag_of('PhotometricInterpretation')} says {said}, not grey", "pass grey images", names_of(wrong))
    wrong = [f for f in frames if f.number("BitsAllocated") not in (8.0, 16.0, 32.0)]
    if wrong:
        yield Fault(
            f"{tag_of('BitsAllocated')} is {wrong[0].text('BitsAllocated')[:8] or 'missing'}, not 8, 16 or 32",
            EXPORT,
            names_of(wrong),
        )


def _has_geometry(frames: Sequence[Frame]) -> Iterable[Fault]:
    if are_tiled(frames):
        return  # refused as that
    for keyword, count in (
        ("Rows", 1),
        ("Columns", 1),
        ("PixelSpacing", 2),
        ("ImagePositionPatient", 3),
        ("ImageOrientationPatient", 6),
    ):
        missing = [f for f in frames if f.numbers(keyword, count) is None]
        if missing:
            yield Fault(f"{tag_of(keyword)} is missing", f"{EXPORT}, with its geometry", names_of(missing))
        found = [(f, value) for f in frames if (value := f.numbers(keyword, count)) is not None]
        wrong = [f for f, value in found if not np.isfinite(value).all()]
        if wrong:
            yield Fault(f"{tag_of(keyword)} is not {count} finite numbers", EXPORT, names_of(wrong))
        wrong = [f for f, value in found if count < 3 and (value <= 0).any()]
        if wrong:
            yield Fault(f"{tag_of(keyword)} is {_short(wrong[0], keyword)}, not above 0", EXPORT, names_of(wrong))
    wrong = [
        f
        for f in frames
        if (iop := f.numbers("ImageOrientationPatient", 6)) is not None
        and np.isfinite(iop).all()
        and not is_orthonormal(iop)
    ]
    if wrong:
        yield Fault(
            f"{tag_of('ImageOrientationPatient')} is not two perpendicular unit vectors", EXPORT, names_of(wrong)
        )


def _short(frame: Frame, keyword: str) -> str:
    return frame.text(keyword)[:40]


def _is_uniform(frames: Sequence[Frame]) -> Iterable[Fault]:
    for keyword, count, tolerance in (
        ("ImageOrientationPatient", 6, 1e-3),
        ("PixelSpacing", 2, 1e-4),
        ("Rows", 1, 0.0),
        ("Columns", 1, 0.0),
        ("BitsAllocated", 1, 0.0),
        ("PixelRepresentation", 1, 0.0),
    ):
        found = [(f, value) for f in frames if (value := f.numbers(keyword, count)) is not None]
        if found:
            middle = np.median([value for _, value in found], axis=0)
            odd = [f for f, value in found if np.abs(value - middle).max() > tolerance]
            if odd:
                yield Fault(
                    f"{tag_of(keyword)} is not the same in the whole series",
                    "put each geometry into its own folder",
                    names_of(odd),
                )
    if len({f.text("PhotometricInterpretation") for f in frames}) > 1:
        yield Fault(f"{tag_of('PhotometricInterpretation')} varies in the series", EXPORT, names_of(frames[:1]))


def _can_be_decoded(frames: Sequence[Frame]) -> Iterable[Fault]:
    for syntax in dict.fromkeys(f.syntax for f in frames):
        some = names_of(f for f in frames if f.syntax == syntax)
        if syntax in UncompressedTransferSyntaxes or syntax == RLELossless:
            continue
        try:
            is_ready = get_decoder(syntax).is_available
        except (NotImplementedError, ValueError):
            yield Fault(f"{tag_of('TransferSyntaxUID')} {str(syntax)[:64]} is not known", CONVERT, some)
            continue
        if not is_ready:
            yield Fault(
                f"{tag_of('TransferSyntaxUID')} {syntax.name} needs a decoder that is not installed",
                'run pip install "monai_strainer[dicom]"',
                some,
            )


CHECKS: tuple[Callable[[Sequence[Frame]], Iterable[Fault]], ...] = (
    _is_class,
    _is_one,
    are_scans,
    _is_grey,
    _has_geometry,
    _is_uniform,
    is_a_stack,
    _can_be_decoded,
)


def faults_of(frames: Sequence[Frame]) -> list[Fault]:
    """Return all that makes a series unusable, found in its headers alone."""
    return [fault for check in CHECKS for fault in check(frames)]


def findings(frames: Sequence[Frame]) -> list[str]:
    """List what is accepted but should be known."""
    found = []
    if any(f.text("BurnedInAnnotation").upper() == "YES" for f in frames):
        found.append("the images carry burned-in text (BurnedInAnnotation); it is restored as if it were anatomy")
    if any("DERIVED" in f.image_type[:1] for f in frames):
        found.append("the images are derived, not original: what was done to them before is not known")
    if any(is_reformatted(f) for f in frames):
        found.append(
            "the images are reformatted (MPR): resampled from other slices, so their noise is smoothed already"
        )
    if any(lossy_of(f) for f in frames):
        found.append("the images were compressed with loss: what compression added is restored as if it were anatomy")
    if any(f.text("PhotometricInterpretation") == "MONOCHROME1" for f in frames):
        found.append("the images are shown inverted (MONOCHROME1); the prior knows them bright on dark")
    if len(frames) == 1:
        found.append("a single slice: its neighbours cannot help")
    return found
