"""The driver of Scripts/bench-peers: prepares the models, lets the encoders take turns, tabulates what they needed.

Every encoder is a process of its own that lives from the first frame to the last. Only one runs at any time, the others
are stopped, so that a runtime whose threads wait by spinning takes nothing from the next.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

import bench_models

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache/bench"
ASSAYCTL = os.environ.get("ASSAYCTL", str(ROOT / ".build/release/assayctl"))
CALIBRATION_PICTURES = 48


@dataclass
class Model:
    name: str
    side: int
    block: int
    float32: Path
    int8: Path


@dataclass
class Contender:
    """One encoder's process and what was measured of it."""

    name: str
    command: list
    process: subprocess.Popen | None = None
    first_ms: float = 0
    memory_mb: float = 0
    ms: list = field(default_factory=list)

    def start(self):
        """Starts it, has it encode one frame, and stops it until its turn."""
        began = time.perf_counter()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask("run 1")
        self.first_ms = (time.perf_counter() - began) * 1000
        self.process.send_signal(signal.SIGSTOP)

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.name} ended: {' '.join(self.command)}")
        return json.loads(answer)

    def turn(self, request):
        self.process.send_signal(signal.SIGCONT)
        answer = self.ask(request)
        self.process.send_signal(signal.SIGSTOP)
        return answer

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        self.memory_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
        self.process.stdin.close()
        self.process.wait()


def assayctl(*arguments):
    subprocess.run([ASSAYCTL, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def cached(folder, name, make):
    """A file of the cache, made under another name first so that a broken run leaves nothing that looks whole."""
    target = folder / name
    if not target.exists():
        print(f"preparing {name} ...", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"making-{name}"
        make(temporary)
        if temporary.suffix == ".xml":
            temporary.with_suffix(".bin").rename(target.with_suffix(".bin"))
        temporary.rename(target)
    return target


def models(names):
    default = ROOT / ".cache/models"
    small = default / "vit-s14-float32.safetensors", default / "vit-s14-int8.safetensors"
    for side in (336, 448):
        if f"vit-s14-{side}" in names:
            yield Model(f"vit-s14-{side}", side, 8, *small)
    if "vit-b16-plus-240" in names:
        recipe = {"width": 896, "depth": 12, "patch": 16, "grid": 15, "embedding": 640, "seed": 240}
        checkpoint = cached(
            CACHE, "vit-b16-plus-240.safetensors", lambda file: bench_models.random_checkpoint(file, **recipe))
        files = [
            cached(CACHE, f"vit-b16-plus-240-{precision}.safetensors", lambda file: assayctl(
                "model", "import", checkpoint, "--output", file, "--precision", precision, "--activation", "gelu",
                "--origin", f"Random numbers, seed {recipe['seed']}"))
            for precision in ("float32", "int8")
        ]
        yield Model("vit-b16-plus-240", 240, 12, *files)


def photographs(folder):
    """Pictures to calibrate with and one more to compare on: from the folder, or crops of scikit-learn's photographs."""
    if folder:
        files = sorted(file for suffix in ("png", "jpg", "jpeg") for file in folder.glob(f"**/train/**/*.{suffix}"))
        files = files or sorted(file for suffix in ("png", "jpg", "jpeg") for file in folder.glob(f"**/*.{suffix}"))
        if len(files) < 2:
            sys.exit(f"{folder} has fewer than two PNG or JPEG files: name a folder with more.")
        chosen = files[:: -(-len(files) // (CALIBRATION_PICTURES + 1))]
        return [Image.open(file).convert("RGB") for file in chosen]
    from sklearn.datasets import load_sample_images

    crops = []
    for photograph in map(Image.fromarray, load_sample_images().images):
        for top in range(0, photograph.height - 240, 60):
            for left in range(0, photograph.width - 240, 80):
                crops.append(photograph.crop((left, top, left + 240, top + 240)))
    return crops[:: -(-len(crops) // (CALIBRATION_PICTURES + 1))]


def normalised(picture, side, tower):
    """[1, 3, side, side], as assayctl makes it of the same picture."""
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
    pixels = (pixels - np.float32(tower["mean"])) / np.float32(tower["standard_deviation"])
    return pixels.transpose(2, 0, 1)[None].copy()


def prepare(model, pictures):
    """What every peer needs of this model, in a folder named by everything that goes into it."""
    content = hashlib.sha256()
    for file in (ROOT / "Scripts/bench_models.py", ROOT / "Scripts/bench-requirements.txt", model.float32):
        content.update(file.read_bytes())
    for picture in pictures:
        content.update(picture.tobytes())
    folder = CACHE / f"{model.name}-{content.hexdigest()[:12]}"
    for stale in set(CACHE.glob(f"{model.name}-{'?' * 12}/")) - {folder}:
        shutil.rmtree(stale)
    tower, _ = bench_models.read_model(model.float32)
    *calibration, test = pictures

    def save_onnx(attention):
        import onnx

        return lambda file: onnx.save(bench_models.onnx_model(model.float32, model.side, model.block, attention), file)

    def save_pixels(file):
        with open(file, "wb") as output:
            np.save(output, normalised(test, model.side, tower))

    fused = cached(folder, "float32.onnx", save_onnx(bench_models.fused_attention))
    cached(folder, "int8.onnx", lambda file: bench_models.quantise_with_onnxruntime(fused, file))
    source = cached(folder, "plain.onnx", save_onnx(bench_models.plain_attention))
    cached(folder, "float32.xml", lambda file: bench_models.save_for_openvino(source, file))
    cached(folder, "int8.xml", lambda file: bench_models.quantise_with_nncf(
        source, file, [normalised(picture, model.side, tower) for picture in calibration]))
    cached(folder, "test.npy", save_pixels)
    cached(folder, "test.png", lambda file: test.resize((model.side,) * 2, Image.Resampling.BICUBIC).save(file))
    return folder


def contenders(model, folder, threads):
    def peer(name, runtime, precision, file):
        worker = ROOT / "Scripts/bench_worker.py"
        words = [sys.executable, worker, runtime, precision, folder / file, folder / "test.npy", threads]
        return Contender(name, [str(word) for word in words])

    ours = ["bench", "--model", model.int8, "--side", model.side, "--block", model.block, "--threads", threads, "--serve"]
    return [
        Contender("ours", [ASSAYCTL, *map(str, ours)]),
        peer("onnxruntime_float32", "onnxruntime", "f32", "float32.onnx"),
        peer("onnxruntime_int8", "onnxruntime", "f32", "int8.onnx"),
        peer("openvino_float32", "openvino", "f32", "float32.xml"),
        peer("openvino_bf16", "openvino", "bf16", "float32.xml"),
        peer("openvino_int8", "openvino", "f32", "int8.xml"),
        peer("openvino_int8_bf16", "openvino", "bf16", "int8.xml"),
    ]


def our_tokens(model, folder, file, *options):
    from safetensors.numpy import load_file

    output = folder / "ours.safetensors"
    assayctl(
        "encode", folder / "test.png", "--model", file, "--output", output, "--block", model.block,
        "--width", model.side, "--height", model.side, *options)
    tokens = load_file(output)[f"test.block{model.block}"]
    return tokens.reshape(-1, tokens.shape[-1])


def cosines(model, folder, runners):
    """The mean cosine of each encoder's tokens of one photograph with those of our float32 reference. A float32 peer whose
    tokens are other ones computes another network, and nothing is worth timing then."""
    reference = our_tokens(model, folder, model.float32, "--reference")
    found = {}
    for runner in runners:
        if runner.name == "ours":
            tokens = our_tokens(model, folder, model.int8)
        else:
            runner.turn(f"tokens {folder / 'peer.npy'}")
            tokens = np.load(folder / "peer.npy")
        lengths = np.linalg.norm(tokens, axis=1) * np.linalg.norm(reference, axis=1)
        cosine = (tokens * reference).sum(axis=1, dtype=np.float64) / lengths
        print(f"  {runner.name:20} cosine per token: mean {cosine.mean():.6f}, least {cosine.min():.6f}")
        if runner.name.endswith("float32") and cosine.min() < 0.9999:
            sys.exit(f"{runner.name} does not compute {model.name}: its tokens differ from ours.")
        found[runner.name] = float(cosine.mean())
    return found


def p99(values):
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def take_turns(runners, options):
    """Collects every encoder's times; returns the peak as it was in every round."""
    peaks = []
    for turn in range(options.rounds):
        peaks.append(runners[0].turn("peak")["peak_gmacs_per_s"])
        for runner in runners:
            # The first frame of a turn finds another's data in the caches.
            runner.ms += runner.turn(f"run {options.frames + 1}")["ms"][1:]
        if sys.stderr.isatty():
            end = "\n" if turn + 1 == options.rounds else "\r"
            print(f"  round {turn + 1} of {options.rounds}", end=end, file=sys.stderr, flush=True)
    return peaks


def measure(model, folder, threads, options):
    print(f"\n{model.name}, {threads} thread{'s' if threads > 1 else ''}", flush=True)
    runners = contenders(model, folder, threads)
    try:
        for runner in runners:
            # The second start finds its files in memory, for all alike.
            runner.start()
            runner.end()
            runner.start()
        cosine = cosines(model, folder, runners)
        about = runners[0].turn("about")
        peaks = take_turns(runners, options)
        for runner in runners:
            runner.end()
    finally:
        # A stopped process would wait for ever, its input's end unseen.
        for runner in runners:
            if runner.process:
                runner.process.kill()

    ours, peers = runners[0], runners[1:]
    peak = statistics.median(peaks) if None not in peaks else None
    row = {
        "model": model.name, "side": model.side, "block": model.block, "threads": threads, "path": about["path"],
        "gmacs": about["gmacs"], "frames": options.rounds * options.frames, "peak_gmacs_per_s": peak,
    }
    for runner in runners:
        median = statistics.median(runner.ms)
        rate = about["gmacs"] / median * 1000
        row |= {
            f"{runner.name}_ms": median,
            f"{runner.name}_p99_ms": p99(runner.ms),
            f"{runner.name}_gmacs_per_s": rate,
            f"{runner.name}_memory_mb": runner.memory_mb,
            f"{runner.name}_first_result_ms": runner.first_ms,
            f"{runner.name}_cosine": cosine[runner.name],
        }
        if peak:
            row["peak_share" if runner is ours else f"{runner.name}_peak_share"] = rate / peak
    for runner in peers:
        row[f"speedup_over_{runner.name}"] = row[f"{runner.name}_ms"] / row["ours_ms"]
    row["fastest_peer"] = min(peers, key=lambda runner: row[f"{runner.name}_ms"]).name
    row["speedup_over_fastest_peer"] = row[f"speedup_over_{row['fastest_peer']}"]
    print_row(row, [runner.name for runner in runners])
    return row


def print_row(row, names):
    peak = row["peak_gmacs_per_s"]
    heading = f"{row['gmacs']:.1f} GMAC" + (f", int8 peak {peak:.0f} GMAC/s ({row['path']})" if peak else "")
    print(f"  {heading}\n  {'':20} {'median':>9} {'p99':>9} {'/ ours':>7} {'GMAC/s':>7} {'peak':>6} {'memory':>8} {'first':>9}")
    for name in names:
        share = row.get("peak_share" if name == "ours" else f"{name}_peak_share")
        print(
            f"  {name:20} {row[f'{name}_ms']:6.1f} ms {row[f'{name}_p99_ms']:6.1f} ms"
            f" {row[f'{name}_ms'] / row['ours_ms']:7.2f} {row[f'{name}_gmacs_per_s']:7.0f}"
            f" {f'{share:.0%}' if share else '':>6} {row[f'{name}_memory_mb']:5.0f} MB"
            f" {row[f'{name}_first_result_ms']:6.0f} ms")
    print(f"  fastest peer: {row['fastest_peer']}, {row['speedup_over_fastest_peer']:.2f} times our time", flush=True)


def arguments():
    every = ["vit-s14-336", "vit-s14-448", "vit-b16-plus-240"]
    beside = ROOT.parent / "shared/data"
    parser = argparse.ArgumentParser(prog="Scripts/bench-peers", description="Times the encoder beside its peers.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", default=beside if beside.is_dir() else None,
        help="photographs for calibrating OpenVINO's int8; by default those beside the checkout, or two of scikit-learn's")
    parser.add_argument("--models", default=",".join(every), help="some of %(default)s")
    parser.add_argument("--threads", default="1,2", help="%(default)s")
    parser.add_argument("--rounds", type=int, default=40, help="turns of each encoder; %(default)s")
    parser.add_argument("--frames", type=int, default=5, help="frames timed a turn; %(default)s")
    options = parser.parse_args()
    options.models = options.models.split(",")
    if unknown := set(options.models) - set(every):
        parser.error(f"--models: {', '.join(sorted(unknown))} is none of {', '.join(every)}")
    options.threads = options.threads.split(",")
    if not all(count.isdigit() and int(count) > 0 for count in options.threads) or min(options.rounds, options.frames) < 1:
        parser.error("--threads, --rounds and --frames take numbers from 1 on")
    return options


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    options = arguments()
    pictures = photographs(options.pictures)
    rows = []
    for model in models(options.models):
        folder = prepare(model, pictures)
        for threads in map(int, options.threads):
            rows.append(measure(model, folder, threads, options))
            if options.json:
                options.json.write_text(json.dumps(rows, indent=2) + "\n")


main()
