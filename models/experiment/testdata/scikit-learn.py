"""Writes scikit-learn.json: the metrics of two models that scored the same rows, by
scikit-learn, and the covariance of their areas by DeLong, DeLong and Clarke-Pearson (1988).
Needs scikit-learn.
"""

import json

import numpy as np
from sklearn import metrics

THRESHOLD = 0.4
random = np.random.default_rng(7)
labels = (random.random(300) < 0.3).astype(int)


def model(skill, offset):
    return np.round(1 / (1 + np.exp(-(labels * skill - offset + random.normal(size=len(labels))))), 2)


def figures(scores):
    decided = (scores >= THRESHOLD).astype(int)
    return {
        "auc": metrics.roc_auc_score(labels, scores),
        "log_loss": metrics.log_loss(labels, np.clip(scores, 1e-15, 1 - 1e-15)),
        "brier": metrics.brier_score_loss(labels, scores),
        "calibration": float(np.mean(scores) - np.mean(labels)),
        "accuracy": metrics.accuracy_score(labels, decided),
        "precision": metrics.precision_score(labels, decided),
        "recall": metrics.recall_score(labels, decided),
    }


def components(scores):
    true, false = scores[labels == 1], scores[labels == 0]
    higher = (true[:, None] > false) + 0.5 * (true[:, None] == false)
    return higher.mean(1), higher.mean(0)


a, b = model(1.2, 1), model(1.6, 1.3)
of_true, of_false = zip(components(a), components(b))
covariance = np.cov(np.stack(of_true)) / len(of_true[0]) + np.cov(np.stack(of_false)) / len(of_false[0])
with open("scikit-learn.json", "w") as out:
    json.dump(
        {
            "threshold": THRESHOLD,
            "labels": labels.tolist(),
            "a": a.tolist(),
            "b": b.tolist(),
            "metrics_a": figures(a),
            "metrics_b": figures(b),
            "auc_covariance": covariance.tolist(),
        },
        out,
    )
