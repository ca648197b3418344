# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Reports and records follow the schema in docs/schema, which is generated, as the tables of the page are."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from phantoms import small_head, small_prior_with_detail

from benchmarks.report_page import PAGE as PAGE_FILE
from benchmarks.report_page import SCHEMA as SCHEMA_FILE
from benchmarks.report_page import SECTIONS, schema, sections
from monai_strainer import Prior, load_prior, restore, save_prior, write
from monai_strainer.restoring.report import Report

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads(SCHEMA_FILE.read_text())
PRIOR = json.loads((ROOT / "docs" / "schema" / "prior.json").read_text())
PAGE = PAGE_FILE.read_text()
RUNS: list[dict[str, Any]] = [
    {"scale": 1, "adapt": 2},
    {"scale": 2},
    {"scale": (2, 2, 2)},
    {"scale": 1, "method": "coordinates", "steps": 1},
    {"scale": 2, "method": "plug_and_play"},
    {"scale": 1, "noise": "gaussian", "sigma": 3.0},
]


@pytest.fixture(scope="module")
def prior() -> Prior:
    return small_prior_with_detail()


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_every_report_follows_the_schema(prior: Prior, run: dict[str, Any]) -> None:
    report = restore(small_head((26, 28, 12)), prior, **run).report
    jsonschema.validate({**report, **RECORD}, SCHEMA)


RECORD = {"created": "", "versions": {}, "input": None, "outputs": {}, "configuration": {}}  # what writing adds


def test_the_schema_and_the_page_are_generated_from_the_declared_entries() -> None:
    assert schema() == SCHEMA, "run python -m benchmarks.report_page"
    for name, table in sections().items():
        assert f"<!-- {name} -->\n{table}\n<!-- end of {name} -->" in PAGE, "run python -m benchmarks.report_page"


def test_every_entry_of_a_report_stands_in_one_table_of_the_page() -> None:
    shown = [name for record, names in SECTIONS.values() if record is Report for name in names.split()]
    own = {one.name for one in dataclasses.fields(Report)} - {"quality", "passes"}  # these have tables of their own
    assert sorted(shown) == sorted(own)


def test_a_report_of_the_shipped_priors_follows_the_schema() -> None:
    out = restore(small_head((40, 44, 12)), load_prior(), 1, adapt=2)
    jsonschema.validate(json.loads(json.dumps({**out.report, **RECORD})), SCHEMA)
    assert out.report["noise"]["sigma"] == out.details.noise.sigma
    assert out.report is out.report  # what a caller adds to it stays


def test_a_record_on_disk_follows_the_schema(prior: Prior, tmp_path: Path) -> None:
    out = restore(small_head((26, 28, 12)), prior, 1)
    write(out.volume, tmp_path / "a.nii.gz", report=out.report)
    jsonschema.validate(json.loads((tmp_path / "a.json").read_text()), SCHEMA)


def test_what_is_no_entry_is_refused(prior: Prior) -> None:
    report = restore(small_head((26, 28, 12)), prior, 1).report | RECORD
    for wrong in (report | {"noize": 1}, {k: v for k, v in report.items() if k != "noise"}, report | {"format": 2}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


@pytest.mark.parametrize("bundle", ["bundles/mri_strainer", "experiments/noise_strainer"])
def test_the_rules_of_shipped_priors_follow_the_schema(bundle: str) -> None:
    jsonschema.validate(json.loads((ROOT / bundle / "models" / "prior.json").read_text()), PRIOR)


def test_the_rules_of_a_saved_prior_follow_the_schema(prior: Prior, tmp_path: Path) -> None:
    save_prior(prior, tmp_path, {"kind": "cohort", "seed": 0})
    rules = json.loads((tmp_path / "models" / "prior.json").read_text())
    jsonschema.validate(rules, PRIOR)
    assert rules["format"] == 1
