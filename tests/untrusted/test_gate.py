"""What the gate refuses, one line each; and that any bytes at all give a value or that one error."""

from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cimlearn.cli import main
from cimlearn.errors import InputError
from cimlearn.streams import open_stream
from cimlearn.untrusted import arrays, files, limits, packed, tables, tensors, text

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    said = str(error.value)
    assert said and said.isprintable() and len(said) < 500
    return said


@pytest.mark.parametrize("name", hostile.TOML)
def test_a_hostile_configuration_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = hostile.written(tmp_path / "a.toml", hostile.TOML[name])
    assert main(["run", str(file), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("cimlearn: error: ") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", hostile.JSON)
def test_hostile_json_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        text.read_json(hostile.written(tmp_path / "a.json", hostile.JSON[name]))
    one_line(error)


@pytest.mark.parametrize("name", hostile.NPZ)
def test_a_hostile_archive_is_one_line(name: str, tmp_path: Path) -> None:
    path = hostile.written(tmp_path / "a.npz", hostile.NPZ[name]())
    with pytest.raises(InputError) as error:
        open_stream(str(path), seed=0)
    assert str(path) in one_line(error)


def test_a_good_archive_is_what_numpy_reads(tmp_path: Path) -> None:
    given_arrays: dict[str, Any] = {
        **hostile.good_arrays(),
        "fortran": np.asfortranarray(np.arange(12).reshape(3, 4)),
        "texts": np.array(["a", "bc"]),
        "times": np.array(["2026-01-01"], "datetime64[us]"),
        "none": np.empty((0, 3)),
        "scalar": np.float64(3.0),
    }
    np.savez_compressed(tmp_path / "a.npz", **given_arrays)
    found = arrays.read_npz(tmp_path / "a.npz", tuple(given_arrays))
    for name, array in given_arrays.items():
        assert found[name].dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(found[name], array)
    assert arrays.npz_names(tmp_path / "a.npz") == list(given_arrays)
    for name in ("fortran", "x_train", "none"):
        np.save(tmp_path / "b.npy", given_arrays[name])
        np.testing.assert_array_equal(arrays.open_npy(tmp_path / "b.npy"), given_arrays[name])


def test_a_limit_can_be_set_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hostile.written(tmp_path / "a.npz", hostile.good_npz())
    monkeypatch.setenv(limits.ENVIRONMENT, "1000")
    with pytest.raises(
        InputError, match=r"takes [\d,]+ bytes in memory; the limit is 1,000: .*CIMLEARN_MOST_BYTES="
    ):
        arrays.read_npz(path, ("x_train",))
    monkeypatch.setenv(limits.ENVIRONMENT, "lots")
    with pytest.raises(InputError, match="not a number of bytes"):
        arrays.read_npz(path, ("x_train",))


def test_a_folder_of_arrays_with_a_damaged_header(tmp_path: Path) -> None:
    for name, array in hostile.good_arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
    open_stream(str(tmp_path), seed=0)
    for content in (
        hostile.npy("{'descr'"),
        hostile.npy(hostile.header((10**9, 6)), b"12"),
        b"",
        b"\x93NUMPY",
    ):
        hostile.written(tmp_path / "x_train.npy", content)
        with pytest.raises(InputError) as error:
            open_stream(str(tmp_path), seed=0)
        assert "x_train.npy" in one_line(error)


def test_pipes_devices_and_folders_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        for read in (text.read_toml, text.read_json, arrays.open_npy, lambda p: files.read_bytes(p, 10)):
            with pytest.raises(InputError, match="not a file"):
                read(path)


@pytest.mark.parametrize("written", ["1_234", "１２", "١٢", "0x10", "1 2", "1e", "", "--1", "1__0", "٣.٥"])
def test_only_plain_digits_are_numbers(written: str) -> None:
    with pytest.raises(ValueError):
        text.number(written)


@given(st.floats(allow_nan=False) | st.integers(-(10**18), 10**18))
@settings(max_examples=200, deadline=None)
def test_numbers_read_back(value: float) -> None:
    assert text.number(repr(value)) == float(value)
    assert text.number(f" {value!r} ") == text.number(value) == float(value)


CSV = {
    "1_234": b"a,b,label\n1,2,x\n1_234,2,y\n",
    "full-width digits": "a,b,label\n1,2,x\n１２,2,y\n".encode(),
    "a NUL": b"a,b,label\n1,2,x\n1,2\0,y\n",
    "no text": b"a,b,label\n\xff\xfe,2,x\n",
    "open quotes": b'a,b,label\n"1,2,x\n',
    "a column twice": b"a,a,label\n1,2,x\n1,2,y\n",
}


@pytest.mark.parametrize("name", CSV)
def test_a_hostile_table_is_one_line(name: str, tmp_path: Path) -> None:
    path = hostile.written(tmp_path / "a.csv", CSV[name])
    with pytest.raises(InputError) as error:
        open_stream(str(path), seed=0)
    one_line(error)


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINE", 1000)
    path = hostile.written(tmp_path / "a.csv", b"a,b,label\n" + b"1" * 2000)
    with pytest.raises(InputError, match="line 2 has more than 1,000 characters"):
        list(tables.csv_rows(path, ","))


def test_features_named_twice_and_complex_columns(tmp_path: Path) -> None:
    from cimlearn.streams import TableStream

    rows = {"a": np.arange(8.0), "b": np.arange(8.0), "label": np.arange(8) % 2}
    with pytest.raises(InputError, match="names 'a' twice"):
        TableStream(rows, label="label", features="a,a", seed=0)
    with pytest.raises(InputError, match="complex128; give real numbers"):
        TableStream({**rows, "a": rows["a"] * 1j}, label="label", seed=0)
    np.savez(tmp_path / "c.npz", **{**rows, "a": rows["a"] * 1j})
    with pytest.raises(InputError, match="complex128; give real numbers"):
        open_stream(str(tmp_path / "c.npz"), seed=0)


def test_parquet_counts_before_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": [1.0] * 5000, "label": ["x"] * 5000}), path)
    monkeypatch.setenv(limits.ENVIRONMENT, "10000")
    with pytest.raises(InputError, match="the limit is 10,000"):
        tables.open_parquet(path)


GOOD: dict[str, bytes] = {}


def _good() -> dict[str, bytes]:
    """A good file of each format."""
    if not GOOD:
        buffer = io.BytesIO()
        np.save(buffer, hostile.good_arrays()["x_train"])
        GOOD["npy"] = buffer.getvalue()
        GOOD["npz"] = hostile.good_npz()
        GOOD["idx"] = bytes((0, 0, 8, 1, 0, 0, 0, 30)) + bytes(30)
        GOOD["idx.gz"] = gzip.compress(GOOD["idx"], mtime=0)
        GOOD["safetensors"] = safetensors.numpy.save(
            {"a": np.arange(5), "b": np.ones((2, 3), np.float32)}, {"k": "v"}
        )
        GOOD["toml"] = b'chip = "m2ru"\n[network]\nhidden = 10\nlist = [1.5, 2]\n'
        GOOD["json"] = json.dumps({"a": [1, 2.5, "x"], "b": {"c": None}}).encode()
        GOOD["csv"] = b"a,b,label\n1,2,x\n3,4,y\n" * 3
    return GOOD


READERS: dict[str, Any] = {
    "npy": arrays.open_npy,
    "npz": lambda path: arrays.read_npz(path, ("x_train", "y_train", "x_test", "y_test")),
    "idx": lambda path: arrays.read_idx(path, 1),
    "idx.gz": lambda path: arrays.read_idx(path, 1),
    "safetensors": lambda path: tensors.open_tensors(
        path, lambda file: [(file.get_tensor(key), file.metadata()) for key in list(file.keys())]
    ),
    "toml": text.read_toml,
    "json": text.read_json,
    "csv": lambda path: list(tables.csv_rows(path, ",")),
}


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """`content` with bytes changed, cut out, put in twice, or its end cut off."""
    found = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(found) - 1)))
        match data.draw(st.sampled_from(("flip", "set", "cut", "insert", "end"))):
            case "flip" if found:
                found[at] ^= 1 << data.draw(st.integers(0, 7))
            case "set" if found:
                found[at : at + 4] = data.draw(st.sampled_from((b"\xff" * 4, b"\0" * 4, b"[[[[", b"9999")))
            case "cut":
                del found[at : at + data.draw(st.integers(1, 30))]
            case "insert":
                found[at:at] = data.draw(st.binary(max_size=20))
            case _:
                del found[at:]
    return bytes(found)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
@quick
def test_any_damage_gives_a_value_or_the_one_error(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    path = hostile.written(tmp_path / f"a.{kind}", damaged(_good()[kind], data))
    try:
        READERS[kind](path)
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("kind", READERS)
@given(content=st.binary(max_size=200))
@quick
def test_any_bytes_give_a_value_or_the_one_error(kind: str, content: bytes, tmp_path: Path) -> None:
    path = hostile.written(tmp_path / f"a.{kind}", content)
    try:
        READERS[kind](path)
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("kind", READERS)
def test_good_files_are_read(kind: str, tmp_path: Path) -> None:
    READERS[kind](hostile.written(tmp_path / f"a.{kind}", _good()[kind]))


def test_a_tensor_of_another_size_than_its_shape(tmp_path: Path) -> None:
    content = bytearray(_good()["safetensors"])
    content[content.find(b"[2,3]") + 1 : content.find(b"[2,3]") + 2] = b"9"
    with pytest.raises(InputError, match="not of its size"):
        READERS["safetensors"](hostile.written(tmp_path / "a.safetensors", bytes(content)))


def test_idx_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = hostile.written(tmp_path / "a.idx", bytes((0, 0, 8, 1, 0x7F, 0xFF, 0xFF, 0xFF)))
    with pytest.raises(InputError, match="claims a shape"):
        arrays.read_idx(path, 1)
    assert packed.digest_or_blank(tmp_path / "none", unpack=True) == ""


def test_a_chip_too_large_for_any_memory_is_refused_first() -> None:
    from cimlearn import chips
    from cimlearn.streams.base import StreamShape

    parameters = chips.parameters("m2ru", {"network.hidden": 4096})
    with pytest.raises(InputError, match=r"4,[\d,]+ weights; the limit is 50,000,000"):
        chips.build("m2ru", "float", parameters=parameters, shape=StreamShape(1, 10**6, 10, False), seed=0)
