"""Makes evidence in Polku's formats, for the tests: keys, notes, proofs, trees, bundles, exports.

Signing is RFC 8032 section 5.1.6 with the verifier's own curve arithmetic, which the RFC's test vectors
check first (verify_test.py)."""

import base64
import hashlib
import importlib.util
import json
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "eventstore/proof/polku_verify.py"


def load_tool():
    """polku_verify as a module, without leaving compiled files in the source tree."""
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("polku_verify", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pv = load_tool()


def b64(data):
    return base64.b64encode(data).decode()


# ---- Keys and signatures ----


def multiply(scalar, point):
    result = pv.NEUTRAL
    while scalar:
        if scalar & 1:
            result = pv.point_add(result, point)
        point = pv.point_double(point)
        scalar >>= 1
    return result


class SecretKey:
    """Ed25519 by RFC 8032 sections 5.1.5 and 5.1.6."""

    def __init__(self, seed):
        digest = hashlib.sha512(seed).digest()
        self.scalar = (int.from_bytes(digest[:32], "little") & ((1 << 254) - 8)) | 1 << 254
        self.prefix, self.seed = digest[32:], seed
        self.public = pv.point_encode(multiply(self.scalar, pv.BASE))

    def sign(self, message):
        r = int.from_bytes(hashlib.sha512(self.prefix + message).digest(), "little") % pv.ORDER
        big_r = pv.point_encode(multiply(r, pv.BASE))
        h = int.from_bytes(hashlib.sha512(big_r + self.public + message).digest(), "little") % pv.ORDER
        return big_r + ((r + h * self.scalar) % pv.ORDER).to_bytes(32, "little")


class NamedKey:
    """A key with its name and use, as an origin or a witness has it."""

    def __init__(self, name, use, secret=None):
        self.name, self.use = name, use
        self.secret = secret or SecretKey(hashlib.sha256(f"{name} {use}".encode()).digest())
        self.id = hashlib.sha256(name.encode() + b"\n" + bytes([use]) + self.secret.public).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(bytes([use]) + self.secret.public)}"

    def line(self, body, time=None):
        """The signature line over a note's body; with a time, a cosignature (tlog-cosignature)."""
        if time is None:
            data = self.secret.sign(body.encode())
        else:
            data = struct.pack(">Q", time) + self.secret.sign(
                f"cosignature/v1\ntime {time}\n".encode() + body.encode())
        return f"\u2014 {self.name} {b64(self.id + data)}\n"


def body(origin, size, root, extension=""):
    return f"{origin}\n{size}\n{b64(root)}\n{extension}"


def note(log_key, size, root, cosigners=(), extension="", signed=True):
    """A checkpoint, signed by its log unless told; `cosigners` are (key, time)."""
    text = body(log_key.name, size, root, extension)
    return text + "\n" + (log_key.line(text) if signed else "") + "".join(key.line(text, time) for key, time in cosigners)


# ---- Trees, by the definitions of RFC 6962 section 2.1 ----


def path(index, hashes):
    if len(hashes) == 1:
        return []
    k = pv.split(len(hashes))
    if index < k:
        return path(index, hashes[:k]) + [pv.tree_root(hashes[k:])]
    return path(index - k, hashes[k:]) + [pv.tree_root(hashes[:k])]


def subproof(size, hashes, whole):
    if size == len(hashes):
        return [] if whole else [pv.tree_root(hashes)]
    k = pv.split(len(hashes))
    if size <= k:
        return subproof(size, hashes[:k], whole) + [pv.tree_root(hashes[k:])]
    return subproof(size - k, hashes[k:], False) + [pv.tree_root(hashes[:k])]


def consistency(size, hashes):
    return subproof(size, hashes, True) if size else []


# ---- Files ----


def inclusion_file(index, hashes, checkpoint, extra=None):
    lines = ["c2sp.org/tlog-proof@v1"] + ([f"extra {b64(extra)}"] if extra is not None else [])
    return "\n".join(lines + [f"index {index}"] + [b64(h) for h in hashes]) + "\n\n" + checkpoint


def pair_file(older, newer, hashes, prefix=None):
    lines = ["polku/checkpoint-pair/v1"] + ([f"prefix {b64(prefix)}"] if prefix is not None else [])
    return "\n".join(lines + [b64(h) for h in hashes]) + "\n\n" + older + "\n" + newer


def policy_text(logs, witnesses=(), quorum="none", groups=()):
    lines = [f"log {key.vkey}" for key in logs]
    lines += [f"witness {name} {key.vkey}" for name, key in witnesses]
    return "\n".join(lines + list(groups) + [f"quorum {quorum}"]) + "\n"


def write_export(directory, log_key, leaves, cosigners=(), leave_out=()):
    """A tlog-tiles directory of these leaves, without the entry bundles of the indexes `leave_out`."""
    hashes = [pv.leaf_hash(leaf) for leaf in leaves]
    level, current = 0, hashes
    while current:
        for first in range(0, len(current), 256):
            part = current[first:first + 256]
            write_bytes(directory, pv.tile_path(level, first // 256, len(part)), b"".join(part))
            if level == 0 and first // 256 not in leave_out:
                bundle = b"".join(struct.pack(">H", len(x)) + x for x in leaves[first:first + 256])
                write_bytes(directory, pv.tile_path("entries", first // 256, len(part)), bundle)
        current = [pv.tree_root(current[i:i + 256]) for i in range(0, len(current) // 256 * 256, 256)]
        level += 1
    write_bytes(directory, "log.pub", (log_key.vkey + "\n").encode())
    write_bytes(directory, "checkpoint", note(log_key, len(leaves), pv.tree_root(hashes), cosigners).encode())


def write_bytes(directory, name, data):
    file = Path(directory) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


# ---- Entries and bundles ----


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """A protobuf field: int, text, bytes; or a list of them, repeated."""
    if isinstance(value, list):
        return b"".join(field(number, item) for item in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(**fields):
    """Fields as f1=…, f2=…; in that order."""
    return b"".join(field(int(name[1:]), value) for name, value in fields.items())


class Entry:
    """A leaf with the secrets and plaintexts of its sections, as an origin would write it: number 0 a Genesis
    (give `control`), then one case's events with revisions 1, 2, 3 …"""

    def __init__(self, origin, number, case=b"c" * 16, sections=None, receivers=(), schema=b"",
                 kind="polku.test.v1.Happened", control=b"", given=None):
        self.event_id = hashlib.sha256(f"event {origin} {number}".encode()).digest()[:16]
        self.sections = {}
        commitments = []
        for section, plaintext in sorted((sections or {}).items()):
            secret = hashlib.sha256(f"secret {number} {section}".encode()).digest()
            self.sections[section] = (secret, plaintext)
            made = pv.section_commitment(secret, origin, self.event_id, section, plaintext)
            commitments.append(message(f1=section, f2=made))
        disclosures = [message(f1=receiver, f2=sorted(given or sections or {}), f4=number + 1)
                       for receiver in sorted(receivers)]
        self.header = message(f1=self.event_id, f2=kind, f3=origin.rsplit("/", 2)[0], f4="o-1")
        if control:
            self.header += message(f7=1_760_000_000_000_000 + number, f8=number + 1, f13=control)
        else:
            self.header += message(f5=case, f6=number, f7=1_760_000_000_000_000 + number, f8=number + 1)
            self.header += message(f10=schema, f11=commitments, f12=disclosures) if schema else message(
                f11=commitments, f12=disclosures)
        random = hashlib.sha256(f"random {origin} {number}".encode()).digest()
        self.leaf = pv.LEAF_PREFIX + random + self.header


def genesis(log_key):
    """Position 0 (event.proto Genesis)."""
    control = message(f1=1, f2=log_key.name, f3=log_key.secret.public, f4=bytes(32))
    return Entry(log_key.name, 0, kind="polku.event.v1.Genesis", control=control)


def key_changed(origin, number, old, new, use=1, **more):
    """The entry at `number` that puts the key `new` in the place of `old` (event.proto KeyChanged)."""
    control = message(f1=use, f2=old.secret.public, f3=new.secret.public, f4="yearly", **more)
    return Entry(origin, number, kind="polku.event.v1.KeyChanged", control=control)


def erased(origin, number, case, entries, tier=2, **more):
    """The entry at `number` that names (position, sections, leaf) as gone (event.proto Erased)."""
    fields = dict(f1=b"r" * 16, f2=tier, f3=[message(f1=position, f2=list(kinds), f3=int(leaf))
                                             for position, kinds, leaf in entries],
                  f4="28.1 § 2 k.", f5="o-1", f6="o-2", f7=hashlib.sha256(b"polku/fence/v1\0" + case).digest())
    fields.update(more)
    return Entry(origin, number, kind="polku.event.v1.Erased", control=message(**dict(sorted(fields.items()))))


def key_change_evidence(key_before, entries, position, main_size):
    """KeyChange of a bundle whose log has a checkpoint of `main_size` entries."""
    hashes = [pv.leaf_hash(entry.leaf) for entry in entries]
    size = position + 1
    small, large = sorted((size, main_size))
    return {"position": str(position), "leaf": b64(entries[position].leaf),
            "checkpoint": note(key_before, size, pv.tree_root(hashes[:size])),
            "inclusion": [b64(h) for h in path(position, hashes[:size])],
            "consistency": [b64(h) for h in consistency(small, hashes[:large])]}


def descriptor_set():
    """polku.test.v1: Happened{string text = 1; repeated sint32 scores = 2; Kind kind = 3; Place place = 4}."""
    def a_field(name, number, kind, label=1, type_name=None):
        made = message(f1=name, f3=number, f4=label, f5=kind)
        return made + (message(f6=type_name) if type_name else b"")
    place = message(f1="Place", f2=[a_field("code", 1, 5), a_field("outside", 2, 8)])
    values = [message(f1="KIND_UNSPECIFIED", f2=0), message(f1="KIND_VISIT", f2=1)]
    happened = message(f1="Happened", f2=[
        a_field("text", 1, 9), a_field("scores", 2, 17, 3), a_field("kind", 3, 14, 1, ".polku.test.v1.Kind"),
        a_field("place", 4, 11, 1, ".polku.test.v1.Happened.Place"), a_field("weight", 5, 1)], f3=place)
    file = message(f1="polku/test/v1/test.proto", f2="polku.test.v1", f4=happened,
                   f5=message(f1="Kind", f2=values), f12="proto3")
    return message(f1=file)


def log_evidence(log_key, entries, chosen, cosigners=(), cosigned=(), opened=True):
    """LogEvidence of the entries at `chosen`; `cosigned`: (size, [(key, time)…]) of other checkpoints."""
    hashes = [pv.leaf_hash(entry.leaf) for entry in entries]
    events = []
    for position in chosen:
        entry = entries[position]
        events.append({
            "position": str(position), "leaf": b64(entry.leaf),
            "inclusion": [b64(h) for h in path(position, hashes)],
            "opened": [{"kind": kind, "secret": b64(secret), "plaintext": b64(text)}
                       for kind, (secret, text) in entry.sections.items()] if opened else []})
    return {"origin": log_key.name, "checkpoint": note(log_key, len(hashes), pv.tree_root(hashes), cosigners),
            "events": events,
            "cosigned": [{"checkpoint": note(log_key, size, pv.tree_root(hashes[:size]), by),
                          "consistency": [b64(h) for h in consistency(size, hashes)]} for size, by in cosigned]}


def bundle(policy, logs, schemas=(), case_id="", known_to=None):
    made = {"format": "polku/bundle/v1", "made_by": "FI/GOV/9999993-3/tarkastaja/audit/1", "made_at": "2026-11-22T00:00:00Z",
            "policy": policy, "logs": logs, "schemas": [{"file_descriptor_set": b64(s)} for s in schemas]}
    if case_id:
        made["case_id"] = case_id
    if known_to:
        made["known_to"] = dict(zip(("agency", "at"), known_to))
    return made


def bundle_text(made):
    return json.dumps(made, indent=1) + "\n"
