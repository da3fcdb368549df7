"""Models for the benchmark of scoring, and how fast their own frameworks score them, one thread.

make.py FOLDER        writes dense.onnx, forest.onnx, boosted.onnx, boosted.json and rows.csv
make.py FOLDER time   prints who, model, batch and rows per second
"""

import os
import sys
import time

import numpy as np

WIDTH = 12


def rows(count=5000):
    random = np.random.RandomState(5)
    x = random.normal(size=(count, WIDTH)).astype(np.float32)
    return x, (x[:, 0] - x[:, 1] * x[:, 2] + random.normal(scale=0.5, size=count) > 0).astype(np.int64)


def dense(folder):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random, sizes = np.random.RandomState(7), [WIDTH, 32, 16, 1]
    nodes, weights, last = [], [], "x"
    for place, (taken, given) in enumerate(zip(sizes, sizes[1:])):
        w = random.normal(0, 1 / np.sqrt(taken), (taken, given)).astype("float32")
        b = random.normal(0, 0.1, given).astype("float32")
        weights += [numpy_helper.from_array(w, f"w{place}"), numpy_helper.from_array(b, f"b{place}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{place}", f"b{place}"], [f"g{place}"]))
        last = "y" if place == 2 else f"a{place}"
        nodes.append(helper.make_node("Sigmoid" if place == 2 else "Relu", [f"g{place}"], [last]))
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in [("x", WIDTH), ("y", 1)]]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), os.path.join(folder, "dense.onnx"))


def forest():
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(100, max_depth=12, random_state=1, n_jobs=1).fit(*rows())


def boosted():
    import xgboost

    x, y = rows()
    settings = {"objective": "binary:logistic", "max_depth": 6, "seed": 1, "nthread": 1}
    return xgboost.train(settings, xgboost.DMatrix(x, y), 100)


def write(folder):
    import onnxmltools
    import skl2onnx
    from onnxmltools.convert.common.data_types import FloatTensorType

    dense(folder)
    x, _ = rows()
    made = skl2onnx.to_onnx(forest(), x[:1], options={"zipmap": False})
    open(os.path.join(folder, "forest.onnx"), "wb").write(made.SerializeToString())
    booster = boosted()
    booster.save_model(os.path.join(folder, "boosted.json"))
    made = onnxmltools.convert_xgboost(booster, initial_types=[("x", FloatTensorType([None, WIDTH]))])
    open(os.path.join(folder, "boosted.onnx"), "wb").write(made.SerializeToString())
    np.savetxt(os.path.join(folder, "rows.csv"), x, delimiter=",", fmt="%.9g")


def measure():
    x, _ = rows()
    classifier, booster = forest(), boosted()
    for who, model, score in [
        ("scikit-learn", "forest", classifier.predict_proba),
        ("XGBoost", "boosted", booster.inplace_predict),
    ]:
        for batch in [1, 500]:
            best = 0.0
            for _ in range(3):
                began, done = time.perf_counter(), 0
                while time.perf_counter() - began < 0.3:
                    start = done % (len(x) - batch)
                    score(x[start : start + batch])
                    done += batch
                best = max(best, done / (time.perf_counter() - began))
            print(f"{who}\t{model}\t{batch}\t{best:.0f}", flush=True)


if sys.argv[2:] == ["time"]:
    measure()
else:
    write(sys.argv[1])
