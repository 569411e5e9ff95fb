"""The networks: dual-stream UNet, autoencoder, text encoder, and the folders they are kept in."""
