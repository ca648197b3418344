#!/usr/bin/env bash
# Copyright 2026 the monai_strainer authors. Apache-2.0.
# The programs of other people that the external tests ask: Debian's packages, and wheels into the given environment.
# Usage: tests/external/install.sh [PYTHON]    What cannot be installed is told, and its tests are skipped.
set -uo pipefail

python="${1:-python3}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
packages=(dicom3tools dcm2niix orthanc orthanc-dicomweb chromium chromium-driver slurmctld slurmd slurm-client munge)

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
"$python" -m pip install --quiet -c "$here/constraints.txt" -e "$here[external,dicom]" || echo "wheels cannot be installed" >&2
# Snakemake wants older packages than ours: it lives alone
"$python" -m venv "$here/.venv-snakemake" \
    && "$here/.venv-snakemake/bin/python" -m pip install --quiet "snakemake==9.27.1" || echo "snakemake cannot be installed" >&2
# NVIDIA FLARE as well; torch, MONAI and the package itself are those of the given environment
"$python" -m venv --clear "$here/.venv-nvflare" \
    && "$here/.venv-nvflare/bin/python" -m pip install --quiet -c "$here/constraints.txt" "nvflare==2.9.0" \
    && "$python" -c "import sysconfig; print(sysconfig.get_paths()['purelib'])" \
        > "$(echo "$here"/.venv-nvflare/lib/python*/site-packages)/tested.pth" || echo "nvflare cannot be installed" >&2
# The MONAI Deploy SDK extends the folder of MONAI, so MONAI lies beside it
"$python" -m venv --clear "$here/.venv-deploy" \
    && "$here/.venv-deploy/bin/python" -m pip install --quiet -c "$here/constraints.txt" --no-deps monai highdicom==0.28.2 \
    && "$here/.venv-deploy/bin/python" -m pip install --quiet numpy=="$("$python" -c 'import numpy; print(numpy.__version__)')" \
        "monai-deploy-app-sdk==4.0.0" \
    && cp "$(echo "$here"/.venv-nvflare/lib/python*/site-packages)/tested.pth" \
        "$(echo "$here"/.venv-deploy/lib/python*/site-packages)/" || echo "the MONAI Deploy SDK cannot be installed" >&2
# What builds and checks a release
"$python" -m venv "$here/.venv-release" && "$here/.venv-release/bin/python" -m pip install --quiet \
    -c "$here/constraints.txt" build twine cyclonedx-bom "py-rattler-build==0.73.0" \
    || echo "the tools of a release cannot be installed" >&2
