"""Work and pieces of one crossbar, as whole numbers, from its size and a few tallies."""

from __future__ import annotations

from typing import NamedTuple

from cimlearn.parameters import ParameterSet

Counts = dict[str, int]


class ArraySize(NamedTuple):
    """One array of weights and how it is cut into tiles."""

    rows: int
    columns: int
    layers: int  # cells per weight
    row_tiles: int
    column_tiles: int
    converters: int  # of all tiles together
    cycles: int  # that a vector is streamed
    convert_cycles: int  # that its conversions take; 0 without converters

    @property
    def weights(self) -> int:
        """Weights of the array."""
        return self.rows * self.columns


def array_size(p: ParameterSet, rows: int, columns: int, together: int = 1) -> ArraySize:
    """An array of rows x columns weights; `together` rows that are read at once stay in one tile."""
    layers = p["mapping.cells"] * (2 if p["mapping.kind"] == "pair" else 1)
    row_tiles = -(-(rows // together) // (p["tile.rows"] // together))
    column_tiles = -(-columns // p["tile.columns"])
    widest = -(-columns // column_tiles)  # columns of the widest tile
    each = min(p["periphery.converters"], widest)
    converts = p["periphery.converter_bits"] is not None
    return ArraySize(
        rows,
        columns,
        layers,
        row_tiles,
        column_tiles,
        converters=row_tiles * column_tiles * each if converts else 0,
        cycles=(p["periphery.input_bits"] or 2) - 1,
        convert_cycles=-(-widest // each) if converts else 0,
    )


def pieces(size: ArraySize) -> Counts:
    """What an array is made of."""
    return {
        "weights": size.weights,
        "cells": size.weights * size.layers,
        "tiles": size.row_tiles * size.column_tiles,
        "rows": size.rows,
        "columns": size.columns,
        "level_shifters": size.rows * size.layers * size.column_tiles,
        "integrators": size.row_tiles * size.columns,
        "converters": size.converters,
    }


class ArrayTally(NamedTuple):
    """What one array did in one phase."""

    vectors: int  # input vectors driven
    active_bits: int  # input bits that were 1, over rows and cycles
    pulses: int  # write pulses that cells have seen
    verify_reads: int  # single-cell reads for write-verify
    row_writes: int  # rows that updates wrote to, one after the other
    on: float  # conductance switched on, summed over cycles and active bits [S]


def array_counts(size: ArraySize, one: ArrayTally) -> Counts:
    """Counts of one array from what was tallied."""
    tiled_columns = size.row_tiles * size.columns
    return {
        "vectors": one.vectors,
        "products": one.vectors * size.weights,
        "tile_reads": one.vectors * size.row_tiles * size.column_tiles,
        "cycles": one.vectors * size.cycles,
        "active_bits": one.active_bits,
        "row_pulses": one.active_bits * size.column_tiles * size.layers,
        "integrations": one.vectors * tiled_columns * (size.cycles + size.convert_cycles),
        "conversions": one.vectors * tiled_columns if size.converters else 0,
        "writes": one.pulses,
        "verify_reads": one.verify_reads,
    }
