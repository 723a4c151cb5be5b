"""Reading CSV tables that people wrote, with the line of each row for messages about it."""

import csv
from collections.abc import Sequence
from pathlib import Path

from s4audio.errors import UserError

Row = dict[str, str | None]


def read_table(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> list[tuple[int, Row]]:
    """Read a CSV table in UTF-8 whose first line names the columns.

    Args:
        path: the file.
        required: columns that must be there.
        optional: columns that the message about a missing one names too.

    Returns:
        The line number of each row and its entries by column, at least one row. An entry is None
        where the row ends before its column.

    Raises:
        UserError: no such file, not a CSV table, a column that is missing, or no rows.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such table")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            missing = [name for name in required if name not in columns]
            if missing:
                known = ",".join(required) + "".join(f"[,{name}]" for name in optional)
                raise UserError(
                    f"{path}: column {' and '.join(missing)} missing; the first line must name the "
                    f"columns {known}, found {','.join(columns) or 'nothing'}"
                )
            rows: list[tuple[int, Row]] = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV table in UTF-8 ({error})") from None
    if not rows:
        raise UserError(f"{path}: the table has no rows below its header")
    return rows
