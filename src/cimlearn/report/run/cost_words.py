"""Plain language about energy, time, area and lifetime."""

from __future__ import annotations

from collections.abc import Mapping

from cimlearn.costs.base import Costs, Phase
from cimlearn.costs.told import op_rate, years
from cimlearn.report.costs import Ageing, price_parameters, used_prices
from cimlearn.runfolder.records import Run, RunParameter
from cimlearn.units import number, percent, quantity

ONE = {"inference": "inference", "learning": "learned example"}  # what a phase is counted per


def part(name: str) -> str:
    """A part of the chip, as a reader writes it."""
    said = {"kwta": "K-WTA"}.get(name, name.replace("_", " "))
    return said.replace("mram", "MRAM").replace("sram", "SRAM")


def share(value: float) -> str:
    """A share in percent, '< 0.1 %' where it would read as nothing."""
    return "< 0.1 %" if 0 < value < 0.0005 else percent(value)


def assumed(entries: Mapping[str, RunParameter]) -> int:
    """How many of the entries are assumptions."""
    return sum(entry.origin == "assumed" for entry in entries.values())


def estimates(run: Run) -> str:
    """Whose numbers these are, and what they rest on."""
    prices, node = used_prices(run), run.prices["technology.node"].value
    seed = run.counted_seeds[0]
    return (
        f"These are estimates by this project, not published results: what seed {seed} was counted to do, times prices"
        f" at the {node} node. {assumed(prices)} of {len(prices)} prices and {assumed(run.parameters)} of"
        f" {len(run.parameters)} parameters of chip and stream are assumed; each is named below."
    )


def energy(name: str, phase: Phase, twin: Phase | None) -> str:
    """What the bars of energy by part say; `twin` is the digital twin's, of chips that have one."""
    largest = max(phase.parts, key=lambda p: phase.parts[p])
    most = percent(phase.parts[largest] / phase.joules, 0)
    said = f"One {ONE[name]} takes {quantity(phase.joules, 'J')}; ‘{part(largest)}’ takes the most, {most}."
    if twin is None:
        return said
    return (
        f"{said} A digital chip of the same function would take {quantity(twin.joules, 'J')},"
        f" {number(twin.joules / phase.joules, 3)} times as much."
    )


def twin(run: Run, costs: Costs) -> str:
    """What the digital twin is."""
    p = price_parameters(run)
    same = f"{p['twin.lanes']} multiply-add units at {quantity(p['twin.clock'], 'Hz')}, at the same node"
    own = "Its digital part is the chip’s own."
    said = {
        "tight": f"weights of {p['twin.weight_bits']} bits in static memory and {same}. {own}",
        "no-reuse": f"float32 with {p['twin.operands']} words moved to or from memory for each product, {same}. {own}",
        "off-chip": f"weights of {p['twin.dram_bits']} bits read from DRAM for every product, {same}. {own}",
        "processor": f"an instruction of {quantity(p['twin.instruction'], 'J')} (at the prices’ node) for each"
        f" multiply-add and each operation of the chip’s digital part, at {quantity(p['twin.processor_clock'], 'Hz')}.",
    }
    kind = p["twin.kind"]
    ratios = ", ".join(f"{name} {number(found['inference'], 3)}" for name, found in costs.ratios.items())
    return (
        f"The digital twin ({kind}) is the same network and rule without crossbars: {said[kind]} What a digital chip"
        f" takes hangs on how well it is made. Energy per inference of each kind over the chip’s: {ratios}."
    )


def life(run: Run, costs: Costs, ageing: Ageing) -> str:
    """What the lifetimes mean."""
    written = f"A cell is written {number(ageing.rates.mean, 3)} times per learned example, on average."
    if ageing.endurance is None:
        return f"{written} No cell ever wears out, because {ageing.names[0]} is none."
    if costs.lifetime["first_cell"] is None:
        return f"{written} None is ever worn out by it."
    return (
        f"{written} If the chip learned {number(ageing.per_second, 3)} new examples a second without a pause and"
        f" went on writing its cells as seed {run.counted_seeds[0]} did, this is when they would wear out."
    )


def law(run: Run, ageing: Ageing) -> str:
    """What the curve of worn cells shows, and its assumptions."""
    return f"Share of worn cells against time, both logarithmic. {rests_on(run, ageing)}"


def rests_on(run: Run, ageing: Ageing) -> str:
    """The assumptions behind the lifetimes."""

    def owned(name: str) -> str:
        entry = {**run.parameters, **run.prices}.get(name)
        return f"{name}, {entry.origin}" if entry else f"{name} of {run.config['cell']['name']}"

    median, spread = ageing.names

    return (
        "The number of writes until a cell sticks is log-normal:"
        f" median {number(ageing.endurance or 0, 3)} ({owned(median)}), standard deviation of its"
        f" logarithm {number(ageing.spread, 3)} ({owned(spread)}). New examples a second:"
        f" {number(ageing.per_second, 3)} ({owned('operation.rate')}). In half of all chips the first cell wears out"
        " sooner than said."
    )


def short(costs: Costs) -> str:
    """All of it in one line."""
    energies = ", ".join(f"{quantity(p.joules, 'J')} per {ONE[name]}" for name, p in costs.phases.items())
    now = costs.phases["inference"]
    return (
        f"Estimated: {energies}; {quantity(now.watts, 'W')} and {op_rate(now.ops_per_J, 'OPS/W')} in inference;"
        f" {quantity(sum(costs.area.values()), 'm2')};"
        f" 10 % of the cells worn: {years(costs.lifetime['ten_percent'])}."
    )
