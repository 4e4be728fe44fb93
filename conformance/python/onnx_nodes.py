"""The onnx package's own tests of single operators, with the outputs that it brings along.

Numbers that a network's file holds as constants (axes, shapes, pads, sizes, the weights of quantised operators) are inputs in
these tests; here they are put into the file as initializers, as networks have them.
"""

import os
import pathlib
import re

import numpy as np
import onnx
import protocol
from onnx import numpy_helper
from onnx.backend.test.loader import load_node_model_tests
from protocol import Case, Skip

DATA = pathlib.Path(os.path.dirname(onnx.__file__)) / "backend" / "test" / "data"

# Operators that occur in no vision network, by what they are for.
OTHER = {
    "text": "RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer LabelEncoder",
    "sound": "DFT STFT MelWeightMatrix HannWindow HammingWindow BlackmanWindow",
    "recurrent networks": "GRU LSTM RNN Scan ReverseSequence",
    "the bits of numbers": "BitCast",
    "trees and kernels": "ArrayFeatureExtractor Binarizer TreeEnsemble DictVectorizer",
    "training": "Adagrad Adam Momentum Gradient SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss",
    "chance": "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike",
    "optional values": "Optional OptionalGetElement OptionalHasElement",
    "decoding of files": "ImageDecoder",
    "sets, whose size depends on the numbers": "Unique",
    "detectors, which give boxes and no maps": "NonMaxSuppression RoiAlign MaxRoiPool DeformConv",
    "language models": "RotaryEmbedding TensorScatter LinearAttention CausalConvWithState BlockAttention",
}
OTHER = {operator: kind for kind, operators in OTHER.items() for operator in operators.split()}

# Tests that are left out, and why.
LEFT_OUT = {
    "resize_downsample_scales_(linear|cubic)_align_corners": "the expected numbers are of a length of 2.4; the standard's text, onnxruntime and PyTorch take the whole length of 2",
    "castlike_.*_to_U?INT4": "CastLike to numbers of four bits, which are held in eight",
    "bitwise_not_3d": "the bits of unsigned numbers of 16 bits, which are held in 32",
    "col2im_5d": "Col2Im of volumes",
}

# Outputs whose expected numbers are written with so many digits behind the point.
DIGITS = {"averagepool_2d_ceil_last_window_starts_on_pad": 4}

# One step of half precision, relative to the largest magnitude.
STEPS = {onnx.TensorProto.FLOAT16: 2.0**-10, onnx.TensorProto.BFLOAT16: 2.0**-7}

# Inputs that are constants in networks.
CONSTANTS = {
    "Reshape": [1], "Expand": [1], "Tile": [1], "Squeeze": [1], "Unsqueeze": [1], "Slice": [1, 2, 3, 4], "Pad": [1, 2, 3],
    "Resize": [1, 2, 3], "Upsample": [1], "Split": [1], "SplitToSequence": [1], "TopK": [1], "CumSum": [1], "CumProd": [1],
    "Trilu": [1], "OneHot": [1], "Clip": [1, 2], "ConstantOfShape": [0], "MaxUnpool": [2], "AffineGrid": [1], "Range": [0, 1, 2],
    "Dropout": [1, 2], "If": [0], "Loop": [0, 1], "CenterCropPad": [1], "SequenceAt": [1], "SequenceErase": [1], "SequenceInsert": [2], "Col2Im": [1, 2],
    "QuantizeLinear": [1, 2],
}  # fmt: skip


def operators(model):
    found = set()

    def walk(nodes):
        for node in nodes:
            found.add(node.op_type)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    walk(attribute.g.node)

    walk(model.graph.node)
    for function in model.functions:
        walk(function.node)
    return found - {function.name for function in model.functions}


def constants(model):
    """Names of the inputs that networks have as constants."""
    names = {value.name for value in model.graph.input} if model.graph.name.startswith("test_range_") else set()
    for node in model.graph.node:
        places = CONSTANTS.get(node.op_type, [])
        if node.op_type.startswith("Reduce"):
            places = [1]
        names.update(node.input[place] for place in places if place < len(node.input))
    # What only shapes are made of, in the expanded tests.
    if len(model.graph.node) > 1:
        whole = (onnx.TensorProto.INT64,)
        for value in model.graph.input:
            tensor = value.type.tensor_type
            if tensor.elem_type in whole and len(tensor.shape.dim) <= 1:
                names.add(value.name)
    return names


def as_tensor(value):
    """A number of a test, or of a file, as a tensor of the format."""
    if isinstance(value, onnx.TensorProto):
        return value
    if isinstance(value, (list, dict)) or value is None:
        raise Skip("an input or output that is no tensor")
    return numpy_helper.from_array(np.asarray(value))


def array(tensor):
    if tensor.data_type == onnx.TensorProto.STRING:
        raise Skip("texts")
    numbers = np.asarray(numpy_helper.to_array(tensor))
    if numbers.dtype.name.startswith(("float8_", "float4_", "float6_", "complex", "int2", "uint2")):
        raise Skip(f"elements of the type {numbers.dtype.name}")
    wider = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64, "bfloat16": np.float32, "int4": np.int8, "uint4": np.uint8}
    return numbers.astype(wider.get(numbers.dtype.name, numbers.dtype))


def tolerance(name, tensor, numbers):
    """The relative difference that the numbers of an output allow; None for the usual one."""
    if name in DIGITS:
        return 10.0 ** -DIGITS[name] / float(np.abs(numbers).max())
    return STEPS.get(tensor.data_type)


def make(name, model, inputs_of_test, outputs_of_test, folder):
    for pattern, reason in LEFT_OUT.items():
        if re.fullmatch(pattern, name):
            raise Skip(reason)
    model = onnx.ModelProto.FromString(model.SerializeToString())
    used = operators(model)
    for operator in sorted(used):
        if operator in OTHER:
            raise Skip(f"{operator}: {OTHER[operator]}")
    if model.graph.name.startswith("test_training_"):
        raise Skip("training")
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") and not model.functions:
            raise Skip(f"operators of another domain: {node.domain}")
        if node.op_type == "Attention" and len(node.input) > 6 and node.input[6]:
            raise Skip("Attention with a length for each text of a batch: language models")
        for attribute in node.attribute:
            if attribute.name == "training_mode" and attribute.i:
                raise Skip("training")
    fixed = constants(model)
    inputs, fed = [], []
    for value, told in zip(model.graph.input, inputs_of_test):
        tensor = as_tensor(told)
        numbers = array(tensor)
        if value.name in fixed:
            named = onnx.TensorProto()
            named.CopyFrom(tensor)
            named.name = value.name
            model.graph.initializer.append(named)
        else:
            fed.append(value)
            inputs.append(numbers)
    del model.graph.input[:]
    model.graph.input.extend(fed)
    told = [as_tensor(output) for output in outputs_of_test]
    outputs = [array(tensor) for tensor in told]
    path = folder / "model.onnx"
    onnx.save(model, path)
    tolerances = [tolerance(name, tensor, numbers) for tensor, numbers in zip(told, outputs)]
    return {"file": path, "inputs": inputs, "outputs": outputs, "tolerances": tolerances, "any_graph": True}


def read(path):
    return onnx.TensorProto.FromString(path.read_bytes())


def make_from(folder_of_test, folder):
    data = folder_of_test / "test_data_set_0"
    model = onnx.load(folder_of_test / "model.onnx")
    told = {kind: [read(data / f"{kind}_{index}.pb") for index in range(len(list(data.glob(f"{kind}_*.pb"))))] for kind in ("input", "output")}
    return make(folder_of_test.name, model, told["input"], told["output"], folder)


def cases():
    for test in sorted(load_node_model_tests(), key=lambda test: test.name):
        inputs, outputs = test.data_sets[0]
        family = test.model.graph.node[0].op_type if test.model.graph.node else "none"
        name = test.name.removeprefix("test_")
        arguments = (name, test.model, inputs, outputs)
        yield Case(name, family, lambda folder, arguments=arguments: make(*arguments, folder))
    for kind in ("pytorch-operator", "pytorch-converted", "simple"):
        for test in sorted((DATA / kind).iterdir()):
            if (test / "model.onnx").exists():
                yield Case(f"{kind}/{test.name.removeprefix('test_')}", kind, lambda folder, test=test: make_from(test, folder))


protocol.main(cases())
