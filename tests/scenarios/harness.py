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


def write_next_epoch(config):
    """NEW is a copy of OLD with the next origin and directories of its own (services/host/README.md "The log is
    behind" 3), in OLD's place; OLD's new place."""
    old = config.with_name("epoch-1.textproto")
    if not old.exists():
        config.rename(old)
    text = old.read_text()
    for was, becomes in (('/1"', '/2"'), ('data_directory: "data"', 'data_directory: "data-2"'),
                         ('keys_directory: "keys"', 'keys_directory: "keys-2"')):
        assert was in text, was
        text = text.replace(was, becomes, 1)
    config.write_text(text)
    return old


def main():
    unittest.main(verbosity=2)
