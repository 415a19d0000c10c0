"""No home, no name, nothing that can be written: the cache goes somewhere private, says so once, and is used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import cimlearn
from cimlearn import places
from cimlearn.errors import InputError

KERNEL = """
from cimlearn.compiled import entry
@entry
def twice(x):
    return 2.0 * x
@entry
def thrice(x):
    return 3.0 * x
print(twice(2.0), thrice(2.0))
import cimlearn.places
print(cimlearn.places.cache_folder())
"""


def compiled(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "kernel.py").write_text(KERNEL)
    (tmp_path / "tmp").mkdir(mode=0o777, exist_ok=True)
    kept = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME", "TMPDIR")
    }
    source = str(Path(cimlearn.__file__).parents[1])
    kept |= {
        "PYTHONPATH": source,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(tmp_path / "tmp"),
        **environment,
    }
    return subprocess.run(
        [sys.executable, str(tmp_path / "kernel.py")], env=kept, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("home", ["/proc/nothing", "/dev/null"])
def test_where_no_home_can_be_written_kernels_compile_into_a_private_folder(
    home: str, tmp_path: Path
) -> None:
    done = compiled(tmp_path, HOME=home)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    folder = Path(printed[1])
    assert printed[0] == "4.0 6.0" and folder == tmp_path / "tmp" / f"cimlearn-{os.getuid()}"
    assert done.stderr.count("\n") == 1 and str(folder) in done.stderr
    assert folder.stat().st_mode & 0o077 == 0
    made = {file: file.stat().st_mtime_ns for file in folder.rglob("*.nbc")}
    assert made
    again = compiled(tmp_path, HOME=home)
    assert again.stdout == done.stdout
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.nbc")} == made  # used, not made again


def test_a_temporary_folder_that_somebody_else_prepared_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trap = places.temporary_place()
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    assert places._temporary() != trap
    trap.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    trap.symlink_to(tmp_path / "elsewhere")
    assert places._temporary() != trap


def test_no_passwd_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.delenv(places.ENVIRONMENT, raising=False)
    assert places.home() is None and places.cache_place() is None
    from cimlearn.streams.sources.find import cache_folder, list_sources

    assert cache_folder() == places.temporary_place()
    assert list_sources()


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x.csv", "a\0b"])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(InputError) as error:
        places.expanded(path)
    assert "\n" not in str(error.value)


def test_only_this_module_asks_for_homes_and_caches() -> None:
    root = Path(cimlearn.__file__).parent
    for file in root.rglob("*.py"):
        if file.name != "places.py":
            text = file.read_text("utf-8")
            assert not any(word in text for word in ("Path.home(", ".expanduser(", 'XDG_CACHE_HOME"')), file


def test_only_the_gate_parses_files() -> None:
    root = Path(cimlearn.__file__).parent
    for file in root.rglob("*.py"):
        if "untrusted" not in file.parts:
            text = file.read_text("utf-8")
            own = "resources.files" in text or "sys.argv" in text  # what comes with the package
            for word in (
                "tomllib.loads",
                "np.load(",
                "open_memmap",
                "safe_open",
                "load_file(",
                "zipfile.ZipFile",
            ):
                assert word not in text or own, f"{file} calls {word}; read it through cimlearn.untrusted"


NOWHERE = """
import cimlearn.places
from cimlearn.errors import InputError
def refuse():
    raise InputError("no folder can be written; name one: XDG_CACHE_HOME=FOLDER")
cimlearn.places._temporary = refuse
"""


@pytest.mark.parametrize(("before", "said"), [("", 0), (NOWHERE, 1)])
def test_kernels_that_have_no_place_on_the_disk_are_compiled_each_time(
    before: str, said: int, tmp_path: Path
) -> None:
    """Every file system is read-only; a kernel's source is no file. The second kernel says nothing again."""
    kernels = KERNEL.partition("import cimlearn.places")[0]
    kept = {key: value for key, value in os.environ.items() if key != "CIMLEARN_CACHE_TOLD"}
    kept |= {"XDG_CACHE_HOME": "/dev/null" if before else str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", before + kernels], env=kept, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "4.0 6.0\n"), done.stderr
    assert done.stderr.count("\n") == said and ("XDG_CACHE_HOME=FOLDER" in done.stderr) == bool(said)
