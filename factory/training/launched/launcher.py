"""Has processes of accelerate's launcher train a denoiser, and hands on what they tell."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import torch

from factory.errors import InputError
from factory.training.launched.job import Job
from factory.training.resume import save_whole
from factory.training.steps import Progress

LOG = "launched.log"
MEETING = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")  # of processors, of GPUs


def train_launched(job: Job, resume: Path) -> Generator[Progress, None, None]:
    """`job.train` by `processes` of its section, each of which takes its share of every batch.

    They see the batches that one process would see, so losses differ by rounding alone. All that
    comes back is the resume file, from which nothing is left to do here but to take the weights.

    Raises:
        InputError: if there are fewer GPUs than processes.
        RuntimeError: if the processes fail; it names their log.
    """
    check_devices(job.spec.processes)
    folder = resume.with_name("launched")
    shutil.rmtree(folder, ignore_errors=True)  # of a training that was interrupted
    save_whole(job.save, folder)
    yield from _launched(folder, resume, job.spec.processes)
    yield from job.train(resume)
    shutil.rmtree(folder)


def check_devices(processes: int) -> None:
    """Whether each process has a GPU of its own; without any they share the processor.

    Raises:
        InputError: if there are GPUs, but too few.
    """
    found = torch.cuda.device_count()
    if 0 < found < processes:
        raise InputError(
            f"generator.train.processes asks for {processes} and {found} GPUs are visible: each "
            f"process needs one of its own; set it to {found}, or CUDA_VISIBLE_DEVICES to more"
        )


def command(folder: Path, resume: Path, processes: int) -> list[str]:
    """The launcher's command line, with all that it would otherwise guess and warn of."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    one_machine = ["--num_machines", "1", "--main_process_port", "0"]
    plain = ["--mixed_precision", "no", "--dynamo_backend", "no"]
    ours = ["--module", "factory.training.launched", str(folder), str(resume)]
    return [*launcher, "--num_processes", str(processes), *one_machine, *plain, *ours]


def on_loopback() -> dict[str, str]:
    """Variables that have processes of one machine meet where no other machine can join them."""
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
    return {} if loopback is None else dict.fromkeys(MEETING, loopback)


def _launched(folder: Path, resume: Path, processes: int) -> Iterator[Progress]:
    """Every step, as the first process tells it; whoever stops listening stops them all."""
    log = resume.with_name(LOG)
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command(folder, resume, processes),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **on_loopback()},
        ) as launcher,
    ):
        assert launcher.stdout is not None  # a pipe was asked for
        try:
            for line in launcher.stdout:
                if line.startswith("{"):
                    yield Progress(**json.loads(line))
        except BaseException:  # an interruption, or nobody wants the next step
            launcher.terminate()
            raise
    if launcher.returncode:
        raise RuntimeError(
            f"{processes} processes of accelerate's launcher ended with {launcher.returncode}: the "
            f"training stands at its last resume point; what they said is in {log}"
        )
