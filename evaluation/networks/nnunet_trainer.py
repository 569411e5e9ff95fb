"""nnU-Net v2 itself: the only module that imports it, and so itself imported where it is needed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor
from nnunetv2.experiment_planning.experiment_planners.network_topology import (
    get_pool_and_conv_props,
)
from nnunetv2.experiment_planning.plan_and_preprocess_api import (
    extract_fingerprint_dataset,
    plan_experiment_dataset,
    preprocess_dataset,
)
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape as mask_of,
)
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.preprocessors import default_preprocessor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import nn

from evaluation.networks.nnunet_files import DATASET, part_of
from evaluation.pairs import Images, Masks

NUMBER = 1  # of the data set, as its folder's name says

Plan = dict[str, Any]


def planned(folder: Path, configuration: str, batch: int, mirrored: bool) -> Plan:
    """Fingerprint and plan of the raw data set in a folder.

    Args:
        folder: with nnU-Net's three folders, that of raw data sets filled.
        configuration: 2d or 3d_fullres.
        batch: pairs per step. nnU-Net would take more where there are more pairs, and an arm of
            more pairs would cost more, and gain for that alone.
        mirrored: whether training and prediction may mirror.
    """
    with _in_this_process(fingerprint_extractor):
        extract_fingerprint_dataset(NUMBER, num_processes=1, verbose=False, show_progress_bar=False)
    plan_experiment_dataset(NUMBER)
    place = folder / "nnUNet_preprocessed" / DATASET
    plans, dataset = (
        json.loads((place / name).read_text(encoding="utf-8"))
        for name in ("nnUNetPlans.json", "dataset.json")
    )
    plans["configurations"][configuration]["batch_size"] = batch
    return {"plans": plans, "dataset": dataset, "mirrored": mirrored}


def preprocessed(folder: Path, configuration: str, plan: Plan) -> None:
    """Preprocesses the raw data set in a folder by a plan, which may be that of another one."""
    place = folder / "nnUNet_preprocessed" / DATASET
    (place / "nnUNetPlans.json").write_text(json.dumps(plan["plans"]), encoding="utf-8")
    how = {"configurations": [configuration], "num_processes": [1], "show_progress_bar": False}
    with _in_this_process(default_preprocessor):
        preprocess_dataset(NUMBER, **how)


def network_of(plan: Plan, configuration: str) -> nn.Module:
    """The network of a plan, with fresh weights."""
    plans = PlansManager(plan["plans"])
    return nnUNetTrainer.build_network_architecture(
        plans,
        plans.get_configuration(configuration),
        len(plan["dataset"]["channel_names"]),
        plans.get_label_manager(plan["dataset"]).num_segmentation_heads,
    )


def network_for(sides: Sequence[int], channels: int, classes: int) -> nn.Module:
    """About the network that nnU-Net would plan for patches of two or three sides, to time a step."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    flat, even = len(sides) == 2, [1.0] * len(sides)
    _, strides, kernels, *_ = get_pool_and_conv_props(even, sides, 4, 999999)
    stages = len(strides)
    widths = [min(512 if flat else 320, 32 * 2**stage) for stage in range(stages)]
    convolution, instance = (
        (nn.Conv2d, nn.InstanceNorm2d) if flat else (nn.Conv3d, nn.InstanceNorm3d)
    )
    norm = {"norm_op": instance, "norm_op_kwargs": {"affine": True}}
    layers = (channels, stages, widths, convolution, kernels, strides, 2, classes + 1, 2)
    return PlainConvUNet(*layers, conv_bias=True, nonlin=nn.LeakyReLU, **norm)


class Trainer(nnUNetTrainer):
    """nnU-Net's trainer on all cases of the raw data set, whose parts are drawn by weights.

    Epochs are only what its learning rate falls by. No checkpoint, log or picture is written.
    """

    # Its base looks up the values of its own parameters: no other may be added to them.
    mirrored = True
    weights: Sequence[float] = ()

    @classmethod
    def of(
        cls,
        plan: Plan,
        configuration: str,
        epochs: int,
        weights: Sequence[float],
        device: torch.device,
    ) -> Trainer:
        """A trainer by a plan.

        Args:
            plan: of the raw data set, or one to go on with.
            configuration: 2d or 3d_fullres.
            epochs: in which its learning rate falls to about nothing.
            weights: of the parts, in the order in which they were written.
            device: on which it trains.
        """
        # nnU-Net 2.8 takes this key out again, and fails where it is missing.
        plans = plan["plans"] | {"continue_training": False}
        trainer = cls(plans, configuration, "all", plan["dataset"], device)
        trainer.num_epochs = epochs
        trainer.mirrored, trainer.weights = plan["mirrored"], weights
        return trainer

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, ...]:  # noqa: N802
        """As nnU-Net's own variant without mirroring does, where mirroring is out of place."""
        rotation, flat, patch, axes = (
            super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        )
        self.inference_allowed_mirroring_axes = axes if self.mirrored else None
        return rotation, flat, patch, self.inference_allowed_mirroring_axes

    def get_dataloaders(self) -> tuple[Any, Any]:
        """Those of nnU-Net; each case's chance follows from its part's weight."""
        training, validation = super().get_dataloaders()
        parts = np.array([part_of(case) for case in training.data_loader.indices])
        chances = np.asarray(self.weights, float)[parts] / np.bincount(parts)[parts]
        training.data_loader.sampling_probabilities = chances / chances.sum()
        return training, validation

    def print_to_log_file(self, *_: object, **__: object) -> None:
        """Nothing: the run that trains keeps its own record."""


def masks_of(
    network: nn.Module,
    plan: Plan,
    configuration: str,
    volumes: Iterable[Images],
    spacing_mm: Sequence[float],
) -> Iterator[Masks]:
    """The mask (K, H, W) of each volume, by nnU-Net's own inference.

    Args:
        network: of the plan.
        plan: by which it was trained.
        configuration: 2d or 3d_fullres.
        volumes: (K, H, W, C) uint8; an image of two dimensions has K = 1.
        spacing_mm: between slices, rows and columns, of all of them.
    """
    plans = PlansManager(plan["plans"])
    how = plans.get_configuration(configuration)
    device = next(network.parameters()).device
    predictor = nnUNetPredictor(
        device=device, perform_everything_on_device=device.type == "cuda", allow_tqdm=False
    )
    axes = tuple(range(len(how.patch_size))) if plan["mirrored"] else None
    given = (network, plans, how, None, plan["dataset"], Trainer.__name__, axes)
    predictor.manual_initialization(*given)
    preprocess = how.preprocessor_class(verbose=False).run_case_npy
    network.decoder.deep_supervision = False  # type: ignore[union-attr]
    for images in volumes:
        channels, where = np.moveaxis(images, -1, 0), {"spacing": tuple(spacing_mm)}
        data, _, properties = preprocess(channels, None, where, plans, how, plan["dataset"])
        logits = predictor.predict_sliding_window_return_logits(torch.from_numpy(data)).cpu()
        threads = torch.get_num_threads()
        yield mask_of(logits, plans, how, predictor.label_manager, properties, False, threads)


@contextmanager
def silence() -> Iterator[None]:
    """What nnU-Net prints would tear the progress bars apart."""
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        yield


@contextmanager
def _in_this_process(module: ModuleType) -> Iterator[None]:
    """A module of nnU-Net works in a thread where it would start processes.

    Each of them would first import everything again, which takes longer than hundreds of small
    images do, and could not be started by a script that does not guard its main part.
    """
    held = module.multiprocessing
    module.multiprocessing = SimpleNamespace(  # type: ignore[attr-defined]
        get_context=lambda _: SimpleNamespace(Pool=ThreadPool)
    )
    try:
        yield
    finally:
        module.multiprocessing = held  # type: ignore[attr-defined]
