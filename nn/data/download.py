"""A file from the first of several mirrors that has the right one."""

from __future__ import annotations

import hashlib
import http.client
import os
import pathlib
import urllib.request
import zlib
from collections.abc import Iterable
from typing import IO

from tqdm.auto import tqdm  # type: ignore[import-untyped]

_CHUNK = 1 << 16


def download(
    name: str, folder: pathlib.Path, mirrors: Iterable[str], sha256: str, size: int
) -> None:
    """Bring the gzipped file of this name into the folder, where it appears whole or not at all.

    The checksum and the size are those of its unzipped content. If no mirror has the right file,
    an OSError tells what was wrong at each.

    >>> import gzip, hashlib, pathlib, tempfile
    >>> from nn.data.download import download
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mirror, here = pathlib.Path(folder, "mirror"), pathlib.Path(folder, "here")
    ...     mirror.mkdir()
    ...     written = (mirror / "hello.gz").write_bytes(gzip.compress(b"hello"))
    ...     right = hashlib.sha256(b"hello").hexdigest()
    ...     download("hello.gz", here, [mirror.as_uri()], right, size=5)
    ...     gzip.decompress((here / "hello.gz").read_bytes())
    b'hello'
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.{os.getpid()}.part"
    failures = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{name}"
        try:
            with open(part, "wb") as file:
                found = _fetch(address, file, size)
            if found == sha256:
                os.replace(part, folder / name)
                return
            failures.append(f"{address}: the SHA-256 of its content is {found}, not {sha256}")
        except (OSError, ValueError, zlib.error, http.client.HTTPException) as error:
            failures.append(f"{address}: {error}")
        finally:
            part.unlink(missing_ok=True)
    raise OSError("\n".join(failures))


def _fetch(address: str, file: IO[bytes], size: int) -> str:
    """Write a gzipped file with at most that much content; return the checksum of the content."""
    content, unzip, found = hashlib.sha256(), zlib.decompressobj(wbits=zlib.MAX_WBITS + 16), 0
    with urllib.request.urlopen(address, timeout=30) as answer:
        total = int(answer.headers.get("Content-Length") or 0) or None
        name = address.rpartition("/")[2]
        with tqdm(desc=name, total=total, unit="B", unit_scale=True) as bar:
            while chunk := answer.read(_CHUNK):
                unzipped = unzip.decompress(chunk)
                content.update(unzipped)
                found += len(unzipped)
                if found > size or file.tell() > size or unzip.unused_data:
                    raise ValueError(f"it is longer than its {size} bytes of content")
                file.write(chunk)
                bar.update(len(chunk))
    if not unzip.eof:
        raise ValueError(f"it ended early, after {found} of {size} bytes of content")
    return content.hexdigest()
