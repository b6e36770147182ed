#!/usr/bin/env python3
"""Bad input and faults of the environment, through real processes: a clear error that says what to do,
the documented exit code, nothing acknowledged lost, nothing doubled."""

import json
import os
import shutil
import socket
import subprocess
import unittest

import expected
import harness
from harness import cluster, demo

CASE = "00112233445566778899aabbccddeeff"


def event(type_name, body, case=CASE, **more):
    return json.dumps({"official": "oma-1", **more, "case": case, "type": f"polku.{type_name}",
                       "event": body})


NEED = event("referral.v1.NeedIdentified", {
    "identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT", "municipality_code": "564"})


class PublishTest(harness.SystemTest):
    """What a service answers to events that it must not take."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start("oulu-referral", "toimintatupa-attendance")

    def publish(self, text, author="oulu", service="oulu-referral"):
        return self.cluster.run("publish", "--as", self.cluster.client(author, service), "-",
                                stdin=text)

    def size(self):
        return self.cluster.status("oulu-referral")["size"]

    def refuse(self, text, *parts, code=1, **where):
        before = self.size()
        self.assert_fails(self.publish(text, **where), code, *parts)
        self.assertEqual(self.size(), before, "a refused event must leave no entry")

    def test_a_receipt_and_the_same_receipt_again(self):
        text = event("referral.v1.NeedIdentified", {
            "identified_on": "2025-01-08", "source": "NEED_SOURCE_CLIENT",
            "municipality_code": "564"}, case="11" * 16, id="6f1c8a5e-2b3d-4c7f-8a9b-0c1d2e3f4a5b")
        first = self.publish(text)
        self.assertEqual(first.returncode, 0, first.stderr)
        size = self.size()
        again = self.publish(text)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.size(), size)
        changed = text.replace("2025-01-08", "2025-01-09")
        self.refuse(changed, "conflicting_repeat")

    def test_unknown_type(self):
        self.refuse(event("referral.v1.NoSuchThing", {}), code=3)

    def test_type_of_another_service(self):
        self.refuse(event("attendance.v1.DayRecorded", {"date": "2025-03-03"}), "unknown_type", code=3)

    def test_unknown_field(self):
        self.refuse(event("referral.v1.NeedIdentified", {"no_such_field": 1}), code=3)

    def test_malformed_json(self):
        self.refuse('{"case": "', code=3)

    def test_missing_fields(self):
        self.refuse(event("referral.v1.NeedIdentified", {}))

    def test_bad_date(self):
        self.refuse(event("referral.v1.NeedIdentified", {
            "identified_on": "2025-02-30", "source": "NEED_SOURCE_CLIENT",
            "municipality_code": "564"}), "bad_date")

    def test_bad_identity_code_is_refused_and_not_repeated(self):
        self.assertEqual(self.publish(NEED).returncode, 0)
        bad = "010190-999X"
        text = event("referral.v1.ClientIdentified", {"identity_code": bad})
        result = self.publish(text)
        self.assert_fails(result, 1, "identity_code")
        self.assertNotIn(bad, result.stdout + result.stderr)

    def test_a_personal_identity_code_never_enters_a_header(self):
        text = event("referral.v1.NeedIdentified", {
            "identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
            "municipality_code": "564"}, case="55" * 16, official="180576-918V")
        before = self.size()
        result = self.publish(text)
        self.assertIn(result.returncode, (1, 3), result.stderr)
        self.assertIn("bad_official", result.stdout + result.stderr)
        self.assertNotIn("180576-918V", result.stdout + result.stderr)
        self.assertEqual(self.size(), before)

    def test_unknown_case(self):
        self.refuse(event("referral.v1.CaseClosed", {"closed_on": "2025-03-01"}, case="99" * 16))

    def test_illegal_transition_and_wrong_actor(self):
        case = "22" * 16
        for body in (event("referral.v1.NeedIdentified", {
                "identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
                "municipality_code": "564"}, case=case),):
            self.assertEqual(self.publish(body).returncode, 0)
        accepted = event("referral.v1.ReferralStatusChanged", {
            "referral_id": "r1", "status": "REFERRAL_STATUS_ACCEPTED",
            "effective_on": "2025-02-14"}, case=case)
        self.refuse(accepted)  # no such referral
        # Nobody makes a referral in another agency's name.
        self.refuse(event("referral.v1.ReferralMade", {
            "referral_id": "r1", "status": "REFERRAL_STATUS_DRAFT", "requester_agency": cluster.WELLBEING,
            "made_on": "2025-02-03"}, case=case), "wrong_actor")
        # Only the employment authority may state to the payer; the association may not.
        self.refuse(event("referral.v1.PayerStatementGiven", {
            "period_id": "p1", "payer_agency": cluster.KELA, "given_on": "2025-03-03",
            "effective_from": "2025-03-03"}, case=case), "not_in_agreement", author="toimintatupa")

    def test_expected_revision(self):
        case = "33" * 16
        need = event("referral.v1.NeedIdentified", {
            "identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
            "municipality_code": "564"}, case=case, expected_revision=0)
        self.assertEqual(self.publish(need).returncode, 0)
        later = event("referral.v1.NeedIdentified", {
            "identified_on": "2025-01-09", "source": "NEED_SOURCE_CLIENT",
            "municipality_code": "564"}, case=case, expected_revision=0)
        self.refuse(later, "unexpected_revision")

    def test_a_key_that_is_not_listed(self):
        keys = self.directory / "stranger"
        self.cluster.polku("keygen", "--author", "--dir", keys)
        text = self.cluster.client("oulu", "oulu-referral").read_text()
        profile = self.directory / "stranger.textproto"
        profile.write_text(text.replace('keys_directory: "keys"', f'keys_directory: "{keys}"'))
        result = self.cluster.run("publish", "--as", profile, "-", stdin=NEED)
        self.assert_fails(result, 1, "key")

    def test_a_key_without_the_right(self):
        text = self.cluster.client("oulu", "oulu-referral").read_text()
        keys = self.cluster.directory / "kela-compensation/keys"
        profile = self.directory / "replica-only.textproto"
        profile.write_text(text.replace('keys_directory: "keys"', f'keys_directory: "{keys}"'))
        result = self.cluster.run("publish", "--as", profile, "-", stdin=NEED)
        self.assert_fails(result, 1, "RIGHT_PUBLISH")

    def test_nobody_answers(self):
        text = self.cluster.client("oulu", "oulu-referral").read_text()
        port = self.cluster.ports["oulu-referral"]
        profile = self.cluster.client("oulu", "oulu-referral").with_name("nobody.textproto")
        profile.write_text(text.replace(str(port), str(cluster.free_port())))
        result = self.cluster.run("publish", "--as", profile, "--timeout", "1", "-", stdin=NEED)
        self.assert_fails(result, 4)

    def test_garbage_on_the_port_disturbs_nobody(self):
        address = ("127.0.0.1", self.cluster.ports["oulu-referral"])
        for garbage in (b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\xff" * 64,
                        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f" + os.urandom(1 << 20)):
            with socket.create_connection(address) as stranger:
                try:
                    stranger.sendall(garbage)
                except (ConnectionResetError, BrokenPipeError):
                    pass
        self.assertEqual(self.cluster.status("oulu-referral")["health"], "ok")

    def test_an_offer_larger_than_a_message_may_be(self):
        huge = event("referral.v1.NeedIdentified", {
            "identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
            "municipality_code": "564", "social_reasons": "x" * (5 << 20)}, case="44" * 16)
        before = self.size()
        result = self.publish(huge)
        self.assertNotEqual(result.returncode, 0)
        self.assertTrue(result.stderr.strip())
        self.assertEqual(self.size(), before)


class SheetTest(harness.SystemTest):
    """Sheets with mistakes: found with line and column, nothing recorded."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.start("oulu-referral", "toimintatupa-attendance")
        for act in demo.ACTS[:7]:
            demo.perform(cls.cluster, act)
        cls.cluster.settle()

    def sheet(self, content, *more):
        path = self.directory / "sheet.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.cluster.run(
            "sheet", "--as", self.cluster.client("toimintatupa", "toimintatupa-attendance"),
            "--clients", harness.INPUT / "asiakkaat.csv", "--official", "ohjaaja-1",
            "--place", "tupa-1", "--profile", self.cluster.profile_flag(), *more, path)

    def size(self):
        return self.cluster.status("toimintatupa-attendance")["size"]

    def refuse(self, content, *parts, code=3):
        before = self.size()
        self.assert_fails(self.sheet(content), code, *parts)
        self.assertEqual(self.size(), before)

    def test_truncated(self):
        good = (harness.INPUT / "lasnaolo-2025-03.csv").read_bytes()
        self.refuse(good[: len(good) // 2])

    def test_other_encodings(self):
        text = "asiakas;suunniteltu;päivä;koodi;tunnit\nT01;5;3.3.2025;L;5\n"
        self.refuse(text.encode("latin-1"), "UTF-8")
        self.refuse(text.encode("utf-16"), "UTF-8")

    def test_line_and_column_are_named_and_cells_are_not_repeated(self):
        secret = "010190-999X"
        result = self.sheet(f"asiakas;suunniteltu;3.3.2025\nT01;5;5\nT02;5;{secret}\n")
        self.assert_fails(result, 3, "3")
        self.assertNotIn(secret, result.stdout + result.stderr)

    def test_unknown_client_and_bad_day(self):
        self.refuse("asiakas;suunniteltu;3.3.2025\nT99;5;5\n")
        self.refuse("asiakas;suunniteltu;31.4.2025\nT01;5;5\n")

    def test_one_refused_day_refuses_the_sheet(self):
        # 31.12.2024 is before the period: the other day of the sheet is not recorded either.
        self.refuse("asiakas;suunniteltu;31.12.2024;4.3.2025\nT01;5;5;5\n", "outside_period", code=1)

    def test_a_fifth_day_in_a_week_is_recorded_and_flagged(self):
        days = ["10.3.2025", "11.3.2025", "12.3.2025", "13.3.2025", "14.3.2025"]
        result = self.sheet(f"asiakas;suunniteltu;{';'.join(days)}\nT03;5;5;5;5;5;5\n")
        self.assertEqual(result.returncode, 0, result.stderr)

        def flagged():
            lines = self.cluster.polku(
                "replay", "--config", self.cluster.config("toimintatupa-attendance"),
                "--type", "polku.attendance.v1.RuleBreachFlagged", "--json").splitlines()
            return [json.loads(line) for line in lines]

        breaches = self.cluster.wait_until("the breach is flagged", flagged)
        self.assertEqual([(b["event"]["breach"], b["event"]["date"]) for b in breaches],
                         [("BREACH_CODE_TOO_MANY_DAYS_IN_WEEK", "2025-03-14")])

    def test_the_same_sheet_twice_and_a_changed_cell(self):
        sheet = "asiakas;suunniteltu;17.3.2025\nT01;5;5\nT02;5;S\n"
        first = self.sheet(sheet, "--json")
        self.assertEqual(first.returncode, 0, first.stderr)
        size = self.size()
        again = self.sheet(sheet, "--json")
        self.assertEqual(json.loads(again.stdout)["repeated"], 2)
        self.assertEqual(self.size(), size)
        self.refuse(sheet.replace("T02;5;S", "T02;5;5"), "day_already_recorded", code=1)


class OperatorTest(harness.SystemTest):
    """What an operator gets wrong, and what an environment does to a service."""

    def run_service(self, name, *more):
        binary = self.cluster.binaries / f"polku-{cluster.INSTANCES[name][1]}"
        return subprocess.run([binary, "--config", self.cluster.config(name), *more],
                              capture_output=True, text=True, timeout=600)

    def test_check_config(self):
        for name in cluster.INSTANCES:
            result = self.run_service(name, "--check-config")
            self.assertEqual(result.returncode, 0, result.stderr)

    def broken(self, name, old, new):
        path = self.cluster.config(name)
        good = path.read_text()
        self.assertIn(old, good)
        path.write_text(good.replace(old, new, 1))
        try:
            return self.run_service(name, "--check-config")
        finally:
            path.write_text(good)

    def test_broken_configurations_name_file_and_remedy(self):
        for old, new, part in (
                ("origin:", "orign:", "service.textproto:1"),
                ("/attendance/1", "/referral/1", "attendance"),
                ("tcp://127.0.0.1", "127.0.0.1", "tcp://host:port"),
                ('business_date: "2025-06-10"', 'business_date: "10.6.2025"', "business_date"),
                ("RIGHT_PUBLISH", "RIGHT_EVERYTHING", "RIGHT_EVERYTHING")):
            with self.subTest(new):
                self.assert_fails(self.broken("toimintatupa-attendance", old, new), 3, part)

    def test_a_readable_secret_is_refused(self):
        secret = self.cluster.directory / "kela-compensation/keys/master.key"
        secret.chmod(0o644)
        self.assert_fails(self.run_service("kela-compensation"), 3, "chmod 600")
        secret.chmod(0o600)

    def test_port_in_use(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", self.cluster.ports["kela-compensation"]))
            holder.listen()
            self.assert_fails(self.run_service("kela-compensation"), 4,
                              str(self.cluster.ports["kela-compensation"]))

    def test_locked_data_directory(self):
        self.cluster.start("oulu-referral")
        self.assert_fails(self.run_service("oulu-referral"), 4, "data")
        self.cluster.stop("oulu-referral")

    def refuse_to_start(self, name, *parts):
        self.assert_fails(self.run_service(name), 3, *parts)

    def test_a_lost_keystore_or_log_is_not_replaced_by_an_empty_one(self):
        made, name = self.cluster, "oulu-referral"
        made.start(name)
        made.polku("publish", "--as", made.client("oulu", name), "-", stdin=NEED)
        made.stop(name)
        for lost, remedy in (("keystore", "keystore's backup"), ("data", "data directory's newest backup")):
            with self.subTest(lost):
                place = made.directory / name / lost
                place.rename(place.with_name("elsewhere"))
                self.refuse_to_start(name, remedy)
                shutil.rmtree(place)
                place.with_name("elsewhere").rename(place)
        made.start(name)  # with both back, nothing is wrong
        self.assertEqual(made.status(name)["health"], "ok")
        made.stop(name)

    def test_another_master_key(self):
        made, name = self.cluster, "hyvinvointi-assessment"
        made.start(name)
        made.stop(name)
        master = made.directory / name / "keys/master.key"
        good = master.read_text()
        master.write_text("00" * 32 + "\n")
        self.refuse_to_start(name, "master")
        master.write_text(good)

    @unittest.skipUnless(os.getuid() == 0, "needs another user to run as")
    def test_directories_of_another_user(self):
        made, name = self.cluster, "kela-compensation"
        binary = made.binaries / "polku-compensation"
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, "--config",
             made.config(name)], capture_output=True, text=True, timeout=600)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("kela-compensation", result.stderr)

    def test_a_corrupt_byte_is_reported_and_a_reindex_keeps_the_index(self):
        made, name = self.cluster, "toimintatupa-attendance"
        made.start(name, "oulu-referral")
        made.settle()
        made.stop()
        # Early in the write-ahead log, so that it cannot be taken for a torn last write.
        files = sorted((made.directory / name / "data").glob("*.log"),
                       key=lambda path: path.stat().st_size)
        content = bytearray(files[-1].read_bytes())
        self.assertGreater(len(content), 4096)
        content[2000] ^= 0x40
        files[-1].write_bytes(content)
        result = made.run("reindex", "--config", made.config(name))
        self.assert_fails(result, 5)
        self.assert_fails(self.run_service(name), 5)

    def test_data_directory_that_cannot_be_made(self):
        # A file where a directory should be: fails for root too, unlike a mode.
        data = self.cluster.directory / "tarkastaja-audit/data"
        data.write_text("not a directory")
        result = self.run_service("tarkastaja-audit")
        data.unlink()
        self.assertIn(result.returncode, (1, 3, 4))
        self.assertIn("data", result.stderr)

    def test_usage(self):
        result = self.run_service("oulu-referral", "--no-such-option")
        self.assert_fails(result, 2, "--help")
        for command in ("keygen", "publish", "import", "sheet", "case", "replay", "status",
                        "summary", "reindex", "recover", "new-epoch"):
            result = self.cluster.run(command, "--help")
            self.assertEqual(result.returncode, 0, command)
            self.assertIn("polku " + command, result.stdout)
            self.assertIn("xit code", result.stdout)


class LostPeerTest(harness.SystemTest):
    """Each service is useful while the others are away, and what they missed reaches them later."""

    def test_a_peer_that_is_down_for_the_whole_run_catches_up(self):
        made = self.cluster
        made.start("oulu-referral", "toimintatupa-attendance", "hyvinvointi-assessment")
        for act in demo.ACTS:
            demo.perform(made, act)
            made.settle()
        made.start("kela-compensation", "tarkastaja-audit", "hyvinvointi-compensation")
        made.settle()
        summary = json.loads(made.polku(
            "summary", "--config", made.config("tarkastaja-audit"), "--json"))
        total = sum(case["allowance"]["cents"] for case in summary["cases"])
        self.assertEqual(total, sum(n["allowance_cents"] for n in expected.expected().values()))

    def test_status_tells_a_peer_that_is_away(self):
        made = self.cluster
        made.start_missing()
        made.settle()
        made.stop("kela-compensation", kill=True)
        states = {s["origin"]: s for s in made.status("oulu-referral")["subscriptions"]}
        self.assertIn(made.origin("kela-compensation"), states)

        def silent():
            for subscription in made.status("oulu-referral")["subscriptions"]:
                if subscription["origin"] == made.origin("kela-compensation"):
                    return subscription["state"].endswith("SILENT") or subscription["state"] == "silent"
            return False

        made.wait_until("the silence is told", silent)


if __name__ == "__main__":
    harness.main()
