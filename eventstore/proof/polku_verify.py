#!/usr/bin/env python3
"""Verifies Polku's evidence offline: log exports, proofs, checkpoint pairs, bundles, notes.

For auditors. One file, Python 3.9 or later, standard library only, no network. It shares no code with
Polku: it was written from the published formats alone, so that the two check each other:
  signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-policy, tlog-tiles   https://c2sp.org
  RFC 6962 section 2.1 (Merkle tree), RFC 8032 (Ed25519), RFC 2104 (HMAC)
  eventstore/rocksdb/FORMAT.md "Leaf", "Sections"; proto/polku/event/v1/event.proto
  eventstore/proof/README.md "Checkpoint pairs", "Bundles"; proto/polku/evidence/v1/bundle.proto
What each kind of evidence shows, and what it does not: AUDITORS.md beside this file.
"""

import argparse
import base64
import binascii
import datetime
import functools
import hashlib
import hmac
import json
import os
import re
import struct
import sys
from collections import namedtuple
from fractions import Fraction

EXIT_OK, EXIT_USAGE, EXIT_UNREADABLE, EXIT_PROBLEMS = 0, 2, 3, 5
MAX_NOTE, MAX_PROOF_FILE, MAX_POLICY, MAX_BUNDLE = 64 << 10, 256 << 10, 256 << 10, 256 << 20
MAX_LEAF, MAX_SECTION, MAX_HASHES = 65535, 1 << 20, 64
TILE_WIDTH, HASH_BYTES = 256, 32
LEAF_PREFIX = b"polku/leaf/v1\0"
GENESIS = "polku.event.v1.Genesis"
ERASED, KEY_CHANGED, USE_SIGNING = "polku.event.v1.Erased", "polku.event.v1.KeyChanged", 1
DISCLOSED, MAX_OPENED = "polku.access.v1.Disclosed", 2048
TIER_SECTIONS, TIER_ENTRIES, MAX_ERASED = 1, 2, 4096
SECTION_KINDS = {1: "service", 2: "identity", 3: "social", 4: "health", 5: "payment"}


class Unreadable(Exception):
    """The bytes are not such a file at all."""


class Refused(Exception):
    """A check failed; `kind` is a stable word for machines."""

    def __init__(self, kind, what):
        super().__init__(what)
        self.kind = kind


class Report:
    """What was found: facts, remarks for the reader, and every problem with its place."""

    def __init__(self, subject):
        self.subject, self.facts, self.remarks, self.problems = subject, {}, [], []

    def problem(self, kind, origin, position, what):
        self.problems.append({"kind": kind, "origin": origin, "position": position, "what": what})

    def exit_code(self):
        return EXIT_PROBLEMS if self.problems else EXIT_OK


# ---- Text ------------------------------------------------------------------------------------


def decode_base64(text, length=None):
    """RFC 4648 section 4, canonical: with padding, without line breaks, unused bits zero."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise Unreadable("a value is not standard base64") from None
    if base64.b64encode(data).decode() != text:
        raise Unreadable("a value is not canonical base64")
    if length is not None and len(data) != length:
        raise Unreadable(f"a base64 value has {len(data)} bytes instead of {length}")
    return data


def decode_number(text):
    """ASCII decimal without leading zeros, at most 63 bits (tlog-checkpoint "Note text")."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", text) or int(text) >= 1 << 63:
        raise Unreadable("a number is not a decimal below 2^63 without leading zeros")
    return int(text)


def decode_utf8(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8 text") from None


def shown_time(seconds):
    """A POSIX time for people."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"POSIX time {seconds}"


def parse_rfc3339(text):
    """RFC 3339 section 5.6 as an exact number of seconds since 1970."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text, re.ASCII)
    if not match:
        raise Unreadable("a time is not RFC 3339")
    zone, leap = "+00:00" if match[3] == "Z" else match[3], match[1].endswith(":60")
    try:
        moment = datetime.datetime.strptime((match[1][:-2] + "59" if leap else match[1]) + zone, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        raise Unreadable("a time is not RFC 3339") from None
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since.days * 86400 + since.seconds + leap + Fraction("0" + (match[2] or ".0"))


# ---- Ed25519 (RFC 8032 section 5.1) ------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)  # extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z


def point_add(p, q):
    """RFC 8032 section 5.1.4, addition."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_double(p):
    """RFC 8032 section 5.1.4, doubling."""
    a, b, c = p[0] * p[0] % P, p[1] * p[1] % P, 2 * p[2] * p[2] % P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1]) % P
    g = a - b
    f = c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_decode(data):
    """RFC 8032 section 5.1.3; None when it is no point or not the canonical encoding of one."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * SQRT_MINUS_ONE % P
        if v * x * x % P != u:
            return None
    if x == 0 and sign:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def point_encode(p):
    """RFC 8032 section 5.1.2."""
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def has_small_order(p):
    """8·p is the neutral element: such a point says nothing about who signed."""
    p = point_double(point_double(point_double(p)))
    return p[0] % P == 0 and (p[1] - p[2]) % P == 0


BASE = point_decode(bytes([0x58]) + b"\x66" * 31)


@functools.lru_cache(maxsize=4096)  # a note is checked by several policies
def ed25519_verify(public, message, signature):
    """RFC 8032 section 5.1.7, without the cofactor, by the rule of libsodium's
    crypto_sign_verify_detached: S below the group order; public key and R canonical encodings, neither
    of small order; and R the exact bytes of S·B - h·A."""
    if len(signature) != 64 or len(public) != 32:
        return False
    s = int.from_bytes(signature[32:], "little")
    a = point_decode(public)
    if s >= ORDER or a is None or has_small_order(a):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus_a = (P - a[0], a[1], 1, P - a[3])
    both = point_add(BASE, minus_a)
    r = NEUTRAL
    for bit in range(252, -1, -1):  # S and h together, one doubling a bit
        r = point_double(r)
        chosen = (s >> bit & 1) | (h >> bit & 1) << 1
        if chosen:
            r = point_add(r, (None, BASE, minus_a, both)[chosen])
    return not has_small_order(r) and point_encode(r) == signature[:32]


# ---- Keys, notes, checkpoints ------------------------------------------------------------------

USE_CHECKPOINT, USE_COSIGNATURE = 1, 4
Key = namedtuple("Key", "name id use public vkey")
Signature = namedtuple("Signature", "name id data")
Checkpoint = namedtuple("Checkpoint", "origin size root body signatures")


def valid_key_name(name):
    """signed-note "Format": not empty, UTF-8, no Unicode spaces, no plus, no control characters."""
    return bool(name) and not any(c.isspace() or c == "+" or c < " " or "\ud800" <= c <= "\udfff" for c in name)


def parse_vkey(text, use):
    """signed-note "Verifier keys": <name>+<8 hex digits key id>+<base64(use || public key)>."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not valid_key_name(parts[0]) or not re.fullmatch(r"[0-9a-fA-F]{8}", parts[1]):
        raise Unreadable("a public key is not <name>+<key id>+<base64>")
    data = decode_base64(parts[2], 33)
    if data[0] != use:
        raise Unreadable(f"the public key of {parts[0]} is of use {data[0]:#04x} instead of {use:#04x}")
    key_id = hashlib.sha256(parts[0].encode() + b"\n" + data).digest()[:4]
    if key_id.hex() != parts[1].lower():
        raise Unreadable(f"the key id {parts[1]} does not belong to the name {parts[0]} and its key")
    return Key(parts[0], key_id, use, data[1:], text)


def parse_note(text):
    """signed-note "Format": the body (with its newline) and the signature lines."""
    if len(text.encode()) > MAX_NOTE:
        raise Unreadable(f"the note is longer than {MAX_NOTE} bytes")
    if any(c < " " and c != "\n" for c in text):
        raise Unreadable("the note has control characters")
    cut = text.rfind("\n\n")
    if cut < 0 or not text.endswith("\n") or cut + 2 == len(text):
        raise Unreadable("the note has no blank line with signature lines after it")
    signatures = []
    for line in text[cut + 2:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not valid_key_name(parts[1]):
            raise Unreadable("a signature line is not '\u2014 <name> <base64>'")
        data = decode_base64(parts[2])
        if len(data) < 5:
            raise Unreadable("a signature line is too short")
        signatures.append(Signature(parts[1], data[:4], data[4:]))
    return text[:cut + 1], signatures


def parse_checkpoint(text):
    """tlog-checkpoint "Note text": origin, size, root; extension lines are allowed and say nothing."""
    body, signatures = parse_note(text)
    lines = body[:-1].split("\n")
    if len(lines) < 3 or "" in lines:
        raise Unreadable("the note is no checkpoint of origin, size and root")
    return Checkpoint(lines[0], decode_number(lines[1]), decode_base64(lines[2], HASH_BYTES), body, signatures)


def signature_verifies(key, body, data):
    """The signature's Ed25519 check by the key's use; for a cosignature its time, else True; None: bad."""
    message = body.encode()
    if key.use == USE_CHECKPOINT:  # signed-note "Ed25519 signatures"
        return True if ed25519_verify(key.public, message, data) else None
    if len(data) != 72:  # tlog-cosignature "Format": timestamped_signature
        return None
    time = struct.unpack(">Q", data[:8])[0]
    signed = f"cosignature/v1\ntime {time}\n".encode() + message  # "Ed25519 signed message"
    return time if time < 1 << 63 and ed25519_verify(key.public, signed, data[8:]) else None


# ---- Policy (tlog-policy) ----------------------------------------------------------------------

# cosigned: key name -> [times]; witnesses: names within the policy of those keys. A name of a key may stand for
# an old and a new key: each is a witness of its own.
Verdict = namedtuple("Verdict", "checkpoint log_key cosigned quorum witnesses")


class Policy:
    """Whose signatures count: logs and witnesses by key, and the quorum of witnesses."""

    def __init__(self):
        self.logs, self.witnesses, self.groups, self.quorum = [], {}, {}, None

    def define(self, name):
        if name == "none" or name in self.witnesses or name in self.groups:
            raise Unreadable(f"the name {name} is taken")

    def known(self, name):
        if name not in self.witnesses and name not in self.groups:
            raise Unreadable(f"{name} is not defined before")

    def add_log(self, items):
        """tlog-policy "Defining a log": log <vkey> [<url>]."""
        if len(items) not in (2, 3):
            raise Unreadable("expected: log <vkey> [<url>]")
        key = parse_vkey(items[1], USE_CHECKPOINT)
        if any(key.public == other.public for other in self.logs):
            raise Unreadable("the key of this log is there twice")
        self.logs.append(key)

    def add_witness(self, items):
        """tlog-policy "Defining a witness": witness <name> <vkey> [<url>]."""
        if len(items) not in (3, 4):
            raise Unreadable("expected: witness <name> <vkey> [<url>]")
        self.define(items[1])
        key = parse_vkey(items[2], USE_COSIGNATURE)
        if any(key.public == other.public for other in self.witnesses.values()):
            raise Unreadable("the key of this witness is there twice")
        self.witnesses[items[1]] = key

    def add_group(self, items):
        """tlog-policy "Defining a witness group": group <name> all|any|<k> <name>..."""
        if len(items) < 4:
            raise Unreadable("expected: group <name> all|any|<k> <name>...")
        name, needed, members = items[1], items[2], items[3:]
        self.define(name)
        taken = [member for _, others in self.groups.values() for member in others]
        for number, member in enumerate(members):
            self.known(member)
            if member in members[:number] or member in taken:
                raise Unreadable(f"{member} is a group's member already")
        count = {"all": len(members), "any": 1}.get(needed)
        if count is None:
            if not re.fullmatch(r"[1-9][0-9]{0,8}", needed) or int(needed) > len(members):
                raise Unreadable("a group needs all, any, or a number from 1 to that of its members")
            count = int(needed)
        self.groups[name] = (count, members)

    def set_quorum(self, items):
        """tlog-policy "Defining the quorum": quorum <name>|none."""
        if len(items) != 2 or self.quorum is not None:
            raise Unreadable("expected one line: quorum <name>|none")
        if items[1] != "none":
            self.known(items[1])
        self.quorum = items[1]

    def reached(self, name, cosigners):
        """Whether the witness or group has witnessed, given the names of the witnesses that cosigned."""
        if name == "none":
            return True
        if name in self.witnesses:
            return name in cosigners
        needed, members = self.groups[name]
        return sum(self.reached(member, cosigners) for member in members) >= needed

    @staticmethod
    def of(log_key):
        policy = Policy()
        policy.logs, policy.quorum = [log_key], "none"
        return policy

    def without_witnesses(self):
        policy = Policy()
        policy.logs, policy.quorum = self.logs, "none"
        return policy

    def quorum_of(self, witnesses):
        """Whether these witnesses, by their names within the policy, are the quorum."""
        return self.reached(self.quorum, witnesses)

    def check(self, note, needs_log=True, log_keys=None):
        """Verifies a checkpoint note: signed by a listed log whose name is the origin (`needs_log`), and every
        line of a listed witness. Refused when a line of a known key does not verify (signed-note "Signatures").
        `log_keys`: a function from a size to the keys that sign checkpoints of it, in place of those listed."""
        try:
            checkpoint = parse_checkpoint(note)
        except Unreadable as error:
            raise Refused("checkpoint", f"malformed: {error}") from None
        log_key, cosigned, witnesses = None, {}, set()
        logs = self.logs if log_keys is None else log_keys(checkpoint.size)
        keys = [(key, None) for key in logs] + [(key, name) for name, key in self.witnesses.items()]
        for line in checkpoint.signatures:
            for key, witness in keys:
                if (key.name, key.id) != (line.name, line.id):
                    continue
                if key.use == USE_CHECKPOINT and key.name != checkpoint.origin:
                    continue
                verified = signature_verifies(key, checkpoint.body, line.data)
                if verified is None:
                    kind = "checkpoint" if key.use == USE_CHECKPOINT else "cosignature"
                    raise Refused(kind, f"the signature of {key.name} does not verify")
                if key.use == USE_CHECKPOINT:
                    log_key = key
                else:
                    cosigned.setdefault(key.name, []).append(verified)
                    witnesses.add(witness)
        if log_key is None and needs_log:
            raise Refused("checkpoint", f"not signed by a known key of {checkpoint.origin}")
        return Verdict(checkpoint, log_key, cosigned, self.quorum_of(witnesses), witnesses)


def parse_policy(text):
    """tlog-policy "Policy file syntax and structure"; errors name the line."""
    if len(text.encode("utf-8", "surrogateescape")) > MAX_POLICY:
        raise Unreadable(f"the policy is longer than {MAX_POLICY} bytes")
    policy = Policy()
    makers = {"log": policy.add_log, "witness": policy.add_witness,
              "group": policy.add_group, "quorum": policy.set_quorum}
    if any((c < " " and c not in "\t\n") or c == "\x7f" for c in text):
        raise Unreadable("the policy has control characters")
    if not text.endswith("\n"):  # it may be cut short, and so ask for less
        raise Unreadable("the policy's last line does not end with a newline")
    for number, line in enumerate(text.split("\n"), 1):
        items = re.split(r"[ \t]+", line.strip(" \t"))
        if items[0] == "" or items[0].startswith("#"):
            continue
        try:
            if items[0] not in makers:
                raise Unreadable("expected log, witness, group or quorum")
            makers[items[0]](items)
        except Unreadable as error:
            raise Unreadable(f"policy line {number}: {error}") from None
    if policy.quorum is None:
        raise Unreadable("the policy has no quorum line")
    return policy


def policy_of_keys(vkeys):
    """A policy of bare keys (--key): logs and witnesses by their use, no quorum."""
    lines = ["quorum none"]
    for number, vkey in enumerate(vkeys):
        use = decode_base64(vkey.split("+", 2)[-1])[:1]
        lines.append(f"log {vkey}" if use == b"\x01" else f"witness key{number} {vkey}")
    return parse_policy("\n".join(lines) + "\n")


# ---- Merkle tree (RFC 6962 section 2.1) --------------------------------------------------------

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size):
    """k of RFC 6962 section 2.1: the largest power of two smaller than size (size > 1)."""
    return 1 << (size - 1).bit_length() - 1


def tree_root(hashes):
    """MTH of section 2.1, given the hashes of the leaves or of complete subtrees of one height, the last
    of which may be an incomplete one."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return node_hash(tree_root(hashes[:k]), tree_root(hashes[k:]))


def root_from_path(index, size, leaf, path):
    """PATH of section 2.1.1, upwards: the root that a leaf's hash and its path give."""
    if size == 1:
        if path:
            raise Refused("inclusion", "the inclusion proof is too long")
        return leaf
    if not path:
        raise Refused("inclusion", "the inclusion proof is too short")
    k = split(size)
    if index < k:
        return node_hash(root_from_path(index, k, leaf, path[:-1]), path[-1])
    return node_hash(path[-1], root_from_path(index - k, size - k, leaf, path[:-1]))


def check_inclusion(index, size, leaf, path, root):
    """Section 2.1.1; `path` from the leaf's sibling to the root's child."""
    if len(leaf) != HASH_BYTES:
        raise Refused("inclusion", "the leaf hash has not 32 bytes")
    if index >= size:
        raise Refused("inclusion", f"the index {index} is not below the tree's size {size}")
    if root_from_path(index, size, leaf, path) != root:
        raise Refused("inclusion", "the inclusion proof leads to another root")


def roots_from_proof(old, new, proof, whole, old_root):
    """SUBPROOF of section 2.1.2, upwards: the roots of the first `old` and of all `new` leaves. `whole`:
    these `old` leaves are the whole old tree, whose root the verifier has."""
    if old == new and whole:
        if proof:
            raise Refused("consistency", "the consistency proof is too long")
        return old_root, old_root
    if not proof:
        raise Refused("consistency", "the consistency proof is too short")
    if old == new:
        if len(proof) != 1:
            raise Refused("consistency", "the consistency proof is too long")
        return proof[0], proof[0]
    k = split(new)
    if old <= k:
        older, newer = roots_from_proof(old, k, proof[:-1], whole, old_root)
        return older, node_hash(newer, proof[-1])
    older, newer = roots_from_proof(old - k, new - k, proof[:-1], False, old_root)
    return node_hash(proof[-1], older), node_hash(proof[-1], newer)


def check_consistency(size1, size2, root1, root2, proof):
    """Section 2.1.2. Size 0, which it leaves open: an empty proof and the empty tree's root are right,
    anything else is refused."""
    if size1 > size2:
        raise Refused("consistency", f"the older size {size1} is above the newer {size2}")
    if size1 == 0:
        if root1 != EMPTY_ROOT or (size2 == 0 and root2 != EMPTY_ROOT):
            raise Refused("consistency", "the root of size 0 is not that of the empty tree")
        if proof:
            raise Refused("consistency", "a consistency proof from size 0 must be empty")
        return
    if roots_from_proof(size1, size2, proof, True, root1) != (root1, root2):
        raise Refused("consistency", "the consistency proof leads to other roots")


# ---- Proof files -------------------------------------------------------------------------------


def parse_hash_lines(lines):
    if len(lines) > MAX_HASHES:
        raise Unreadable(f"more than {MAX_HASHES} hashes")
    return [decode_base64(line, HASH_BYTES) for line in lines]


def parse_inclusion_file(text):
    """tlog-proof "Format": (index, hashes, note, extra)."""
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != "c2sp.org/tlog-proof@v1":
        raise Unreadable("not a tlog-proof: the first line must be c2sp.org/tlog-proof@v1")
    rest, extra = lines[1:], None
    if rest and rest[0].startswith("extra "):
        extra, rest = decode_base64(rest[0][len("extra "):]), rest[1:]
        if not extra:
            raise Unreadable("the tlog-proof has an extra line without data")
    if not rest or not rest[0].startswith("index "):
        raise Unreadable("the tlog-proof has no index line")
    return decode_number(rest[0][len("index "):]), parse_hash_lines(rest[1:]), note, extra


def parse_checkpoint_pair(text):
    """README "Checkpoint pairs": (prefix or None, hashes, older note, newer note)."""
    blocks = text.split("\n\n")
    lines = blocks[0].split("\n")
    if lines[0] != "polku/checkpoint-pair/v1" or len(blocks) != 5 or not text.endswith("\n"):
        raise Unreadable("not a checkpoint pair: expected polku/checkpoint-pair/v1 and two notes")
    rest, prefix = lines[1:], None
    if rest and rest[0].startswith("prefix "):
        prefix, rest = decode_base64(rest[0][len("prefix "):], HASH_BYTES), rest[1:]
    older, newer = blocks[1] + "\n\n" + blocks[2] + "\n", blocks[3] + "\n\n" + blocks[4]
    return prefix, parse_hash_lines(rest), older, newer


# ---- Names (DESIGN "Eight words"; base/ids.h) --------------------------------------------------


def is_business_id(text):
    """A Finnish business ID (Y-tunnus) with its check digit."""
    if not re.fullmatch(r"[0-9]{7}-[0-9]", text):
        return False
    rest = sum(int(digit) * weight for digit, weight in zip(text, (7, 9, 10, 5, 8, 4, 2))) % 11
    return rest != 1 and int(text[8]) == (11 - rest) % 11


def is_agency_name(text):
    """instance/class/code/subsystem, like an X-Road member."""
    parts = text.split("/")
    return (len(parts) == 4 and len(text) <= 255 and not {".", ".."} & set(parts)
            and all(re.fullmatch(r"[A-Za-z0-9._-]+", part) for part in parts)
            and (parts[0] != "FI" or is_business_id(parts[2])))


def is_origin_name(text):
    """<agency>/<service>/<epoch>."""
    parts = text.rsplit("/", 2)
    return (len(parts) == 3 and len(text) <= 255 and is_agency_name(parts[0])
            and re.fullmatch(r"[a-z0-9-]{1,32}", parts[1]) is not None
            and re.fullmatch(r"[1-9][0-9]{0,9}", parts[2]) is not None and int(parts[2]) < 1 << 32)


def agency_of_origin(origin):
    return origin.rsplit("/", 2)[0]


def agency_of_witness(key_name):
    """"<agency>/<service>/witness", the name of a service's cosigning key."""
    return key_name.rsplit("/", 2)[0] if key_name.endswith("/witness") else None


# ---- Entries (FORMAT.md "Leaf", "Sections"; event.proto) ---------------------------------------

Header = namedtuple("Header", "event_id type author_agency author_official case_id case_revision "
                              "recorded_at_us order causes schema_hash commitments disclosures control later corrects")


def read_varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Unreadable("protobuf: cut short")
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise Unreadable("protobuf: a varint is too long")


def wire_fields(data):
    """The protobuf wire format: (field number, wire type, value) of each field in turn, without groups, a
    form that no message here has."""
    at, groups = 0, []
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire, value = tag >> 3, tag & 7, None
        if number == 0 or number >= 1 << 29:
            raise Unreadable("protobuf: no such field number")
        if wire == 3:
            groups.append(number)
        elif wire == 4:
            if not groups or groups.pop() != number:
                raise Unreadable("protobuf: a group ends that has not begun")
        elif wire == 0:
            value, at = read_varint(data, at)
        elif wire in (1, 2, 5):
            length = {1: 8, 5: 4}.get(wire)
            if length is None:
                length, at = read_varint(data, at)
            value, at = data[at:at + length], at + length
            if at > len(data):
                raise Unreadable("protobuf: cut short")
        else:
            raise Unreadable(f"protobuf: there is no wire type {wire}")
        if not groups and wire not in (3, 4):
            yield number, wire, value
    if groups:
        raise Unreadable("protobuf: cut short")


def collect(data, shape):
    """The fields of `shape`, {number: (name, kind)}, kinds "number", "bytes", "text" and the same with "*"
    for repeated ones; unknown fields and known ones of another wire type are skipped."""
    result = {name: [] if kind.endswith("*") else {"number": 0, "bytes": b"", "text": ""}[kind]
              for name, kind in shape.values()}
    for number, wire, value in wire_fields(data):
        name, kind = shape.get(number, (None, ""))
        if kind.startswith("number") and wire == 2 and kind.endswith("*"):  # packed
            at = 0
            while at < len(value):
                item, at = read_varint(value, at)
                result[name].append(item)
            continue
        if name is None or wire != (0 if kind.startswith("number") else 2):
            continue
        if kind.startswith("text"):
            value = decode_utf8(value)
        if kind.endswith("*"):
            result[name].append(value)
        else:
            result[name] = value
    return result


HEADER = {1: ("event_id", "bytes"), 2: ("type", "text"), 3: ("author_agency", "text"),
          4: ("author_official", "text"), 5: ("case_id", "bytes"), 6: ("case_revision", "number"),
          7: ("recorded_at_us", "number"), 8: ("order", "number"), 9: ("causes", "bytes*"),
          10: ("schema_hash", "bytes"), 11: ("commitments", "bytes*"), 12: ("disclosures", "bytes*"),
          13: ("control", "bytes"), 14: ("later", "bytes*"), 15: ("corrects", "bytes")}
CAUSE = {1: ("origin", "text"), 2: ("position", "number"), 3: ("leaf_hash", "bytes")}
COMMITMENT = {1: ("kind", "number"), 2: ("commitment", "bytes")}
DISCLOSURE = {1: ("receiver", "text"), 2: ("sections", "number*"), 3: ("agreement_position", "number"),
              4: ("number", "number")}


LATER = {1: ("receiver", "text"), 2: ("agreement_position", "number"), 3: ("entries", "bytes*")}
OPENED_ENTRY = {1: ("position", "number"), 2: ("sections", "number*")}
CHANGED_KEY = {1: ("use", "number"), 2: ("old_key", "bytes"), 3: ("new_key", "bytes"), 4: ("reason", "text"),
               5: ("holder", "text"), 6: ("compromised", "number")}
ERASED_CONTENT = {1: ("erasure_id", "bytes"), 2: ("tier", "number"), 3: ("entries", "bytes*"), 4: ("legal_basis", "text"),
                  5: ("requested_by", "text"), 6: ("confirmed_by", "text"), 7: ("fence", "bytes"), 8: ("origin", "text")}
ERASED_ENTRY = {1: ("position", "number"), 2: ("sections", "number*"), 3: ("leaf", "number")}


def ascending(values):
    return all(a < b for a, b in zip(values, values[1:]))


def header_faults(h):
    """What FORMAT.md "Leaf" requires of a header; yields what does not hold."""
    kinds = [c["kind"] for c in h.commitments]
    yield len(h.event_id) == 16, "event_id has not 16 bytes"
    yield 1 <= len(h.type.encode()) <= 255, "type has not 1 to 255 bytes"
    yield 1 <= len(h.author_agency.encode()) <= 255, "author_agency has not 1 to 255 bytes"
    yield len(h.author_official.encode()) <= 255, "author_official is longer than 255 bytes"
    if h.control:
        yield not (h.case_id or h.case_revision or kinds), "a control entry with a case or sections"
        yield not (h.later or h.corrects), "a control entry that opens or corrects others"
    else:
        yield len(h.case_id) == 16 and h.case_revision >= 1, "neither a control entry nor of a case"
    yield 1 <= h.order < 1 << 63, "order is not from 1 to 2^63"
    yield len(h.schema_hash) in (0, 32), "schema_hash has not 32 bytes"
    yield len(h.corrects) in (0, 16), "corrects has not 16 bytes"
    yield (h.type == DISCLOSED) == bool(h.later), "only a later disclosure opens entries, and it must"
    for later in h.later:
        entries = later["entries"]
        yield (1 <= len(later["receiver"].encode()) <= 255 and 1 <= len(entries) <= MAX_OPENED
               and ascending([e["position"] for e in entries])
               and all(e["position"] < 1 << 62 and ascending([0] + e["sections"])
                       and all(k <= 255 for k in e["sections"]) for e in entries)), "malformed later disclosure"
    yield all(c["origin"] and len(c["leaf_hash"]) == 32 for c in h.causes), "a malformed cause"
    yield (ascending(kinds) and len(kinds) <= 16 and all(1 <= k <= 255 for k in kinds)
           and all(len(c["commitment"]) == 32 for c in h.commitments)), "malformed commitments"
    yield (ascending([d["receiver"].encode() for d in h.disclosures]) and len(h.disclosures) <= 64
           and all(d["number"] >= 1 and ascending([0] + d["sections"]) for d in h.disclosures)
           ), "malformed disclosures"


def parse_leaf(leaf):
    """FORMAT.md "Leaf": the header, or why it must be refused."""
    start = len(LEAF_PREFIX) + 32
    if len(leaf) > MAX_LEAF or len(leaf) < start or not leaf.startswith(LEAF_PREFIX):
        raise Refused("malformed-entry", "not a leaf of Polku's form")
    try:
        fields = collect(leaf[start:], HEADER)
        for name, shape in (("causes", CAUSE), ("commitments", COMMITMENT), ("disclosures", DISCLOSURE)):
            fields[name] = [collect(part, shape) for part in fields[name]]
        # A message that stands there twice is the two, joined (protobuf).
        fields["later"] = [collect(b"".join(fields["later"]), LATER)] if fields["later"] else []
        for later in fields["later"]:
            later["entries"] = [collect(part, OPENED_ENTRY) for part in later["entries"]]
    except Unreadable as error:
        raise Refused("malformed-entry", f"the header is malformed: {error}") from None
    header = Header(**fields)
    for holds, what in header_faults(header):
        if not holds:
            raise Refused("malformed-entry", f"the header is malformed: {what}")
    return header


def is_earlier_epoch(name, of):
    """Whether an origin name is of the same agency and service as another and of a lower epoch."""
    (service, _, epoch), (of_service, _, of_epoch) = name.rpartition("/"), of.rpartition("/")
    return (service == of_service and re.fullmatch(r"[1-9][0-9]{0,9}", epoch) is not None
            and re.fullmatch(r"[1-9][0-9]{0,9}", of_epoch) is not None and int(epoch) < int(of_epoch) < 1 << 32)


def parse_erased(control, origin, position):
    """event.proto Erased at that position of that log: what it names, or why it is refused. `origin`: whose entries."""
    try:
        erased = collect(control, ERASED_CONTENT)
        erased["entries"] = [collect(part, ERASED_ENTRY) for part in erased["entries"]]
    except Unreadable as error:
        raise Refused("erasure", f"an Erased that cannot be read: {error}") from None
    entries = erased["entries"]
    positions = [entry["position"] for entry in entries]
    if erased["origin"] and not is_earlier_epoch(erased["origin"], origin):
        raise Refused("erasure", "an Erased of a log that is no earlier epoch of its own")
    if not (1 <= len(entries) <= MAX_ERASED and ascending([0] + positions)
            and (erased["origin"] or positions[-1] < position)
            and len(erased["erasure_id"]) == 16 and len(erased["fence"]) == 32
            and erased["tier"] in (TIER_SECTIONS, TIER_ENTRIES)
            and all((entry["leaf"] or entry["sections"]) and ascending([0] + entry["sections"])
                    and all(kind <= 255 for kind in entry["sections"])
                    and (not entry["leaf"] or erased["tier"] == TIER_ENTRIES) for entry in entries)):
        raise Refused("erasure", "an Erased that is not of its form")
    erased["origin"] = erased["origin"] or origin
    return erased


def fence_of(case_id):
    return hashlib.sha256(b"polku/fence/v1\0" + case_id).digest()


def lp32(data):
    return struct.pack(">I", len(data)) + data


def section_commitment(secret, origin, event_id, kind, plaintext):
    """C of FORMAT.md "Sections"."""
    text = (b"polku/sect/v1\0" + lp32(origin.encode()) + event_id + bytes([kind]) + lp32(plaintext))
    return hmac.new(secret, text, hashlib.sha256).digest()


# ---- Schemas: FileDescriptorSet, for `show` ----------------------------------------------------

FILE = {2: ("package", "text"), 4: ("messages", "bytes*"), 5: ("enums", "bytes*")}
MESSAGE = {1: ("name", "text"), 2: ("fields", "bytes*"), 3: ("messages", "bytes*"), 4: ("enums", "bytes*")}
FIELD = {1: ("name", "text"), 3: ("number", "number"), 4: ("label", "number"), 5: ("type", "number"),
         6: ("type_name", "text")}
ENUM = {1: ("name", "text"), 2: ("values", "bytes*")}
ENUM_VALUE = {1: ("name", "text"), 2: ("number", "number")}
TYPE_STRING, TYPE_MESSAGE, TYPE_BYTES, TYPE_ENUM, LABEL_REPEATED = 9, 11, 12, 14, 3


class Schemas:
    """Messages and enums by full name (google/protobuf/descriptor.proto)."""

    def __init__(self):
        self.messages, self.enums = {}, {}

    def add_set(self, data):
        for part in collect(data, {1: ("files", "bytes*")})["files"]:
            file = collect(part, FILE)
            self.add_scope("." + file["package"] if file["package"] else "", file)

    def add_scope(self, scope, holder):
        for part in holder["enums"]:
            enum = collect(part, ENUM)
            values = [collect(value, ENUM_VALUE) for value in enum["values"]]
            self.enums[f"{scope}.{enum['name']}"] = {v["number"]: v["name"] for v in values}
        for part in holder["messages"]:
            message = collect(part, MESSAGE)
            fields = [collect(field, FIELD) for field in message["fields"]]
            name = f"{scope}.{message['name']}"
            self.messages[name] = {field["number"]: field for field in fields}
            self.add_scope(name, message)

    def decode(self, type_name, data):
        """A message as {field name: value}; fields that the schema does not know are counted."""
        fields, result = self.messages[type_name], {}
        for number, wire, value in wire_fields(data):
            field = fields.get(number)
            if field is None:
                result["(unknown fields)"] = result.get("(unknown fields)", 0) + 1
                continue
            for item in self.unpacked(field, wire, value):
                if field["label"] == LABEL_REPEATED:
                    result.setdefault(field["name"], []).append(item)
                else:
                    result[field["name"]] = item
        return result

    def unpacked(self, field, wire, value):
        """The values of one field on the wire: several when packed."""
        kind = field["type"]
        if wire != 2 or kind in (TYPE_STRING, TYPE_MESSAGE, TYPE_BYTES):
            return [self.scalar(field, value)]
        if kind in (1, 6, 16, 2, 7, 15):
            step = 8 if kind in (1, 6, 16) else 4
            return [self.scalar(field, value[at:at + step]) for at in range(0, len(value), step)]
        items, at = [], 0
        while at < len(value):
            item, at = read_varint(value, at)
            items.append(self.scalar(field, item))
        return items

    def scalar(self, field, value):
        """One value by its FieldDescriptorProto.Type."""
        kind = field["type"]
        formats = {1: "<d", 2: "<f", 6: "<Q", 7: "<I", 15: "<i", 16: "<q"}
        if kind in formats:
            if not isinstance(value, bytes) or len(value) != struct.calcsize(formats[kind]):
                raise Unreadable("protobuf: a field has another type than its schema says")
            return struct.unpack(formats[kind], value)[0]
        if (kind in (TYPE_STRING, TYPE_MESSAGE, TYPE_BYTES)) != isinstance(value, bytes):
            raise Unreadable("protobuf: a field has another type than its schema says")
        if kind == TYPE_MESSAGE:
            return self.decode(field["type_name"], value)
        if kind == TYPE_STRING:
            return decode_utf8(value)
        if kind == TYPE_BYTES:
            return value.hex()
        if kind == 8:
            return bool(value)
        if kind in (17, 18):  # sint32, sint64: zigzag
            return value >> 1 ^ -(value & 1)
        if kind in (3, 5, TYPE_ENUM) and value >= 1 << 63:
            value -= 1 << 64
        if kind == TYPE_ENUM:
            return self.enums.get(field["type_name"], {}).get(value, value)
        return value


# ---- Bundles (bundle.proto in protobuf's JSON mapping) -----------------------------------------

OPENED = {"kind": "uint", "secret": "bytes", "plaintext": "bytes"}
EVENT = {"position": "uint", "leaf": "bytes", "inclusion": ["bytes"], "opened": [OPENED]}
COSIGNED = {"checkpoint": "string", "consistency": ["bytes"]}
KEY_CHANGE = {"position": "uint", "leaf": "bytes", "checkpoint": "string", "inclusion": ["bytes"],
              "consistency": ["bytes"]}
LOG = {"origin": "string", "checkpoint": "string", "events": [EVENT], "cosigned": [COSIGNED],
       "key_changes": [KEY_CHANGE]}
BUNDLE = {"format": "string", "made_by": "string", "made_at": "string", "case_id": "string",
          "policy": "string", "logs": [LOG], "schemas": [{"file_descriptor_set": "bytes"}],
          "known_to": {"agency": "string", "at": "string"}}


def json_bytes(text):
    """protobuf JSON mapping, bytes: standard or URL-safe base64, with or without padding."""
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    return decode_base64(text + "=" * (-len(text) % 4))


def from_json(value, shape, where):
    """A JSON value by its shape. Members may be left out; unknown ones, null and other types are refused."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise Unreadable(f"{where}: expected a list")
        return [from_json(item, shape[0], f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(shape, dict):
        if not isinstance(value, dict) or not set(value) <= set(shape):
            raise Unreadable(f"{where}: expected an object with members of {', '.join(shape)}")
        return {name: from_json(value[name], part, f"{where}.{name}") if name in value else empty_value(part)
                for name, part in shape.items()}
    if shape == "uint":
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value, re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
            raise Unreadable(f"{where}: expected a number")
        return value
    if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
        raise Unreadable(f"{where}: expected a text")
    return json_bytes(value) if shape == "bytes" else value


def empty_value(shape):
    if isinstance(shape, list):
        return []
    return None if isinstance(shape, dict) else {"uint": 0, "bytes": b"", "string": ""}[shape]


def no_repeats(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise Unreadable("a JSON member is there twice")
    return dict(pairs)


def parse_bundle(data):
    """The bundle as dictionaries, all fields present."""
    try:
        value = json.loads(decode_utf8(data), object_pairs_hook=no_repeats)
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None
    bundle = from_json(value, BUNDLE, "bundle")
    if bundle["format"] != "polku/bundle/v1":
        raise Unreadable('not a bundle: its format is not "polku/bundle/v1"')
    return bundle


class BundleCheck:
    """All checks of one bundle, each problem into the report."""

    def __init__(self, bundle, policy, report):
        self.bundle, self.report, self.own = bundle, report, None
        try:
            self.own = parse_policy(bundle["policy"])
        except Unreadable as error:
            report.problem("bundle", None, None, f"its policy: {error}")
        self.policy = policy or self.own
        self.schemas, self.opened_schemas = {}, set()  # SHA-256 -> Schemas
        self.headers, self.leaves = [], {}  # (origin, position, header); (origin, position) -> leaf hash
        self.events = self.sections = 0
        self.erasures = []
        self.chains = []  # of the log under way: of each first key [(first position it signs, key), ...]

    def problem(self, kind, origin, position, what):
        self.report.problem(kind, origin, position, what)

    def attempt(self, origin, position, act, *arguments):
        """Runs a check; a refusal becomes a problem there. What the check returns, None when refused."""
        try:
            return act(*arguments)
        except Refused as refusal:
            self.problem(refusal.kind, origin, position, str(refusal))
            return None

    def run(self):
        if self.policy is None:
            return
        self.check_frame()
        self.read_schemas()
        logs = [self.check_log(log) for log in self.bundle["logs"]]
        self.check_causes()
        for digest in set(self.schemas) - self.opened_schemas:
            self.problem("schema", None, None, f"the schema {digest.hex()} belongs to no opened event here")
        self.report.facts.update(events=self.events, sections=self.sections, logs=logs)
        if self.erasures:
            self.report.facts["erasures"] = self.erasures

    def check_frame(self):
        """What stands around the logs. made_by and made_at are claims, but must have their form."""
        bundle = self.bundle
        if not is_origin_name(bundle["made_by"]):
            self.problem("bundle", None, None, "made_by is not the name of a service")
        self.attempt(None, None, self.check_time, "bundle", "made_at", bundle["made_at"])
        if bundle["case_id"] and not re.fullmatch(r"[0-9a-f]{32}", bundle["case_id"]):
            self.problem("bundle", None, None, "case_id is not 32 hexadecimal digits")
        if bundle["known_to"]:
            if not is_agency_name(bundle["known_to"]["agency"]):
                self.problem("known-to", None, None, "known_to.agency is not the name of an agency")
            self.known_at = self.attempt(None, None, self.check_time, "known-to", "known_to.at", bundle["known_to"]["at"])
        origins = [log["origin"] for log in bundle["logs"]]
        if not origins or not ascending([origin.encode() for origin in origins]):
            self.problem("bundle", None, None, "the logs do not ascend by origin, or there are none")

    def check_causes(self):
        """A cause whose place is an event of the file names that event's leaf: its author saw the same."""
        for origin, position, header in self.headers:
            for cause in header.causes:
                shown = self.leaves.get((cause["origin"], cause["position"]))
                if shown not in (None, cause["leaf_hash"]):
                    self.problem("cause", origin, position, f"it was caused by another entry than the one shown of {cause['origin']}")

    @staticmethod
    def check_time(kind, name, text):
        try:
            return parse_rfc3339(text)
        except Unreadable as error:
            raise Refused(kind, f"{name}: {error}") from None

    def read_schemas(self):
        for schema in self.bundle["schemas"]:
            data = schema["file_descriptor_set"]
            digest = hashlib.sha256(data).digest()
            if digest in self.schemas:
                self.problem("schema", None, None, f"the schema {digest.hex()} is there twice")
            self.schemas[digest] = Schemas()
            try:
                self.schemas[digest].add_set(data)
            except Unreadable as error:
                self.problem("schema", None, None, f"the schema {digest.hex()} cannot be read: {error}")

    def check_log(self, log):
        """One log: its checkpoint, its events, its cosigned checkpoints, what an agency knew."""
        origin = log["origin"]
        fact = {"origin": origin, "events": len(log["events"])}
        if not is_origin_name(origin):
            self.problem("bundle", origin, None, "its origin is not the name of a service")
        self.read_keys(log)
        verdict = self.attempt(origin, None, self.check_note, origin, log["checkpoint"])
        positions = [event["position"] for event in log["events"]]
        if not positions or not ascending(positions):
            self.problem("bundle", origin, None, "the events do not ascend by position, or there are none")
        headers = [self.check_event(origin, event, verdict) for event in log["events"]]
        opened = [[section["kind"] for section in event["opened"]] for event in log["events"]]
        self.check_sequence(origin, [(p, h) for p, h in zip(positions, headers) if h])
        if verdict is None:
            return fact
        witnessed = [(verdict.checkpoint.size, verdict.cosigned)]
        covering = [(verdict.checkpoint.size, verdict.witnesses)]
        sizes = []
        for cosigned in log["cosigned"]:
            found = self.attempt(origin, None, self.check_cosigned, origin, cosigned, verdict.checkpoint)
            if found:
                sizes.append(found.checkpoint.size)
                witnessed.append((found.checkpoint.size, found.cosigned))
                covering.append((found.checkpoint.size, found.witnesses))
        if not ascending([0] + sizes) or verdict.checkpoint.size in sizes:
            self.problem("bundle", origin, None, "the cosigned checkpoints do not ascend by size, each size once")
        end = max(positions, default=0) + 1  # a witness counts whose word covers all the events here
        if not self.policy.quorum_of({name for size, by in covering if size >= end for name in by}):
            self.problem("cosignature", origin, None, "fewer witnesses than the policy asks for stand behind its events")
        if self.bundle["known_to"] and self.known_at is not None:
            self.check_known_to(origin, list(zip(positions, headers, opened)), witnessed)
        fact.update(size=verdict.checkpoint.size, root=verdict.checkpoint.root.hex(),
                    key=verdict.log_key.vkey, cosigned=latest_times(witnessed))
        return fact

    def keys_for(self, size):
        """Of each chain the key that signs checkpoints of that size (README "Changed keys")."""
        return [[key for first, key in chain if first == 0 or first < size][-1] for chain in self.chains]

    def read_keys(self, log):
        """The keys of the policy for this log, and those that the bundle's changes of keys lead to from one of them."""
        self.chains = [[(0, key)] for key in self.policy.logs if key.name == log["origin"]]
        if not self.chains or not log["key_changes"]:
            return
        followed = self.chains[0]
        for chain in self.chains:
            try:
                Policy.of(chain[0][1]).check(log["key_changes"][0]["checkpoint"])
                followed = chain
            except Refused:
                pass
        for change in log["key_changes"]:
            if self.attempt(log["origin"], change["position"], self.check_key_change, log, change, followed) is None:
                return

    def check_key_change(self, log, change, chain):
        """One change, vouched for by the key before; the chain grown by its key."""
        origin, position, (since, before) = log["origin"], change["position"], chain[-1]
        last = Policy.of(before).check(change["checkpoint"]).checkpoint
        if last.origin != origin or last.size != position + 1:
            raise Refused("checkpoint", "a change of the log's key whose checkpoint does not end with it")
        if self.own:
            self.check_named(last, chain)
        check_hashes(change["inclusion"])
        check_inclusion(position, last.size, leaf_hash(change["leaf"]), change["inclusion"], last.root)
        header = parse_leaf(change["leaf"])
        try:
            content = collect(header.control, CHANGED_KEY) if header.type == KEY_CHANGED else {"use": 0}
        except Unreadable as error:
            raise Refused("checkpoint", f"a change of the log's key that cannot be read: {error}") from None
        if content["use"] != USE_SIGNING:
            raise Refused("checkpoint", "the entry changes no signing key")
        known = [key.public for _, key in chain]
        if (content["holder"] or content["old_key"] != before.public or len(content["new_key"]) != 32
                or content["new_key"] in known or position == 0 or position < since
                or len(content["reason"].encode()) > 1000 or re.search(r"[\x00-\x1f\x7f]", content["reason"])):
            raise Refused("checkpoint", "a change of the log's key that does not follow from the key before")
        main = parse_checkpoint_or_none(log["checkpoint"])
        if main:
            older, newer = sorted((last, main), key=lambda c: c.size)
            check_hashes(change["consistency"])
            try:
                check_consistency(older.size, newer.size, older.root, newer.root, change["consistency"])
            except Refused as refusal:
                raise Refused("checkpoint", f"a change of the log's key of another history: {refusal}") from None
        typed = bytes([USE_CHECKPOINT]) + content["new_key"]
        key_id = hashlib.sha256(origin.encode() + b"\n" + typed).digest()[:4]
        vkey = f"{origin}+{key_id.hex()}+{base64.b64encode(typed).decode()}"
        chain.append((position + 1, Key(origin, key_id, USE_CHECKPOINT, content["new_key"], vkey)))
        return True

    def check_named(self, checkpoint, *chains):
        """Every line is by a key that the bundle names."""
        named = {(key.name, key.id) for key in self.own.logs + list(self.own.witnesses.values())}
        named |= {(key.name, key.id) for chain in list(chains) + self.chains for _, key in chain}
        if any((line.name, line.id) not in named for line in checkpoint.signatures):
            raise Refused("bundle", "a checkpoint has a line by a key that the bundle does not name")

    def check_note(self, origin, note, needs_log=True):
        """A checkpoint of this log, by the reader's policy; the bundle's own names the keys of all its lines, and
        lines of cosigned checkpoints (not `needs_log`) must verify by it, too."""
        verdict = self.policy.check(note, needs_log, self.keys_for)
        if verdict.checkpoint.origin != origin:
            raise Refused("checkpoint", "the checkpoint is of another log")
        ever = {(key.name, key.id) for chain in self.chains for _, key in chain}
        if verdict.log_key is None and any((line.name, line.id) in ever for line in verdict.checkpoint.signatures):
            raise Refused("checkpoint", "signed by a key of the log that signs no checkpoint of that size")
        if self.own:
            if not needs_log:
                self.own.check(note, needs_log, self.keys_for)
            mine = {key.public for key in self.policy.logs if key.name == origin}
            if not {key.public for key in self.own.logs if key.name == origin} <= mine:
                raise Refused("checkpoint", "the bundle names another key for this log than the policy given")
            self.check_named(verdict.checkpoint)
        return verdict

    def check_cosigned(self, origin, cosigned, main):
        """bundle.proto CosignedCheckpoint: witnessed, and consistent with the log's own checkpoint, which the
        origin signed: so this note needs the witness's line alone."""
        verdict = self.check_note(origin, cosigned["checkpoint"], needs_log=False)
        other = verdict.checkpoint
        if not (verdict.cosigned or self.own and self.own.check(cosigned["checkpoint"], False, self.keys_for).cosigned):
            raise Refused("cosignature", f"the checkpoint of size {other.size} has no line of a known witness")
        older, newer = sorted((other, main), key=lambda c: c.size)
        check_hashes(cosigned["consistency"])
        try:
            check_consistency(older.size, newer.size, older.root, newer.root, cosigned["consistency"])
        except Refused as refusal:
            raise Refused("cosignature", f"the checkpoint of size {other.size}: {refusal}") from None
        return verdict

    def check_event(self, origin, event, verdict):
        """One event: in the tree at its position, well-formed, its opened sections those it commits to."""
        position, leaf = event["position"], event["leaf"]
        self.events += 1
        self.leaves[(origin, position)] = leaf_hash(leaf)
        if verdict is not None:
            self.attempt(origin, position, self.check_path, event, verdict.checkpoint)
        header = self.attempt(origin, position, parse_leaf, leaf)
        if header is None:
            return None
        self.headers.append((origin, position, header))
        if header.control and header.type == ERASED:
            self.attempt(origin, position, self.check_erasure, origin, position, header)
        elif self.bundle["case_id"] and header.case_id.hex() != self.bundle["case_id"]:
            self.problem("bundle", origin, position, "the event is not of the case that the bundle names")
        if event["opened"] and header.schema_hash:
            self.opened_schemas.add(header.schema_hash)
            if header.schema_hash not in self.schemas:
                self.problem("schema", origin, position, "the schema of its opened sections is not in the bundle")
        if not ascending([opened["kind"] for opened in event["opened"]]):
            self.problem("section", origin, position, "the opened sections do not ascend by kind")
        for opened in event["opened"]:
            self.attempt(origin, position, self.check_section, origin, header, opened)
        return header

    def check_erasure(self, origin, position, header):
        """event.proto Erased: what says that something of the case is gone, by whom and why."""
        erased = parse_erased(header.control, origin, position)
        entries = erased["entries"]
        self.erasures.append({
            "origin": origin, "position": position, "of": erased["origin"],
            "entries": sum(1 for e in entries if e["leaf"]),
            "sections": sum(len(e["sections"]) for e in entries if not e["leaf"]),
            "legal_basis": erased["legal_basis"], "requested_by": erased["requested_by"],
            "confirmed_by": erased["confirmed_by"]})
        case_id = self.bundle["case_id"]
        if case_id and re.fullmatch(r"[0-9a-f]{32}", case_id) and erased["fence"] != fence_of(bytes.fromhex(case_id)):
            raise Refused("bundle", "it is an erasure of another case than the bundle names")

    def check_sequence(self, origin, entries):
        """FORMAT.md "Leaf", event.proto: Genesis at position 0 alone, `order` rising, a case's revisions 1, 2, 3 …"""
        order, newest = 0, {}
        for position, header in entries:
            if (header.type == GENESIS) != (position == 0) or (
                    position == 0 and collect(header.control, {2: ("origin", "text")})["origin"] != origin):
                self.problem("genesis", origin, position, "Genesis is elsewhere than at position 0, or of another log")
            if header.order <= order:
                self.problem("order", origin, position, "its order is not above that of the event before")
            order = header.order
            if header.case_id:
                if not newest.get(header.case_id, 0) < header.case_revision <= position:
                    self.problem("revision", origin, position, "its case revision does not fit its place")
                newest[header.case_id] = header.case_revision

    def check_path(self, event, checkpoint):
        check_hashes(event["inclusion"])
        check_inclusion(event["position"], checkpoint.size, leaf_hash(event["leaf"]), event["inclusion"],
                        checkpoint.root)

    def check_section(self, origin, header, opened):
        """FORMAT.md "Sections": the commitment in the header binds what is shown."""
        name = f"the {SECTION_KINDS.get(opened['kind'], opened['kind'])} section"
        if len(opened["secret"]) != 32 or len(opened["plaintext"]) > MAX_SECTION:
            raise Refused("section", f"{name}: malformed secret or too long")
        committed = [c["commitment"] for c in header.commitments if c["kind"] == opened["kind"]]
        if not committed:
            raise Refused("section", f"{name}: the entry does not commit to such a section")
        made = section_commitment(opened["secret"], origin, header.event_id, opened["kind"], opened["plaintext"])
        if not hmac.compare_digest(made, committed[0]):
            raise Refused("section", f"{name} is not what the entry commits to")
        self.sections += 1

    def check_known_to(self, origin, events, witnessed):
        """bundle.proto KnownTo: the agency's own cosignature, by then, covers each event of a log that is not
        its own, and each was disclosed to it (control entries are disclosed to all)."""
        agency, at = self.bundle["known_to"]["agency"], self.known_at
        if agency_of_origin(origin) == agency:  # its own log needs no cosignature: what counts is when it wrote it
            for position, header, _ in events:
                if header and header.recorded_at_us > at * 1_000_000:
                    self.problem("known-to", origin, position, f"{agency} recorded it after that time")
            return
        end = max((size for size, cosigned in witnessed for name, times in cosigned.items()
                   if agency_of_witness(name) == agency and min(times) <= at), default=0)
        for position, header, opened in events:
            if position >= end:
                self.problem("known-to", origin, position, f"no cosignature of {agency} by that time covers it")
            if header and not header.control:
                given = [d["sections"] for d in header.disclosures if d["receiver"] == agency]
                if not given or not set(opened) <= set(given[0]):
                    self.problem("known-to", origin, position, f"it, or a section opened here, was not disclosed to {agency}")


def parse_checkpoint_or_none(note):
    try:
        return parse_checkpoint(note)
    except Unreadable:
        return None


def check_hashes(hashes):
    if len(hashes) > MAX_HASHES or any(len(h) != HASH_BYTES for h in hashes):
        raise Refused("inclusion", "a proof has a hash of another length, or too many")


def latest_times(witnessed):
    times = {}
    for _, cosigned in witnessed:
        for name, found in cosigned.items():
            times[name] = max(found + [times.get(name, 0)])
    return {name: shown_time(time) for name, time in sorted(times.items())}


# ---- Export directories (tlog-tiles) -----------------------------------------------------------


def tile_path(level, index, width):
    """tlog-tiles "Merkle Tree": tile/<L>/<N>[.p/<W>], N in groups of three digits."""
    digits = str(index).zfill((len(str(index)) + 2) // 3 * 3)
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    name = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < TILE_WIDTH else "")


class ExportCheck:
    """All checks of one tile directory."""

    def __init__(self, directory, report):
        self.directory, self.report = directory, report
        self.origin, self.called_for = None, set()
        self.tile_files = {}  # path without .p/<W> -> (path, width), of what the size calls for
        self.tiles = self.bundles = self.left_out = 0

    def read(self, name):
        """A file's bytes; None when it is not there."""
        self.called_for.add(name)
        try:
            with open(os.path.join(self.directory, *name.split("/")), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def problem(self, kind, position, what):
        self.report.problem(kind, self.origin, position, what)

    def run(self, policy):
        note, published = self.read("checkpoint"), self.read("log.pub")
        if note is None:
            raise Unreadable("not an export: it has no file `checkpoint`")
        key = self.published_key(published)
        if policy is None:
            if key is None:
                raise Unreadable("no policy is given, and log.pub has no key to go by")
            policy = policy_of_keys([key.vkey])
            self.report.remarks.append(COMPARE_KEYS)
            self.report.facts["keys"] = [key.vkey]
        try:
            verdict = policy.check(decode_utf8(note))
        except (Refused, Unreadable) as refusal:
            self.problem(getattr(refusal, "kind", "checkpoint"), None, f"checkpoint: {refusal}")
            return
        checkpoint, self.origin = verdict.checkpoint, verdict.checkpoint.origin
        if published is not None and (key is None or (key.name, key.public) != (self.origin, verdict.log_key.public)):
            self.problem("tile", None, "log.pub in the export is not the key that you verify by")
        if not verdict.quorum:
            self.problem("cosignature", None, "fewer witnesses than the policy asks for stand behind the checkpoint")
        self.check_tree(checkpoint)
        self.find_strays()
        self.report.facts.update(checkpoint_facts(verdict), tiles=self.tiles, bundles=self.bundles,
                                 bundles_left_out=self.left_out)

    @staticmethod
    def published_key(data):
        """The key in log.pub: a claim of the export, only compared when there is a policy."""
        try:
            return parse_vkey(decode_utf8(data or b"").rstrip("\n"), USE_CHECKPOINT)
        except Unreadable:
            return None

    def check_tree(self, checkpoint):
        """tlog-tiles "Merkle Tree", "Partial Tiles": every tile that the size calls for, level by level; the
        hashes of a level above 0 are the roots of the full tiles below; the right edge gives the root."""
        below, edges, level = [], [], 0
        while checkpoint.size >> 8 * level:
            below, edge = self.check_level(level, checkpoint.size >> 8 * level, below)
            edges.append(edge)
            level += 1
        root = self.root_of_edges(edges)
        if root is not None and root != checkpoint.root:
            self.problem("root", None, "the tiles give another root than the signed checkpoint says")

    def check_level(self, level, count, below):
        """A level of `count` hashes, `below` being the roots of the full tiles under it. Gives the roots of
        its own full tiles (None: unreadable) and the hashes of its partial one."""
        roots, edge, leaves_each = [], [], TILE_WIDTH ** level
        for first in range(0, count, TILE_WIDTH):
            index, width = first // TILE_WIDTH, min(TILE_WIDTH, count - first)
            hashes = self.read_tile(level, index, width, first * leaves_each)
            if level == 0:
                self.check_bundle(index, width, hashes)
            else:
                self.check_roots(level, index, hashes, below[first:first + width])
            if width == TILE_WIDTH:
                roots.append(tree_root(hashes) if hashes else None)
            else:
                edge = hashes or [None]
        return roots, edge

    def check_roots(self, level, index, hashes, made):
        for i, root in enumerate(made):
            if hashes and root is not None and root != hashes[i]:
                self.problem("tile", (index * TILE_WIDTH + i) * TILE_WIDTH ** level,
                             f"{tile_path(level, index, len(hashes))}: hash {i} is not the root of the tile below it")

    @staticmethod
    def root_of_edges(edges):
        """The tree's root: the partial tiles hold all complete subtrees of its right edge, those of the
        lowest level being the rightmost. None when a tile is missing."""
        rest = []
        for edge in edges:
            if None in edge:
                return None
            items = edge + rest
            rest = [tree_root(items)] if items else []
        return rest[0] if rest else EMPTY_ROOT

    def read_tile(self, level, index, width, position):
        name = tile_path(level, index, width)
        self.tile_files[name.split(".p/")[0]] = (name, width)
        data = self.read(name)
        self.tiles += 1
        if data is None or len(data) != HASH_BYTES * width:
            self.problem("tile", position, f"{name} is missing" if data is None else
                         f"{name} has {len(data)} bytes instead of {HASH_BYTES * width}")
            return None
        return [data[i:i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]

    def check_bundle(self, index, width, hashes):
        """tlog-tiles "Log entries": each entry's hash stands in the level 0 tile."""
        name, first = tile_path("entries", index, width), index * TILE_WIDTH
        self.tile_files[name.split(".p/")[0]] = (name, width)
        data = self.read(name)
        if data is None:
            self.left_out += 1
            return
        self.bundles += 1
        at = count = 0
        while at < len(data) and count < width:
            length = int.from_bytes(data[at:at + 2], "big")
            entry, at = data[at + 2:at + 2 + length], at + 2 + length
            if at > len(data):
                break
            if hashes is not None and leaf_hash(entry) != hashes[count]:
                self.problem("tile", first + count, f"{name}: entry {count} is not the one in the tree")
            count += 1
        if at != len(data) or count != width:
            self.problem("tile", first + count, f"{name} does not hold exactly {width} entries")

    def find_strays(self):
        """Files that the checkpoint's size does not call for. Partial tiles of earlier sizes may stay (tlog-tiles
        "Partial Tiles"), but hold the beginning of what is there now."""
        for folder, _, files in os.walk(self.directory):
            for file in files:
                name = os.path.relpath(os.path.join(folder, file), self.directory).replace(os.sep, "/")
                if name not in self.called_for and not self.is_earlier_tile(name):
                    self.problem("tile", None, f"{name} does not belong to this export")

    def is_earlier_tile(self, name):
        match = re.fullmatch(r"(tile/.+)\.p/([1-9][0-9]{0,2})", name)
        current = self.tile_files.get(match[1]) if match else None
        if current is None or int(match[2]) >= current[1]:
            return False
        now, old = self.read(current[0]), self.read(name)
        if now is None or not now.startswith(old):
            return False
        if "/entries/" not in name:
            return len(old) == HASH_BYTES * int(match[2])
        at = count = 0
        while at < len(old):
            at, count = at + 2 + int.from_bytes(old[at:at + 2], "big"), count + 1
        return at == len(old) and count == int(match[2])


# ---- Commands ----------------------------------------------------------------------------------

COMPARE_KEYS = ("The keys come with the evidence itself. Compare them with keys had by other means "
                "(from the agencies themselves), or give your own --policy: until then nothing is proven.")


def checkpoint_facts(verdict):
    checkpoint = verdict.checkpoint
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(),
            "key": verdict.log_key.vkey, "cosigned": latest_times([(checkpoint.size, verdict.cosigned)])}


def check_note(policy, note, report):
    """A checkpoint note by the policy, its quorum included; the verdict, None when refused."""
    try:
        verdict = policy.check(note)
    except Refused as refusal:
        report.problem(refusal.kind, None, None, str(refusal))
        return None
    if not verdict.quorum:
        report.problem("cosignature", verdict.checkpoint.origin, None,
                       "fewer witnesses than the policy asks for stand behind the checkpoint")
    report.facts.update(checkpoint_facts(verdict))
    return verdict


def read_file(path, limit):
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"cannot read {path}: {error.strerror}") from None
    if len(data) > limit:
        raise Unreadable(f"{path} is longer than {limit} bytes")
    return data


def needs_keys(policy, signatures):
    if policy is None:
        names = ", ".join(sorted({f"{s.name} (key id {s.id.hex()})" for s in signatures})) or "nobody"
        raise SystemExit(not_judged(f"it carries signatures of {names}, but no keys: get them from those agencies "
                                     "and give --policy FILE or --key VKEY"))


def not_judged(what):
    print(f"polku_verify: {what}", file=sys.stderr)
    return EXIT_UNREADABLE


def verify_note(options, policy):
    report = Report("note")
    text = decode_utf8(read_file(options.file, MAX_NOTE))
    checkpoint = parse_checkpoint(text)
    needs_keys(policy, checkpoint.signatures)
    check_note(policy, text, report)
    return report


def wanted_leaf_hash(options):
    if options.leaf:
        return leaf_hash(read_file(options.leaf, MAX_LEAF))
    if re.fullmatch(r"[0-9a-fA-F]{64}", options.leaf_hash):
        return bytes.fromhex(options.leaf_hash)
    return decode_base64(options.leaf_hash, HASH_BYTES)


def verify_proof(options, policy):
    report = Report("inclusion proof")
    index, path, note, extra = parse_inclusion_file(decode_utf8(read_file(options.file, MAX_PROOF_FILE)))
    leaf = wanted_leaf_hash(options)
    needs_keys(policy, signature_lines(note))
    report.facts.update(index=index, leaf_hash=leaf.hex())
    verdict = check_note(policy, note, report)
    if verdict is not None:
        try:
            check_inclusion(index, verdict.checkpoint.size, leaf, path, verdict.checkpoint.root)
        except Refused as refusal:
            report.problem(refusal.kind, verdict.checkpoint.origin, index, str(refusal))
    if extra is not None:
        report.remarks.append("The file has extra data, which nothing vouches for.")
    return report


def signature_lines(note):
    try:
        return parse_note(note)[1]
    except Unreadable:
        return []


def verify_pair(options, policy):
    """README "Checkpoint pairs": with a prefix evidence of a fork, without one a proof of consistency. Both notes
    by the same key; cosignatures are not judged."""
    report = Report("checkpoint pair")
    prefix, proof, older_note, newer_note = parse_checkpoint_pair(
        decode_utf8(read_file(options.file, MAX_PROOF_FILE)))
    needs_keys(policy, signature_lines(older_note) + signature_lines(newer_note))
    policy = policy.without_witnesses()
    try:
        older, newer = policy.check(older_note), policy.check(newer_note)
        old, new = older.checkpoint, newer.checkpoint
        if older.log_key != newer.log_key:
            raise Refused("consistency", "the checkpoints are not signed by the same key")
        if prefix == old.root:
            raise Refused("consistency", "the prefix is the older checkpoint's root: there is no contradiction")
        check_consistency(old.size, new.size, old.root if prefix is None else prefix, new.root, proof)
    except Refused as refusal:
        report.problem(refusal.kind, None, None, f"it proves neither consistency nor a fork: {refusal}")
        return report
    report.facts.update(verdict="consistent" if prefix is None else "fork", older=checkpoint_facts(older),
                        newer=checkpoint_facts(newer))
    if prefix is not None:
        report.problem("fork", old.origin, None, f"proven: the origin signed two histories; at size {old.size} it signed "
                       f"the root {old.root.hex()}, but its checkpoint of size {new.size} has {prefix.hex()} there")
    return report


def check_bundle_file(options, policy):
    bundle = parse_bundle(read_file(options.file, MAX_BUNDLE))
    report = Report("bundle")
    if bundle["known_to"]:
        report.facts["known_to"] = bundle["known_to"]
    check = BundleCheck(bundle, policy, report)
    if policy is None and check.own:
        report.remarks.append(COMPARE_KEYS)
        report.facts["keys"] = [key.vkey for key in check.own.logs + list(check.own.witnesses.values())]
    check.run()
    report.remarks.append(f"Made by {bundle['made_by']} at {bundle['made_at']}: a claim that nothing vouches for.")
    return bundle, check, report


def verify_bundle(options, policy):
    return check_bundle_file(options, policy)[2]


def verify_export(options, policy):
    if not os.path.isdir(options.file):
        raise Unreadable(f"{options.file} is not a directory")
    report = Report("export")
    ExportCheck(options.file, report).run(policy)
    return report


def shown_header(header):
    return {"type": header.type, "event": header.event_id.hex(), "author": header.author_agency,
            "official": header.author_official, "case": header.case_id.hex(), "revision": header.case_revision,
            "recorded_at": shown_time(header.recorded_at_us // 1_000_000),
            "causes": [f"{c['origin']} {c['position']}" for c in header.causes],
            "sections": [SECTION_KINDS.get(c["kind"], c["kind"]) for c in header.commitments],
            "disclosed_to": [d["receiver"] for d in header.disclosures]}


def shown_section(schemas, header, opened):
    """An opened section with the field names of the schema that the entry was written by."""
    schema = schemas.get(header.schema_hash)
    try:
        content = schema.decode("." + header.type, opened["plaintext"]) if schema else None
    except (Unreadable, KeyError, RecursionError):  # no such type, or not as the schema says
        content = None
    return {"bytes": opened["plaintext"].hex()} if content is None else content


def show_bundle(options, policy):
    """The verification, and with it what the bundle's events say."""
    bundle, check, report = check_bundle_file(options, policy)
    report.facts["content"] = content = []
    for log in bundle["logs"]:
        for event in log["events"]:
            entry = {"origin": log["origin"], "position": event["position"]}
            content.append(entry)
            try:
                header = parse_leaf(event["leaf"])
            except Refused:
                continue
            entry.update(shown_header(header))
            entry["opened"] = {str(SECTION_KINDS.get(o["kind"], o["kind"])): shown_section(check.schemas, header, o)
                               for o in event["opened"]}
    return report


def print_value(name, value, depth=1):
    """A fact as indented lines."""
    indent = "  " * depth
    if isinstance(value, dict):
        if value:
            print(f"{indent}{name}:")
        for key, part in value.items():
            print_value(key, part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            print_value(name, part, depth)
    else:
        print(f"{indent}{name}: {value}")


def print_report(report, as_json):
    if as_json:
        print(json.dumps({"ok": not report.problems, "subject": report.subject, **report.facts,
                          "remarks": report.remarks, "problems": report.problems}, ensure_ascii=False, indent=1))
        return
    print(f"{report.subject}: {'VERIFIED' if not report.problems else f'{len(report.problems)} PROBLEM' + 'S' * (len(report.problems) > 1)}")
    for name, value in report.facts.items():
        print_value(name, value)
    for remark in report.remarks:
        print(f"  note: {remark}")
    for problem in report.problems:
        place = " ".join(str(part) for part in (problem["origin"], None if problem["position"] is None
                                                else f"position {problem['position']}") if part)
        print(f"  PROBLEM {problem['kind']}{' at ' + place if place else ''}: {problem['what']}")


EXAMPLES = """examples:
  polku_verify.py export ./referral-tiles --policy agencies.policy
  polku_verify.py proof need.tlog-proof --leaf need.leaf --policy agencies.policy
  polku_verify.py pair fork.checkpoint-pair --key "$(cat oulu-referral.pub)"
  polku_verify.py bundle case.json --policy agencies.policy --json
  polku_verify.py show case.json --policy agencies.policy
  polku_verify.py note checkpoint --policy agencies.policy

A policy (c2sp.org/tlog-policy) lists whose signatures you trust, with keys you had from the agencies
themselves:
  log FI/MUN/0187690-1/oulu/referral/1+1a2b3c4d+AV...
  witness kela FI/GOV/0246246-0/kela/compensation/witness+5e6f7a8b+BK...
  quorum kela

exit codes: 0 everything verifies; 5 problems, each told (a proven fork is one); 2 wrong command line; 3 not
readable as such a file, or no keys to judge it by."""


def arguments():
    common = argparse.ArgumentParser(add_help=False)
    keys = common.add_mutually_exclusive_group()
    keys.add_argument("--policy", metavar="FILE", help="whose signatures you trust (tlog-policy)")
    keys.add_argument("--key", metavar="VKEY", action="append", help="instead of a policy: a public key; repeatable")
    common.add_argument("--json", action="store_true", help="the report as JSON")
    parser = argparse.ArgumentParser(prog="polku_verify.py", epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="Verifies Polku's evidence offline; shares no code with Polku.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, act, what, text in (
            ("export", verify_export, "DIR", "a log as a tlog-tiles directory: every tile, entry, root, signature"),
            ("proof", verify_proof, "FILE", "a .tlog-proof: an entry is in the log"),
            ("pair", verify_pair, "FILE", "a .checkpoint-pair: consistent, or evidence of a fork"),
            ("bundle", verify_bundle, "FILE", "an evidence bundle: all of it"),
            ("show", show_bundle, "FILE", "the same, and what its events and opened sections say"),
            ("note", verify_note, "FILE", "a signed checkpoint with its cosignatures")):
        command = commands.add_parser(name, help=text, description=text, parents=[common])
        command.add_argument("file", metavar=what)
        command.set_defaults(act=act)
        if name == "proof":
            leaf = command.add_mutually_exclusive_group(required=True)
            leaf.add_argument("--leaf", metavar="FILE", help="the entry's bytes")
            leaf.add_argument("--leaf-hash", metavar="HASH", help="its leaf hash, as 64 hex digits or base64")
    return parser


def main(argv=None):
    options = arguments().parse_args(argv)
    try:
        policy = None
        place = options.policy or "--key"
        if options.policy:
            # tlog-policy "Character set": octets, opaque where they are not ASCII.
            policy = parse_policy(read_file(options.policy, MAX_POLICY).decode("utf-8", "surrogateescape"))
        elif options.key:
            policy = policy_of_keys([key.strip() for key in options.key])
        place = options.file
        report = options.act(options, policy)
    except Unreadable as error:
        print(f"polku_verify: {place}: {error}", file=sys.stderr)
        return EXIT_UNREADABLE
    try:
        print_report(report, options.json)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`: the reader has enough; what is left must not be flushed at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
