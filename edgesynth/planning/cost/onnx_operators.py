"""Operators of ONNX by how an engine executes them."""

# Multiply and accumulate.
PRODUCTS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
# Move nothing: the tensor is seen in another way, written where it belongs, or part of the kernels beside it.
FREE = {
    "Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Concat", "Cast", "Constant",
    "QuantizeLinear", "DequantizeLinear",
}  # fmt: skip
# By a stored operand: folded into the weights before them.
SCALES = {"BatchNormalization", "Add", "Sub", "Mul", "Div", "PRelu"}
ACTIVATIONS = {
    "Relu", "LeakyRelu", "Clip", "Elu", "Selu", "Sigmoid", "Tanh", "HardSigmoid", "Softplus", "Softsign",
    "ThresholdedRelu",
}  # fmt: skip
# Run as one kernel with their like, where nothing before them takes them along.
ELEMENTWISES = ACTIVATIONS | SCALES | {
    "Sum", "Pow", "Max", "Min", "Neg", "Abs", "Exp", "Log", "Sqrt", "Erf", "Reciprocal", "HardSwish", "Mish", "Gelu",
    "Where", "Floor", "Ceil", "Round", "Sign", "Equal", "Greater", "Less", "And", "Or", "Not",
}  # fmt: skip
POOLINGS = {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"}
NORMALIZATIONS = {
    "LRN", "Softmax", "LogSoftmax", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
    "LpNormalization", "MeanVarianceNormalization",
}  # fmt: skip
# Arithmetic that the cost model does not count.
UNCOUNTED = {
    "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "LSTM", "GRU", "RNN", "Einsum", "DeformConv", "If",
    "Loop", "Scan",
}  # fmt: skip
