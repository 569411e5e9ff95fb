"""What the pairs of each real data set are worth, by the protocol of docs/protocol.md."""
