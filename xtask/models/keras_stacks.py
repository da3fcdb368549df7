"""The networks that both versions of Keras build: layers, rows and training, by name."""

import numpy as np

from case import numeric, rng, target


class Stacks:
    """Each network is a method: the trained model, its inputs, and the names of its outputs."""

    def __init__(self, keras, old):
        """`old`: Keras 2, which spells some layers otherwise and lacks some activations."""
        self.keras, self.layers, self.old = keras, keras.layers, old

    def stack(self, name, *layers):
        return self.keras.Sequential(list(layers), name=name)

    def trained(self, model, x, y, loss, epochs):
        model.compile(optimizer=self.keras.optimizers.Adam(0.01), loss=loss)
        model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
        return model

    def dense_binary(self):
        x = numeric(200, 6, 1, huge=50).astype("float32")
        of = self.layers
        model = self.stack(
            "dense_binary", self.keras.Input((6,), name="features"),
            of.Dense(16, activation="relu"), of.BatchNormalization(), of.Dropout(0.3), of.Dense(8, activation="relu"),
            of.Dense(1, activation="sigmoid", name="probability"),
        )
        y = target(x, "binary", 1)
        return self.trained(model, x, y, "binary_crossentropy", 12), {"features": x}, ["probability"]

    def dense_multiclass(self):
        """Neither bias nor gamma: the order of the variables shifts."""
        x = numeric(160, 5, 2, huge=50).astype("float32")
        of = self.layers
        model = self.stack(
            "dense_multiclass", self.keras.Input((5,), name="features"),
            of.Dense(12, activation="tanh"), of.Dense(8, use_bias=False), of.BatchNormalization(scale=False),
            of.Activation("relu"), of.Dense(3, activation="softmax", name="classes"),
        )
        y = target(x, "multi", 2)
        return self.trained(model, x, y, "sparse_categorical_crossentropy", 12), {"features": x}, ["probability"]

    def regression_norm(self):
        x = numeric(150, 4, 3, huge=500).astype("float32") * np.float32(3) + np.float32(10)
        x = np.round(x.astype("float64"), 3).astype("float32")
        x[-1] = 0
        if self.old:
            x[:, 3] = 2.5  # a constant column has no variance
        norm = self.layers.Normalization(axis=-1, name="norm")
        norm.adapt(x[:-9])
        model = self.stack(
            "regression_norm", self.keras.Input((4,), name="features"), norm,
            self.layers.Dense(8, activation="relu"), self.layers.Dense(1, name="value"),
        )
        return self.trained(model, x[:-9], target(x, "reg", 3)[:-9], "mse", 12), {"features": x}, ["value"]

    def two_inputs(self):
        """Neither inputs nor outputs in the order of their names."""
        of, keras = self.layers, self.keras
        a, b = numeric(120, 3, 4, huge=20).astype("float32"), numeric(120, 2, 5, huge=20).astype("float32")
        zeta, alpha = keras.Input((3,), name="zeta"), keras.Input((2,), name="alpha")
        branches = [of.Dense(6, activation="relu")(zeta), of.Dense(4, activation="tanh")(alpha), alpha]
        joined = of.Concatenate(name="join")(branches)
        risk = of.Dense(1, activation="sigmoid", name="risk")(joined)
        levels = of.Dense(2, name="levels")(of.Add()([of.Dense(5)(joined), of.Dense(5, activation="relu")(joined)]))
        model = keras.Model([zeta, alpha], [risk, levels], name="two_inputs")
        y = target(a[:, [0, 1, 2, 0]], "binary", 4)
        model.compile(optimizer=keras.optimizers.Adam(0.01), loss=["binary_crossentropy", "mse"])
        model.fit([a, b], [y, np.tanh(b)], epochs=6, verbose=0)
        return model, {"zeta": a, "alpha": b}, ["risk", "levels"]

    def autoencoder(self):
        x = numeric(100, 8, 6, huge=10).astype("float32")
        of = self.layers
        model = self.stack(
            "autoencoder", self.keras.Input((8,)), of.Dense(6, activation="relu"),
            of.Dense(3, activation="relu", name="code"), of.Dense(6, activation="relu"), of.Dense(8),
        )
        return self.trained(model, x, x, "mse", 20), {"features": x}, ["reconstruction"]

    def conv1d(self):
        chance = rng(7)
        x = np.round(chance.normal(size=(60, 16, 2)), 3).astype("float32")
        x[-1], x[-2], x[-3] = 0, -1, 100
        of = self.layers
        model = self.stack(
            "conv1d", self.keras.Input((16, 2)), of.Conv1D(6, 3, activation="relu", padding="same"), of.MaxPooling1D(2),
            of.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="tanh"),
            of.Conv1D(5, 3, strides=2, padding="valid", use_bias=False),
            of.AveragePooling1D(2, padding="same", strides=1), of.Flatten(), of.Dense(3, activation="softmax"),
        )
        y = chance.integers(0, 3, 60)
        return self.trained(model, x, y, "sparse_categorical_crossentropy", 4), {"series": x}, ["probability"]

    def series(self, name, number, *layers):
        chance = rng(number)
        x = np.round(chance.normal(size=(60, 7, 3)), 3).astype("float32")
        x[-1], x[-2], x[-3] = 0, -1, 50
        model = self.stack(name, self.keras.Input((7, 3)), *layers)
        y = np.round(chance.normal(size=model(x).shape), 3)
        return self.trained(model, x, y, "mse", 4), {"series": x}, ["value"]

    def lstm(self):
        of = self.layers
        return self.series("lstm", 10, of.LSTM(6, return_sequences=True), of.LSTM(4), of.Dense(1))

    def lstm_seq(self):
        """The sequence of answers stays in reversed order."""
        of = self.layers
        backwards = of.LSTM(5, return_sequences=True, go_backwards=True, unit_forget_bias=False)
        return self.series("lstm_seq", 11, backwards, of.TimeDistributed(of.Dense(2)))

    def gru(self):
        of = self.layers
        return self.series("gru", 12, of.GRU(6, return_sequences=True), of.GRU(4), of.Dense(1))

    def gru_reset_before(self):
        """Both versions call it hard_sigmoid, and mean different functions."""
        of = self.layers
        first = of.GRU(5, return_sequences=True, reset_after=False, recurrent_activation="hard_sigmoid")
        return self.series("gru_reset_before", 13, first, of.Dense(2))

    def bilstm(self):
        of = self.layers
        first = of.Bidirectional(of.LSTM(4, return_sequences=True))
        return self.series("bilstm", 14, first, of.Bidirectional(of.LSTM(3), merge_mode="sum"), of.Dense(1))

    def simple_rnn(self):
        of = self.layers
        first = of.SimpleRNN(5, return_sequences=True)
        return self.series("simple_rnn", 15, first, of.GlobalMaxPooling1D(), of.Dense(1))

    def tokens(self, name, mask, *layers):
        """Zeros, which a mask leaves out, at the end, at the start, in the middle, and everywhere."""
        chance = rng(16)
        x = chance.integers(1, 20, (80, 9)).astype("int32")
        for row in range(80):
            x[row, 9 - row % 9 :] = 0
        x[-1], x[-2] = 0, 19
        x[-3], x[-4] = 7, chance.integers(1, 20, 9)
        x[-3, :4] = 0
        x[-4, 2:5] = 0
        embedding = self.layers.Embedding(20, 6, mask_zero=mask)
        model = self.stack(name, self.keras.Input((9,), dtype="int32"), embedding, *layers)
        y = chance.integers(0, 2, 80)
        # The loss of the row without any step is not a number.
        return self.trained(model, x[:-4], y[:-4], "binary_crossentropy", 6), {"tokens": x}, ["probability"]

    def embedding_gap(self):
        of = self.layers
        layers = of.GlobalAveragePooling1D(), of.Dense(1, activation="sigmoid")
        return self.tokens("embedding_gap", False, *layers)

    def embedding_mask_gap(self):
        of = self.layers
        layers = of.GlobalAveragePooling1D(), of.Dense(1, activation="sigmoid")
        return self.tokens("embedding_mask_gap", True, *layers)

    def embedding_mask_lstm(self):
        of = self.layers
        return self.tokens("embedding_mask_lstm", True, of.LSTM(5), of.Dense(1, activation="sigmoid"))

    def activations(self):
        """One branch each."""
        of = self.layers
        x = numeric(80, 4, 17, huge=30).astype("float32")
        slope = {"alpha": 0.1} if self.old else {"negative_slope": 0.1}
        named = "selu gelu swish softplus hard_sigmoid softsign elu".split()
        branches = [of.LeakyReLU(**slope), of.ELU(alpha=0.7), *map(of.Activation, named), of.PReLU(),
                    of.ReLU(max_value=6.0, negative_slope=0.05, threshold=0.5), of.Softmax()]
        if self.old:
            branches += [of.ThresholdedReLU(theta=0.4), of.Activation("exponential")]
        else:
            more = "leaky_relu relu6 mish hard_silu log_softmax exponential".split()
            branches += map(of.Activation, more)
        features = self.keras.Input((4,), name="features")
        each = of.Concatenate(name="each")([branch(of.Dense(3)(features)) for branch in branches])
        model = self.keras.Model(features, each, name="activations")
        x = np.clip(x, -30, 30)
        y = rng(18).normal(size=(80, 3 * len(branches)))
        return self.trained(model, x / 10, y, "mse", 2), {"features": x}, ["each"]


def as_list(output):
    return [np.asarray(one) for one in (output if isinstance(output, (list, tuple)) else [output])]


def answers(model, inputs, names):
    arrays = list(inputs.values())
    output = model(arrays if len(arrays) > 1 else arrays[0], training=False)
    return dict(zip(names, as_list(output)))
