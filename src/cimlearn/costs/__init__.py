"""What it costs: a ledger and an inventory, times prices. No simulator in here.

    energy = sum over counts of count x price          (energy.py, prices in presets/prices*.toml and cmos_*.toml)
    time   = serial cycles of each phase x cycle       (latency.py)
    area   = pieces of the inventory x area            (area.py)
    life   = endurance / writes per second of a cell   (lifetime.py)

`estimate.py` puts them together; `twin.py` turns a chip's ledger into that of a digital chip of the same function.
"""
