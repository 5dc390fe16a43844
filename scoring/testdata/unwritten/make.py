"""Makes the models of this folder, whose scores ONNX Runtime 1.30 leaves unwritten.

    python scoring/testdata/unwritten/make.py

Run it with onnx. Each model reads x [N, 2]. Those that end in _some_rows leave only the
rows with x[0] <= 0.5 unwritten, and those that end in _rare_rows only rows with
x[0] > 1000. Those with _fail_ in their names fail in such rows, which have no class.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

HERE = Path(__file__).parent


def model(name, op, classes, **attributes):
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", classes]),
    ]
    node = helper.make_node(op, ["x"], ["label", "scores"], domain="ai.onnx.ml", **attributes)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])
    graph = helper.make_graph([node], name, [x], outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), HERE / f"{name}.onnx")


def tree(name, left, right, classes=2, compare="BRANCH_LEQ", value=0.5, **attributes):
    """A tree of two leaves, each with weights by class."""
    votes = [(leaf, *vote) for leaf, all_votes in enumerate((left, right), 1) for vote in all_votes.items()]
    model(
        name,
        "TreeEnsembleClassifier",
        classes,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_values=[value, 0.0, 0.0],
        nodes_modes=[compare, "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        class_treeids=[0] * len(votes),
        class_nodeids=[leaf for leaf, _, _ in votes],
        class_ids=[c for _, c, _ in votes],
        class_weights=[weight for _, _, weight in votes],
        classlabels_int64s=list(range(classes)),
        **attributes,
    )


both = {0: 0.1, 1: 0.7}
tree("tree_probit", {0: 0.2}, {0: 0.7}, post_transform="PROBIT")
tree("tree_probit_some_rows", {0: 0.7}, both, post_transform="PROBIT")
tree("tree_probit_no_weight_some_rows", {}, {1: 0.7}, post_transform="PROBIT")
for transform in ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]:
    name = f"tree_one_base_value_{transform.lower()}_some_rows"
    tree(name, {0: 0.7}, both, base_values=[0.1], post_transform=transform)
rare = {"compare": "BRANCH_GT", "value": 1000.0}
tree("tree_probit_rare_rows", {0: 0.7}, both, post_transform="PROBIT", **rare)
tree("tree_one_base_value_rare_rows", {0: 0.7}, both, base_values=[0.1], **rare)
tree("tree_three_classes_fail_rare_rows", {}, both, classes=3, **rare)
tree("tree_three_classes_fail_some_rows", {}, both, classes=3)
model("linear_probit", "LinearClassifier", 2, classlabels_ints=[0, 1], coefficients=[0.5, 0.1], intercepts=[0.1], post_transform="PROBIT")
vectors = {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0], "rho": [0.1]}
model(
    "vectors_probit", "SVMClassifier", 2, classlabels_ints=[0, 1], vectors_per_class=[1, 1], support_vectors=[0.1, 0.2, 0.3, 0.4],
    coefficients=[0.5, -0.5], post_transform="PROBIT", **vectors,
)
model("vectors_one_class", "SVMClassifier", 2, classlabels_ints=[0], vectors_per_class=[1], support_vectors=[0.1, 0.2], coefficients=[0.5], **vectors)
