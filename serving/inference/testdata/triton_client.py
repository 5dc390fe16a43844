"""Calls a server as a user of Triton's own client would. Fails with an assertion."""

import sys
from queue import Queue

import ml_dtypes
import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from tritonclient.utils import InferenceServerException

NOON = 1_750_000_000_000_000


def tensor(module, name, datatype, array, **options):
    made = module.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, **options)
    return made


def field(answer, name):
    """A field of an answer, which is a dict over HTTP and a message over gRPC."""
    return answer[name] if isinstance(answer, dict) else getattr(answer, name)


def refused(part, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        assert part in error.message(), f"{error.message()!r} does not say {part!r}"
    else:
        raise AssertionError(f"not refused: {part}")


def check_both(module, client, binary):
    """What both clients can do. binary are the options of tensors after the JSON."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("risk")
    assert client.is_model_ready("risk.features", "2")
    assert not client.is_model_ready("rsik")
    assert not client.is_model_ready("risk", "3")

    # Every datatype comes out; FP32 goes in.
    x = np.array([[0], [3]], dtype=np.float32)
    answer = client.infer("casts", [tensor(module, "x", "FP32", x)], request_id="42")
    assert field(answer.get_response(), "id") == "42"
    wanted = {
        "score": np.float32, "t2": np.uint8, "t3": np.int8, "t4": np.uint16, "t5": np.int16, "t6": np.int32, "t7": np.int64,
        "t9": np.bool_, "t10": np.float16, "t11": np.float64, "t12": np.uint32, "t13": np.uint64,
    }
    for name, dtype in wanted.items():
        got = answer.as_numpy(name)
        assert got.dtype == dtype, (name, got.dtype)
        np.testing.assert_array_equal(got, x.astype(dtype))
    assert answer.as_numpy("t8").tolist() == [[b"0"], [b"3"]]
    np.testing.assert_array_equal(answer.as_numpy("t16").astype(np.float32), x.astype(ml_dtypes.bfloat16).astype(np.float32))

    # BYTES and INT64 go in, and one output is asked for.
    words = [
        tensor(module, "word", "BYTES", np.array([["fuel"], ["grocer"]], dtype=object), **binary),
        tensor(module, "count", "INT64", np.array([[3], [4]], dtype=np.int64), **binary),
    ]
    answer = client.infer("words", words, outputs=[module.InferRequestedOutput("score", **binary)])
    assert answer.as_numpy("score").shape == (2, 1)

    check_features(module, client, binary)
    statistics = client.get_inference_statistics("words")
    counted = field(statistics, "model_stats")[0]
    assert int(field(counted, "inference_count")) >= 2, counted
    assert int(field(field(field(counted, "inference_stats"), "success"), "count")) >= 1, counted
    assert len(field(client.get_inference_statistics(), "model_stats")) == 8

    # Options that nothing is done with are refused.
    refused('"sequence_id" is not supported', client.infer, "words", words, sequence_id=7, sequence_start=True)
    refused('"priority" is not supported', client.infer, "words", words, priority=1)
    refused('"classification" is not supported', client.infer, "words", words, outputs=[module.InferRequestedOutput("score", class_count=1)])
    client.infer("words", words, timeout=60_000_000)
    refused('no model "rsik"', client.infer, "rsik", words)
    refused("no version 9", client.infer, "words", words, model_version="9")
    refused('no output "y"', client.infer, "words", words, outputs=[module.InferRequestedOutput("y")])
    refused("the request has the shape [2]", client.infer, "casts", [tensor(module, "x", "FP32", x[:, 0])])
    refused("the request has float64", client.infer, "casts", [tensor(module, "x", "FP64", x.astype(np.float64))])
    client.load_model("risk")
    refused("Models come from definitions only", client.load_model, "rsik")
    refused("larder models retire", client.unload_model, "risk")


def features(module, customers, **binary):
    n = len(customers)
    return [
        tensor(module, "customer_id", "INT64", np.array(customers, dtype=np.int64), **binary),
        tensor(module, "terminal_id", "BYTES", np.array([b"a"] * n, dtype=object), **binary),
        tensor(module, "amount", "FP64", np.linspace(1, 2, n).reshape(n, 1), **binary),
    ]


def check_features(module, client, binary):
    """Features and score of two customers, in one call."""
    answer = client.infer("risk.features", features(module, [1, 2], **binary), parameters={"at": NOON})
    assert answer.as_numpy("spend:count").tolist() == [7, 0]
    assert answer.as_numpy("pair:hits").tolist() == [11, -1]
    assert answer.as_numpy("spend:mean")[0] == 1.5 and np.isnan(answer.as_numpy("spend:mean")[1])
    assert answer.as_numpy("statuses").tolist() == [[b"PRESENT"] * 4, [b"PRESENT"] + [b"NOT_FOUND"] * 3]
    assert answer.as_numpy("model_version").tolist() == [1, 1]

    # The same vector through the model itself has the same score.
    vector = np.array([[1, 11, 7, 1.5]], dtype=np.float32)
    metadata = client.get_model_metadata("risk")
    name, output = (field(field(metadata, which)[0], "name") for which in ("inputs", "outputs"))
    alone = client.infer("risk", [tensor(module, name, "FP32", vector)])
    assert answer.as_numpy("score")[0] == np.float64(alone.as_numpy(output)[0, 0])


def check_grpc(address):
    with over_grpc.InferenceServerClient(address) as client:
        check_both(over_grpc, client, {})
        metadata = client.get_model_metadata("risk.features", as_json=True)
        assert {i["name"] for i in metadata["inputs"]} == {"customer_id", "terminal_id", "amount"}
        assert client.get_server_metadata().name == "larder"
        assert client.get_model_config("casts").config.input[0].dims == [-1, 1]
        assert len(client.get_model_repository_index().models) == 8

        done = Queue()
        for customer in range(8):
            client.async_infer("risk.features", features(over_grpc, [customer]), lambda result, error: done.put((result, error)), request_id=str(customer))
        ids = set()
        for _ in range(8):
            result, error = done.get(timeout=30)
            assert error is None, error
            ids.add(result.get_response().id)
        assert ids == {str(customer) for customer in range(8)}

        client.start_stream(lambda result, error: done.put((result, error)))
        client.async_stream_infer("risk.features", features(over_grpc, [1]))
        client.async_stream_infer("rsik", features(over_grpc, [1]))
        client.stop_stream()
        answers = [done.get(timeout=30) for _ in range(2)]
        assert answers[0][0].as_numpy("score").shape == (1,)
        assert 'no model "rsik"' in answers[1][1].message()


def check_http(address):
    with over_http.InferenceServerClient(address, concurrency=4) as client:
        check_both(over_http, client, {"binary_data": True})
        assert client.get_model_metadata("words")["inputs"][0] == {"name": "word", "datatype": "BYTES", "shape": [-1, 1]}
        assert client.get_server_metadata()["name"] == "larder"
        config = client.get_model_config("casts")
        assert config["max_batch_size"] == 0 and config["input"][0]["dims"] == [-1, 1], config
        assert len(client.get_model_repository_index()) == 8

        # JSON both ways, and packed both ways.
        wanted = [over_http.InferRequestedOutput(name, binary_data=False) for name in ("score", "pair:hits", "statuses")]
        inputs = features(over_http, [1, 2], binary_data=False)
        answer = client.infer("risk.features", inputs, outputs=wanted, parameters={"at": NOON})
        assert answer.as_numpy("pair:hits").tolist() == [11, -1]
        x = np.arange(5000, dtype=np.float32).reshape(-1, 1)
        for packing in ("gzip", "deflate"):
            answer = client.infer(
                "casts", [tensor(over_http, "x", "FP32", x)], request_compression_algorithm=packing, response_compression_algorithm=packing
            )
            np.testing.assert_array_equal(answer.as_numpy("t7"), x.astype(np.int64))

        pending = [client.async_infer("risk.features", features(over_http, [customer])) for customer in range(8)]
        for request in pending:
            assert request.get_result().as_numpy("score").shape == (1,)


if __name__ == "__main__":
    check_grpc(sys.argv[1])
    check_http(sys.argv[2])
    print("triton's client is content")
