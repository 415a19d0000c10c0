#!/usr/bin/env bash
# What to run on a machine with a CUDA GPU: tests, speed, agreement. OUT=folder benchmarks/on_gpu.sh
# Every part prints as it goes; a part that fails or runs out of time does not stop the next.
cd "$(dirname "$0")/.." || exit 2
export PYTHONPATH="$PWD/src:$PYTHONPATH" OMP_NUM_THREADS=4 PYTHONUNBUFFERED=1
out="${OUT:-/tmp/on_gpu}"
python="${PYTHON:-python3}"
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-/tmp/on_gpu_cache}"
mkdir -p "$out"
"$python" -c 'import numba, numpy, sys; print(sys.version.split()[0], "numba", numba.__version__, "numpy", numpy.__version__)
try:
    import numba_cuda; print("numba-cuda", numba_cuda.__version__)
except Exception as e: print("numba-cuda:", e)' 2>&1 | tee "$out/versions.txt"
nvidia-smi 2>&1 | head -15 >>"$out/versions.txt"
step() { # NAME SECONDS COMMAND...
  local name="$1" limit="$2"
  shift 2
  echo "== $name"
  local began=$SECONDS
  timeout "$limit" "$@" >"$out/$name.txt" 2>&1
  echo "== $name: status $? after $((SECONDS - began)) s"
  tail -n "${TAIL:-40}" "$out/$name.txt"
}
TAIL=90 step speed 300 "$python" benchmarks/cuda_chips.py --out "$out/work" --rules "${RULES:-probed,through}"
cp "$out/work/cuda_chips.json" "$out/" 2>/dev/null
step engine 150 "$python" -m pytest -q -x -p no:cacheprovider tests/gpu/on_card.py
step torch 45 "$python" -m pytest -q -rs -p no:cacheprovider tests/gpu/test_torch_on_card.py
rm -rf "$out/work"
ls -la "$out"
