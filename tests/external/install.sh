#!/usr/bin/env bash
# Copyright 2026 the monai_strainer authors. Apache-2.0.
# The programs of other people that the external tests ask: Debian's packages, and wheels into the given environment.
# Usage: tests/external/install.sh [PYTHON]    What cannot be installed is told, and its tests are skipped.
set -uo pipefail

python="${1:-python3}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
packages=(dicom3tools dcm2niix dcmtk orthanc orthanc-dicomweb chromium chromium-driver)

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
# torchvision, which deepinv needs, comes from the index beside a CPU build of torch: away from what the other tests import
"$python" -m venv "$here/.venv-deepinv" \
    && "$python" -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
        > "$("$here/.venv-deepinv/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")/beside.pth" \
    && "$here/.venv-deepinv/bin/python" -m pip install --quiet -c "$here/constraints.txt" -e "$here[deepinv]" \
    || echo "deepinv cannot be installed" >&2
# Snakemake wants older packages than ours: it lives alone
"$python" -m venv "$here/.venv-snakemake" \
    && "$here/.venv-snakemake/bin/python" -m pip install --quiet "snakemake==9.27.1" || echo "snakemake cannot be installed" >&2
