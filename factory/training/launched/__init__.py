"""Training of a denoiser by several processes of accelerate's launcher, one for each GPU."""
