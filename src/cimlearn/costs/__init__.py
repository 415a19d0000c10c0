"""What it costs: a ledger and an inventory, times prices. No simulator in here.

    energy = sum over counts of count x price          (energy.py, prices in presets/prices*.toml and cmos_*.toml)
    time   = serial cycles of each phase x cycle       (latency.py)
    area   = pieces of the inventory x area            (area.py)
    life   = endurance / writes per second of a cell   (lifetime.py)

`estimate.py` puts them together for M2RU, with `twin.py`, a digital chip of the same function. Digital bit-serial
chips have `digital.py` and digital_machine.py, digital_energy.py, digital_size.py, digital_wear.py. `chips.py` says
which chip is priced how.
"""
