"""Eight-bit weights for the matrices between the channels, and only for them.

The matrices of the recurrences stay in float32: their rounding would come back in every step. A
linear layer y = W x + b becomes, with W_q in int8 and one scale_W for each output channel,

    q, scale, zero = DynamicQuantizeLinear(x.T)
    y.T = scale * scale_W * ((q - zero) W_q.T) + b.T

in rows, because ONNX Runtime has a fast product only with the weights on the right. The scale of x
is that of the whole chunk of all streams, so the last digits of int8 answers depend on what runs
beside.
"""

from typing import Any

import numpy as np

ModelProto = Any
NodeProto = Any

LARGEST = 127
"""Largest int8 weight; the scale is symmetric, so -128 is not used."""


def quantize(step: ModelProto) -> ModelProto:
    """A step with int8 weights for its linear layers and decoder.

    Args:
        step: from `s4audio.export.graph.build_step`; it is not changed.

    Returns:
        an onnx.ModelProto with the same inputs and outputs.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.ModelProto()
    model.CopyFrom(step)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[NodeProto] = []
    for node in graph.node:
        # A linear layer is the only Gemm there is: weight, columns, bias.
        if node.op_type != "Gemm":
            nodes.append(node)
            continue
        weight, x, bias = node.input
        W, b = (numpy_helper.to_array(constants[name]) for name in (weight, bias))
        scale = np.maximum(np.abs(W).max(axis=1), 1e-30) / LARGEST
        integers = np.ascontiguousarray(np.round(W.T / scale[None]).astype(np.int8))
        y = node.output[0]
        for name, value in (("weight", integers), ("scale", scale), ("bias", b[:, 0])):
            graph.initializer.append(numpy_helper.from_array(value, f"{y}_{name}"))
        nodes.extend(_integer_product(x, y))
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return model


def _integer_product(x: str, y: str) -> list[NodeProto]:
    """The layer y = W x + b with the constants y_weight, y_scale and y_bias."""
    from onnx import TensorProto, helper

    q, scale, zero = f"{y}_q", f"{y}_q_scale", f"{y}_q_zero"
    return [
        helper.make_node("Transpose", [x], [f"{y}_input"], perm=[1, 0]),
        helper.make_node("DynamicQuantizeLinear", [f"{y}_input"], [q, scale, zero]),
        helper.make_node("MatMulInteger", [q, f"{y}_weight", zero], [f"{y}_integer"]),
        helper.make_node("Cast", [f"{y}_integer"], [f"{y}_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [scale, f"{y}_scale"], [f"{y}_both_scales"]),
        helper.make_node("Mul", [f"{y}_float", f"{y}_both_scales"], [f"{y}_product"]),
        helper.make_node("Add", [f"{y}_product", f"{y}_bias"], [f"{y}_rows"]),
        helper.make_node("Transpose", [f"{y}_rows"], [y], perm=[1, 0]),
    ]
