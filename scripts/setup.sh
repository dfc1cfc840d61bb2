#!/usr/bin/env bash
# setup.sh PYTHON VENV: make the virtual environment. Where there is no NVIDIA GPU, no CUDA build of torch is downloaded.
set -euo pipefail
py=$1 venv=$2
"$py" -c 'import sys; assert sys.version_info >= (3, 11), "wardround needs Python 3.11 or newer; set PY=python3.11"'
"$py" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check)
uv="$venv/bin/uv"
"${pip[@]}" install -q -c constraints.txt uv
if [[ $(uname -s) == Linux ]] && ! command -v nvidia-smi >/dev/null; then
  # A CPU wheel that pip's own find-links offers comes first; else uv's CPU backend for torch.
  if ! "${pip[@]}" install -q --no-deps --no-index torch==2.13.0 2>/dev/null; then
    "$uv" pip install -q -p "$venv/bin/python" --torch-backend=cpu -c constraints.txt torch torchvision ||
      echo "setup: no CPU-only torch reachable; the default build will be used" >&2
  fi
  # torchvision without the CUDA packages its wheel asks for: the guard in models/torchvision_guard.py makes it import.
  "${pip[@]}" install -q --no-deps -c constraints.txt torchvision timm open-clip-torch
fi
"${pip[@]}" install -q -c constraints.txt -e '.[dev]'
