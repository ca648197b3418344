# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Break one line at a time and see whether its tests fail: what they let pass, a user would meet.

Run with ``python benchmarks/mutants.py``; numbers or parts of file names choose some, ``--list`` runs none. The tree is
copied to a temporary folder, so the checkout stays as it is. Every mutant runs the test files of its module and its
docstring examples, nothing else; they run without a change first, and must pass. Real scans are not used.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import monai.bundle
import monai.transforms
import nibabel
import pydicom
import pytest
import scipy.ndimage
import torch

LOADED = (monai, nibabel, pydicom, scipy, torch)  # before a process is made for every mutant
ROOT = Path(__file__).resolve().parent.parent
PARTS = ("monai_strainer", "tests", "bundles", "examples", "pyproject.toml", "setup.py")
LIMIT = 1800  # seconds per mutant


class Mutant(NamedTuple):
    """One broken line: the file in the package, the text that stands there once, what stands there instead, tests."""

    file: str
    old: str
    new: str
    tests: str


MUTANTS = [
    Mutant("physics/noise.py", "(y * y - self._sigma_for(y) ** 2)", "(y * y)", "physics/test_noise.py"),
    Mutant(
        "physics/noise_estimation.py",
        "spread / koay_factor(theta).sqrt()",
        "spread",
        "physics/test_noise_estimation.py",
    ),
    Mutant("physics/separable.py", "s / (s * s + rho) * misfit", "s / (s + rho) * misfit", "physics/test_separable.py"),
    Mutant("physics/separable.py", "(matrix != 0).cpu()", "(matrix > 0).cpu()", "physics/test_operators.py"),
    Mutant("physics/separable.py", "diagonal + (1 - reached) / rho", "diagonal", "fitting/test_data_consistency.py"),
    Mutant("physics/operators.py", "torch.where(squared > goal, step, 0.0)", "step", "physics/test_operators.py"),
    Mutant("physics/acquired.py", "/ math.log(2)  # exp", "  # exp", "physics/test_acquired.py"),
    Mutant(
        "physics/acquired.py", "lowest[k] - highest[k + step]", "log[k] - log[k + step]", "physics/test_acquired.py"
    ),
    Mutant(
        "restoring/noise_level.py",
        "slices[added == 0], signal[added == 0]",
        "slices[added >= 0], signal[added >= 0]",
        "restoring/test_noisy_slices.py",
    ),
    Mutant("restoring/noise_level.py", "_QUIET * intensity_scale", "0.0", "restoring/test_noise_level.py"),
    Mutant("restoring/even_slices.py", "gains = 1 + d", "gains = 1 - d", "restoring/test_even_slices.py"),
    Mutant("restoring/check.py", "thickness or scan.thickness", "thickness", "restoring/test_check.py"),
    Mutant("errors.py", "value > self.most", "False", "test_errors.py"),
    Mutant("restoring/compression.py", "_ZERO * min(far)", "min(far)", "restoring/test_compression.py"),
    Mutant("restoring/compression.py", "(first - 1) % _SIDE", "first % _SIDE", "restoring/test_compression.py"),
    Mutant("restoring/single_voxels.py", ">= 3 for", ">= 4 for", "restoring/test_single_voxels.py"),
    Mutant(
        "restoring/single_voxels.py",
        "np.maximum(least, _SPREAD",
        "np.minimum(least, _SPREAD",
        "restoring/test_single_voxels.py",
    ),
    Mutant("restoring/assess.py", "np.hypot(deviation, back)", "deviation", "restoring/test_single_voxels.py"),
    Mutant("io/dicom/derived.py", "kind = min(lost", "kind = max(lost", "io/dicom/test_write.py"),
    Mutant("fusing/stacks.py", "(ready.single == 0)", "(ready.single != 0)", "fusing/test_stacks.py"),
    Mutant("restoring/repeated_voxels.py", "mean() > _DIFFERENT", "mean() > -1", "restoring/test_repeated_voxels.py"),
    Mutant("restoring/noise_level.py", "_MOST**2", "_MOST**9", "restoring/test_noise_level.py"),
    Mutant("bundle/each_scan.py", "_internal_run_generator = None", "_unused = None", "bundle/test_each_scan.py"),
    Mutant("restoring/zero_filling.py", "_HALF_KSPACE * white", "_HALF_KSPACE", "restoring/test_zero_filling.py"),
    Mutant(
        "restoring/zero_filling.py", "sizes[axis]) < _EMPTY", "sizes[axis]) > _EMPTY", "restoring/test_zero_filling.py"
    ),
    Mutant(
        "restoring/prepare.py",
        "if is_measured_further(given",
        "if not is_measured_further(given",
        "restoring/test_zero_filling.py",
    ),
    Mutant(
        "restoring/round_kspace.py", "max(level, again, key", "min(level, again, key", "restoring/test_round_kspace.py"
    ),
    Mutant("restoring/round_kspace.py", "sigma * math.sqrt(float", "sigma * (float", "restoring/test_round_kspace.py"),
    Mutant("physics/acquired.py", "(1 / size - 1 / n)", "(1 / size)", "physics/test_acquired.py"),
    Mutant(
        "physics/axis_profiles/gaussian.py",
        "ratio * fine / measured",
        "fine / measured",
        "physics/axis_profiles/test_gaussian.py",
    ),
    Mutant(
        "fitting/refine.py", "kept[rows][:, columns]\n", "kept[rows][:, columns] | True\n", "fitting/test_refine.py"
    ),
    Mutant(
        "fitting/early_stopping.py",
        "[:, self.mask].mean(1)",
        "[:, ~self.mask].mean(1)",
        "fitting/test_early_stopping.py",
    ),
    Mutant(
        "fitting/amortised.py", "measurement.clean[only], []", "measurement.y[only], []", "fitting/test_amortised.py"
    ),
    Mutant(
        "fitting/slice_prediction.py", "if spacing_ratio == 0:", "if spacing_ratio < 0:", "fitting/test_amortised.py"
    ),
    Mutant(
        "fitting/data_consistency.py",
        "+ spread.log()) * self.head)",
        "+ spread.log()))",
        "fitting/test_data_consistency.py",
    ),
    Mutant("fitting/readout.py", "moment / misfit + precision @ mean", "moment / misfit", "fitting/test_readout.py"),
    Mutant(
        "fitting/plug_and_play.py",
        "measurement.operator, measurement.clean",
        "measurement.operator, measurement.y",
        "fitting/test_plug_and_play.py",
    ),
    Mutant(
        "fitting/detail_inputs.py",
        "[*numbers, 10 * sigma, level",
        "[*numbers, level, level",
        "fitting/test_detail_inputs.py",
    ),
    Mutant("restoring/passes.py", "if whole is not None:", "if False:", "restoring/test_passes.py"),
    Mutant("restoring/passes.py", "std = np.hypot(done.std, before)", "std = done.std", "restoring/test_passes.py"),
    Mutant("restoring/risk.py", "+ 2 * slope", "+ slope", "restoring/test_risk.py"),
    Mutant(
        "restoring/risk.py",
        "np.square(std[some] * fine(wider[some], shape) * w)",
        "np.square(std[some] * w)",
        "restoring/test_risk.py",
    ),
    Mutant("restoring/background.py", "solid.sum() >= _SOLID", "solid.sum() >= 0", "restoring/test_background.py"),
    Mutant(
        "restoring/method.py", "max(factors) <= TRAINED.factor + 0.5", "max(factors) > 0", "restoring/test_method.py"
    ),
    Mutant(
        "restoring/outside_band.py", "OutsideBand(rest * weight,", "OutsideBand(rest,", "restoring/test_outside_band.py"
    ),
    Mutant(
        "restoring/outside_band.py",
        "_noise_outside(scan, acquired), usual",
        "1e9, 1e9",
        "restoring/test_outside_band.py",
    ),
    Mutant(
        "restoring/outside_band.py",
        "np.maximum(reaching, noise)",
        "np.maximum(0 * reaching, noise)",
        "restoring/test_outside_band.py",
    ),
    Mutant(
        "restoring/noise_filter.py",
        "self.fall() <= float(",
        "0.0 <= float(",
        "restoring/test_noise_filter.py",
    ),
    Mutant(
        "restoring/noise_filter.py",
        "claimed <= _OVER_QUIET * self.quiet()",
        "claimed <= 99",
        "restoring/test_noise_filter.py",
    ),
    Mutant("restoring/quiet_level.py", "ratio < _DARK", "ratio < 0", "restoring/test_quiet_level.py"),
    Mutant(
        "restoring/quiet_level.py",
        "counts = variance > 1e-9 * m * m",
        "counts = m >= 0",
        "restoring/test_quiet_level.py",
    ),
    Mutant(
        "restoring/scan_noise.py",
        "self.inside, axis, 0)[some]",
        "self.inside, axis, 0)[:]",
        "restoring/test_scan_noise.py",
    ),
    Mutant(
        "restoring/removed_spectrum.py",
        "(patches - mean) * both",
        "patches - mean",
        "restoring/test_removed_spectrum.py",
    ),
    Mutant("restoring/profile_misfit.py", " + _NOISE * misfit.noise", "", "restoring/test_profile_misfit.py"),
    Mutant("restoring/noise_reading.py", "if explained < _BETTER:", "if True:", "restoring/test_noise_reading.py"),
    Mutant(
        "restoring/slicewise.py",
        "spacing_ratio >= NEAREST[detail.equivariant]",
        "spacing_ratio >= 0",
        "restoring/test_slicewise.py",
    ),
    Mutant("restoring/data_fit.py", "(clean[some] - seen)", "(y[some] - seen)", "restoring/test_data_fit.py"),
    Mutant("priors/similarity.py", "np.maximum(usual, np.median(usual))", "usual", "priors/test_similarity.py"),
    Mutant("networks/siren.py", "1 / n if is_first", "1.0 if is_first", "networks/test_siren.py"),
    Mutant(
        "networks/stack.py", "readouts[..., -1].unsqueeze(1)", "readouts[..., 0].unsqueeze(1)", "networks/test_stack.py"
    ),
    Mutant("networks/detail.py", "(spacing_ratio > 0).to(slices)", "1", "networks/test_detail_equivariant.py"),
    Mutant("networks/noise_level.py", ".square()).sum(1) / 1.25", ".square()).sum(1)", "networks/test_noise_level.py"),
    Mutant("pretraining/encoder.py", "recipe.rate_at(step))", "recipe.rate)", "pretraining/test_encoder.py"),
    Mutant("pretraining/patches.py", "rng.uniform(0.95, 1.05)", "rng.uniform(0.5, 1.5)", "pretraining/test_patches.py"),
    Mutant(
        "anatomy/head_frame.py",
        "* sign * pose.half[k]",
        "* pose.half[k]",
        "anatomy/test_head_frame.py anatomy/test_coarse_image.py",
    ),
    Mutant("geometry.py", "step[:3, 3] = (ratio - 1) / 2", "step[:3, 3] = 0", "test_geometry.py"),
    Mutant(
        "io/nifti/files.py", "plane * np.float64(slope) + inter", "plane * np.float64(slope)", "io/nifti/test_files.py"
    ),
    Mutant(
        "io/nifti/write.py", "other = placed.other @ np", "other = placed.affine @ np", "io/nifti/test_placement.py"
    ),
    Mutant("io/dicom/frame.py", "intercept / (slope * own)", "intercept / own", "io/dicom/test_frame.py"),
    Mutant("io/dicom/derived.py", "(volume.data - np.float32(intercept))", "(volume.data)", "io/dicom/test_write.py"),
    Mutant(
        "io/dicom/stack.py",
        "low, high = _steps_that_fit(heights, half)",
        "low, high = 0.0, 1.0",
        "io/dicom/test_stack.py",
    ),
    Mutant(
        "pipelines/batch.py", 'record["source_sha256"] != digest_of(job.source)', "False", "pipelines/test_batch.py"
    ),
    Mutant("pipelines/jobs.py", "int(k) - 1 :: int(n)", "int(k) - 1 :: int(n) + 1", "pipelines/test_jobs.py"),
    Mutant("io/bids/names.py", 'found.entities.get("part", "")', '""', "pipelines/test_bids.py"),
    Mutant("cohorts/selection.py", "scans[9::10]", "scans[8::10]", "cohorts/test_selection.py"),
    Mutant("cohorts/split.py", 'parts[_key(line[who])] = ""', "pass", "cohorts/test_split.py"),
    Mutant("cohorts/sources.py", '== "train"]', '!= "test"]', "cohorts/test_sources.py"),
    Mutant(
        "transforms/rician.py",
        "RicianNoise(sigma * scales",
        "RicianNoise(sigma + 0 * scales",
        "transforms/test_rician.py",
    ),
    Mutant(
        "transforms/normalise.py",
        "return out * _over_channels",
        "return out / _over_channels",
        "transforms/test_normalise.py",
    ),
    Mutant("inferers.py", 'rules = replace(rules, digest="", detail=None)', "pass", "test_inferers.py"),
    Mutant(
        "priors/general_store.py",
        'folder / NOISE, listed["noise_level"]',
        "folder / NOISE, None",
        "priors/test_general_store.py",
    ),
    Mutant("reporting/viewer.py", "scan.data - again", "0 * scan.data", "reporting/test_viewer.py"),
]


def files_of(mutant: Mutant) -> list[str]:
    """Return the module itself, for its examples, and its test files."""
    return [f"monai_strainer/{mutant.file}", *(f"tests/{name}" for name in mutant.tests.split())]


def _child(tree: Path, files: list[str], log: Path) -> None:
    """Run pytest in this process, which has all heavy libraries and nothing of the package."""
    with log.open("w") as handle:
        os.dup2(handle.fileno(), 1)
        os.dup2(handle.fileno(), 2)
    os.chdir(tree)
    os.environ.pop("STRAINER_DATA", None)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = True
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=no", *files])
    sys.stdout.flush()
    os._exit(int(code))


def run(tree: Path, files: list[str], limit: float | None = LIMIT) -> tuple[bool, str, float]:
    """Return whether tests pass in a tree, what they say, and the seconds they take; PyTorch is imported once."""
    start, log = time.perf_counter(), tree / "log"
    child = multiprocessing.get_context("fork").Process(target=_child, args=(tree, files, log))
    child.start()
    child.join(limit)
    if child.exitcode is None:
        child.kill()
        return True, "no end, and nothing failed", time.perf_counter() - start
    lines = log.read_text().strip().splitlines() or ["nothing was said"]
    said = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
    return child.exitcode == 0, said, time.perf_counter() - start


def main() -> int:
    """Run the mutants; the number of those that survive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="*", help="numbers, or parts of names of files; all by default")
    parser.add_argument("--list", action="store_true", help="check that every text is there, and run nothing")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests without a change first")
    args = parser.parse_args()
    chosen = [
        (number, mutant)
        for number, mutant in enumerate(MUTANTS, 1)
        if not args.which
        or any(str(number) == word or (word in mutant.file and not word.isdigit()) for word in args.which)
    ]
    survived = 0
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for part in PARTS:
            source, target = ROOT / part, tree / part
            target.parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        if not (args.list or args.no_baseline):
            passes, said, seconds = run(tree, sorted({file for _, mutant in chosen for file in files_of(mutant)}), None)
            print(f"without a change: {'pass' if passes else 'FAIL'} ({seconds:.0f} s; {said})", flush=True)
            if not passes:
                return 1
        for number, mutant in chosen:
            file = tree / "monai_strainer" / mutant.file
            text = file.read_text()
            if text.count(mutant.old) != 1:
                raise SystemExit(f"{number} {mutant.file}: {mutant.old!r} stands there {text.count(mutant.old)} times")
            if args.list:
                print(f"{number} {mutant.file}: {mutant.old.strip()} -> {mutant.new.strip()}")
                continue
            file.write_text(text.replace(mutant.old, mutant.new))
            passes, said, seconds = run(tree, files_of(mutant))
            file.write_text(text)
            survived += passes
            print(f"{number} {mutant.file}: {'SURVIVED' if passes else 'killed'} ({seconds:.0f} s; {said})", flush=True)
    if not args.list:
        print(f"{len(chosen)} mutants, {survived} survived")
    return min(survived, 100)


if __name__ == "__main__":
    sys.exit(main())
