# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Convert what one frame says, classic or enhanced, to the header of a classic MR image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from .frame import Frame
from .verbatim import copied

__all__ = ["classic", "put"]

# what no longer holds of new pixels, or was said of frames that are files now
DROP = """
    PixelData PixelPaddingValue PixelPaddingRangeLimit SmallestImagePixelValue LargestImagePixelValue
    SmallestPixelValueInSeries LargestPixelValueInSeries IconImageSequence DigitalSignaturesSequence
    MACParametersSequence RealWorldValueMappingSequence StackID InStackPositionNumber ImagesInAcquisition
    TemporalPositionIdentifier NumberOfTemporalPositions ReferencedImageSequence SourceImageSequence
    PerFrameFunctionalGroupsSequence SharedFunctionalGroupsSequence NumberOfFrames DimensionOrganizationSequence
    DimensionIndexSequence DimensionOrganizationType ConcatenationUID InConcatenationNumber
    InConcatenationTotalNumber ConcatenationFrameOffsetNumber SOPInstanceUIDOfConcatenationSource
    PresentationLUTShape PixelPresentation VolumetricProperties VolumeBasedCalculationTechnique
    ComplexImageComponent AcquisitionContrast FrameType ModalityLUTSequence
"""
# attributes of an Enhanced MR image that a classic one has no place for
ENHANCED_ONLY = """
    PulseSequenceName MultiPlanarExcitation PhaseContrast TimeOfFlightContrast SteadyStatePulseSequence
    EchoPlanarPulseSequence SaturationRecovery SpectrallySelectedSuppression OversamplingPhase
    GeometryOfKSpaceTraversal SegmentedKSpaceTraversal RectilinearPhaseEncodeReordering KSpaceFiltering
    ResonantNucleus MultipleSpinEcho CoverageOfKSpace NumberOfKSpaceTrajectories EchoPulseSequence
    ApplicableSafetyStandardAgency ApplicableSafetyStandardDescription AcquisitionContextSequence
    BulkMotionCompensationTechnique CardiacSynchronizationTechnique RespiratoryMotionCompensationTechnique
    CardiacSignalSource RespiratorySignalSource ParallelAcquisition IsocenterPosition B1rms TablePosition
    InversionTime ArterialSpinLabelingContrast WaterFatPhase FunctionalMR BOLDContrast AcquisitionDuration
    ReferencedImageEvidenceSequence
"""
KEPT = "ImageOrientationPatient SliceThickness RepetitionTime FlipAngle WindowCenter WindowWidth"


def classic(frame: Frame) -> Dataset:
    """Convert what a frame says to the form of a classic MR image, without pixels and private elements."""
    image = Dataset()
    own = (DROP + ENHANCED_ONLY * frame.is_enhanced).split()
    for tag in frame.header.keys():  # noqa: SIM118 (its elements would be decoded)
        if not (tag.is_private or tag.group & 0xFF00 in (0x5000, 0x6000) or keyword_for_tag(tag) in own):
            image[tag] = copied(frame.header, tag, frame.raw)
    if frame.is_enhanced:
        for keyword in KEPT.split():
            put(image, keyword, frame.get(keyword))
        put(image, "EchoTime", frame.get("EffectiveEchoTime"))
        echo = {"SPIN": ["SE"], "GRADIENT": ["GR"], "BOTH": ["SE", "GR"]}.get(frame.text("EchoPulseSequence").upper())
        image.ScanningSequence, image.SequenceVariant = echo or ["RM"], ["NONE"]
        image.ScanOptions = None
        if "MRAcquisitionType" not in image:
            image.MRAcquisitionType = None
        put(image, "EchoTrainLength", frame.get("EchoTrainLength") or frame.get("RFEchoTrainLength") or None)
        for keyword in ("EchoTrainLength", "RepetitionTime", "EchoTime"):  # type 2: present, if only empty
            if keyword not in image:
                setattr(image, keyword, None)
    is_plain = frame.is_enhanced and (frame.number("RescaleSlope"), frame.number("RescaleIntercept")) == (1.0, 0.0)
    for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):  # a classic MR image has none unless it must
        if is_plain or frame.get(keyword) is None:
            image.pop(keyword, None)
        else:
            put(image, keyword, frame.get(keyword))
    return image


def put(image: Dataset, keyword: str, value: Any) -> None:
    """Set an attribute where there is a value; numbers become decimal strings where the standard wants those.

    Args:
        image: changed in place.
        keyword: of the attribute.
        value: a number, a text, several of them, or None for nothing.
    """
    if value is None:
        return
    values = list(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else [value]
    if all(isinstance(item, int | float | np.number) for item in values):
        is_whole = dictionary_VR(keyword) == "IS"
        values = [str(round(float(item))) if is_whole else format_number_as_ds(float(item)) for item in values]
    setattr(image, keyword, values if len(values) > 1 else values[0])
