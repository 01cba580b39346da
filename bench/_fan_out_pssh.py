"""`true` on many hosts by parallel-ssh, run by a Python that has it: FOLDER; asked, and answering, as `_fan_out_asyncssh.py`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pssh.clients import ParallelSSHClient
from pssh.config import HostConfig

folder = Path(sys.argv[1])
ports = [int(line.split()[1]) for line in (folder / "config").read_text().splitlines() if line.strip().startswith("Port ")]
clients: dict[int, ParallelSSHClient] = {}
print("ready", flush=True)
for line in sys.stdin:
    count = int(line)
    if count not in clients:  # its connections are opened when they are first needed, and kept
        settings = [HostConfig(port=port, user="bench", private_key=str(folder / "id")) for port in ports[:count]]
        clients[count] = ParallelSSHClient(["127.0.0.1"] * count, host_config=settings, pool_size=count)
    started = time.perf_counter()
    outputs = clients[count].run_command("true")
    clients[count].join(outputs)
    print(time.perf_counter() - started, flush=True)
    if any(output.exit_code != 0 for output in outputs):
        sys.exit("a host did not answer well")
