"""The SQLite file: everything that outlives a restart."""

from __future__ import annotations

from .changepoints import BocpdStates, ChangepointState
from .episodes import Episode, Episodes
from .errors import (
    MigrationError,
    NewerSchemaError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreRejectedError,
    StoreUnavailableError,
)
from .event_log import EventLog
from .feature_rows import FeatureBlock, FeatureRows, FeatureTable
from .jobs import Job, Jobs, JobStatus
from .labels import Label, LabelKind, Labels, LabelSource
from .metadata import Checkpoint, Checkpoints, Metadata
from .pairing import PRECEDENCE, pair
from .predictions import Prediction, Predictions, PredictionSeries
from .retention import Retention
from .routines import Aggregates, PatternRow, PatternTable
from .runs import Artifact, ClrRuns, RunStatus, TrainingRun
from .schema import CONTRACT_VERSION, SCHEMA_VERSION
from .scores import DailyScore, DailyScores
from .store import BudgetNote, Store

__all__ = [
    "CONTRACT_VERSION",
    "PRECEDENCE",
    "SCHEMA_VERSION",
    "Aggregates",
    "Artifact",
    "BocpdStates",
    "BudgetNote",
    "ChangepointState",
    "Checkpoint",
    "Checkpoints",
    "ClrRuns",
    "DailyScore",
    "DailyScores",
    "Episode",
    "Episodes",
    "EventLog",
    "FeatureBlock",
    "FeatureRows",
    "FeatureTable",
    "Job",
    "JobStatus",
    "Jobs",
    "Label",
    "LabelKind",
    "LabelSource",
    "Labels",
    "Metadata",
    "MigrationError",
    "NewerSchemaError",
    "PatternRow",
    "PatternTable",
    "Prediction",
    "PredictionSeries",
    "Predictions",
    "Retention",
    "RunStatus",
    "Store",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreRejectedError",
    "StoreUnavailableError",
    "TrainingRun",
    "pair",
]
