"""Every score of one version: the models it needs, domain by domain."""
