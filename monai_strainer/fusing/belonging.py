# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Decide which stacks belong together: aligned, they agree in detail with one of the others.

Aligned stacks of two people look alike as a whole. A stack belongs if it agrees with any that does.

The limits are set by scans of the training split. Local likeness there (see
:mod:`monai_strainer.fitting.stack_likeness`): two real stacks of one pelvis 0.94 to 0.98, also parts of them; simulated
stacks of one head, heart, knee or neck 1.00. Nine pairs of heads of two people that could be aligned 0.61 to 0.80; the
highest pair 0.86 with 20 % noise or slices of 8 mm. Real stacks of one person lack at most 0.06: one that lacks five
times as much, below 0.70, is left out, for one's own must not be. Below 0.88, above all these pairs, it is warned of.
Validation scans, measured before, agree: own heads 1.00, an own pelvis 0.80 to 0.97, two people 0.60 to 0.79.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..fitting.stack_likeness import local_likeness
from ..fitting.stack_mirrors import fits_better_mirrored
from ..fitting.stack_registration import Aligned
from ..geometry import Grid

__all__ = ["Belonging", "belonging"]

_OTHER = 0.70  # local likeness below which a stack is of another person or contrast
_UNSURE = 0.88  # below, it may be: two aligned heads reach 0.86


@dataclass(frozen=True)
class Belonging:
    """What one stack has in detail with the others.

    Args:
        likeness: local likeness with that of the others with which it agrees best; None where too little is seen.
        mirrored: whether it fits the first better when left and right are swapped; asked where it does not belong.
    """

    likeness: float | None
    mirrored: bool = False

    @property
    def reason(self) -> str:
        """Return why it is not of the same person and contrast, in words; nothing where it may be."""
        if self.likeness is None or self.likeness >= _OTHER:
            return ""
        if self.mirrored:
            return "it fits the first better when left and right are swapped: one of their headers is wrong"
        return (
            f"it differs in detail from the others (correlation of {self.likeness:.2f} in neighbourhoods of 2 cm): "
            "another person or contrast, a mirror image, or much motion between slices"
        )

    @property
    def caution(self) -> str:
        """Return what to check, in words; nothing where it agrees."""
        if self.likeness is None or self.likeness >= _UNSURE:
            return ""
        return (
            f"it agrees little in detail with the others (correlation of {self.likeness:.2f} in neighbourhoods of "
            "2 cm): check that it is of the same person, visit and contrast"
        )


def belonging(aligned: Sequence[Aligned], place: Grid) -> list[Belonging]:
    """Compare stacks in detail.

    The first stack leads. Every other one is compared with it, and with those that belong to it where that is needed.
    Where none clearly belongs to the first, the others are compared with each other: if they agree, the first is the
    one to check.

    Args:
        aligned: the stacks that converged, the first one leading.
        place: field of view of the result.

    Returns:
        One outcome per stack, in their order; each has the likeness with the stack that it agrees with best.
    """
    first = [local_likeness(one.stack, aligned[0].stack, place) for one in aligned[1:]]
    found = list(first)
    sure = [one for one, value in zip(aligned[1:], first) if value is not None and value >= _UNSURE]
    for k, (one, value) in enumerate(zip(aligned[1:], found)):
        if value is not None and value < _UNSURE:
            rest = sure if sure or value < _OTHER else [other for other in aligned[1:] if other is not one]
            more = [local_likeness(one.stack, other.stack, place) for other in rest]
            found[k] = max([value, *(m for m in more if m is not None)])
    out = [Belonging(max((value for value in first if value is not None), default=None))]
    for one, value in zip(aligned[1:], found):
        differs = value is not None and value < _OTHER
        out.append(Belonging(value, differs and fits_better_mirrored(one.stack, aligned[0].stack, place)))
    return out
