# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Options of a restoration: declared once, refused where they make no sense, read by command line and inferer."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser

from monai_strainer import InputError, RestoreOptions
from monai_strainer.cli.command_line import _parser
from monai_strainer.fitting import FitOptions
from monai_strainer.inferers import StrainerInferer
from monai_strainer.physics import GaussianNoise, Mask, NoncentralChiNoise, Profile, RicianNoise
from monai_strainer.restoring import options
from monai_strainer.restoring.options import changed, declared

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "mri_strainer"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "magic"}, "no method 'magic'"),
    ({"profile": "round"}, "no profile 'round'"),
    ({"noise": "pink"}, "no noise 'pink'"),
    ({"steps": -1}, "steps -1 is below 0"),
    ({"steps": 2.5}, "steps 2.5 is no whole number"),
    ({"adapt": -1}, "adapt -1 is below 0"),
    ({"sigma": "3 %"}, "sigma '3 %' is no number"),
    ({"sigma": float("nan")}, "sigma nan is not finite"),
    ({"thickness": 0.0}, "thickness 0 is not above 0"),
    ({"keep_lesions": "no"}, "keep_lesions 'no' is neither true nor false"),
    ({"seed": -1}, "seed -1 is below 0"),
    ({"mirrors": 3}, "3 mirror images"),
    ({"adapt": 3, "method": "coordinates"}, "does not adapt"),
    ({"fit": FitOptions(), "method": "amortised"}, "another method"),
    ({"operator": Profile(), "profile": "box"}, "an operator and a profile"),
    ({"sigmma": 3}, "no option sigmma"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        changed(None, given)
    with pytest.raises(InputError, match=said):
        StrainerInferer(**given)


@pytest.mark.parametrize("name", declared())
def test_the_command_line_has_every_declared_option_and_its_default(name: str) -> None:
    args = vars(_parser().parse_args(["restore", "in", "out"]))
    assert name in args and args[name] == declared()[name]["default"]
    assert changed(None, {name: args[name]}) is not None


def test_an_option_is_declared_for_the_command_line_or_python_alone() -> None:
    python_alone = {"operator", "mask", "fit", "coordinate_features", "mirrors", "seed"}
    assert {one.name for one in fields(RestoreOptions)} == set(declared()) | python_alone


def test_an_option_that_is_declared_once_is_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    from monai_strainer.restoring import options

    @dataclass(frozen=True, eq=False)
    class More(RestoreOptions):
        made_up: int | None = field(default=None, metadata=options.said("one made up", kind=int, unit="N"))

    monkeypatch.setattr(options, "RestoreOptions", More)
    command = _parser()._subparsers._group_actions[0].choices["restore"]  # type: ignore[union-attr,index]
    assert "--made-up N" in command.format_help() and "one made up" in command.format_help()
    assert changed(None, {"made_up": 3}).made_up == 3  # type: ignore[attr-defined]
    assert StrainerInferer(made_up=3).options.made_up == 3  # type: ignore[attr-defined]
    config = ConfigParser.load_config_file(BUNDLE / "configs" / "inference.json")
    parser = ConfigParser(config | {"prior": None})
    parser.update({"options#made_up": 3, "sigma": 20.0})  # as --options#made_up 3 --sigma 20.0
    inferer = parser.get_parsed_content("inferer")
    assert (inferer.options.made_up, inferer.options.sigma) == (3, 20.0)


def test_the_bundle_offers_options_with_their_declared_defaults() -> None:
    config = ConfigParser.load_config_file(BUNDLE / "configs" / "inference.json")
    inferer = ConfigParser(config | {"prior": None}).get_parsed_content("inferer")
    assert inferer.options.plain() == RestoreOptions().plain()
    assert all(value == f"@{name}" for name, value in config["options"].items())


def test_noise_is_a_word_a_class_or_an_instance_with_its_level() -> None:
    words = [RestoreOptions(noise=kind) for kind in ("gaussian", GaussianNoise, GaussianNoise(5.0))]
    assert all(options.noise_kind is GaussianNoise for options in words)
    assert [options.given_sigma for options in words] == [None, None, 5.0]
    assert RestoreOptions(noise=RicianNoise(5.0), sigma=7.0).given_sigma == 7.0


def test_a_noise_has_its_parameter_behind_a_colon() -> None:
    found = _parser().parse_args(["restore", "in.nii", "out.nii", "--noise", "noncentral_chi:8"])
    kinds = [RestoreOptions(noise=given).noise_kind for given in (found.noise, NoncentralChiNoise(5.0, 8))]
    assert kinds[0] is kinds[1] and kinds[0](1.0).coils == 8  # type: ignore[attr-defined]
    with pytest.raises(SystemExit):
        _parser().parse_args(["restore", "in.nii", "out.nii", "--noise", "pink:8"])
    with pytest.raises(InputError, match="no parameter"):
        _ = RestoreOptions(noise="rician:8").noise_kind


def test_a_noise_model_needs_its_class_and_one_line_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class is in a file of ``physics``, the line is in ``NOISES``; the command line offers the name."""

    class LaplaceNoise(GaussianNoise):
        """A third kind of noise."""

    file = ModuleType("monai_strainer.physics.laplace")
    file.LaplaceNoise = LaplaceNoise  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, file.__name__, file)
    monkeypatch.setitem(options.NOISES, "laplace", "laplace.LaplaceNoise")
    assert RestoreOptions(noise="laplace").noise_kind is LaplaceNoise
    found = _parser().parse_args(["restore", "in.nii", "out.nii", "--noise", "laplace"])
    assert found.noise == "laplace"


def test_an_operator_takes_the_place_of_the_profile() -> None:
    mask = Mask(torch.ones(4, 4, dtype=torch.bool))
    assert RestoreOptions(operator=mask).build is mask
    assert RestoreOptions().build == Profile("box") and RestoreOptions(profile="kspace").build == Profile("kspace")


def test_reading_the_options_does_not_wait_for_torch() -> None:
    code = "import sys, monai_strainer.cli, monai_strainer.restoring.options; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
