"""Columns that tell where the text, the mask or a part of a pair was taken from; no conditions."""

from __future__ import annotations

from factory.prompts.place import PLACE

# What a retrieving grid keeps of a prompt's text: the training image that it is the caption of, and
# the text that was asked for. Neither conditions a generator.
RETRIEVED, RETRIEVED_FOR = "retrieved", "retrieved_for"
# What a grid with masks keeps of a prompt's mask: the training pair that it is of, how far it may be
# warped, and a digest of all that the warp follows from but the seed. Likewise no condition.
MASK_FROM, MASK_WARP, MASK_DIGEST = "mask_from", "mask_warp", "mask_digest"
# What is kept of a pair in which a region was drawn anew: the pair that it was, where the region lies,
# and a digest of both. Likewise no condition.
FILL_OF, FILL_REGION, FILL_DIGEST = "fill_of", "fill_region", "fill_digest"
FILLED = (FILL_OF, FILL_REGION, FILL_DIGEST)
ORIGINS = (RETRIEVED, RETRIEVED_FOR, MASK_FROM, MASK_WARP, MASK_DIGEST, *FILLED, *PLACE)
