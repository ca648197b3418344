# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of priors on disk: what was saved comes back bit for bit, and nothing damaged or of another kind is loaded."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from phantoms import small_cohort, small_detail, small_prior_with_detail, small_siren

from monai_strainer.anatomy.coarse_image import mirrored_coarse_heads
from monai_strainer.errors import InputError
from monai_strainer.priors.prior import Prior
from monai_strainer.priors.similarity import reference_scores
from monai_strainer.priors.store import load_prior, save_prior


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with a sound prior."""
    save_prior(Prior(small_siren(), "coronal", 99.0, (60.0, 80.0, 70.0)), tmp_path, {"kind": "cohort", "scans": 3})
    return tmp_path


def rewrite_rules(bundle: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    file = bundle / "models" / "prior.json"
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))


def rewrite_weights(bundle: Path, state: Any) -> None:
    """Other weights, with a checksum in the rules that fits them."""
    torch.save(state, bundle / "models" / "model.pt")
    rewrite_rules(bundle, lambda record: record.pop("sha256"))


def test_what_was_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    prior = Prior(small_siren(layers=3), "sagittal", 98.5, (60.0, 80.5, 70.25))
    save_prior(prior, tmp_path)
    back = load_prior(tmp_path)
    assert (back.plane, back.percentile, back.half_mm) == ("sagittal", 98.5, (60.0, 80.5, 70.25))
    assert (back.network.activation, back.network.num_layers) == ("sine", 3)
    wanted = prior.network.state_dict()
    assert list(back.network.state_dict()) == list(wanted)
    assert all(torch.equal(value, wanted[name]) for name, value in back.network.state_dict().items())


def test_the_record_says_how_it_was_made(bundle: Path) -> None:
    record = load_prior(bundle).record
    assert (record["kind"], record["scans"]) == ("cohort", 3)


def test_saving_again_gives_the_same_bytes(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    save_prior(load_prior(bundle), other)
    for name in ("models/model.pt", "models/prior.json"):
        assert (other / name).read_bytes() == (bundle / name).read_bytes()


def test_nothing_else_is_left_in_the_folder(bundle: Path) -> None:
    assert sorted(path.name for path in (bundle / "models").iterdir()) == ["model.pt", "prior.json"]


def test_the_prior_that_comes_with_the_package_is_sound() -> None:
    prior = load_prior()
    assert prior.network.out_channels == 1 and prior.digest
    assert bool((torch.linalg.eigvalsh(prior.network.get_buffer("readout_covariance").double()) > 0).all())


def test_the_prior_of_noise_of_the_experiments_holds_no_scan() -> None:
    prior = load_prior(Path(__file__).parents[2] / "experiments" / "noise_strainer")
    assert (prior.record["kind"], prior.record["scans"], prior.detail, prior.typical) == ("noise", 0, None, None)
    assert prior.digest and "--kind noise" in prior.record["command"] and "cohort_sha256" not in prior.record
    assert prior.network.hidden_channels == load_prior().network.hidden_channels


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bundle folder"):
        load_prior(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.pt", "prior.json"])
def test_a_missing_file_is_refused_by_name(name: str, bundle: Path) -> None:
    (bundle / "models" / name).unlink()
    with pytest.raises(InputError, match=f"there is no models/{name}"):
        load_prior(bundle)


def refused(bundle: Path, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        load_prior(bundle)
    assert str(bundle) not in str(error.value)


class Exploit:
    """A pickle that would leave a file behind if its code ran."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("write", [torch.save, lambda value, file: file.write_bytes(pickle.dumps(value))])
def test_code_in_a_weights_file_never_runs(write: Callable[[Any, Path], Any], bundle: Path) -> None:
    trace = bundle / "it ran"
    write({**small_siren().state_dict(), "x": Exploit(trace)}, bundle / "models" / "model.pt")
    rewrite_rules(bundle, lambda record: record.pop("sha256"))
    refused(bundle, "cannot be read as tensors")
    assert not trace.exists()


def test_a_pickled_network_is_refused(bundle: Path) -> None:
    rewrite_weights(bundle, small_siren())
    refused(bundle, "cannot be read as tensors")


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"PK\x03\x04 half a zip"])
def test_a_file_that_holds_no_tensors_is_refused(content: bytes, bundle: Path) -> None:
    (bundle / "models" / "model.pt").write_bytes(content)
    refused(bundle, "cannot be read as tensors")


def test_a_truncated_file_is_refused(bundle: Path) -> None:
    file = bundle / "models" / "model.pt"
    file.write_bytes(file.read_bytes()[:-2000])
    refused(bundle, "cannot be read as tensors")


@pytest.mark.parametrize("state", [[1, 2], {"a": 1}, torch.zeros(3), None])
def test_something_else_than_a_dictionary_of_tensors_is_refused(state: Any, bundle: Path) -> None:
    rewrite_weights(bundle, state)
    refused(bundle, "not a dictionary of tensors")


def test_weights_of_another_width_are_refused(bundle: Path) -> None:
    rewrite_weights(bundle, small_siren(width=24).state_dict())
    refused(bundle, r"\(24, 3\), not \(16, 3\)")


def test_missing_tensors_are_refused(bundle: Path) -> None:
    state = small_siren().state_dict()
    del state["head.bias"]
    rewrite_weights(bundle, state)
    refused(bundle, r"lack head\.bias")


@pytest.mark.parametrize("name", ["heads.0.weight", 7])
def test_unknown_tensors_are_refused(name: str | int, bundle: Path) -> None:
    rewrite_weights(bundle, {**small_siren().state_dict(), name: torch.zeros(2)})
    refused(bundle, f"unknown tensors {name}")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_tensors_that_are_not_finite_are_refused(value: float, bundle: Path) -> None:
    state = small_siren().state_dict()
    state["head.weight"][0, 3] = value
    rewrite_weights(bundle, state)
    refused(bundle, r"head\.weight holds values that are not finite")


def test_a_covariance_that_is_none_is_refused(bundle: Path) -> None:
    state = small_siren().state_dict()
    state["head_covariance"] = -torch.eye(17)
    rewrite_weights(bundle, state)
    refused(bundle, "head_covariance")


def test_weights_that_the_rules_were_not_written_for_are_refused(bundle: Path) -> None:
    torch.save(small_siren(seed=8).state_dict(), bundle / "models" / "model.pt")
    refused(bundle, "does not match the rules")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", "\xff", '{"network": 3}', "[" * 100_000])
def test_rules_that_are_not_rules_are_refused(content: str, bundle: Path) -> None:
    (bundle / "models" / "prior.json").write_bytes(content.encode("latin-1"))
    refused(bundle, "rules of the prior cannot be read")


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no network": lambda r: r.pop("network"),
    "an unknown size": lambda r: r["network"].update(depth=3),
    "a width in words": lambda r: r["network"].update(hidden_channels="wide"),
    "no width": lambda r: r["network"].update(hidden_channels=0),
    "a width beyond all memory": lambda r: r["network"].update(hidden_channels=10**7),
    "an unknown activation": lambda r: r["network"].update(activation="tanh"),
    "no plane": lambda r: r.pop("plane"),
    "a plane that does not exist": lambda r: r.update(plane="diagonal"),
    "a percentile in words": lambda r: r.update(percentile="high"),
    "a percentile above 100": lambda r: r.update(percentile=150),
    "a head in words": lambda r: r.update(half_mm="large"),
    "a head of two sizes": lambda r: r.update(half_mm=[60, 80]),
    "a head without size": lambda r: r.update(half_mm=[60, 80, 0]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_damaged_rules_are_refused(what: str, bundle: Path) -> None:
    rewrite_rules(bundle, CHANGES[what])
    refused(bundle, "rules of the prior")


def test_a_weights_file_of_absurd_size_is_refused_before_it_is_read(bundle: Path) -> None:
    with (bundle / "models" / "model.pt").open("r+b") as handle:
        handle.truncate(2**29)  # a hole: takes no room on disk
    refused(bundle, "a prior is a few MB|the weights take")


@pytest.fixture
def joint(tmp_path: Path) -> Path:
    """A folder with both priors."""
    save_prior(small_prior_with_detail(), tmp_path)
    return tmp_path


def test_a_detail_prior_comes_back_bit_for_bit(joint: Path) -> None:
    wanted, found = small_prior_with_detail().detail, load_prior(joint).detail
    assert wanted is not None and found is not None
    assert all(torch.equal(value, found.state_dict()[name]) for name, value in wanted.state_dict().items())


def test_what_is_usual_comes_back(joint: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    typical = reference_scores(small_siren(), mirrored_coarse_heads(small_cohort(scans=2, shape=(4, 12, 14))))
    other = tmp_path_factory.mktemp("usual")
    save_prior(replace(load_prior(joint), typical=typical), other)
    back = load_prior(other).typical
    assert back is not None and back.middle == typical.middle


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "models" / "detail.pt").unlink(), "there is no detail.pt"),
        (lambda folder: (folder / "models" / "detail.pt").write_bytes(b"garbage"), "cannot be read as tensors"),
        (
            lambda folder: rewrite_rules(folder, lambda r: r["detail"]["network"].update(blocks=10**9)),
            "cannot be read",
        ),
        (lambda folder: rewrite_rules(folder, lambda r: r["detail"].update(network=None)), "cannot be read"),
        (lambda folder: rewrite_rules(folder, lambda r: r["detail"]["network"].update(features=8)), "marry.weight is"),
        (lambda folder: rewrite_rules(folder, lambda r: r.update(typical={"middle": {}})), "cannot be read"),
        (
            lambda folder: torch.save(small_detail(2).state_dict(), folder / "models" / "detail.pt"),
            "does not match the rules",
        ),
    ],
)
def test_a_detail_prior_that_does_not_belong_is_refused(change: Callable[[Path], Any], words: str, joint: Path) -> None:
    change(joint)
    with pytest.raises(InputError, match=words):
        load_prior(joint)
