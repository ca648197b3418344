# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Nipype interfaces of ``monai-strainer denoise-image`` and ``monai-strainer restore``.

Copy this file beside your workflow. The command ``monai-strainer`` has to be on the search path. Set the environment
variable ``NO_ET=1`` before Nipype is imported: otherwise it asks a server on the internet for its newest version.

    from strainer_nipype import DenoiseImage, Restore

    denoise = Node(DenoiseImage(dimension=3, noise_model="Rician", num_threads=2), name="denoise")
    finer = Node(Restore(spacing=(1, 1, 1), save_std=True), name="finer")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nipype.interfaces import ants
from nipype.interfaces.ants.segmentation import DenoiseImageInputSpec
from nipype.interfaces.base import CommandLine, CommandLineInputSpec, File, TraitedSpec, traits

from monai_strainer import __version__

__all__ = ["DenoiseImage", "Restore"]


class StrainerDenoiseImageInputSpec(DenoiseImageInputSpec):
    """The inputs of Nipype's interface of ANTs, and those that monai_strainer adds."""

    mask_image = File(exists=True, argstr="-x %s", desc="only voxels where it is above zero are denoised")
    prior = traits.Directory(exists=True, argstr="--prior %s", desc="bundle folder of a prior")
    device = traits.Str(argstr="--device %s", desc="auto, cpu, cuda or cuda:N")
    seed = traits.Int(argstr="--seed %d", desc="of all draws")


class DenoiseImage(ants.DenoiseImage):
    """Denoise an image; takes the place of ``nipype.interfaces.ants.DenoiseImage``.

    Example:
        >>> denoise = DenoiseImage(dimension=3, noise_model="Rician")
        >>> denoise.inputs.input_image = "scan.nii.gz"  # doctest: +SKIP
        >>> denoise.cmdline  # doctest: +SKIP
        'monai-strainer denoise-image -d 3 -i scan.nii.gz -n Rician -o scan_noise_corrected.nii.gz -s 1'
    """

    _cmd = "monai-strainer denoise-image"
    input_spec = StrainerDenoiseImageInputSpec

    @property
    def version(self) -> str:
        """Return the version that Nipype writes into its provenance."""
        return __version__


class RestoreInputSpec(CommandLineInputSpec):
    """The inputs of ``monai-strainer restore`` that a workflow needs."""

    input_image = File(exists=True, mandatory=True, argstr="%s", position=0, desc="image to restore")
    output_image = File(
        argstr="%s",
        position=1,
        name_source=["input_image"],
        name_template="%s_restored",
        keep_extension=True,
        desc="image to write",
    )
    scale = traits.List(
        traits.Float(),
        argstr="--scale %s",
        sep=",",
        xor=["spacing"],
        desc="one factor refines in-plane, three name the array axes; 1 denoises",
    )
    spacing = traits.Tuple(
        traits.Float(), traits.Float(), traits.Float(), argstr="--spacing %s", sep=",", desc="voxel size in mm to reach"
    )
    noise = traits.Enum("rician", "gaussian", argstr="--noise %s", desc="kind of the noise")
    sigma = traits.Float(argstr="--sigma %g", desc="noise level in the scan's units; estimated by default")
    keep_lesions = traits.Bool(argstr="--keep-lesions", desc="give small lesions back, and some noise")
    save_std = traits.Bool(argstr="--std", desc="also write the standard deviation of every voxel")
    save_report = traits.Bool(argstr="--report", desc="also write a record and a page")
    prior = traits.Directory(exists=True, argstr="--prior %s", desc="bundle folder of a prior")
    device = traits.Str(argstr="--device %s", desc="auto, cpu, cuda or cuda:N")
    seed = traits.Int(argstr="--seed %d", desc="of all draws")


class RestoreOutputSpec(TraitedSpec):
    """The files that ``monai-strainer restore`` writes."""

    output_image = File(exists=True)
    std_image = File()
    report = File()
    page = File()


class Restore(CommandLine):
    """Super-resolve or denoise an image.

    Example:
        >>> finer = Restore(spacing=(1, 1, 1), save_std=True)
        >>> finer.inputs.input_image = "scan.nii.gz"  # doctest: +SKIP
        >>> finer.cmdline  # doctest: +SKIP
        'monai-strainer restore scan.nii.gz scan_restored.nii.gz --std --spacing 1,1,1 --quiet'
    """

    _cmd = "monai-strainer restore"
    input_spec = RestoreInputSpec
    output_spec = RestoreOutputSpec

    @property
    def version(self) -> str:
        """Return the version that Nipype writes into its provenance."""
        return __version__

    def _format_arg(self, name: str, trait_spec: Any, value: Any) -> str:
        if name in ("scale", "spacing"):
            return str(trait_spec.argstr % ",".join(f"{number:g}" for number in value))
        return str(super()._format_arg(name, trait_spec, value))

    def _list_outputs(self) -> dict[str, Any]:
        outputs: dict[str, Any] = super()._list_outputs()
        image = Path(outputs["output_image"])
        stem = image.name.removesuffix(".gz").rpartition(".")[0]
        if self.inputs.save_std:
            outputs["std_image"] = str(image.with_name(f"{stem}_std.nii.gz"))
        if self.inputs.save_report:
            outputs["report"] = str(image.with_name(f"{stem}.json"))
            outputs["page"] = str(image.with_name(f"{stem}.html"))
        return outputs
