#!/usr/bin/env python3
"""The player of region scenarios finds what is wrong: a step it cannot read, and a number that is not so."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

import harness

REGIONS = harness.ROOT / "tests/scenarios/regions"
sys.path.insert(0, str(REGIONS))

import player  # noqa: E402

HEAD = """region proof
profile suomi espoo-open
today 2014-12-01
agency espoo FI/MUN/0101263-6/espoo social-services
agency tarkastaja FI/GOV/9999993-3/tarkastaja auditor
service espoo attendance
service tarkastaja audit
clients k 3
"""


class PlayerTest(unittest.TestCase):
    def play(self, text):
        with tempfile.TemporaryDirectory(prefix="polku-player-") as directory:
            file = Path(directory) / "proof.scenario"
            file.write_text(text)
            player.Scenario(file, harness.BINARIES, Path(directory) / "run").play()

    def fails(self, text, *parts):
        with self.assertRaises(player.Failed) as caught:
            self.play(text)
        for part in parts:
            self.assertIn(part, str(caught.exception))

    def test_1_a_step_that_cannot_be_read_is_named_with_its_line(self):
        for line, *parts in (
                ("expct events X 1", "no step begins with 'expct'"),
                ("2014-13-01 espoo @p VisitorsCounted place_code=p", "2014-13-01"),
                ("2014-05-05 nobody @p VisitorsCounted place_code=p", "'nobody' is no agency"),
                ("2014-05-05 espoo k04 NeedIdentified", "no such client", "k01..k03"),
                ("2014-05-05 espoo @p VisitorCounted place_code=p", "'VisitorCounted' is no event"),
                ("2014-05-05 espoo @p VisitorsCounted plce=p", "has no field plce", "place_code"),
                ("2014-05-05 espoo k01 NeedIdentified at=espoo-attendance source=cafe", "'cafe' is no code", "walk-in"),
                ("run espoo-referral status", "no service espoo-referral")):
            self.fails(HEAD + line + "\n", f"proof.scenario:{HEAD.count(chr(10)) + 1}:", *parts)

    def test_2_a_number_that_is_not_so_fails(self):
        text = (REGIONS / "espoo-open.scenario").read_text()
        for right, wrong in (("visitors=164", "visitors=165"), ("events VisitorsCounted 8", "events VisitorsCounted 7"),
                             ("refused bad_count", "refused bad_date")):
            self.assertIn(right, text)
            number = next(i for i, line in enumerate(text.splitlines(), 1)
                          if right in line and not line.startswith("#"))
            self.fails(text.replace(right, wrong), f"proof.scenario:{number}:", "expected")
        # What a service refuses ends the play too, without a word about it in the file.
        self.fails(re.sub(r"refused day_already_counted ", "", text) + "expect events VisitorsCounted 8\n",
                   "day_already_counted")

    def test_3_every_identity_code_is_of_the_test_range(self):
        scenario = player.Scenario(REGIONS / "oulu.scenario", harness.BINARIES, "/nonexistent")
        scenario.do_clients("k", "300")
        for client in scenario.clients:
            code = scenario.person(client)["identity_code"]
            self.assertRegex(code, r"^\d{6}[-A]9\d\d[0-9A-Y]$")


if __name__ == "__main__":
    harness.main()
