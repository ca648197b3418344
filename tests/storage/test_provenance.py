# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The record beside an output: its keys are always there, and hashes are those of the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monai_strainer.storage.provenance import record, sha256


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_a_record_always_has_its_keys_and_the_report_fills_them() -> None:
    wanted = {"created", "versions", "input", "outputs", "prior_sha256", "configuration", "seed", "warnings"}
    empty = record({})
    assert wanted == set(empty) and empty["versions"]["numpy"] == np.__version__
    assert record({"seed": 4, "passes": 1}, configuration={"scale": 2})["seed"] == 4
    assert record({"seed": 4, "passes": 1}, configuration={"scale": 2})["configuration"] == {"scale": 2}
