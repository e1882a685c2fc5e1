"""Import time and memory against the number of nodes: `python benchmarks/nodes.py 10000 100000`.

Networks of small convolutions, activations and residual additions, whose layers are all alike.
Time per node should not grow. Each size runs in a process of its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from onnx import ModelProto, TensorProto, helper

from chiploom.frontend.onnx_import import import_model


def network(nodes: int) -> ModelProto:
    """Blocks of Conv, Relu, Conv, Add."""
    made, last = [], "x"
    for block in range(nodes // 4):
        names = [f"block{block}/{part}" for part in ("conv1", "relu", "conv2", "add")]
        inputs = [(last, "w"), names[:1], (names[1], "w"), (names[2], last)]
        ops = ("Conv", "Relu", "Conv", "Add")
        for op, name, given in zip(ops, names, inputs, strict=True):
            made.append(helper.make_node(op, list(given), [name], name=name))
        last = names[-1]
    graph = helper.make_graph(
        made,
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 4, 4])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        [TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[8, 8, 1, 1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def measure(nodes: int) -> None:
    model = network(nodes)
    start = time.process_time()
    graph = import_model(model)
    seconds = time.process_time() - start
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{nodes:9,} nodes {len(graph):9,} layers {seconds:8.2f} s "
        f"{seconds / nodes * 1e6:6.1f} us each {mib:7.0f} MiB"
    )


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        measure(int(sys.argv[2]))
    else:
        for size in sys.argv[1:] or ("10000", "100000", "1000000"):
            subprocess.run([sys.executable, __file__, "--one", size], check=True)
