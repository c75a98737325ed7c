"""A peer at work in its own environment: told over a pipe what to prepare and what to time.

One JSON object a line, each answered by one. {"prepare": name, "folder": path} reads the inputs NAME.npy of that folder,
compiles, and writes the outputs as `outputs.npy`, for the accuracy gate; {"time": name, "least_s": seconds} times calls.
Started by `benchmarks.report.peer_process` with the number of cores it may use; depends on nothing of ours but the
stopwatch beside it.
"""

import importlib
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from stopwatch import time_calls

_prepared = {}


def prepare(name: str, folder: str) -> dict:
    """Load, compile and run once; `name` is MODULE.FUNCTION."""
    module, function = name.split(".")
    place = Path(folder)
    inputs = {path.stem: np.load(path) for path in place.glob("*.npy")}
    start = perf_counter()
    make = getattr(importlib.import_module(module), function)
    call, collect, words = make(**inputs)
    outputs = np.asarray(collect(call()), dtype=np.float64)
    first_s = perf_counter() - start
    np.save(place / "outputs.npy", outputs)
    _prepared[name] = call
    return {"words": words, "first_s": first_s}


def answer(asked: dict) -> dict:
    """Do what a line asks for."""
    if "prepare" in asked:
        return prepare(asked["prepare"], asked["folder"])
    if "time" in asked:
        seconds, cores = time_calls(_prepared[asked["time"]], asked["least_s"])
        return {"seconds": seconds, "cores": cores}
    return {"versions": {name: version(name) for name in asked["versions"]}}


def main() -> None:
    """Answer until the pipe closes; a fault is an answer too. `idle_s` is processor time between two answers."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(sys.argv[1]) :])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a peer prints is not a reply
    rested = process_time()
    for line in sys.stdin:
        idle_s = process_time() - rested
        try:
            reply = answer(json.loads(line))
        except Exception as fault:
            reply = {"fault": f"{type(fault).__name__}: {fault}"}
        replies.write(json.dumps(reply | {"idle_s": idle_s}) + "\n")
        replies.flush()
        rested = process_time()


if __name__ == "__main__":
    main()
