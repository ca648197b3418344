# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Sidecars: what is nearer the image counts, faults are findings, and nothing ends the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monai_strainer.errors import InputError
from monai_strainer.io.bids.sidecars import derived, metadata_of, part_in, read_object

IMAGE = "sub-01/ses-a/anat/sub-01_ses-a_acq-x_T1w.nii.gz"
LEVELS = ("T1w.json", "acq-x_T1w.json", "sub-01/sub-01_T1w.json", "sub-01/ses-a/sub-01_ses-a_T1w.json")


def put(root: Path, name: str, value: object) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())


def test_what_is_nearer_the_image_counts(tmp_path: Path) -> None:
    for k, name in enumerate((*LEVELS, IMAGE.replace(".nii.gz", ".json"))):
        put(tmp_path, name, {"EchoTime": k, f"only{k}": True})
        found = metadata_of(tmp_path / IMAGE, tmp_path).values
        assert found["EchoTime"] == k and all(found[f"only{j}"] for j in range(k + 1))


@pytest.mark.parametrize("name", ["T2w.json", "acq-y_T1w.json", "sub-02/T1w.json", "task-x_T1w.json", "xT1w.json"])
def test_what_is_not_about_the_image_does_not_count(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, {"EchoTime": 1})
    put(tmp_path, IMAGE.replace(".nii.gz", ".json"), {})
    assert metadata_of(tmp_path / IMAGE, tmp_path).values == {}


FAULTS: list[tuple[bytes, str]] = [
    (b"[]", "holds a list, no object"),
    (b'"text"', "holds a text"),
    (b"3", "holds a number"),
    (b"null", "holds null"),
    (b"true", "holds true or false"),
    (b'{"a": 1,}', "no JSON \\(line 1\\)"),
    (b"", "no JSON"),
    (b'{"a": "\xe4"}', "not UTF-8"),
    ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    (b"[" * 100_000, "no JSON that can be read"),
    (b'{"a": ' + b"9" * 5000 + b"}", "no JSON that can be read"),
]


@pytest.mark.parametrize(("text", "says"), FAULTS)
def test_a_fault_of_a_file_is_a_finding_about_it(tmp_path: Path, text: bytes, says: str) -> None:
    put(tmp_path, "T1w.json", text)
    put(tmp_path, IMAGE.replace(".nii.gz", ".json"), {"EchoTime": 2})
    found = metadata_of(tmp_path / IMAGE, tmp_path)
    assert found.values == {"EchoTime": 2} and len(found.findings) == 1
    with pytest.raises(InputError, match=f"T1w.json: .*{says}"):
        read_object(tmp_path / "T1w.json")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    put(tmp_path, "T1w.json", '{"EchoTime": 1}'.encode("utf-8-sig"))
    assert read_object(tmp_path / "T1w.json") == {"EchoTime": 1}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SkullStripped", "false"),
        ("SkullStripped", "true"),
        ("SkullStripped", 1),
        ("SkullStripped", None),
        ("EchoTime", "0.003"),
        ("EchoTime", True),
        ("FlipAngle", [8, "x"]),
        ("RepetitionTime", {}),
        ("MagneticFieldStrength", float("nan")),
        ("Manufacturer", 3),
    ],
)
def test_a_value_of_another_kind_is_a_finding_and_not_taken(tmp_path: Path, key: str, value: Any) -> None:
    put(tmp_path, "T1w.json", {key: value})
    found, findings = derived("sub-01/x", metadata_of(tmp_path / IMAGE, tmp_path))
    assert found["SkullStripped"] is False and found.get(key, False) is False
    assert len(findings) == 1 and findings[0].startswith("T1w.json: ") and key in findings[0]


@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_taken(tmp_path: Path, value: bool) -> None:
    put(tmp_path, "T1w.json", {"SkullStripped": value, "EchoTime": [1, 2], "Manufacturer": "x"})
    found, findings = derived("sub-01/x", metadata_of(tmp_path / IMAGE, tmp_path))
    assert found["SkullStripped"] is value and found["EchoTime"] == [1, 2] and not findings


@pytest.mark.parametrize(
    ("metadata", "part"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "a phase"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "R_FFE", "r", "FFE"]}, "a real"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\I"}, "an imaginary"),
        ({"ComplexImageComponent": "PHASE"}, "a phase"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"]}, None),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "P"]}, None),
        ({"ImageType": {"P": 1}}, None),
        ({"ImageType": [["P"], None]}, None),
        ({}, None),
    ],
)
def test_the_part_of_a_complex_image_is_known(metadata: dict[str, Any], part: str | None) -> None:
    assert part_in(metadata) == part
