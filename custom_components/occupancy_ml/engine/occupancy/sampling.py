"""Corrections are a chosen sample: people speak up where a room looks wrong, not at every minute alike.

Taken as they come they teach how often people speak of occupied rooms instead of how often rooms are occupied. Each kind
is weighed by how often it is true over how often it was said (King and Zeng 2001, weighting; Manski and Lerman 1977).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .logistic import Floats

# As many corrections as if they had been said in the usual share: a few tell little of how they were chosen.
_PRIOR = 4.0


def sampling_weights(targets: Floats, weights: Floats, corrected: npt.NDArray[np.bool_]) -> Floats:
    """Factors for the weights of the rows of one room.

    Args:
        targets: (n,) in [0, 1].
        weights: (n,) not negative.
        corrected: (n,) whether a person said so.

    Returns:
        (n,) factors, 1 for all other rows; all 1 where there are no others to tell what is usual.
    """
    factors: Floats = np.ones(len(targets))
    others = float(weights[~corrected].sum())
    if not corrected.any() or others <= 0:
        return factors
    usual = float((targets[~corrected] * weights[~corrected]).sum()) / others
    said = targets[corrected]
    share = (float(said.sum()) + _PRIOR * usual) / (len(said) + _PRIOR)
    if 0 < share < 1:
        factors[corrected] = said * usual / share + (1 - said) * (1 - usual) / (1 - share)
    return factors
