"""Trains and exports small models of tabular data as their libraries' users do.

    .larder/venv/exporters/bin/python tools/exporters/train.py [NAME...]

networks.py does so for PyTorch, whose environment is another one; run it first. Exporters
put random names into graphs, so two runs write files that differ in these.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnx
import onnx.utils
import onnxmltools
import pandas as pd
import xgboost
from onnxconverter_common import convert_float_to_float16
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from sklearn import cluster, compose, decomposition, ensemble, feature_extraction, linear_model, naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm, tree

import corpus
from corpus import Feature, Model, floats

ROWS, WIDTH = 600, 4
CITIES = ["Bergen", "Lagos", "Lima", "Osaka"]
PLANS = ["free", "team", ""]
SPEECH = ["late", "parcel", "broken", "thanks", "refund", "great", "again", "Never", "arrived"]

rng = np.random.default_rng(11)
X64 = rng.normal(size=(ROWS, WIDTH))
X32 = X64.astype(np.float32)
SIGNAL = X64[:, 0] * X64[:, 1] + np.where(X64[:, 2] > 0.3, 1.0, -0.5) + rng.normal(size=ROWS) * 0.2
BINARY = (SIGNAL > 0).astype(np.int64)
THREE = np.digitize(SIGNAL, [-0.7, 0.7]).astype(np.int64)
NAMED = np.array(["low", "middle", "high"])[THREE]
YES = np.where(BINARY == 1, "yes", "no")
TWO = np.c_[SIGNAL, X64[:, 3] * 2 + SIGNAL]
HOLES = np.where(rng.random(X32.shape) < 0.1, np.nan, X32).astype(np.float32)

MAKERS: dict[str, Callable[[], Model]] = {}


def maker(make: Callable[[], Model]) -> Callable[[], Model]:
    MAKERS[make.__name__] = make
    return make


def sklearn(name: str, fitted: Any, x: Any, features: list[Feature] | None = None, groups: dict[str, list[str]] | None = None, **options: Any) -> Model:
    """Exports with to_onnx(model, X), and nothing else unless options say so."""
    example = x[:1]
    if features is None:
        features = floats(WIDTH, str(example.dtype), missing=bool(np.isnan(x).any()))
    file = to_onnx(fitted, example, **options)
    return Model(f"sklearn_{name}", f"skl2onnx {version('skl2onnx')} to_onnx, scikit-learn {version('scikit-learn')}", file, features, groups or {})


def no_zipmap(fitted: Any) -> dict[str, Any]:
    return {"options": {id(fitted): {"zipmap": False}}}


@maker
def logistic_float64() -> Model:
    made = sklearn("logistic_float64", linear_model.LogisticRegression().fit(X64, BINARY), X64)
    made.refused = True  # a ZipMap takes float32 only
    return made


@maker
def logistic_float64_as_tensor() -> Model:
    fitted = linear_model.LogisticRegression().fit(X64, BINARY)
    return sklearn("logistic_float64_as_tensor", fitted, X64, **no_zipmap(fitted))


@maker
def logistic_named_classes() -> Model:
    return sklearn("logistic_named_classes", linear_model.LogisticRegression().fit(X32, YES), X32)


@maker
def logistic_three_named_classes_as_tensor() -> Model:
    fitted = linear_model.LogisticRegression().fit(X32, NAMED)
    return sklearn("logistic_three_named_classes_as_tensor", fitted, X32, **no_zipmap(fitted))


@maker
def logistic_columns() -> Model:
    fitted = linear_model.LogisticRegression().fit(X32, THREE)
    return sklearn("logistic_columns", fitted, X32, options={id(fitted): {"zipmap": "columns"}})


@maker
def linear_two_outputs_float64() -> Model:
    return sklearn("linear_two_outputs_float64", linear_model.LinearRegression().fit(X64, TWO), X64)


@maker
def forest_binary() -> Model:
    return sklearn("forest_binary", ensemble.RandomForestClassifier(n_estimators=5, max_depth=4, random_state=1).fit(X32, BINARY), X32)


@maker
def forest_three_float64() -> Model:
    fitted = ensemble.RandomForestClassifier(n_estimators=5, max_depth=4, random_state=1).fit(X64, THREE)
    return sklearn("forest_three_float64", fitted, X64, **no_zipmap(fitted))


@maker
def forest_three_named_classes() -> Model:
    return sklearn("forest_three_named_classes", ensemble.ExtraTreesClassifier(n_estimators=4, max_depth=4, random_state=1).fit(X32, NAMED), X32)


@maker
def forest_multi_label() -> Model:
    labels = np.c_[BINARY, X64[:, 3] > 0, X64[:, 2] > 0.5].astype(np.int64)
    fitted = ensemble.RandomForestClassifier(n_estimators=3, max_depth=3, random_state=1).fit(X32, labels)
    return sklearn("forest_multi_label", fitted, X32, **no_zipmap(fitted))


@maker
def forest_regressor() -> Model:
    return sklearn("forest_regressor", ensemble.RandomForestRegressor(n_estimators=5, max_depth=4, random_state=1).fit(X32, SIGNAL), X32)


@maker
def forest_regressor_two_outputs() -> Model:
    return sklearn("forest_regressor_two_outputs", ensemble.RandomForestRegressor(n_estimators=4, max_depth=4, random_state=1).fit(X32, TWO), X32)


@maker
def forest_regressor_float64() -> Model:
    fitted = ensemble.RandomForestRegressor(n_estimators=4, max_depth=4, random_state=1).fit(X64, SIGNAL)
    made = sklearn("forest_regressor_float64", fitted, X64)
    made.refused = True  # the file declares float64 for what the operator gives as float32
    return made


@maker
def boosting_binary_missing() -> Model:
    fitted = ensemble.HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=8, random_state=1).fit(HOLES, BINARY)
    return sklearn("boosting_binary_missing", fitted, HOLES, **no_zipmap(fitted))


@maker
def boosting_regressor() -> Model:
    return sklearn("boosting_regressor", ensemble.GradientBoostingRegressor(n_estimators=6, random_state=1).fit(X32, SIGNAL), X32)


@maker
def tree_int64() -> Model:
    counts = np.random.default_rng(12).integers(0, 50, size=(ROWS, 3))
    fitted = tree.DecisionTreeClassifier(max_depth=4, random_state=1).fit(counts, (counts[:, 0] > counts[:, 1]).astype(np.int64))
    return sklearn("tree_int64", fitted, counts, [Feature(f"f{i}", "int64", below=50) for i in range(3)])


@maker
def kmeans() -> Model:
    return sklearn("kmeans", cluster.KMeans(3, n_init=1, random_state=1).fit(X32), X32)


@maker
def kmeans_label_only() -> Model:
    made = sklearn("kmeans_label_only", cluster.KMeans(3, n_init=1, random_state=1).fit(X32), X32)
    made.file = onnx.utils.Extractor(made.file).extract_model(["X"], ["label"])
    made.exporter += f", onnx {version('onnx')} extract_model"
    return made


@maker
def isolation_forest() -> Model:
    fitted = ensemble.IsolationForest(n_estimators=4, max_samples=32, random_state=1).fit(X32)
    # skl2onnx refuses this model with its default opset.
    return sklearn("isolation_forest", fitted, X32, target_opset={"": 17, "ai.onnx.ml": 3})


@maker
def pca() -> Model:
    return sklearn("pca", decomposition.PCA(2, random_state=1).fit(X32), X32)


@maker
def neighbours() -> Model:
    return sklearn("neighbours", neighbors.KNeighborsRegressor(3).fit(X32[:40], SIGNAL[:40]), X32)


@maker
def support_vectors() -> Model:
    fitted = svm.SVC(probability=False, random_state=1).fit(X32[:120], THREE[:120])
    return sklearn("support_vectors", fitted, X32, **no_zipmap(fitted))


@maker
def bayes() -> Model:
    return sklearn("bayes", naive_bayes.GaussianNB().fit(X32, NAMED), X32)


@maker
def perceptron() -> Model:
    fitted = neural_network.MLPClassifier(hidden_layer_sizes=(8,), max_iter=50, random_state=1).fit(X32, BINARY)
    return sklearn("perceptron", fitted, X32, **no_zipmap(fitted))


@maker
def torch_mlp_float16() -> Model:
    """Makes float16 of the network that networks.py exported."""
    file = onnx.load(corpus.FOLDER / "torch_mlp.onnx")
    how = f"{file.producer_name} {file.producer_version}, onnxconverter-common {version('onnxconverter-common')} convert_float_to_float16"
    return Model("torch_mlp_float16", how, convert_float_to_float16(file), floats(WIDTH))


def table() -> pd.DataFrame:
    rng = np.random.default_rng(13)
    return pd.DataFrame({
        "age": X32[:, 0],
        "amount": X32[:, 1],
        "city": rng.choice(CITIES, ROWS),
        "plan": rng.choice(PLANS, ROWS),
    })


TABLE = [
    Feature("age", "float32"),
    Feature("amount", "float64"),
    Feature("city", "string", words=[*CITIES, "Utrecht"]),
    Feature("plan", "string", words=[*PLANS, "Ωmega"]),
]


def table_pipeline(num: Any, cat: Any, sparse: bool) -> pipeline.Pipeline:
    columns = compose.ColumnTransformer([
        ("num", preprocessing.StandardScaler(), num),
        ("cat", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=sparse), cat),
    ])
    return pipeline.make_pipeline(columns, linear_model.LogisticRegression())


@maker
def pipeline_one_input_per_column() -> Model:
    rows = table()
    fitted = table_pipeline(["age", "amount"], ["city", "plan"], False).fit(rows, BINARY)
    return sklearn("pipeline_one_input_per_column", fitted, rows, TABLE, {name: [name] for name in rows})


@maker
def pipeline_grouped_inputs() -> Model:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    rows = table()
    fitted = table_pipeline([0, 1], [2, 3], True).fit(rows.to_numpy(), YES)
    file = convert_sklearn(
        fitted,
        initial_types=[("num", FloatTensorType([None, 2])), ("cat", StringTensorType([None, 2]))],
        options={id(fitted): {"zipmap": False}},
    )
    how = f"skl2onnx {version('skl2onnx')} convert_sklearn, scikit-learn {version('scikit-learn')}"
    return Model("sklearn_pipeline_grouped_inputs", how, file, TABLE, {"num": ["age", "amount"], "cat": ["city", "plan"]})


@maker
def strings() -> Model:
    rows = table()[["city", "plan"]].to_numpy().astype(object)
    fitted = pipeline.make_pipeline(preprocessing.OneHotEncoder(handle_unknown="ignore"), linear_model.LogisticRegression()).fit(rows, THREE)
    example = rows.astype(str)
    return sklearn("strings", fitted, example, TABLE[2:])


@maker
def text() -> Model:
    rng = np.random.default_rng(14)
    texts = np.array([" ".join(rng.choice(SPEECH, rng.integers(1, 7))) for _ in range(ROWS)])
    angry = np.array([("broken" in t) or ("Never" in t) for t in texts]).astype(np.int64)
    vectors = feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2), max_features=25)
    fitted = pipeline.make_pipeline(vectors, linear_model.LogisticRegression()).fit(texts, angry)
    feature = Feature("text", "string", words=SPEECH, text=True)
    # The default locale, en_US.UTF-8, is missing on many servers.
    options = {id(fitted): {"zipmap": False}, id(vectors): {"locale": "C"}}
    return sklearn("text", fitted, texts.reshape(-1, 1), [feature], options=options)


def tools(name: str, library: str, convert: Callable[..., onnx.ModelProto], fitted: Any, missing: bool = True, **options: Any) -> Model:
    file = convert(fitted, initial_types=[("input", ToolsFloat([None, WIDTH]))], target_opset=15, **options)
    how = f"onnxmltools {version('onnxmltools')}, {library}"
    return Model(name, how, file, floats(WIDTH, missing=missing))


LIGHTGBM = f"lightgbm {version('lightgbm')}"
XGBOOST = f"xgboost {version('xgboost-cpu')}"
SMALL = {"n_estimators": 6, "max_depth": 3, "random_state": 1, "n_jobs": 1}


@maker
def lightgbm_binary() -> Model:
    fitted = lightgbm.LGBMClassifier(**SMALL, verbose=-1).fit(HOLES, BINARY)
    return tools("lightgbm_binary", LIGHTGBM, onnxmltools.convert_lightgbm, fitted)


@maker
def lightgbm_three_as_tensor() -> Model:
    fitted = lightgbm.LGBMClassifier(**SMALL, verbose=-1).fit(HOLES, THREE)
    return tools("lightgbm_three_as_tensor", LIGHTGBM, onnxmltools.convert_lightgbm, fitted, zipmap=False)


@maker
def lightgbm_named_classes() -> Model:
    fitted = lightgbm.LGBMClassifier(**SMALL, verbose=-1).fit(X32, NAMED)
    return tools("lightgbm_named_classes", LIGHTGBM, onnxmltools.convert_lightgbm, fitted, missing=False)


@maker
def lightgbm_regressor() -> Model:
    fitted = lightgbm.LGBMRegressor(**SMALL, verbose=-1).fit(HOLES, SIGNAL)
    return tools("lightgbm_regressor", LIGHTGBM, onnxmltools.convert_lightgbm, fitted)


@maker
def xgboost_binary() -> Model:
    fitted = xgboost.XGBClassifier(**SMALL).fit(HOLES, BINARY)
    return tools("xgboost_binary", XGBOOST, onnxmltools.convert_xgboost, fitted)


@maker
def xgboost_three() -> Model:
    fitted = xgboost.XGBClassifier(**SMALL).fit(HOLES, THREE)
    return tools("xgboost_three", XGBOOST, onnxmltools.convert_xgboost, fitted)


@maker
def xgboost_regressor() -> Model:
    fitted = xgboost.XGBRegressor(**SMALL).fit(HOLES, SIGNAL)
    return tools("xgboost_regressor", XGBOOST, onnxmltools.convert_xgboost, fitted)


def own_catboost(name: str, fitted: Any) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        fitted.save_model(str(path), format="onnx")
        file = onnx.load(path)
    return Model(name, f"catboost {version('catboost')} save_model", file, floats(WIDTH))


CATBOOST = {"iterations": 6, "depth": 3, "random_seed": 1, "thread_count": 1, "verbose": False, "allow_writing_files": False}


@maker
def catboost_binary() -> Model:
    return own_catboost("catboost_binary", catboost.CatBoostClassifier(**CATBOOST).fit(X32, BINARY))


@maker
def catboost_three_named_classes() -> Model:
    return own_catboost("catboost_three_named_classes", catboost.CatBoostClassifier(**CATBOOST, loss_function="MultiClass").fit(X32, NAMED))


@maker
def catboost_regressor() -> Model:
    return own_catboost("catboost_regressor", catboost.CatBoostRegressor(**CATBOOST).fit(X32, SIGNAL))


@maker
def catboost_tools() -> Model:
    made = own_catboost("catboost_tools", fitted := catboost.CatBoostClassifier(**CATBOOST).fit(X32, THREE))
    made.file = onnxmltools.convert_catboost(fitted, name="catboost", initial_types=[("features", ToolsFloat([None, WIDTH]))])
    made.exporter = f"onnxmltools {version('onnxmltools')}, catboost {version('catboost')}"
    return made


def main() -> None:
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or MAKERS:
        corpus.write(MAKERS[name]())


if __name__ == "__main__":
    main()
