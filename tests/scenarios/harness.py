"""What the system tests share: where the binaries are, a cluster in a directory of its own."""

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/demo"))

import cluster  # noqa: E402
import demo  # noqa: E402

BINARIES = Path(os.environ.get("POLKU_BIN_DIR", ROOT / "build/release/bin"))
INPUT = ROOT / "deploy/demo/input"


class SystemTest(unittest.TestCase):
    """Real processes, sockets, disks and keys; on failure the directory is kept and named."""

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="polku-test-"))
        cls.cluster = demo.make_cluster(cls.directory / "cluster", BINARIES)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop(kill=True)
        failed = getattr(cls, "failed", False)
        if failed:
            print(f"{cls.__name__} failed; its directory is {cls.directory}", file=sys.stderr)
        else:
            shutil.rmtree(cls.directory)

    def tearDown(self):
        outcome = self._outcome
        result = getattr(outcome, "result", None)
        problems = (result.errors + result.failures) if result else []
        if any(test is self for test, _ in problems):
            type(self).failed = True

    def assert_fails(self, result, code, *parts):
        """The command failed with that exit code, and its message has every part."""
        text = result.stdout + result.stderr
        self.assertEqual(result.returncode, code, text)
        for part in parts:
            self.assertIn(part, text)
        self.assertTrue(result.stderr.strip(), "an error must be told on standard error")


def main():
    unittest.main(verbosity=2)
