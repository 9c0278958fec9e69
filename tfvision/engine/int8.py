"""TFLite files whose layers compute in 8 bits, while what is made of their results stays float.

In 8 bits throughout, a detector's boxes would be rounded to a 256th of the image, and divisions by
their areas fail.
"""

import warnings

import tensorflow as tf
from tensorflow.lite.python.schema_py_generated import BuiltinOperator, TensorType
from tensorflow.lite.tools import flatbuffer_utils

LAYERS = {  # Operations of TFLite that compute in 8 bits.
    "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "MAX_POOL_2D",
    "AVERAGE_POOL_2D", "RELU", "RELU6", "LEAKY_RELU", "PRELU", "HARD_SWISH",
}


def convert(converter):
    """The file of a tf.lite.TFLiteConverter with a representative_dataset: bytes."""
    every = [name for name in vars(BuiltinOperator) if name.isupper()]
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_ops=[name for name in every if name not in LAYERS]
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated", UserWarning)
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=converter.representative_dataset,
            debug_options=options,
        )
    return unrounded(debugger.get_nondebug_quantized_model())


def unrounded(content):
    """A file in which no float becomes int8 and float again without a layer between.

    The converter rounds the inputs of minimum, concatenation and the like, whatever it is told.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    for graph in model.subgraphs:
        _connect(graph, kinds)
        _sweep(graph, kinds)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _connect(graph, kinds):
    """Lets what reads a rounded float read the float itself."""
    rounded = {op.outputs[0]: op.inputs[0] for op in graph.operators
               if kinds[op.opcodeIndex] == BuiltinOperator.QUANTIZE}
    same = {}
    for op in graph.operators:
        if kinds[op.opcodeIndex] == BuiltinOperator.DEQUANTIZE and op.inputs[0] in rounded:
            source = op.inputs[0]
            while source in rounded:
                source = rounded[source]
            if graph.tensors[source].type == TensorType.FLOAT32:
                same[op.outputs[0]] = source
    for op in graph.operators:
        op.inputs = [same.get(tensor, tensor) for tensor in op.inputs]
    graph.outputs = [same.get(tensor, tensor) for tensor in graph.outputs]


def _sweep(graph, kinds):
    """Takes out roundings that nothing reads any more."""
    roundings = BuiltinOperator.QUANTIZE, BuiltinOperator.DEQUANTIZE
    before = None
    while before != len(graph.operators):
        before = len(graph.operators)
        read = {tensor for op in graph.operators for tensor in op.inputs} | {*graph.outputs}
        graph.operators = [op for op in graph.operators
                           if kinds[op.opcodeIndex] not in roundings or read & {*op.outputs}]
