"""Archives from the net that unpack to one folder."""

import shutil
import tarfile
import zlib
from pathlib import Path

from s4audio.data.download import download
from s4audio.errors import UserError


def fetch_archive(url: str, sha256: str, root: Path, name: str) -> Path:
    """Download and unpack a tar archive; the folder appears under its name when complete.

    An interrupted download continues; an interrupted unpacking starts again from the archive.

    Args:
        url: of the archive.
        sha256: its checksum.
        root: where the folder goes.
        name: of the folder in the archive.

    Returns:
        The folder.

    Raises:
        UserError: the download or the unpacking failed.
    """
    staging = root / f".{name}.partial"
    archive = staging / url.rpartition("/")[2]
    download(url, archive, sha256)
    shutil.rmtree(staging / name, ignore_errors=True)
    try:
        with tarfile.open(archive) as file:
            file.extractall(staging, filter="data")
        (staging / name).rename(root / name)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{archive} could not be unpacked in {root}: {error}") from error
    shutil.rmtree(staging)
    return root / name
