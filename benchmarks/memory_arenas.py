"""(k) What one heap for all threads costs: training steps beside 30 threads that decode images.

    python -m benchmarks.memory_arenas [--rounds 5] [--seconds 10]

glibc gives threads separate heaps ("arenas") so that they need not wait for one another. Each
setting runs in a process of its own, because it cannot be taken back. In every round all
settings run in turn, in a new order, and are compared within the round, so that other work on
the machine meets them alike. Nothing is kept on disk.
"""

import argparse
import io
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image

from transfer_core.system.memory import keep_freed_memory

SETTINGS: dict[str, int | None] = {"1": 1, "2": 2, "default": None}  # arenas
UNCHANGED = "glibc unchanged"  # freed memory goes back to the system too
PHOTO_SIZE = 640, 480  # pixels of the JPEG that threads decode
PAUSE_SECONDS = 0.2  # seconds between two images of a thread, as between two clicks of a person
BATCH, SIDE = 16, 144  # images of a training step, pixels a side; outputs of up to 85 MB


def main() -> None:
    """Run all settings, and print the medians of each and of the ratios to one arena."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=30)
    parser.add_argument("--setting", help="measure this one in this process, and print JSON")
    options = parser.parse_args()
    if options.setting:
        print(json.dumps(measure(options.setting, options.threads, options.seconds)))
        return
    results = run_rounds(options.rounds, options.threads, options.seconds)
    print_table(results)


def run_rounds(rounds: int, threads: int, seconds: float) -> dict[str, list[dict[str, float]]]:
    """Measure every setting once a round, in random order."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in (*SETTINGS, UNCHANGED)}
    order = random.Random(0)
    for number in range(rounds):
        for name in order.sample(list(results), len(results)):
            command = [sys.executable, "-m", "benchmarks.memory_arenas", "--setting", name]
            command += ["--threads", str(threads), "--seconds", str(seconds)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            results[name].append(json.loads(answer.stdout))
            print(f"round {number + 1}, {name}: {results[name][-1]}", file=sys.stderr)
    return results


def measure(setting: str, num_threads: int, seconds: float) -> dict[str, float]:
    """Train beside decoding threads for some seconds.

    Returns:
        Median seconds of a step, by the clock and on the processor; images and steps a second;
        page faults a step; the most megabytes of memory; the load of the machine.
    """
    if setting != UNCHANGED and not keep_freed_memory(SETTINGS[setting]):
        raise SystemExit("This C library has no such settings.")
    stop, decoded = threading.Event(), [0] * num_threads
    photo = make_photo()
    threads = [
        threading.Thread(target=decode_until, args=(stop, photo, decoded, number), daemon=True)
        for number in range(num_threads)
    ]
    torch.set_num_threads(1)  # the thread's processor time is then that of the whole step
    step = build_step()
    for thread in threads:
        thread.start()
    with ThreadPoolExecutor(1) as engine:  # runs train in a thread of their own
        engine.submit(step).result()  # the first one prepares
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        began = time.perf_counter()
        durations, cpu_durations = engine.submit(time_steps, step, seconds).result()
    elapsed = time.perf_counter() - began
    stop.set()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "step_seconds": statistics.median(durations),
        "step_cpu_seconds": statistics.median(cpu_durations),
        "images_per_second": sum(decoded) / elapsed,
        "steps_per_second": len(durations) / elapsed,
        "page_faults_per_step": (usage.ru_minflt - faults) / len(durations),
        "peak_megabytes": usage.ru_maxrss / 1024,
        "load": os.getloadavg()[0],
    }


def time_steps(step: Callable[[], None], seconds: float) -> tuple[list[float], list[float]]:
    """Seconds of each step, by the clock and on the processor."""
    durations, cpu_durations, began = [], [], time.perf_counter()
    while time.perf_counter() - began < seconds or not durations:
        step_began, cpu_began = time.perf_counter(), time.thread_time()
        step()
        durations.append(time.perf_counter() - step_began)
        cpu_durations.append(time.thread_time() - cpu_began)
    return durations, cpu_durations


def build_step() -> Callable[[], None]:
    """A training step of a small convolutional network, on one batch again and again."""
    generator = torch.Generator().manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1),
        torch.nn.BatchNorm2d(32),
        torch.nn.ReLU(),
        torch.nn.Conv2d(32, 64, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 10),
    )
    optimiser = torch.optim.AdamW(layers.parameters())
    inputs = torch.rand(BATCH, 3, SIDE, SIDE, generator=generator)
    labels = torch.randint(0, 10, (BATCH,), generator=generator)

    def step() -> None:
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(layers(inputs), labels).backward()
        optimiser.step()

    return step


def make_photo() -> bytes:
    """A JPEG with as much detail as a photo has."""
    width, height = PHOTO_SIZE
    coarse = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(PHOTO_SIZE, Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def decode_until(stop: threading.Event, photo: bytes, decoded: list[int], number: int) -> None:
    """Do what a page or the pixel cache does with an image, until the event is set."""
    while not stop.is_set():
        with Image.open(io.BytesIO(photo)) as image:
            pixels = np.asarray(image.convert("RGB").resize((224, 224)))
        (pixels.astype(np.float32) / 255).mean()
        decoded[number] += 1
        stop.wait(PAUSE_SECONDS)


def print_table(results: dict[str, list[dict[str, float]]]) -> None:
    """Medians over the rounds, and median of the ratios to one arena in the same round."""
    for name, rounds in results.items():
        medians = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        pairs = list(zip(rounds, results["1"], strict=True))
        ratios = {
            key: statistics.median(own[key] / one[key] for own, one in pairs)
            for key in ("step_seconds", "step_cpu_seconds", "images_per_second", "peak_megabytes")
        }
        shown = ", ".join(f"{key} {value:.4g}" for key, value in medians.items())
        compared = ", ".join(f"{key} {value:.2f}" for key, value in ratios.items())
        print(f"{name:16} {shown}\n{'':16} times that of one arena: {compared}")


if __name__ == "__main__":
    main()
