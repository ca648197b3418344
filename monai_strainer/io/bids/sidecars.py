# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read the JSON files beside images, inherited as BIDS defines it; every fault is a finding and stops nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import InputError
from .names import Name, name_of

__all__ = ["Metadata", "derived", "metadata_of", "part_in", "read_object"]

KINDS = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}
IMAGE_TYPES = {
    "P": "a phase",
    "PHASE": "a phase",
    "PHASE MAP": "a phase",
    "R": "a real",
    "REAL": "a real",
    "I": "an imaginary",
    "IMAGINARY": "an imaginary",
}


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; a byte-order mark does no harm.

    Raises:
        InputError: it cannot be read, is not UTF-8, is no JSON, or holds something else.
    """
    example = 'write an object: {"EchoTime": 0.003}'
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"the file cannot be read ({reason})", "check that it is there, and the rights", path
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("the text is not UTF-8", "save it as UTF-8", path) from error
    except json.JSONDecodeError as error:
        raise InputError(f"this is no JSON (line {error.lineno})", "repair it", path) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        raise InputError("this is no JSON that can be read", example, path) from error
    if not isinstance(content, dict):
        raise InputError(f"the file holds {KINDS.get(type(content), 'a value')}, no object", example, path)
    return content


def _applicable(image: Name, folder: Path) -> Iterator[Path]:
    """Return the sidecars of one level that apply to an image: same suffix, no other entity; fewest entities first."""
    found = []
    for path in sorted(folder.glob(f"*{image.suffix}.json")):
        *pairs, suffix = path.name[: -len(".json")].split("_")
        entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
        if suffix == image.suffix and len(entities) == len(pairs) and entities.items() <= image.entities.items():
            found.append((len(entities), path))
    return (path for _, path in sorted(found))


class Metadata(NamedTuple):
    """What the sidecars of an image say.

    Args:
        values: of all of them.
        origins: the file that each value is from.
        findings: what is wrong with the files, in sentences.
    """

    values: dict[str, Any]
    origins: dict[str, Path]
    findings: list[str]


def metadata_of(image: Path, dataset: Path) -> Metadata:
    """Return what the sidecars of an image say, and what is wrong with them.

    By the inheritance principle of BIDS, sidecars of the dataset, the subject, the session and the file apply in this
    order, and what a later one says counts. One that cannot be read is named and passed over.

    Args:
        image: NIfTI file in the dataset.
        dataset: root folder.
    """
    name = name_of(image.name)
    found = Metadata({}, {}, [])
    if name is None:
        return found
    for level in reversed([image.parent, *image.parent.parents]):
        if level != dataset and dataset not in level.parents:
            continue
        for path in _applicable(name, level):
            try:
                values = read_object(path)
            except InputError as error:
                found.findings.append(str(error))
                continue
            found.values.update(values)
            found.origins.update(dict.fromkeys(values, path))
    return found


def part_in(metadata: Mapping[str, Any]) -> str | None:
    """Which part of a complex image the sidecars say this is, None for a magnitude: ``a phase``."""
    kind = metadata.get("ImageType")
    values = kind.split("\\") if isinstance(kind, str) else kind if isinstance(kind, list) else []
    words = [str(value).strip().upper() for value in (*values, metadata.get("ComplexImageComponent", ""))]
    if "M" in words or "MAGNITUDE" in words:
        return None
    return next((IMAGE_TYPES[word] for word in words if word in IMAGE_TYPES), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value: Any) -> bool:
    return _is_number(value) or (isinstance(value, list) and bool(value) and all(map(_is_number, value)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


KEPT: dict[str, tuple[Callable[[Any], bool], str]] = {
    # facts of a raw sidecar that stay true of a derivative on another grid, and what they are in BIDS
    "MagneticFieldStrength": (_is_number, "a number"),
    "Manufacturer": (_is_text, "a text"),
    "ManufacturersModelName": (_is_text, "a text"),
    "EchoTime": (_are_numbers, "a number"),
    "RepetitionTime": (_is_number, "a number"),
    "FlipAngle": (_are_numbers, "a number"),
}


def derived(inner: str, raw: Metadata) -> tuple[dict[str, Any], list[str]]:
    """Return what the JSON file of a derivative must say besides the record, and which of the raw values are wrong.

    Args:
        inner: path of the raw image in the dataset.
        raw: of ``metadata_of``.
    """
    uri, metadata, findings = f"bids:raw:{inner}", raw.values, list[str]()

    def is_wrong(key: str, is_right: bool, kind: str) -> bool:
        if key not in metadata or is_right:
            return False
        finding = f"{key} is {KINDS.get(type(metadata[key]), 'an object')} and not {kind}"
        findings.append(str(InputError(finding, "correct it; until then it is ignored", raw.origins[key])))
        return True

    sidecar = {
        key: metadata[key]
        for key, (check, kind) in KEPT.items()
        if key in metadata and not is_wrong(key, check(metadata[key]), kind)
    }
    stripped = metadata.get("SkullStripped", False)
    is_wrong("SkullStripped", isinstance(stripped, bool), "true or false without quotation marks")
    sidecar |= {
        "Description": "Restored by monai_strainer; research use only",
        "Sources": [uri],
        "SpatialReference": uri,
        "SkullStripped": stripped is True,
    }
    return sidecar, findings
