"""Prints what the fault tests noted as a table: fault, kept, lost, recovery."""

from __future__ import annotations

import json
from pathlib import Path
import sys

HEAD = ("Fault", "Kept", "Lost", "Recovery")


def main() -> None:
    """Read the notes, one JSON object a line, and print them in columns."""
    rows = [HEAD]
    for line in Path(sys.argv[1]).read_text().splitlines():
        noted = json.loads(line)
        seconds = noted["seconds"]
        took = "-" if seconds is None else "at once" if seconds < 0.005 else f"{seconds:.2f} s"
        rows.append((noted["fault"], noted["kept"], noted["lost"], took))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


if __name__ == "__main__":
    main()
