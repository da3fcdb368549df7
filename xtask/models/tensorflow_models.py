"""Networks of TensorFlow as tf2onnx converts them, for two versions of ONNX' operators."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tensorflow as tf
import tf2onnx
import tf_keras as keras

from case import SEED, Case, onnxruntime_answers
from keras_stacks import Stacks, answers, as_list

STACKS = Stacks(keras, old=True)
NAMES = "dense_binary two_inputs conv1d lstm".split()


def make(name, folder):
    keras.utils.set_random_seed(SEED)
    model, inputs, outputs = getattr(STACKS, name)()
    case = Case(folder, f"tensorflow {tf.__version__}, tf_keras {keras.__version__}, tf2onnx {tf2onnx.__version__}")
    case.tensors(**inputs)
    case.answered(**answers(model, inputs, outputs))
    signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype, name=name) for name, x in inputs.items()]

    @tf.function(input_signature=signature)
    def serve(*arrays):
        answer = model(list(arrays) if len(arrays) > 1 else arrays[0], training=False)
        return dict(zip(outputs, answer if isinstance(answer, (list, tuple)) else [answer]))

    for opset in (13, 18):
        file = f"model_opset{opset}.onnx"
        written, _ = tf2onnx.convert.from_function(
            serve, input_signature=signature, opset=opset, output_path=case.path(file)
        )
        feeds = {one.name: inputs[one.name.split(":")[0]] for one in written.graph.input}
        answered = onnxruntime_answers(case.path(file), feeds)
        # It lists outputs by the alphabet.
        by_name = dict(zip(sorted(outputs), as_list(list(answered.values()))))
        case.scored(file, **{output: answered.get(output, by_name[output]) for output in outputs})
    case.close()


def models():
    return {f"savedmodel_{name}": lambda folder, name=name: make(name, folder) for name in NAMES}
