"""What stands between pixels and latents: a KL autoencoder, or coarse pictures and a decoder."""
