# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Name what a DICOM image shows where it is no magnitude image of a scan, in every vendor's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from .frame import Fault, Frame, integer_of, tag_of, value_of, words_of
from .stack import TILED

__all__ = ["are_scans", "is_reformatted"]

MAGNITUDE, SOURCE = "pass the magnitude", "pass the scan it was made from"
# words for a part of a complex image; Philips writes R_FFE, P_SE, I_IR
LETTER = r" (FFE|SE|IR|TSE|TFE|EPI|PCA|IMAGE)"
PARTS = (
    ("phase", re.compile(rf"P({LETTER})?|(.* )?PHASE( ?(MAP|IMAGE|DIFF\w*|ANGLE|UNWRAPPED))?( \w+)?|UNWRAPPED")),
    ("real", re.compile(rf"R({LETTER})?|REAL( IMAGE)?|(.* )?PHASE SENSITIVE.*|PSIR")),
    ("imaginary", re.compile(rf"I({LETTER})?|IMAG(INARY)?( IMAGE)?")),
    ("complex", re.compile("COMPLEX|MIXED COMPLEX")),
)
NO_PART = re.compile(r".*\b(CONTRAST|CORRECT\w*|ENCOD\w*|OVERSAMPL\w*|VELOCITY|PHASE SENSITIVE)\b.*")
PROJECTION = "a projection of many slices, not a scan", SOURCE
SUBTRACTION = "a subtraction, not a scan", "pass one of the scans it was made from"
VELOCITY = "a velocity map, not a scan", "pass the magnitude, or an anatomical scan"
RENDERING = "a rendering or a curved cut, not a scan", SOURCE
SCREEN = "a picture of a screen, not a scan", "pass the scan itself"
MAP = "a computed map, not a scan", SOURCE
KINDS = tuple(  # by a pattern of a whole word; the first that fits counts
    (re.compile(pattern), kind)
    for pattern, kind in (
        (
            r".*\b([CRT]?MIP|MI?NIP|MAXIP|MEANIP|A[VI]?IP|PJN|PROJECTION|PROJ)\b.*|MIP ?(THIN|THICK|RADIAL|SUM)"
            r"|COLLAPSED?"
            r"|.*\b(MAX|MIN|MEAN|AVG|AVERAGE|MAXIMUM|MINIMUM) ?(IP|INTENSITY)\b.*",
            PROJECTION,
        ),
        (r"SUB|.*\bSUBTR\w*.*|DIFFERENCE", SUBTRACTION),
        (r".*\bVELOCITY\b.*|VENC|FLOW ?MAP", VELOCITY),
        (r"VRT?|SSD|CPR|CMPR|.*\b(RENDER\w*|CURVED)\b.*", RENDERING),
        (
            r".*\bSCREEN ?(SAVE|SHOT|CAPTURE|DUMP)?\b.*|.*\bCAPTURE\b.*|POSDISP|.*\bREPORT\b.*|GRAPH|PLOT"
            r"|CSA BLACK IMAGE",
            SCREEN,
        ),
        (
            r"(.* )?MAP|(T[12]|T2 ?STAR|R[12]|R2 ?STAR|PD|RHO|B[01]|MT|MTR|U)MAP|FIELD ?MAP.*|B[01]|[AED]?ADC|EXP ADC"
            r"|AVERAGE ADC|FA|RA|COLFA|CFA|FA COLOU?R|TRACEW|.*\bTENSOR\b.*|EIGEN\w*|(REL|R)?(CBF|CBV|MTT|TTP|TMAX)"
            r"|PBP|GBP|PERFUSION|KTRANS|KEP|IAUC|AUC|STD DEVIATION|STDDEV|T TEST|[TZ] ?SCORE|TEMPERATURE|STIFFNESS|QSM"
            r"|SUSCEPTIBILITY|MTR|(FAT|WATER) ?FRAC\w*|FF|R2 STAR|R2STAR|R2\*|METABOLITE.*",
            MAP,
        ),
    )
)
CODES = {  # of DCM in DerivationCodeSequence, as in CID 7203 of DICOM PS3.16
    **dict.fromkeys(("113048", "113051", "113078", "113079"), PROJECTION),
    "113062": SUBTRACTION,
    "113070": VELOCITY,
    **dict.fromkeys(("113073", "113074", "113075"), RENDERING),
    **dict.fromkeys(("113041", "113046", "113050", "113061", "113063", "113064", "113065"), MAP),
}
UNITS = {  # of RescaleType and of real-world values: what has such a unit is no magnitude
    **dict.fromkeys(["RAD", "MRAD", "DEG", "RADIAN", "RADIANS", "DEGREE", "DEGREES"], ("a phase image", MAGNITUDE)),
    **dict.fromkeys(["HZ", "KHZ", "PPM", "PPB", "T", "UT"], ("a field map", MAGNITUDE)),
    **dict.fromkeys(["CM/S", "M/S", "MM/S", "ML/S"], VELOCITY),
    **dict.fromkeys(["MS", "S", "1/S", "S-1", "MM2/S", "UM2/S", "10*-6.MM2/S", "10-6MM2/S", "PCT", "%", "KPA"], MAP),
}
QUANTITIES = {"T1", "T2", "T2_STAR", "T2*", "R1", "R2", "PD"}  # in the fourth value; elsewhere they are contrasts
GE_PARTS = {1: "phase", 2: "real", 3: "imaginary"}  # 0 is the magnitude, and stands in field maps too
TECHNIQUE = "VolumeBasedCalculationTechnique"


def are_scans(frames: Sequence[Frame]) -> Iterable[Fault]:
    """Yield a fault for the first image that is no magnitude image of a scan."""
    for frame in frames:
        for finding, remedy in _findings(frame):
            yield Fault(finding, remedy, (frame.file.name,))
            return


def is_reformatted(frame: Frame) -> bool:
    """Return whether an image was cut out of a volume along another plane (MPR)."""
    words = {word.replace("_", " ") for _, words in _stated(frame) for word in words}
    return any("MPR" in word.split() for word in words) or "113072" in _codes(frame)


def _stated(frame: Frame) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where an image says what it is, and its words there."""
    kind = "FrameType" if frame.words("FrameType") else "ImageType"
    yield tag_of("ComplexImageComponent"), frame.words("ComplexImageComponent")
    yield tag_of(kind), frame.image_type
    yield tag_of(TECHNIQUE), frame.words(TECHNIQUE)
    yield (
        "the private element (2005,1011) of Philips",
        words_of(frame.private("Philips MR Imaging DD 001", 0x2005, 0x11)),
    )
    yield "the private element (0021,1175) of Siemens", words_of(frame.private("SIEMENS MR SDI 02", 0x0021, 0x75))


def _findings(frame: Frame) -> Iterator[tuple[str, str]]:
    """All that speaks against an image."""
    for name, words in _stated(frame):
        for word in words:
            plain = " ".join(re.sub("[_-]", " ", word).split())
            if word in TILED:
                yield f"{name} says {word}: one image holds many slices side by side", "convert it with dcm2niix"
            elif re.fullmatch("LOCALI[SZ]ER|SCOUT", plain):
                yield f"{name} says {plain}", "pass the scan itself"
            elif part := _part(plain):
                yield f"{name} says {part} image, not magnitude", MAGNITUDE
            elif kind := _kind(plain):
                yield f"{name} says {re.sub('[^A-Z0-9_* ]', '', word)[:24]}: {kind[0]}", kind[1]
    is_derived = "DERIVED" in frame.image_type and not frame.is_enhanced and not is_reformatted(frame)
    if is_derived and (quantity := QUANTITIES & set(frame.image_type[3:])):
        yield f"{tag_of('ImageType')} says DERIVED and {min(quantity)}: {MAP[0]}", MAP[1]
    yield from _of_ge(frame)
    for unit in _units(frame):
        if unit in UNITS:
            yield f"the unit of the values is {unit}: {UNITS[unit][0]}", UNITS[unit][1]
    for code in _codes(frame):
        if code in CODES:
            yield f"{tag_of('DerivationCodeSequence')} holds {code}: {CODES[code][0]}", CODES[code][1]
    if frame.text("ConversionType").upper() in ("DV", "DI", "DF", "SD", "SI", "DRW"):
        yield f"{tag_of('ConversionType')} says the image was digitized from film, video or a screen", SCREEN[1]


@lru_cache(maxsize=1024)
def _part(word: str) -> str | None:
    """Which part of a complex image a word means, if it means one that is no magnitude."""
    if NO_PART.fullmatch(word) and not PARTS[1][1].fullmatch(word):
        return None
    return next((part for part, pattern in reversed(PARTS) if pattern.fullmatch(word)), None)


@lru_cache(maxsize=1024)
def _kind(word: str) -> tuple[str, str] | None:
    """Return what a word says an image is, and what to do, if that is no scan; None otherwise."""
    return next((kind for pattern, kind in KINDS if pattern.fullmatch(word)), None)


def _of_ge(frame: Frame) -> Iterator[tuple[str, str]]:
    """Yield what GE says in private elements alone."""
    part = GE_PARTS.get(integer_of(frame.private("GEMS_PARM_01", 0x0043, 0x2F)) or 0)
    if part is not None:
        yield f"the private element (0043,102F) of GE says {part} image, not magnitude", MAGNITUDE
    names = [words_of(frame.private("GEMS_ACQU_01", 0x0019, element)) for element in (0x9C, 0x9E)]
    if "DERIVED" in frame.image_type and any("B0MAP" in word for words in names for word in words):
        yield "the private pulse sequence name of GE says B0map, and the image is derived: a field map", MAGNITUDE


def _units(frame: Frame) -> list[str]:
    """Return the units of the values, as far as they are given."""
    found = [frame.text("RescaleType")]
    for group in (*frame.groups, *(frame.get("RealWorldValueMappingSequence") or ())):
        for item in value_of(group, "MeasurementUnitsCodeSequence") or ():
            found.append(str(value_of(item, "CodeValue") or ""))
    return [unit.strip(" []{}\0").upper() for unit in found]


def _codes(frame: Frame) -> list[str]:
    """Return the codes of what was done to an image."""
    items = frame.get("DerivationCodeSequence")
    try:
        return [str(value_of(item, "CodeValue")) for item in items or ()]
    except TypeError:  # no sequence
        return []
