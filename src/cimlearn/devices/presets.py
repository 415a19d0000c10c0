"""Which preset file describes which kind of device."""

from typing import Final

PRESETS: Final = {
    "continuous": "continuous",
    "ideal": "ideal",
    "levels": "hfo2_liehr_2020",
    "vteam": "vteam_kvatinsky_2015",
}
