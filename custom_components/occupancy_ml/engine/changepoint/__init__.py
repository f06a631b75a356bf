"""Bayesian online changepoint detection: streams, their detector, announced changes."""

from ..payload import PayloadError
from .announce import Announcer, Change
from .detector import Detector, Settings, Update
from .models import (
    HOME_STREAM,
    MEAN_RUN_LENGTH,
    BetaBernoulli,
    Channel,
    GammaPoisson,
    Model,
    NormalGamma,
    Stream,
    home_streams,
    single,
)

__all__ = [
    "HOME_STREAM",
    "MEAN_RUN_LENGTH",
    "Announcer",
    "BetaBernoulli",
    "Change",
    "Channel",
    "Detector",
    "GammaPoisson",
    "Model",
    "NormalGamma",
    "PayloadError",
    "Settings",
    "Stream",
    "Update",
    "home_streams",
    "single",
]
