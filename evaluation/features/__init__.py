"""What distances compare: features of images and masks, by hand, taught, or from a file."""
