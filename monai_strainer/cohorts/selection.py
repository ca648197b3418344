# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose which scans of a folder train a prior and which only validate: one contrast, no label maps, and a split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..anatomy.label_map import is_label_map
from ..errors import InputError
from ..io import Passed, read, survey
from ..io.bids.names import SUFFIXES, is_mask_name, name_of, why_not
from ..io.bids.sidecars import metadata_of, part_in
from ..storage.provenance import sha256
from .split import Split, read_split

__all__ = ["Choice", "choose_scans", "contrast_of", "without_label_maps"]

MASK_FOLDERS = re.compile(r"(labels?|masks?|seg|segs|segmentations?|annotations?|groundtruth|gt|rois?)(tr|ts|val)?")
IMAGES = {"imagestr": "train", "imagests": "test", "imagesval": "val"}  # of nnU-Net and the Medical Decathlon
CHANNEL = re.compile(r"_(\d{4})$")
WORDS = {  # what file names call the contrasts
    "T1w": ("t1", "t1w", "t1n", "mprage", "t1mprage"),
    "T1c": ("t1c", "t1ce", "t1gd", "t1km", "t1post"),
    "T2w": ("t2", "t2w"),
    "PDw": ("pd", "pdw"),
    "FLAIR": ("flair", "t2f", "t2flair"),
}


@dataclass(frozen=True)
class Choice:
    """Which scans train and which validate.

    Args:
        train: learn from these.
        validation: for evaluation; where the scans are too few, those that train.
        passed: what was found and does neither, with the reason.
        contrast: of all scans, where their names say it.
        how: what decided, in words.
        findings: what is wrong with the table that decided.
    """

    train: list[Path]
    validation: list[Path]
    passed: list[Passed]
    contrast: str | None
    how: str
    findings: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Who trained, for ``prior.json``: a count and the hash of every file, which name no person."""
        digests = sorted(sha256(path) for path in self.train)
        reasons = Counter(reason for _, reason in self.passed)
        trained = {"count": len(digests), "sha256": digests, "chosen_by": self.how}
        return {"contrast": self.contrast, "trained": trained, "passed_over": dict(sorted(reasons.items()))}


def contrast_of(path: Path) -> str | None:
    """Return the contrast that a file's name says: the BIDS suffix, the channel of nnU-Net, or a usual word.

    Example:
        >>> contrast_of(Path("sub-1_T2w.nii.gz")), contrast_of(Path("imagesTr/a_0001.nii")), contrast_of(Path("a.nii"))
        ('T2w', 'channel 0001', None)
    """
    bare = re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    name = name_of(path.name)
    if name is not None:
        return name.suffix
    if path.parent.name.lower() in IMAGES and (channel := CHANNEL.search(bare)):
        return f"channel {channel[1]}"
    words = re.split(r"[\W_]+", bare.lower())
    return next((contrast for contrast, known in WORDS.items() if set(words) & set(known)), None)


def _why_not(path: Path, root: Path) -> str | None:
    """Why a file trains nothing, by its folder, its name and its sidecars."""
    folders = [part.lower() for part in path.relative_to(root).parts[:-1]]
    if any(MASK_FOLDERS.fullmatch(part) for part in folders):
        return "in a folder of masks or label maps"
    if is_mask_name(path.name):
        return "a mask or a label map, by its name"
    name = name_of(path.name)
    if name is not None and name.suffix in SUFFIXES and (reason := why_not(path.name)):
        return reason
    if name is not None and (part := part_in(metadata_of(path, root).values)):
        return f"{part} image, as its sidecar says (ImageType)"
    return None


def _one_contrast(scans: Sequence[Path], wanted: str | None) -> tuple[str | None, list[Path]]:
    """One contrast and its scans; where names say none, a scan is taken for one of it."""
    names = {path: contrast_of(path) for path in scans}
    counts = Counter(contrast for contrast in names.values() if contrast is not None)
    if wanted is not None:
        known = {contrast.lower(): contrast for contrast in counts}
        if wanted.lower() not in known:
            there = ", ".join(sorted(counts)) or "no contrast in their names"
            raise InputError(f"no scan has the contrast {wanted}", f"there is {there}: choose with --contrast")
        contrast = known[wanted.lower()]
        return contrast, [path for path in scans if names[path] == contrast]
    if not counts:
        return None, list(scans)
    usual = [suffix for suffix in SUFFIXES if suffix in counts]
    contrast = usual[0] if usual else min(counts, key=lambda name: (-counts[name] * ("channel" not in name), name))
    return contrast, [path for path in scans if names[path] in (None, contrast)]


def choose_scans(
    folder: str | Path,
    contrast: str | None = None,
    scans: Iterable[Path] | None = None,
    passed: Iterable[Passed] = (),
) -> Choice:
    """Which scans of a folder train, and which only validate.

    Masks, label maps, standard deviations and images of other contrasts do neither. A ``participants.tsv`` with a
    column ``split`` decides, then the folders ``imagesTr``, ``imagesTs`` and ``imagesVal``. Without either, every tenth
    scan is kept from training, and at least the last; of fewer than three, all do both.

    Args:
        folder: with the scans; a BIDS folder or another.
        contrast: that counts; by default T1w where there is one, else the most frequent.
        scans: those of the folder that are meant, where something else has chosen before.
        passed: what has been passed over before.

    Raises:
        InputError: the folder is missing or holds no scan of that contrast, or its table cannot be understood or leaves
            no scan to train on.
    """
    root, left = Path(folder), list(passed)
    if scans is None:
        found, others = survey(root)
        left += others
    else:
        found = list(scans)

    def leave(path: Path, reason: str) -> None:
        left.append(Passed(path.relative_to(root).as_posix(), reason))

    good = []
    for path in found:
        if reason := _why_not(path, root):
            leave(path, reason)
        else:
            good.append(path)
    if not good:
        why = f": {left[0].name} is {left[0].reason}" if left else ""
        raise InputError(f"no image can train{why}", "pass a folder with whole images in it", root)
    chosen, same = _one_contrast(good, contrast)
    for path in set(good) - set(same):
        leave(path, f"another contrast than {chosen}")
    split = read_split(root / "participants.tsv") or _by_folders(same, root)
    train, validation, how = _divided(same, root, split)
    for path in set(same) - {*train, *validation}:
        leave(path, f"{split.how if split else how} keeps it from training and validation")
    return Choice(train, validation, sorted(left), chosen, how, split.findings if split else ())


def _by_folders(scans: Sequence[Path], root: Path) -> Split | None:
    """Return the split that nnU-Net's folders make, where there are several of them, else None."""
    folders = {part.lower() for path in scans for part in path.relative_to(root).parts[:-1]} & IMAGES.keys()
    if len(folders) < 2 or "imagestr" not in folders:
        return None
    return Split({folder: IMAGES[folder] for folder in folders}, "the folder")


def _divided(scans: Sequence[Path], root: Path, split: Split | None) -> tuple[list[Path], list[Path], str]:
    """Those that train, those that validate, and what decided."""
    if split is None:
        how = "every tenth scan is kept from training, and at least the last"
        if len(scans) < 3:
            return list(scans), list(scans), "fewer than three scans: all train"
        validation = list(scans[9::10]) or [scans[-1]]
        return [path for path in scans if path not in validation], validation, how
    parts = {path: split.part_of(path.relative_to(root)) for path in scans}
    train, val, test = ([path for path in scans if parts[path] == part] for part in ("train", "val", "test"))
    if not train:
        raise InputError("no scan belongs to the split 'train'", "check the column 'split'", root / "participants.tsv")
    return train, val or test or train, split.how


def without_label_maps(choice: Choice, root: Path, most: int | None = None) -> Choice:
    """Return the choice without masks and label maps, which are recognised by their values.

    Args:
        choice: what was chosen by name.
        root: folder that holds the scans.
        most: training scans to keep, at most; None keeps all.

    Raises:
        InputError: a scan cannot be read, or none is left.
    """
    train: list[Path] = []
    passed = list(choice.passed)
    for path in choice.train:
        if most is not None and len(train) == most:
            break
        if is_label_map(read(path).data):
            passed.append(Passed(path.relative_to(root).as_posix(), "a mask or a label map, by its values"))
        else:
            train.append(path)
    if not train:
        raise InputError("every scan is a mask or a label map, by its values", "pass images", root)
    return replace(choice, train=train, passed=sorted(passed))
