# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page of a general prior says what it learned from, how it was made, and whose terms hold."""

from __future__ import annotations

from phantoms import small_detail

from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.pipelines.general_page import general_license, general_metadata, general_readme
from monai_strainer.priors.prior import GeneralPrior

COMMAND = "monai-strainer pretrain-general FOLDER OUT_BUNDLE --steps 2"


def prior(**detail: object) -> GeneralPrior:
    sources = {"sha256": "0", "scan": 3, "labels": 1, "photograph": 0}
    return GeneralPrior(
        small_detail(), NoiseLevelNet(), record={"command": COMMAND, "sources": sources, "detail": detail}
    )


def test_the_page_names_sources_and_command() -> None:
    page = general_readme(prior(), {})
    assert COMMAND in page and "3 scans, 1 label maps" in page and "photographs" not in page
    assert "these data alone" in page and "another general prior" in general_readme(prior(**{"from": {}}), {})


def test_the_terms_of_the_start_hold_too() -> None:
    assert "TERMS" not in general_license(prior(), "") and "TERMS" in general_license(prior(), "TERMS")


def test_metadata_keep_the_formats_of_the_template() -> None:
    made = general_metadata({"network_data_format": "kept", "authors": "others"}, "our own", prior(), {"psnr": 1.0})
    assert made["network_data_format"] == "kept" and made["authors"] == "the owner of the data"
    assert made["eval_metrics"] == {"psnr": 1.0}
