"""The arrays of a run as netlists, and beside them what this program expects of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cimlearn import chips
from cimlearn.arrays.build import circuit_of, describe_periphery
from cimlearn.arrays.circuit import Circuit, tile_cells
from cimlearn.arrays.crossbar import Crossbar
from cimlearn.arrays.periphery import PeripheryDescription, volts_per_unit
from cimlearn.arrays.wires import Wires, effective
from cimlearn.chips import m2ru
from cimlearn.errors import InputError
from cimlearn.experiments.checkpoint import SeedFolder
from cimlearn.experiments.experiment import described_in
from cimlearn.parameters import ParameterSet
from cimlearn.runfolder.files import read_configuration, write_atomic, write_json
from cimlearn.spice.netlist import direct
from cimlearn.spice.streamed import IDEAL, codes, streamed
from cimlearn.streams.base import StreamShape

Vector = NDArray[np.float64]


def export(
    run: Path,
    out: Path,
    *,
    seed: int | None = None,
    arrays: Sequence[str] | None = None,
    x: Sequence[float] | None = None,
) -> list[Path]:
    """Write the arrays of a run as they were last saved; answers the files.

    For each tile ARRAY-ROWTILE-COLUMNTILE.cir, a vector streamed bit by bit through drivers, cells and integrators, and
    for each of its layers of cells ...-layerN.cir, the column currents of the same voltages at rest; expected.json has
    both as this program computes them.

    Parameters
    ----------
    run, out
        the run folder; the folder that is written
    seed
        which seed; None: the first
    arrays
        'hidden', 'output'; None: both
    x
        inputs of all rows in -1 .. 1; None: evenly spaced

    Raises
    ------
    InputError
        If the run is not of arrays with a circuit, saved nothing, or x has another length.
    """
    configuration = read_configuration(run)
    if configuration["chip"] not in m2ru.NAMES or configuration["on"] != "chip":
        raise InputError(
            f"{run} is {configuration['chip']} on {configuration['on']}: only m2ru on its chip has analog arrays"
        )
    seed = configuration["seeds"][0] if seed is None else seed
    if seed not in configuration["seeds"]:
        raise InputError(f"{run} has no seed {seed}; it has {', '.join(map(str, configuration['seeds']))}")
    experiment = described_in(run)
    p = experiment.parameters[0].replace(
        {name: configuration["parameters"][name]["value"] for name in configuration.get("suited", ())}
    )
    if p["periphery.input_bits"] is None:
        raise InputError("periphery.input_bits = none streams no bits; export a run with input bits")
    chip: Any = chips.build(
        "m2ru", "chip", parameters=p, shape=StreamShape(**configuration["shape"]), seed=seed
    )
    position = SeedFolder(run, seed).load(chip)
    out.mkdir(parents=True, exist_ok=True)
    expected: dict[str, Any] = {"run": str(run), "seed": seed, **position._asdict(), "netlists": {}}
    files = []
    for name, bar in chip.arrays().items():
        selected = len(bar.hanging) != len(bar.tiles)
        if selected and arrays is not None and name in arrays:
            raise InputError(
                f"array {name} switches off the rows of other groups (periphery.feedback_select = group), and a "
                "netlist has all rows of a tile on; leave it out, or export a run with periphery.feedback_select=tile"
            )
        if selected:
            expected["left out"] = {
                name: "periphery.feedback_select = group: a netlist has all rows of a tile on"
            }
        elif arrays is None or name in arrays:
            files += _array(bar, p, name, seed, x, out, expected["netlists"])
    write_json(out / "expected.json", expected)
    return [*files, out / "expected.json"]


def _array(
    bar: Crossbar,
    p: ParameterSet,
    name: str,
    seed: int,
    x: Sequence[float] | None,
    out: Path,
    expected: dict[str, Any],
) -> list[Path]:
    """All tiles of one array."""
    rows, columns = bar.state.weight.shape
    given = np.linspace(-1, 1, rows) if x is None else np.asarray(x, float)
    if given.size != rows:
        raise InputError(
            f"--input has {given.size} numbers and array {name} has {rows} rows; give {rows}, or --array"
        )
    circuit = circuit_of(bar.device, p, (rows, columns), name=name, seed=seed)
    around = describe_periphery(p, name)
    files = []
    for i in range(len(bar.tiles) - 1):
        for j in range(len(circuit.columns) - 1):
            stem = f"{name}-{i}-{j}"
            text = streamed(bar, circuit, around, given, row_tile=i, column_tile=j, title=stem)
            files.append(_written(out / f"{stem}.cir", text))
            held = integrated(bar, circuit, around, given, i, j)
            expected[f"{stem}.cir"] = {"unit": "V", "integrators": held.tolist()}
            volts = given[bar.tiles[i] : bar.tiles[i + 1]] * p["periphery.read_voltage"]
            for layer in range(len(bar.sign)):
                cells, wires = tile_cells(bar, circuit, layer, i, j), circuit.wires or IDEAL
                file = out / f"{stem}-layer{layer}.cir"
                files.append(_written(file, direct(cells, volts, wires, f"{stem}, layer {layer}")))
                expected[file.name] = {"unit": "A", "columns": currents(cells, volts, wires).tolist()}
    return files


def currents(cells: Vector, volts: Vector, wires: Wires) -> Vector:
    """(columns,) current of each column [A]."""
    return np.asarray(volts @ effective(cells, wires))


def integrated(
    bar: Crossbar, circuit: Circuit, around: PeripheryDescription, x: Vector, row_tile: int, column_tile: int
) -> Vector:
    """(columns of the tile,) what the run's integrators hold after x [V], without noise, range and conversion."""
    rows = slice(int(bar.tiles[row_tile]), int(bar.tiles[row_tile + 1]))
    columns = slice(int(circuit.columns[column_tile]), int(circuit.columns[column_tile + 1]))
    code = codes(x[rows], bar.periphery.code.shape[1])
    seen = np.sign(x[rows]) * bar.periphery.code[0, code]
    gain, offset = bar.periphery.column[:, row_tile, columns].astype(float)
    total = seen @ bar.state.weight[rows, columns].astype(float)
    return np.asarray((total * gain + offset) * volts_per_unit(around, bar.scale))


def _written(file: Path, text: str) -> Path:
    write_atomic(file, text.encode())
    return file
