# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page of a bundle says what its record says, and metadata keep the formats of the template."""

from __future__ import annotations

from dataclasses import replace

from phantoms import small_prior, small_prior_with_detail

from monai_strainer.pipelines.bundle_page import data_license, metadata, readme

METRICS = {
    "psnr_noise_3_percent_measured": 30.0, "psnr_noise_3_percent_restored": 36.5,
    "psnr_in_plane_2x_measured": 27.0, "psnr_in_plane_2x_restored": 31.25,
}  # fmt: skip


def test_the_page_has_the_scans_the_command_and_the_metrics() -> None:
    prior = replace(small_prior_with_detail(), record={"scans": 7, "command": "monai-strainer pretrain x y"})
    page = readme(prior, METRICS)
    assert "7 scans of the owner" in page and "monai-strainer pretrain x y" in page
    assert "| 3 % Rician noise | 30.00 | 36.50 |" in page and "31.25" in page
    assert "Not measured" in readme(prior, {}) and "There is no detail network" in readme(small_prior(), {})


def test_a_tuned_prior_says_from_what_and_carries_its_terms() -> None:
    gain = {"detail": {"decibels": 0.4, "error": 0.05}}
    prior = replace(small_prior_with_detail(), record={"scans": 4, "from": {"kind": "general"}, "gain": gain})
    page = readme(prior, METRICS)
    assert "started from a prior of the kind `general`" in page and "0.40 dB" in page
    assert data_license(prior, "Their terms.").endswith("Their terms.") and "4 scans" in data_license(prior, "")


def test_metadata_describe_the_new_bundle_and_keep_the_formats() -> None:
    template = {"version": "9", "network_data_format": {"inputs": 1}, "detail_data_format": {}, "name": "shipped"}
    made = metadata(template, "ten heads", replace(small_prior(), record={"scans": 3}), {"psnr": 1.0})
    assert made["network_data_format"] == {"inputs": 1} and "detail_data_format" not in made
    assert made["name"] != "shipped" and made["eval_metrics"] == {"psnr": 1.0} and "3 scans" in made["description"]
