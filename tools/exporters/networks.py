"""Exports small networks as PyTorch's users do, with torch.onnx.export.

    .larder/venv/torch/bin/python tools/exporters/networks.py
"""

from __future__ import annotations

import io
import sys
import warnings

import onnx
import torch
from torch import Tensor, nn

import corpus
from corpus import Feature, Model, floats

EXPORTER = f"torch {torch.__version__} torch.onnx.export"
WORDS = 12  # of the vocabulary


def export(model: nn.Module, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str], opset: int = 17) -> onnx.ModelProto:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            example,
            file,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in inputs + outputs},
            opset_version=opset,
        )
    return onnx.load_from_string(file.getvalue())


class Embedding(nn.Module):
    """Numbers beside categories, the categories by their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(WORDS, 3) for _ in range(2))
        self.layers = nn.Sequential(nn.Linear(2 * 3 + 2, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, cat: Tensor, num: Tensor) -> Tensor:
        parts = [e(cat[:, i]) for i, e in enumerate(self.embeddings)]
        return torch.sigmoid(self.layers(torch.cat([*parts, num], dim=1))).squeeze(1)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase], both: bool) -> None:
        super().__init__()
        self.layer = kind(3, 6, batch_first=True, bidirectional=both)
        self.head = nn.Linear(12 if both else 6, 2)

    def forward(self, sequence: Tensor) -> Tensor:
        states, _ = self.layer(sequence)
        return torch.softmax(self.head(states[:, -1]), dim=1)


class TwoTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.user = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5))
        self.item = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 5))

    def forward(self, user: Tensor, item: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = nn.functional.normalize(self.user(user), dim=1)
        i = nn.functional.normalize(self.item(item), dim=1)
        return (u * i).sum(dim=1), u, i


class Attention(nn.Module):
    """An encoder of a transformer over words, and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 8)
        self.places = nn.Parameter(torch.randn(1, 6, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.forward_layers = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        x = x + self.forward_layers(x)
        return self.head(x.mean(dim=1))


class OneInputPerColumn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))

    def forward(self, age: Tensor, amount: Tensor, count: Tensor) -> Tensor:
        return self.layers(torch.cat([age, amount, count.to(torch.float32)], dim=1))


def perceptron(out: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.1), nn.Linear(16, out))


def main() -> None:
    torch.manual_seed(7)
    tokens = torch.randint(WORDS, (2, 6))
    x, sequence = torch.randn(2, 4), torch.randn(2, 5, 3)
    numbers = [Feature("num0", "float32"), Feature("num1", "float32")]
    categories = [Feature("cat0", "int64", below=WORDS), Feature("cat1", "int32", below=WORDS)]
    steps = [Feature("sequence", "list<float32>", length=15)]
    users = [Feature(f"user{i}", "float32") for i in range(4)]
    items = [Feature(f"item{i}", "float32") for i in range(3)]
    columns = [Feature("age", "float32"), Feature("amount", "float64"), Feature("count", "int64", below=100)]

    def model(name: str, file: onnx.ModelProto, features: list[Feature], groups: dict[str, list[Feature]] | None = None, how: str = EXPORTER) -> Model:
        named = {name: [f.name for f in fed] for name, fed in (groups or {}).items()}
        return Model(f"torch_{name}", how, file, features, named)

    embedding = Embedding()
    embedding_file = export(embedding, (torch.randint(WORDS, (2, 2)), torch.randn(2, 2)), ["cat", "num"], ["output"])
    external = model("external_data", export(perceptron(), (x,), ["input"], ["output"]), floats(4), how=f"{EXPORTER}, onnx {onnx.__version__} save with external data")
    external.external = True
    double = perceptron().double()
    made = [
        model("mlp", export(perceptron(3), (x,), ["input"], ["logits"]), floats(4, "float64")),
        model("mlp_float64", export(double, (x.double(),), ["input"], ["output"]), floats(4, "float64")),
        model("embedding", embedding_file, categories + numbers, {"cat": categories, "num": numbers}),
        model("lstm", export(Recurrent(nn.LSTM, False), (sequence,), ["sequence"], ["probabilities"]), steps),
        model("gru_both_ways", export(Recurrent(nn.GRU, True), (sequence,), ["sequence"], ["probabilities"]), steps),
        model("two_tower", export(TwoTower(), (x, torch.randn(2, 3)), ["user", "item"], ["score", "user_vector", "item_vector"]), users + items, {"user": users, "item": items}),
        model("attention", export(Attention(), (tokens,), ["tokens"], ["logits"]), [Feature("tokens", "list<int64>", length=6, below=WORDS)]),
        model(
            "one_input_per_column",
            export(OneInputPerColumn(), (torch.randn(2, 1), torch.randn(2, 1), torch.ones(2, 1, dtype=torch.int64)), ["age", "amount", "count"], ["output"]),
            columns,
            {f.name: [f] for f in columns},
        ),
        external,
    ]
    only = set(sys.argv[1:])
    for m in made:
        if not only or m.name in only:
            corpus.write(m)


if __name__ == "__main__":
    main()
