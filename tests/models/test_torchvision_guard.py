"""The guard, in processes of their own: what is imported once cannot be imported anew."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_torchvision_and_timm_import_under_the_guard():
    done = python(
        "from models.torchvision_guard import install; install(); assert install() == install();"
        "import torchvision, torchvision.transforms, timm; print(torchvision.__version__)"
    )
    assert done.returncode == 0, done.stderr[-600:]


def test_where_the_guard_says_it_is_needed_the_bare_import_fails():
    if python("from models.torchvision_guard import install; assert install()").returncode:
        pytest.skip("this torchvision belongs to this torch: nothing to guard")
    done = python("import torchvision")
    assert done.returncode != 0
    assert "torchvision::nms" in done.stderr


def test_an_absent_torchvision_is_left_alone(tmp_path: Path):
    code = (
        "import sys, importlib.util as u; real = u.find_spec;"
        "u.find_spec = lambda n, *a: None if n == 'torchvision' else real(n, *a);"
        "from models.torchvision_guard import install; assert install() is False; assert 'torch' not in sys.modules"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr[-600:]


def test_the_lazy_guard_waits_for_torchvision():
    done = python(
        "import sys; from cases.torchvision_guard import install_lazily; install_lazily();"
        "assert 'torch' not in sys.modules; import torchvision.transforms; assert 'torch' in sys.modules"
    )
    assert done.returncode == 0, done.stderr[-600:]
