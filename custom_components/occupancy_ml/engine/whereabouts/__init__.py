"""Where people may be: a factorial hidden Markov model of the whole home.

Two chains (a resident or group of residents, and whoever else is there) move between
the rooms and outside. Of company, which two chains cannot follow, every room tells
by itself. The forward filter tells what is known now; smoothing over both
sides of a silence gives the labels by hindsight. Ghahramani and Jordan (1997),
"Factorial hidden Markov models", with exact inference: the joint state is small.
"""

from .company import Company
from .filter import initial_belief
from .mixture import Mixture
from .model import Layout, Parameters
from .observations import DEAF, Minute, Observer
from .smoother import Hindsight, rhythm_of, smooth

__all__ = [
    "DEAF",
    "Company",
    "Hindsight",
    "Layout",
    "Minute",
    "Mixture",
    "Observer",
    "Parameters",
    "initial_belief",
    "rhythm_of",
    "smooth",
]
