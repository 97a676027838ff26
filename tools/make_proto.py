"""Write the Python of submission.proto: `python tools/make_proto.py`, with grpcio-tools 1.72 installed.

That is the oldest compiler whose output every protobuf from 6.30 on takes; a newer one would ask for a newer protobuf.
It is no dependency of the project: install it where you run this, for instance in an environment of its own.
"""

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

SOURCE = Path(__file__).resolve().parent.parent / "src"
PROTO = "tinytorch/capstone/schema/submission.proto"  # with the folders, as its name has to be unique in a process
TARGET = SOURCE / "tinytorch" / "capstone" / "record" / "submission_pb2.py"


def main() -> int:
    """Compile it, and put it beside what uses it."""
    with tempfile.TemporaryDirectory() as folder:
        code = protoc.main(["protoc", f"-I{SOURCE}", f"--python_out={folder}", str(SOURCE / PROTO)])
        if code == 0:
            made = Path(folder) / PROTO.replace(".proto", "_pb2.py")
            TARGET.write_text(made.read_text(encoding="utf-8"), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
