"""Which members forecast: those that are on by default, and those a user may add."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .boosting import Boosting
from .gaussian_process import GaussianProcess
from .logistic_hazard import LogisticHazard
from .member import Fading
from .model import ProcessModel
from .recurrent import Recurrent

MORE: Mapping[str, Callable[[], Fading]] = {member.name: member for member in (Boosting, GaussianProcess)}
"""Members that are off by default, by name; docs/forecasts.md says why."""


def new_model(more: Iterable[str] = ()) -> ProcessModel:
    """A model with the members that are on by default, and others of `MORE`; unknown names are passed over."""
    return ProcessModel(
        [Recurrent(), LogisticHazard(), *(MORE[name]() for name in MORE if name in set(more))]
    )
