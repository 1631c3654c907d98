import subprocess
import sys

SIGNALLED = """
import faulthandler, os, signal, sys, threading
from pathlib import Path
import numpy as np
from models.engines import openvino_int8, quietly
from models.engines.quantise import save

faulthandler.enable()  # as pytest does: it gives this thread a stack for signal handlers
runtime = quietly.openvino()
import openvino.opset13 as ops
numbers = ops.parameter([-1, 2], np.float32, "input_ids")
save(runtime.Model([ops.relu(numbers)], [numbers], "tiny"), Path(sys.argv[1]))
held = [openvino_int8.compiled(Path(sys.argv[1]), 1)]
dropping = threading.Thread(target=held.clear)
dropping.start()
dropping.join()
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append("SIGTERM"))
os.kill(os.getpid(), signal.SIGTERM)
print(told)
"""


def test_a_signal_after_another_thread_dropped_the_last_model_ends_no_process(tmp_path) -> None:
    """The test run of the parent of workers ended so: its signals came after engines that threads had closed."""
    command = [sys.executable, "-c", SIGNALLED, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout.strip()) == (0, "['SIGTERM']"), ended.stderr
