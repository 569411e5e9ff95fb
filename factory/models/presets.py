"""Sizes of the networks, as plain data: nothing here imports torch."""

from collections.abc import Mapping
from types import MappingProxyType

# `attention_head_dim` is the NUMBER of heads: diffusers keeps a misnomer of the SD-1.5 configs.
_COMMON: Mapping[str, object] = MappingProxyType(
    {
        "in_channels": 4,
        "out_channels": 4,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "norm_num_groups": 32,
        "norm_eps": 1e-5,
        "act_fn": "silu",
    }
)

# Groups of several channels: a group of one would normalise the timestep away.
TINY: Mapping[str, object] = MappingProxyType(
    {
        **_COMMON,
        "sample_size": 8,
        "norm_num_groups": 8,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (32, 32),
        "layers_per_block": 1,
        "cross_attention_dim": 32,
        "attention_head_dim": 2,
    }
)

# 16 x 16 latents, attended at every scale on the way up: the streams must meet where boundaries are
# drawn, not only at 8 x 8 and 4 x 4 tokens. The width is what lets a whole checkpoint (UNet,
# autoencoder, text) stay under 15 MB in half precision.
SMALL: Mapping[str, object] = MappingProxyType(
    {
        **_COMMON,
        "sample_size": 16,
        "norm_num_groups": 8,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "block_out_channels": (64, 96, 120),
        "layers_per_block": 1,
        "cross_attention_dim": 64,
        "attention_head_dim": 4,
    }
)

# Coarse pictures: 16 x 16 cells of neighbouring pixels. What a cell holds needs width; attention on
# finer levels than the last took two thirds of the time on a CPU, and streams that are channels of
# one picture meet in every layer (docs/results.md has the comparison). What the text says is added
# to the embedding of the timestep as well, which every layer reads, and the network is told where
# each cell lies: of several domains learnt together it then knows sooner which one it is drawing.
WIDE: Mapping[str, object] = MappingProxyType(
    {
        **SMALL,
        "down_block_types": ("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        "block_out_channels": (96, 144, 192),
        "octaves": 2,
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": 4,
    }
)

# The UNet of Stable Diffusion 1.5, which the public MedSegFactory checkpoint extends.
MEDSEGFACTORY: Mapping[str, object] = MappingProxyType(
    {
        **_COMMON,
        "sample_size": 64,
        "down_block_types": (
            "CrossAttnDownBlock2D",
            "CrossAttnDownBlock2D",
            "CrossAttnDownBlock2D",
            "DownBlock2D",
        ),
        "up_block_types": (
            "UpBlock2D",
            "CrossAttnUpBlock2D",
            "CrossAttnUpBlock2D",
            "CrossAttnUpBlock2D",
        ),
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    }
)

PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {"tiny": TINY, "small": SMALL, "wide": WIDE, "medsegfactory": MEDSEGFACTORY}
)

# Sizes of the same network with one stream.
TEXT_TO_IMAGE: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {"tiny": TINY, "small": SMALL, "wide": WIDE, "sd15": MEDSEGFACTORY}
)

# Passes of the decoder that draws detail on coarse pictures. Sixteen change its pixels by less than half
# a grey level on average, at twice the time; with six there is a tenth less of fine detail.
DETAIL_STEPS = 8

# The noise schedule of networks trained here: Stable Diffusion's, predicting velocity, and brought
# to no signal at all at its end (arXiv 2305.08891): 16 x 16 latents average away so much noise that
# the little signal left would tell the picture's brightness, which pure noise cannot.
SCHEDULE: Mapping[str, object] = MappingProxyType(
    {
        "num_train_timesteps": 1000,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
        "clip_sample": False,
        "set_alpha_to_one": False,
    }
)
