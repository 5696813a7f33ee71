"""Logistic regression on yes-or-no columns, by Newton's method over distinct patterns; and how well scores rank."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[np.generic]

STEPS = 30
TOLERANCE = 1e-9
PENALTY = 1.0
_BITS = 62  # columns packed into one whole number


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """Coefficients (log odds) of the columns and their standard errors; the intercept is not penalised and not among them."""

    intercept: float
    coefficients: Floats
    errors: Floats
    converged: bool


def patterns(columns: list[Array], labels: Array) -> tuple[Floats, Floats, Floats]:
    """The distinct rows of yes-or-no columns: the rows, how often each occurs, and how often with a positive label."""
    words = []
    for first in range(0, max(len(columns), 1), _BITS):
        word = np.zeros(len(labels), np.int64)
        for place, column in enumerate(columns[first : first + _BITS]):
            word |= column.astype(np.int64) << place
        words.append(word)
    _, first_at, which = np.unique(np.stack(words, axis=1), axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    rows = (
        np.stack([column[first_at] for column in columns], axis=1).astype(np.float64) if columns else np.zeros((len(first_at), 0))
    )
    counts, positive = np.bincount(which).astype(np.float64), np.bincount(which, labels.astype(np.float64)).astype(np.float64)
    return rows, counts, positive


def fit(rows: Floats, counts: Floats, positive: Floats, penalty: float = PENALTY) -> Fit:
    """Fit the log odds of the positive ones, with a ridge penalty of `penalty / 2` times the squared coefficients.

    Standard errors are from the inverse of the penalised information matrix.
    """
    design = np.hstack([np.ones((len(rows), 1)), rows])
    ridge = np.diag([0.0] + [penalty] * rows.shape[1])
    share = float(np.clip(positive.sum() / counts.sum(), 1e-6, 1 - 1e-6))
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(share / (1 - share))
    converged = False
    information = ridge + np.eye(len(beta)) * 1e-12
    for _ in range(STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ beta, -35, 35)))
        weights = counts * expected * (1 - expected)
        information = design.T @ (design * weights[:, None]) + ridge + np.eye(len(beta)) * 1e-12
        step = np.linalg.solve(information, design.T @ (positive - counts * expected) - ridge @ beta)
        beta += step
        if np.abs(step).max() < TOLERANCE:
            converged = True
            break
    errors = np.sqrt(np.clip(np.diag(np.linalg.inv(information)), 0, None))
    return Fit(float(beta[0]), beta[1:], errors[1:], converged)


def auc(scores: Array, labels: Array) -> float | None:
    """The chance that a positive row scores higher than another, ties counting half; None without rows of both kinds."""
    values, which = np.unique(scores, return_inverse=True)
    size = len(values)
    good = np.bincount(which.reshape(-1), labels.astype(np.float64), size)
    bad = np.bincount(which.reshape(-1), minlength=size) - good
    if not good.sum() or not bad.sum():
        return None
    below = np.cumsum(bad) - bad
    return float((good * (below + bad / 2)).sum() / (good.sum() * bad.sum()))
