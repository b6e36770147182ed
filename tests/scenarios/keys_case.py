"""What the stories about keys share: what the operator of a service and an author do, and who holds what."""

import json
import os

import harness
from harness import cluster

REFERRAL = "oulu-referral"
KELA = "kela-compensation"
AUTHOR = "oulu"


def need(number):
    return json.dumps({
        "official": "oma-1", "case": f"{number:032x}", "type": "polku.referral.v1.NeedIdentified",
        "event": {"identified_on": "2025-01-07", "source": "NEED_SOURCE_CLIENT",
                  "municipality_code": "564"}})


class KeysCase(harness.SystemTest):
    number = 0

    def setUp(self):
        self.cluster.start_missing()

    def publish(self, *more, by=AUTHOR):
        type(self).number += 1
        return self.cluster.run("publish", "--as", self.cluster.client(by, REFERRAL), "--json", *more, "-",
                                stdin=need(self.number))

    def published(self, *more):
        result = self.publish(*more)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def keys(self, name, *arguments):
        return json.loads(self.cluster.polku("keys", *arguments, "--config", self.cluster.config(name),
                                             "--json"))

    def restart(self, *names):
        self.assertEqual(set(self.cluster.stop(*names).values()), {0})
        self.cluster.start(*names)

    def public(self, name, key):
        return (self.cluster.directory / name / "keys" / f"{key}.public").read_text().strip()

    def followers_hold_all(self, but_faults=False):
        """Everybody who follows the referral service's log has all of it: no lag lasts. A fork is a fault for ever."""
        def level():
            size = int(self.cluster.told(REFERRAL)["size"])
            for name in self.cluster.processes:
                for subscription in self.cluster.told(name)["subscriptions"]:
                    if subscription["origin"] != self.cluster.origin(REFERRAL):
                        continue
                    if int(subscription["stored_size"]) != size or (subscription["fault"] and not but_faults):
                        return False
            return True
        self.cluster.wait_until("everybody holds the referral log", level)

    def follows_all(self, name):
        def level():
            sizes = {self.cluster.origin(one): int(self.cluster.told(one)["size"])
                     for one in self.cluster.processes}
            return all(int(s["stored_size"]) == sizes[s["origin"]] and not s["fault"]
                       for s in self.cluster.told(name)["subscriptions"] if s["origin"] in sizes)
        self.cluster.wait_until(f"{name} holds what its peers have", level)

    def tidy_up(self):
        """What health asks for: the configurations name the keys of now. Peers' signing keys stay those of Genesis."""
        genesis = {name: self.keys(name, "show")["genesis_signing_key"] for name in cluster.INSTANCES}
        for name in cluster.INSTANCES:
            self.cluster.write_config(name)
            text = self.cluster.config(name).read_text()
            for peer, key in genesis.items():
                text = text.replace(f'signing_key: "{self.public(peer, "signing")}"', f'signing_key: "{key}"')
            self.cluster.config(name).write_text(text)
        for author in cluster.AUTHORS:
            for name in cluster.INSTANCES:
                profile = self.cluster.client(author, name)
                lines = [line for line in profile.read_text().splitlines()
                         if not line.startswith("service_curve_key")]
                lines.append(f'service_curve_key: "{self.public(name, "curve")}"')
                profile.write_text("\n".join(lines) + "\n")
        self.assertEqual(set(self.cluster.stop().values()), {0})
        self.cluster.start_missing()
        self.followers_hold_all()
        for name in cluster.INSTANCES:
            self.assertEqual(self.cluster.told(name)["health"], "ok", name)

    def policy(self, **earlier):
        """What a stranger trusts: the Genesis's key, and one of the other agencies' witnesses as they were."""
        others = [name for name, (agency, _) in cluster.INSTANCES.items() if agency != cluster.OULU]
        path = self.directory / "policy.txt"
        path.write_text(f"log {self.genesis}\n" + "".join(
            f"witness {name} {earlier.get(name) or self.public(name, 'cosigning')}\n" for name in others)
            + f"group any-of 1 {' '.join(others)}\nquorum any-of\n")
        return path

    @property
    def genesis(self):
        keys = self.cluster.directory / REFERRAL / "keys"
        first = keys / "earlier/signing.1.public"
        return (first if first.exists() else keys / "signing.public").read_text().strip()

    def subscription_of(self, name):
        """What `polku status` of that service says of the referral service's log."""
        [one] = [subscription for subscription in self.cluster.told(name)["subscriptions"]
                 if subscription["origin"] == self.cluster.origin(REFERRAL)]
        return one

    def stored_of(self, name):
        return int(self.subscription_of(name)["stored_size"])

    @staticmethod
    def write_secret(path, text):
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(text)
