"""Files from the net: continued where they stopped, accepted only with the right checksum."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from s4audio.errors import UserError

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 60.0


def download(url: str, path: Path, sha256: str) -> None:
    """Fetch a file; an earlier attempt that was interrupted is continued.

    Args:
        url: where it is.
        path: where to put it; nothing stands there before it is complete and checked.
        sha256: checksum of the whole file, hexadecimal.

    Raises:
        UserError: the connection failed, which can be tried again, or the checksum is wrong.
    """
    if path.exists():
        return
    partial = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, partial)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"{url} could not be downloaded ({error}); run the same command again to continue"
        ) from error
    found = _sha256(partial)
    if found != sha256:
        partial.unlink()
        raise UserError(
            f"{url} has the checksum {found}, not {sha256}: the file was removed, try again"
        )
    partial.rename(path)


def _fetch(url: str, partial: Path) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # Everything is there; the checksum will tell.
        raise
    with response, _progress() as progress:
        continued = response.status == http.HTTPStatus.PARTIAL_CONTENT
        done = done if continued else 0
        rest = response.length
        total = None if rest is None else done + rest
        task = progress.add_task(f"downloading {partial.stem}", total=total, completed=done)
        with partial.open("ab" if continued else "wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                progress.advance(task, len(block))
        if total is not None and partial.stat().st_size < total:
            raise ConnectionError(f"{partial.stat().st_size} of {total} bytes came")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
