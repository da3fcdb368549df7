"""A Keras network: saved whole, as ONNX by tf2onnx, and as a SavedModel for the process that keeps it live."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf
import tf2onnx

from rows import WIDTH, leave, made

folder = sys.argv[1]
rows, labels = made()
keras.utils.set_random_seed(3)
net = keras.Sequential(
    [
        keras.layers.Input((WIDTH,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(16, activation="tanh"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
net.compile(optimizer="adam", loss="binary_crossentropy")
net.fit(rows, labels, epochs=3, batch_size=64, verbose=0)
net.save(os.path.join(folder, "model.h5"))
net.save(os.path.join(folder, "model.keras"))
net.export(os.path.join(folder, "saved_model"), verbose=False)
serve = tf.function(lambda x: net(x, training=False), input_signature=[tf.TensorSpec((None, WIDTH), tf.float32, name="x")])
tf2onnx.convert.from_function(serve, serve.input_signature, opset=17, output_path=os.path.join(folder, "model.onnx"))
with open(os.path.join(folder, "live.py"), "w") as to:
    to.write(
        """import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import tensorflow as tf


def load():
    return tf.saved_model.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "saved_model"))


def predict(model, batch):
    return model.serve(tf.constant(batch.matrix, tf.float32)).numpy()
"""
    )
leave(folder, rows[:500], net.predict(rows[:500], verbose=0))
print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, tf2onnx {tf2onnx.__version__}, numpy {np.__version__}")
