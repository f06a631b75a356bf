"""The fit of a room's model beside scikit-learn's, on the same numbers."""

from __future__ import annotations

from time import process_time

import numpy as np
from scipy.special import expit

from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.occupancy.logistic import fit_logistic

_PENALTY = 10.0
_REPEATS = 3


def bench_fit(rows: int = 24_192, seed: int = 0) -> dict[str, float]:
    """Fit twelve weeks of windows with both; hard targets and no offset, which scikit-learn does not know.

    Returns:
        `ours_ms`, `reference_ms` (the least of three, processor time) and the `largest_difference` of
        the coefficients and the constant.
    """
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    width = len(FEATURE_NAMES)
    features = random.normal(0.0, 1.0, (rows, width)) @ np.linalg.cholesky(
        0.3 * np.ones((width, width)) + 0.7 * np.eye(width)
    )
    truth = random.normal(0.0, 0.4, width)
    targets = (random.random(rows) < expit(features @ truth - 1.5)).astype(np.float64)
    weights = random.uniform(0.05, 1.0, rows)
    reference = LogisticRegression(C=1.0 / _PENALTY, solver="newton-cholesky", tol=1e-10, max_iter=200)
    spent: dict[str, list[float]] = {"ours_ms": [], "reference_ms": []}
    for _ in range(_REPEATS):
        begin = process_time()
        ours = fit_logistic(features, targets, weights, penalty=_PENALTY)
        spent["ours_ms"].append((process_time() - begin) * 1e3)
        begin = process_time()
        reference.fit(features, targets, sample_weight=weights)
        spent["reference_ms"].append((process_time() - begin) * 1e3)
    difference = max(
        float(np.abs(ours.coefficients - reference.coef_[0]).max()),
        abs(ours.intercept - float(reference.intercept_[0])),
    )
    return {**{name: min(times) for name, times in spent.items()}, "largest_difference": difference}
