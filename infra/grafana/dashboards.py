#!/usr/bin/env python3
"""Writes the dashboards under `dashboards/` from `boards/`; `--check` only says what differs.

They are generated so that a panel is a line that can be reviewed, and committed so that Grafana
needs nothing but the files. Python 3, standard library only.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True  # the tree stays as it is committed

from boards import cluster, data_quality, journal, learning, overview, rhythm, tasks  # noqa: E402

BOARDS = (overview, data_quality, rhythm, learning, tasks, journal, cluster)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit("usage: dashboards.py [--check]")
    folder = pathlib.Path(__file__).parent / "dashboards"
    texts = {folder / f"{module.__name__.split('.')[-1]}.json":
             json.dumps(module.BOARD, indent=2, ensure_ascii=False) + "\n" for module in BOARDS}
    if not arguments:
        folder.mkdir(exist_ok=True)
        for path in set(folder.glob("*.json")) - texts.keys():
            path.unlink()
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        return
    stale = [path.name for path, text in texts.items()
             if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path.name for path in sorted(set(folder.glob("*.json")) - texts.keys())]
    if stale:
        sys.exit(f"not what the generator writes: {', '.join(stale)}; run {sys.argv[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
