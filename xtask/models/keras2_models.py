"""Networks of Keras 2, which writes other HDF5 files than Keras 3, and under the same names other functions."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tf_keras as keras

from case import SEED, Case
from keras_stacks import Stacks, answers

STACKS = Stacks(keras, old=True)
NAMES = ("dense_binary dense_multiclass regression_norm two_inputs autoencoder conv1d lstm gru gru_reset_before bilstm "
         "embedding_gap embedding_mask_gap activations").split()


def make(name, folder):
    keras.utils.set_random_seed(SEED)
    model, inputs, outputs = getattr(STACKS, name)()
    case = Case(folder, f"tf_keras {keras.__version__}")
    case.tensors(**inputs)
    case.answered(**answers(model, inputs, outputs))
    if name == "autoencoder":
        rebuilt = case.outputs["reconstruction"].astype("float64")
        case.answered(mse=((rebuilt - inputs["features"].astype("float64")) ** 2).mean(axis=1))

    def saved(file, compiled=True, **settings):
        model.save(case.path(file), **settings)
        again = keras.models.load_model(case.path(file), compile=compiled)
        case.scored(file, **answers(again, inputs, outputs))

    saved("model.h5", compiled=False, save_format="h5", include_optimizer=False)
    if name == "dense_binary":
        saved("model.keras")
        saved("model_with_optimizer.h5", save_format="h5")
        model.save_weights(case.path("weights_only.h5"))
        case.refused("weights_only.h5")
    case.close()


def models():
    return {f"keras2_{name}": lambda folder, name=name: make(name, folder) for name in NAMES}
