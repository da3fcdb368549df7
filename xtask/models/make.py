"""Small models trained and saved by one framework, each beside its input and what the framework answers.

    python make.py FOLDER PROGRAM

Everything is synthetic and seeded. A program has `models()`: names, and functions that train a model and fill its
folder. A folder appears when it is whole; one that is there is kept.
"""

import importlib
import pathlib
import shutil
import sys
import time
import traceback
import warnings

import case


def main(target, program):
    warnings.filterwarnings("ignore")
    case.calm()
    failed = []
    for name, make in importlib.import_module(program).models().items():
        folder, part = target / name, target / f"{name}.part"
        if folder.exists():
            continue
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        begin = time.time()
        try:
            make(part)
            part.rename(folder)
            print(f"  {name}: {time.time() - begin:.1f} s", flush=True)
        except Exception:
            traceback.print_exc()
            failed.append(name)
    if failed:
        sys.exit(f"{program}: not made: {', '.join(failed)}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
