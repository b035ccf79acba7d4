"""How high the water stands: a sum of tidal waves, as harbour offices compute it.

The periods are those of the moon and the sun; how strong each wave is, and all else about the Merrow
Isles, is invented. Each harbour has its own height and comes a little later than the outermost one.
"""

from datetime import datetime, timedelta
from math import cos, pi

EPOCH = datetime(2025, 1, 1)

# Name, period in hours, strength compared with the main lunar wave, phase at the epoch.
WAVES = (
    ("M2", 12.4206012, 1.00, 0.6),
    ("S2", 12.0, 0.34, 1.9),
    ("N2", 12.65834751, 0.20, 4.1),
    ("K1", 23.93447213, 0.12, 2.7),
    ("O1", 25.81933871, 0.09, 0.3),
    ("M4", 6.2103006, 0.05, 5.2),
)
MEAN = 1.72


def height(at, amplitude_cm, lag_min):
    """Centimetres above chart datum at a time, in a harbour with this amplitude and lag."""
    hours = (at - EPOCH).total_seconds() / 3600 - lag_min / 60
    waves = sum(strength * cos(2 * pi * hours / period - phase) for _, period, strength, phase in WAVES)
    return amplitude_cm * (MEAN + waves)


def curve(start, end, amplitude_cm, lag_min, step_min=20):
    """Points (time, height) from start to end."""
    points, at = [], start
    while at <= end:
        points.append((at, height(at, amplitude_cm, lag_min)))
        at += timedelta(minutes=step_min)
    return points
