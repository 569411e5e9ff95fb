"""Where data sets lie: a folder of this machine, or a bucket."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import icechunk

from factory.errors import InputError

# Every commit writes the lists of chunks anew, and Icechunk keeps fifteen million entries of them, at
# some hundred bytes each: a process that commits a window after the other would grow with their square.
CACHED_CHUNKS = 1_000_000
CACHING = icechunk.RepositoryConfig(caching=icechunk.CachingConfig(num_chunk_refs=CACHED_CHUNKS))


def storage_at(uri: str) -> icechunk.Storage:
    """Icechunk storage of a local path, file://, s3://bucket/prefix or gs://bucket/prefix.

    Credentials come from the environment, as does AWS_ENDPOINT_URL for an S3-compatible store.

    Raises:
        InputError: for any other scheme.
    """
    if (folder := local_folder(uri)) is not None:
        return icechunk.local_filesystem_storage(str(folder))
    parts = urlsplit(uri)
    bucket, prefix = parts.netloc, parts.path.strip("/")
    if parts.scheme == "s3":
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        return icechunk.s3_storage(
            bucket=bucket,
            prefix=prefix,
            from_env=True,
            endpoint_url=endpoint,
            allow_http=bool(endpoint) and str(endpoint).startswith("http:"),
            force_path_style=bool(endpoint),
        )
    if parts.scheme in {"gs", "gcs"}:
        return icechunk.gcs_storage(bucket=bucket, prefix=prefix, from_env=True)
    raise InputError(
        f"{uri} has the scheme {parts.scheme!r}, which no storage here serves; "
        "use a local path, s3://bucket/prefix or gs://bucket/prefix"
    )


def local_folder(uri: str) -> Path | None:
    """The folder a path or file:// URI names; None for a URI of another scheme."""
    if "://" not in uri:
        return Path(uri)  # in which "#", "?" and "%" are characters like any other
    parts = urlsplit(uri)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
