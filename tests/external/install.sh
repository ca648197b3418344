#!/usr/bin/env bash
# Copyright 2026 the monai_strainer authors. Apache-2.0.
# The programs of other people that the external tests ask: Debian's packages, and wheels into the given environment.
# Usage: tests/external/install.sh [PYTHON]    What cannot be installed is printed, and its tests are skipped.
set -uo pipefail

python="${1:-python3}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
packages=(dicom3tools dcm2niix dcmtk orthanc orthanc-dicomweb chromium chromium-driver slurmctld slurmd slurm-client munge)

if command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
    # services of the packages are not started: the tests start their own, on ports of their own
    made=""
    [ -e /usr/sbin/policy-rc.d ] || { made=1; printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; }
    apt-get update -q > /dev/null || echo "apt-get update failed" >&2
    for package in "${packages[@]}"; do
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package" > /dev/null 2>&1 \
            || echo "$package cannot be installed" >&2
    done
    [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
else
    echo "no Debian, or no right to install: ${packages[*]}" >&2
fi
"$python" -m pip install --quiet -c "$here/constraints.txt" -e "$here[external,dicom,listen,maps]" || echo "wheels cannot be installed" >&2

# Environments of their own: what needs other versions than ours, or is never installed beside us.
fresh() { "$python" -m venv --clear "$here/$1"; }
wheels() { "$here/$1/bin/python" -m pip install --quiet "${@:2}"; }
# torch, MONAI and this package come from the given environment; addsitedir also reads its .pth files, as that of an
# editable install of this package
with_ours() {
    "$python" -c "import sysconfig; print(f'import site; site.addsitedir({sysconfig.get_paths()[\"purelib\"]!r})')" \
        > "$(echo "$here/$1"/lib/python*/site-packages)/tested.pth"
}
pinned="$here/constraints.txt"
{ fresh .venv-snakemake && wheels .venv-snakemake "snakemake==9.27.1"; } || echo "snakemake cannot be installed" >&2
{ fresh .venv-release && wheels .venv-release -c "$pinned" build twine cyclonedx-bom py-rattler-build; } \
    || echo "the tools of a release cannot be installed" >&2
{ fresh .venv-nvflare && wheels .venv-nvflare -c "$pinned" "nvflare==2.9.0" && with_ours .venv-nvflare; } \
    || echo "NVIDIA FLARE cannot be installed" >&2
# torchvision, which deepinv needs, comes from the index beside a CPU build of torch: away from what the other tests import
{ fresh .venv-deepinv && with_ours .venv-deepinv && wheels .venv-deepinv -c "$pinned" -e "$here[deepinv]"; } \
    || echo "deepinv cannot be installed" >&2
# the SDK of MONAI Deploy puts its modules into the folder of MONAI: MONAI has to lie beside it
numpy="numpy==$("$python" -c 'import numpy; print(numpy.__version__)')"
{ fresh .venv-deploy && wheels .venv-deploy "$numpy" "monai-deploy-app-sdk==4.0.0" \
    && wheels .venv-deploy -c "$pinned" --no-deps monai "highdicom==0.28.2" && with_ours .venv-deploy; } \
    || echo "the MONAI Deploy SDK cannot be installed" >&2
