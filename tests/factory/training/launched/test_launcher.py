"""A denoiser trained by two processes of accelerate's launcher, beside one that was trained by one."""

import itertools
import subprocess

import numpy as np
import psutil
import pytest
import torch
from diffusers import DDIMScheduler

from factory.errors import InputError
from factory.generators.specs import MedSegFactorySpec
from factory.models.dual_stream import DualStreamUNet
from factory.models.presets import PRESETS, SCHEDULE, TEXT_TO_IMAGE
from factory.models.text_to_image import TextToImageUNet
from factory.settings import PairTrainSection, TrainSection
from factory.training.latents import Latents
from factory.training.launched import launcher
from factory.training.launched.job import Job
from factory.training.launched.launcher import train_launched

STEPS = 8


def latents_of(streams, count, seed):
    pick = {"generator": torch.Generator().manual_seed(seed)}
    return Latents(
        tuple(torch.randn(count, 4, 8, 8, **pick) for _ in range(streams)),
        torch.randint(0, 3, (count, streams), **pick),
        torch.randn(3, 5, 32, **pick),
        torch.ones(count, streams),
        torch.eye(2, 3).repeat(count, 1, 1),
    )


def trained(folder, streams, processes, steps=STEPS, stop=None):
    """The network and what every step told."""
    torch.manual_seed(0)
    if streams == 2:
        unet, section = DualStreamUNet(PRESETS["tiny"], "joint"), PairTrainSection
    else:
        unet, section = TextToImageUNet(TEXT_TO_IMAGE["tiny"]), TrainSection
    spec = section(steps=steps, batch=4, processes=processes, warm_up=2, validate_every=4, ema=0.9)
    data = latents_of(streams, 8, 0), latents_of(streams, 4, 1)
    job = Job(unet, DDIMScheduler.from_config(dict(SCHEDULE)), *data, spec, 0)
    folder.mkdir(exist_ok=True)
    resume = folder / "denoiser.resume"
    told = job.train(resume) if processes == 1 else train_launched(job, resume)
    return unet, list(itertools.islice(told, stop))


@pytest.mark.slow
@pytest.mark.parametrize("streams", [1, 2])
def test_two_processes_have_the_losses_of_one_with_the_same_batches(tmp_path, streams):
    alone, one = trained(tmp_path / "one", streams, 1)
    both, two = trained(tmp_path / "two", streams, 2)
    assert [step.step for step in two] == list(range(1, STEPS + 1))
    assert [set(step.losses) for step in two] == [set(step.losses) for step in one]
    for ours, theirs in zip(two, one, strict=True):
        np.testing.assert_allclose([*ours.losses.values()], [*theirs.losses.values()], rtol=5e-3)
    for (name, ours), theirs in zip(both.named_parameters(), alone.parameters(), strict=True):
        # Adam's first steps are all of one size, whatever the gradient's, which may be rounding.
        assert float((ours - theirs).detach().abs().mean()) < 2e-4, name
    assert not (tmp_path / "two" / "launched").exists()


@pytest.mark.slow
def test_who_stops_listening_stops_both_and_two_or_one_go_on(tmp_path, monkeypatch):
    begun = []
    start = subprocess.Popen
    monkeypatch.setattr(
        launcher.subprocess, "Popen", lambda *a, **k: begun.append(start(*a, **k)) or begun[-1]
    )
    _, first = trained(tmp_path, 2, 2, steps=400, stop=3)
    assert begun[0].wait(60) != 0
    assert [step.step for step in first] == [1, 2, 3]
    assert (tmp_path / "launched").is_dir()
    for processes in (2, 1):
        _, rest = trained(tmp_path, 2, processes)
        assert rest[-1].step == STEPS
        (tmp_path / "denoiser.resume").unlink()


@pytest.mark.slow
def test_a_process_that_fails_is_told_with_its_log(tmp_path):
    (tmp_path / "denoiser.resume").mkdir()  # which is no file to go on from
    with pytest.raises(RuntimeError, match="ended with 1: the training stands") as told:
        trained(tmp_path, 2, 2)
    log = tmp_path / launcher.LOG
    assert str(log) in str(told.value)
    assert "IsADirectoryError" in log.read_text()


def test_processes_meet_on_loopback_alone():
    assert set(launcher.on_loopback()) == set(launcher.MEETING)
    (interface,) = set(launcher.on_loopback().values())
    assert "127.0.0.1" in {each.address for each in psutil.net_if_addrs()[interface]}


def test_too_few_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="asks for 2 and 1 GPUs are visible"):
        launcher.check_devices(2)
    launcher.check_devices(1)


def test_a_batch_is_shared_evenly_or_refused():
    with pytest.raises(ValueError, match="16 pairs cannot be shared evenly among 3"):
        TrainSection(processes=3)


def test_by_how_many_it_is_trained_makes_no_other_training():
    one, four = (
        MedSegFactorySpec.model_validate(
            {"kind": "medsegfactory", "preset": "tiny", "train": {"processes": n}}
        )
        for n in (1, 4)
    )
    assert one.training_identity() == four.training_identity()
    assert one.training_identity()["generator"]["train"]["batch"] == 16
