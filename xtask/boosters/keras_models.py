"""Small Keras models whose inputs and outputs are dictionaries, or whose weights are quantised, with Keras' answers."""

import os
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from common import Cases

cases = Cases("Keras", keras.__version__)
keras.utils.set_random_seed(5)
chance = np.random.default_rng(3)
A, B = chance.normal(size=(6, 4)).astype("float32"), chance.normal(size=(6, 3)).astype("float32")


def saved(model, ending):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model." + ending)
        model.save(path)
        with open(path, "rb") as file:
            return file.read()


def flat(answers):
    """Outputs by name. Keras takes the entries of a dictionary in the order of their names."""
    if isinstance(answers, dict):
        return sorted(answers.items())
    if isinstance(answers, (list, tuple)):
        return [(str(place), answer) for place, answer in enumerate(answers)]
    return [("0", answers)]


def add(name, model, given, columns, endings=("keras", "h5")):
    for ending in endings:
        file = saved(model, ending)
        again = None
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model." + ending)
            with open(path, "wb") as to:
                to.write(file)
            again = keras.models.load_model(path, compile=False)
        answers = flat(again.predict(given, verbose=0))
        cases.add(f"{name}, {ending}", file, rows=np.concatenate(columns, axis=1),
                  outputs=[[key, np.asarray(value)] for key, value in answers])


def trunk(a, b):
    hidden = keras.layers.Dense(5, activation="relu", name="hidden")(keras.layers.Concatenate(name="both")([a, b]))
    return hidden, keras.layers.Dense(2, activation="softmax", name="kind")(hidden), keras.layers.Dense(1, name="price")(hidden)


def inputs():
    # The names are in another order than the alphabet's, and than that in which they are used.
    return keras.Input((4,), name="zone"), keras.Input((3,), name="amounts")


a, b = inputs()
_, kind, price = trunk(a, b)
dictionary = {"zone": a, "amounts": b}
given = {"zone": A, "amounts": B}
add("dictionary of inputs", keras.Model(dictionary, price), given, [B, A])
add("dictionary of outputs", keras.Model([a, b], {"price": price, "kind": kind}), [A, B], [A, B])
add("dictionaries of both", keras.Model(dictionary, {"the_price": price, "the_kind": kind}), given, [B, A])
alone = keras.Input((4,), name="zone")
add("a single named input", keras.Model({"zone": alone}, keras.layers.Dense(2, name="out")(alone)), {"zone": A}, [A])
add("a single named output", keras.Model(alone, {"score": keras.layers.Dense(1, name="out")(alone)}), A, [A])
nested = keras.Model({"zone": a, "amounts": b}, price, name="within")
c, d = keras.Input((4,), name="c"), keras.Input((3,), name="d")
add("a model with a dictionary within a model", keras.Model([c, d], keras.layers.Dense(1, name="last")(nested({"zone": c, "amounts": d}))),
    [A, B], [A, B])


def quantised(mode, make, given, name, endings=("keras", "h5")):
    model = make()
    try:
        model.quantize(mode)
        model.predict(given, verbose=0)
        add(f"{name} of {mode}", model, given, [given if given.ndim == 2 else given.reshape(len(given), -1)], endings)
    except Exception as error:
        print(f"  {name} of {mode} is left out: {type(error).__name__}: {str(error).strip().splitlines()[0][:140]}")


def dense():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, activation="relu", name="one"),
                             keras.layers.Dense(5, use_bias=False, name="two"), keras.layers.Dense(1, name="three")])


def odd():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(5, activation="tanh", name="one"), keras.layers.Dense(2, name="two")])


def embedded():
    return keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(7, 5, name="words"),
                             keras.layers.Flatten(), keras.layers.Dense(2, name="out")])


numbers = chance.integers(0, 7, size=(6, 3)).astype("int32")
for mode in ("int8", "int4", "float8"):
    quantised(mode, dense, A, "dense")
    quantised(mode, odd, B, "odd dense")
    quantised(mode, embedded, numbers, "embedding")

cases.write(sys.argv[1])
