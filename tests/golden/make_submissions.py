"""Write what the old submissions of `submissions/` become in the current version.

The old files are never written again: they are what older packages left in the world.
"""

import json
from pathlib import Path

from tinytorch.capstone.record import upgraded

FOLDER = Path(__file__).parent / "submissions"


def written(document):
    """Give the text of a golden file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for old in sorted(FOLDER.glob("*.v1.json")):
        made = upgraded(json.loads(old.read_text(encoding="utf-8")))
        old.with_name(old.name.replace(".v1.", ".v2.")).write_text(written(made), encoding="utf-8")
