"""One peer of Scripts/bench-peers, ready to answer: `assayctl bench --serve` in Python.

    bench_worker.py RUNTIME PRECISION MODEL INPUT.npy THREADS

RUNTIME is onnxruntime or openvino. PRECISION, f32 or bf16, is what OpenVINO computes in where the model does not say int8.

A request is a line on standard input, its answer a line of JSON on standard output; the input's end ends it.
    run N          runs N times: {"ms": [...]}
    tokens FILE    writes the output as .npy: {}
"""

import gc
import json
import sys
import time

import numpy as np


def onnxruntime_encoder(model, precision, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels})[0]


def openvino_encoder(model, precision, threads):
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # Left to itself it takes bf16 where the processor has it.
        "INFERENCE_PRECISION_HINT": precision,
    })
    request = compiled.create_infer_request()
    return lambda pixels: request.infer({0: pixels}, share_inputs=True, share_outputs=True)[0]


RUNTIMES = {"onnxruntime": onnxruntime_encoder, "openvino": openvino_encoder}


def main():
    runtime, precision, model, pixels, threads = sys.argv[1:]
    pixels = np.load(pixels)
    encode = RUNTIMES[runtime](model, precision, int(threads))
    # A collection in the midst of a frame would not be the runtime's fault.
    gc.disable()
    for line in sys.stdin:
        request, argument = line.split()
        answer = {}
        if request == "run":
            answer["ms"] = []
            for _ in range(int(argument)):
                start = time.perf_counter()
                encode(pixels)
                answer["ms"].append((time.perf_counter() - start) * 1000)
        elif request == "tokens":
            np.save(argument, encode(pixels)[0])
        else:
            raise SystemExit(f"{request!r} is not a request: write run N or tokens FILE.")
        print(json.dumps(answer), flush=True)


main()
