"""`menshen detect` that writes down where its CPU went: `python -m menshen.bench.sampled FILE`."""

import atexit
import sys
import time
from pathlib import Path

import msgspec

from menshen.bench.sampling import Looks, Sampler
from menshen.bench.stages import stage_of
from menshen.commands.processes.detect import detect
from menshen.detect.loop import Loop


def main() -> None:
    """Be `menshen detect`; from the first batch on until the end, look."""
    file, sampler, first_batch, cpu_s = Path(sys.argv[1]), Sampler(stage_of), Loop.batch, list[float]()

    async def batch(self: Loop, *given: object) -> object:
        if not cpu_s:
            cpu_s.append(time.process_time())
            sampler.start()
        return await first_batch(self, *given)  # type: ignore[arg-type]  # passed on as they are

    def write() -> None:
        sampler.stop()
        used_s = time.process_time() - cpu_s[0] if cpu_s else 0.0
        file.write_bytes(msgspec.json.encode(Looks(used_s, sampler.looks)))

    Loop.batch = batch  # type: ignore[assignment, method-assign]  # looked at, not changed
    atexit.register(write)
    detect(sys.argv[2:])


if __name__ == "__main__":
    main()
