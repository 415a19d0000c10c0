"""What it costs: a ledger and an inventory, times prices. No simulator in here.

    energy = sum over counts of count x price          (energy.py, prices in presets/prices*.toml and cmos_*.toml)
    time   = serial cycles of each phase x cycle       (latency.py, size.py)
    area   = pieces of the inventory x area            (area.py, size.py)
    life   = endurance / writes per second of a cell   (lifetime.py)

`crossbar/` prices analog arrays beside `twin.py`, a digital chip of the same function; `bitserial/` prices digital
sub-arrays of any memory. Both answer a `base.Costs`; `logic.py` has what both need; `chips.py` says which kind of chip
is priced how.
"""
