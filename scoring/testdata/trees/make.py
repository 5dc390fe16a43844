"""Trains the small models beside it, with scikit-learn, and converts them.

    pip install -r examples/fraud/requirements.txt
    python scoring/testdata/trees/make.py
"""

from pathlib import Path

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn import ensemble, tree

HERE = Path(__file__).parent
FEATURES = 6

rng = np.random.default_rng(1)
x = rng.normal(size=(2000, FEATURES)).astype(np.float32)
y = (x[:, 0] * x[:, 1] + np.where(x[:, 2] > 0.3, 1.0, -0.5) * x[:, 3] + rng.normal(size=2000) * 0.2).astype(np.float32)
holes = np.where(rng.random(x.shape) < 0.1, np.nan, x).astype(np.float32)
label = (y > 0).astype(int)
three = np.digitize(y, [-0.7, 0.7])

models = {
    "hist_gradient_boosting_classifier": (ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=1), holes, label),
    "hist_gradient_boosting_regressor": (ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=1), holes, y),
    "gradient_boosting_classifier": (ensemble.GradientBoostingClassifier(n_estimators=20, random_state=1), x, label),
    "gradient_boosting_regressor": (ensemble.GradientBoostingRegressor(n_estimators=20, random_state=1), x, y),
    "random_forest_classifier": (ensemble.RandomForestClassifier(n_estimators=7, max_depth=6, random_state=1), x, label),
    "random_forest_regressor": (ensemble.RandomForestRegressor(n_estimators=7, max_depth=6, random_state=1), x, y),
    "extra_trees_three_classes": (ensemble.ExtraTreesClassifier(n_estimators=7, max_depth=4, random_state=1), x, three),
    "decision_tree_regressor": (tree.DecisionTreeRegressor(max_depth=6, random_state=1), x, y),
    "decision_tree_classifier": (tree.DecisionTreeClassifier(max_depth=6, random_state=1), x, label),
}

for name, (model, rows, target) in models.items():
    model.fit(rows, target)
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else {}
    onnx = convert_sklearn(model, initial_types=[("x", FloatTensorType([None, FEATURES]))], options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    (HERE / f"{name}.onnx").write_bytes(onnx.SerializeToString())
