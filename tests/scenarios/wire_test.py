#!/usr/bin/env python3
"""Somebody sits on the wire between an author, a service and its follower: what was recorded is played back, doubled,
exchanged, cut out or changed. Nothing is accepted that its sender did not send, nothing is lost or doubled for good."""

import json
import os
import select
import socket
import threading
import time

import harness
from harness import cluster, demo

REFERRAL = "oulu-referral"
KELA = "kela-compensation"
GREETING = 64  # bytes: ZMTP's greeting, before the first frame (RFC 23)


def frames(data):
    """ZMTP frames at the beginning of the bytes, and the rest that is not whole yet."""
    whole = []
    while len(data) >= 2:
        long = data[0] & 2
        head = 9 if long else 2
        if len(data) < head:
            break
        size = head + (int.from_bytes(data[1:9], "big") if long else data[1])
        if len(data) < size:
            break
        whole.append(data[:size])
        data = data[size:]
    return whole, data


class Wire:
    """A port that leads to the service; frame by frame, both ways, through `meddle(way, number, frame)`, which
    gives the frames to be passed on in its place. Ways: "up" to the service, "down" from it."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.meddle = None
        self.recorded = []  # of each connection everything that went up
        self.meddled = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.ended = False
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def close(self):
        self.ended = True
        for thread in self.threads:
            thread.join(timeout=10)
        self.listener.close()

    def _accept(self):
        while not self.ended:
            if not select.select([self.listener], [], [], 0.1)[0]:
                continue
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection(self.target)
            except ConnectionRefusedError:
                near.close()
                continue
            thread = threading.Thread(target=self._carry, args=(near, far), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _carry(self, near, far):
        recording = bytearray()
        self.recorded.append(recording)
        ways = {near: ("up", far), far: ("down", near)}
        greeting = {"up": GREETING, "down": GREETING}  # still to come, and passed on as it does
        waiting = {"up": b"", "down": b""}
        seen = {"up": 0, "down": 0}  # frames
        with near, far:
            while not self.ended:
                for source in select.select([near, far], [], [], 0.1)[0]:
                    way, sink = ways[source]
                    try:
                        data = source.recv(1 << 16)
                        if not data:
                            return
                        if way == "up":
                            recording += data
                        greeted = data[:greeting[way]]
                        greeting[way] -= len(greeted)
                        sink.sendall(greeted)
                        whole, waiting[way] = frames(waiting[way] + data[len(greeted):])
                        for frame in whole:
                            passed = self.meddle(way, seen[way], frame) if self.meddle else [frame]
                            self.meddled += passed != [frame]
                            seen[way] += 1
                            sink.sendall(b"".join(passed))
                    except OSError:
                        return  # one side has had enough of it: the other is told so


class Held:
    """Keeps a frame back and lets it go behind the next one."""

    def __init__(self):
        self.frame = None

    def exchange(self, frame):
        if self.frame is None:
            self.frame = frame
            return []
        first, self.frame = self.frame, None
        return [frame, first]


HANDSHAKE = 2  # frames each way: HELLO and INITIATE, WELCOME and READY


def doubled(way, number, frame):
    return [frame, frame] if number >= HANDSHAKE else [frame]


def cut_out(way, number, frame):
    return [] if number >= HANDSHAKE and (number - HANDSHAKE) % 3 == 0 else [frame]


def flipped(way, number, frame):
    if number < HANDSHAKE:
        return [frame]
    return [frame[:-1] + bytes([frame[-1] ^ 1])]


def exchanged():
    held = {}

    def meddle(way, number, frame):
        return [frame] if number < HANDSHAKE else held.setdefault(way, Held()).exchange(frame)
    return meddle


def of_handshake(way, number, frame):
    return [frame[:-1] + bytes([frame[-1] ^ 1])] if number < HANDSHAKE else [frame]


MEDDLING = {"doubled": lambda: doubled, "cut out": lambda: cut_out, "changed": lambda: flipped,
            "exchanged": exchanged, "a changed handshake": lambda: of_handshake}


class WireTest(harness.SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls.cluster.stop, kill=True)
        cls.wire = Wire(cls.cluster.ports[REFERRAL])
        cls.addClassCleanup(cls.wire.close)
        # The author and the follower go by the wire.
        straight, tapped = (f'tcp://127.0.0.1:{port}' for port in (cls.cluster.ports[REFERRAL], cls.wire.port))
        for file in (cls.cluster.client("oulu", REFERRAL), cls.cluster.config(KELA)):
            text = file.read_text()
            assert straight in text
            file.write_text(text.replace(straight, tapped))
        cls.cluster.start(REFERRAL, KELA)
        cls.number = 0

    def setUp(self):
        self.wire.meddle = None

    def need(self):
        type(self).number += 1
        return json.dumps({"official": "oma-1", "case": f"{self.number:032x}",
                           "type": "polku.referral.v1.NeedIdentified",
                           "event": {"identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
                                     "municipality_code": "564"}})

    def offer(self, text, *more):
        return self.cluster.run("publish", "--as", self.cluster.client("oulu", REFERRAL), "--json", *more, "-",
                                stdin=text)

    def connections(self):
        """How many sockets the service has open."""
        files = f"/proc/{self.cluster.processes[REFERRAL].pid}/fd"
        open_now = 0
        for fd in os.listdir(files):
            try:
                open_now += os.readlink(f"{files}/{fd}").startswith("socket:")
            except FileNotFoundError:
                pass  # closed meanwhile
        return open_now

    def size(self):
        return int(self.cluster.status(REFERRAL)["size"])

    def followed(self):
        [one] = [s for s in self.cluster.told(KELA)["subscriptions"]
                 if s["origin"] == self.cluster.origin(REFERRAL)]
        return int(one.get("stored_size", 0))

    def assert_nothing_wrong(self):
        for name in (REFERRAL, KELA):
            self.cluster.polku("verify", "--config", self.cluster.config(name))
            self.assertEqual(self.cluster.told(name).get("forks", []), [])

    def test_1_a_recorded_conversation_played_back_is_not_heard(self):
        before = self.size()
        answer = self.offer(self.need())
        self.assertEqual(answer.returncode, 0, answer.stderr)
        after = self.size()
        self.assertGreater(after, before)
        [recording] = [bytes(one) for one in self.wire.recorded[-1:]]
        self.assertGreater(len(recording), 500, "greeting, handshake and an offer")
        for attempt in range(3):
            with socket.create_connection(("127.0.0.1", self.cluster.ports[REFERRAL])) as thief:
                thief.settimeout(10)
                heard = b""
                try:
                    for at in range(0, len(recording), 200):  # as a live peer would: with the service's answers between
                        thief.sendall(recording[at:at + 200])
                        time.sleep(0.05)
                    while data := thief.recv(4096):
                        heard += data
                        if len(heard) > 10_000:
                            break
                except OSError:
                    pass
            # A greeting, a WELCOME to the first command, which holds nothing of the log; then the service hangs up.
            answered, rest = frames(heard[GREETING:])
            self.assertLessEqual(len(answered), 2)
            self.assertLess(len(heard), 1_000)
        self.assertEqual(self.size(), after)
        self.assertEqual(self.offer(self.need()).returncode, 0, "who it was goes on")

    def test_2_an_offer_on_a_meddled_wire_is_recorded_once_or_not_at_all(self):
        self.cluster.wait_until("Kela follows", lambda: self.followed() == self.size())
        connections = self.connections()
        for what, meddling in MEDDLING.items():
            with self.subTest(what):
                text = self.need()
                before, meddled = self.size(), self.wire.meddled
                self.wire.meddle = meddling()
                spoilt = self.offer(text, "--timeout", "3")
                self.assertGreater(self.wire.meddled, meddled)
                if spoilt.returncode != 0:
                    self.assertTrue(spoilt.stderr.strip())
                self.wire.meddle = None
                again = self.offer(text)
                self.assertEqual(again.returncode, 0, again.stderr)
                added = self.size() - before
                again = self.offer(text)
                self.assertEqual(again.returncode, 0, again.stderr)
                self.assertEqual(self.size() - before, added, "recorded once")
                self.assertIn(added, (1, 2), "the event, and a party where it is the case's first")
        # Nothing is kept of a connection that was ended: who meddles does not use the service's files up.
        self.cluster.wait_until("spoilt connections are closed", lambda: self.connections() <= connections)
        self.assert_nothing_wrong()

    def test_3_a_follower_on_a_meddled_wire_stores_nothing_wrong_and_catches_up(self):
        direct = self.directory / "direct.textproto"
        direct.write_text(self.cluster.client("oulu", REFERRAL).read_text()
                          .replace(str(self.wire.port), str(self.cluster.ports[REFERRAL]))
                          .replace('"keys"', f'"{self.cluster.directory}/authors/oulu/keys"'))
        for what, meddling in MEDDLING.items():
            with self.subTest(what):
                meddled = self.wire.meddled
                self.wire.meddle = meddling()
                # A connection that is begun on this wire, and entries while it is.
                self.cluster.stop(KELA)
                self.cluster.start(KELA)
                for _ in range(3):
                    published = self.cluster.run("publish", "--as", direct, "-", stdin=self.need())
                    self.assertEqual(published.returncode, 0, published.stderr)
                    time.sleep(0.3)
                self.cluster.wait_until("meddled with", lambda: self.wire.meddled > meddled)
                self.assertLessEqual(self.followed(), self.size())
                self.wire.meddle = None
                self.cluster.wait_until(f"{what}: {KELA} has caught up",
                                        lambda: self.followed() == self.size())
                self.assert_nothing_wrong()


if __name__ == "__main__":
    harness.main()
