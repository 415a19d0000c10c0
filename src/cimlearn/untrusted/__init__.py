"""The one gate for bytes that nobody vouches for: every file is read here, or not at all.

| reader | format | looks first at |
|---|---|---|
| `text.read_toml`, `text.read_json` | TOML, JSON | size, encoding, NUL, depth, length of numbers, keys given twice |
| `arrays.open_npy`, `arrays.read_npz`, `arrays.read_idx` | NPY, NPZ, IDX | claimed shapes, against the bytes |
| `tables.csv_rows`, `tables.open_parquet` | CSV, Parquet | length of a line, NUL, rows and columns |
| `tensors.open_tensors` | safetensors | length of the header, and each tensor's place |

They know one error, `cimlearn.errors.InputError`, and never unpickle. `limits` says how much is too much. Paths come
through `cimlearn.places`. See docs/decisions/0011-one-gate.md.
"""
