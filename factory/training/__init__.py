"""Training that yields: text encoder, autoencoder, denoiser; the caller logs, saves or stops."""
