"""Networks of Keras 3, in both of its formats; with layers that hold code, which are to be refused."""

import keras
import numpy as np

from case import SEED, Case, numeric
from keras_stacks import Stacks, answers

FRAMEWORK = f"keras {keras.__version__} ({keras.backend.backend()})"
STACKS = Stacks(keras, old=False)
NAMES = ("dense_binary dense_multiclass regression_norm two_inputs autoencoder conv1d lstm lstm_seq gru "
         "gru_reset_before bilstm simple_rnn embedding_gap embedding_mask_gap embedding_mask_lstm activations").split()


def make(name, folder):
    keras.utils.set_random_seed(SEED)
    model, inputs, outputs = getattr(STACKS, name)()
    case = Case(folder, FRAMEWORK)
    case.tensors(**inputs)
    case.answered(**answers(model, inputs, outputs))
    if name == "autoencoder":
        rebuilt = case.outputs["reconstruction"].astype("float64")
        case.answered(mse=((rebuilt - inputs["features"].astype("float64")) ** 2).mean(axis=1))

    def saved(file, compiled=False, **settings):
        model.save(case.path(file), **settings)
        again = keras.models.load_model(case.path(file), compile=compiled)
        case.scored(file, **answers(again, inputs, outputs))

    saved("model.keras")
    saved("model.h5", include_optimizer=False)
    if name == "dense_binary":
        saved("model_with_optimizer.h5", compiled=True)
        model.save_weights(case.path("model.weights.h5"))
        case.refused("model.weights.h5")
    case.close()


def with_code(folder, layer, number, files, first):
    """A model with a layer whose code is not in the file, or is code that nobody should run."""
    keras.utils.set_random_seed(SEED)
    x = numeric(50, 3, number, huge=10).astype("float32")
    layers = [keras.Input((3,)), *first, layer, keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    case = Case(folder, FRAMEWORK)
    case.tensors(features=x)
    case.answered(value=np.asarray(model(x)))
    for file in files:
        model.save(case.path(file))
        case.refused(file)
    case.close()


def with_lambda(folder):
    square = keras.layers.Lambda(lambda x: x * x)
    with_code(folder, square, 19, ["model.keras", "model.h5"], [keras.layers.Dense(2)])


@keras.saving.register_keras_serializable(package="acme")
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale


def with_own_layer(folder):
    with_code(folder, Scale(), 20, ["model.keras"], [])


def models():
    networks = {f"keras3_{name}": lambda folder, name=name: make(name, folder) for name in NAMES}
    return {**networks, "keras3_lambda": with_lambda, "keras3_custom_layer": with_own_layer}
