#!/usr/bin/env python3
"""Tests of eventstore/proof/polku_verify.py alone: published vectors, what is made here, what is refused."""

import base64
import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import maker  # noqa: E402
from maker import pv  # noqa: E402

VECTORS = maker.ROOT / "tests/vectors/merkle"
LOG = maker.NamedKey("FI/MUN/0187690-1/oulu/referral/1", 1)
W1 = maker.NamedKey("FI/GOV/0245437-2/kela/compensation/witness", 4)
W2 = maker.NamedKey("FI/ORG/9999992-5/toimintatupa/attendance/witness", 4)
IMPOSTOR = maker.NamedKey("FI/MUN/0187690-1/oulu/referral/1", 1, maker.SecretKey(b"impostor"))
STRANGER = maker.NamedKey("FI/ORG/9999992-5/stranger/x/witness", 4)
T0 = 1_763_000_000

# RFC 8032 section 7.1: seed, public key, message, signature.
RFC8032 = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"),
    ("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     hashlib.sha512(b"abc").hexdigest(),
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
     "3dca179c138ac17ad9bef1177331a704"),
]

# Points of small order, and encodings above the field's prime, which libsodium refuses.
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
]


class Ed25519Test(unittest.TestCase):
    def test_the_vectors_of_rfc_8032_sign_and_verify(self):
        for seed, public, message, signature in RFC8032:
            key = maker.SecretKey(bytes.fromhex(seed))
            self.assertEqual(key.public.hex(), public)
            self.assertEqual(key.sign(bytes.fromhex(message)).hex(), signature)
            self.assertTrue(pv.ed25519_verify(key.public, bytes.fromhex(message), bytes.fromhex(signature)))

    def test_any_changed_bit_is_refused(self):
        _, public, message, signature = (bytes.fromhex(x) for x in RFC8032[1])
        for bit in range(0, 512, 5):
            changed = bytearray(signature)
            changed[bit // 8] ^= 1 << bit % 8
            self.assertFalse(pv.ed25519_verify(public, message, bytes(changed)), bit)
        for bit in range(0, 256, 5):
            changed = bytearray(public)
            changed[bit // 8] ^= 1 << bit % 8
            self.assertFalse(pv.ed25519_verify(bytes(changed), message, signature), bit)
        self.assertFalse(pv.ed25519_verify(public, message + b"\0", signature))
        self.assertFalse(pv.ed25519_verify(public, message, signature[:-1]))

    def test_s_plus_the_order_is_refused(self):
        """The same signature in a second form (malleability): S must be below the group order."""
        _, public, message, signature = (bytes.fromhex(x) for x in RFC8032[2])
        s = int.from_bytes(signature[32:], "little") + pv.ORDER
        self.assertFalse(pv.ed25519_verify(public, message, signature[:32] + s.to_bytes(32, "little")))

    def test_keys_and_r_of_small_order_are_refused(self):
        """With such a key, S = 0 and R = the neutral element would sign any message (RFC 8032 alone accepts)."""
        neutral = bytes([1]) + bytes(31)
        for point in SMALL_ORDER:
            for r in (neutral, bytes.fromhex(point)):
                self.assertFalse(pv.ed25519_verify(bytes.fromhex(point), b"any", r + bytes(32)), point)
        # R of small order under a good key: S = h·a makes S·B - h·A neutral.
        key = maker.SecretKey(bytes(32))
        h = int.from_bytes(hashlib.sha512(neutral + key.public + b"m").digest(), "little") % pv.ORDER
        s = h * key.scalar % pv.ORDER
        self.assertFalse(pv.ed25519_verify(key.public, b"m", neutral + s.to_bytes(32, "little")))

    def test_a_non_canonical_key_is_refused(self):
        self.assertIsNone(pv.point_decode((pv.P + 3).to_bytes(32, "little")))
        self.assertIsNone(pv.point_decode(bytes([1]) + bytes(30) + b"\x80"))  # x = 0 with a sign

    def test_libsodium_answers_the_same(self):
        """The rule is libsodium's: the same answers to good, odd and random input."""
        sodium = load_sodium()
        if sodium is None:
            self.skipTest("libsodium is not installed")
        good = [(bytes.fromhex(p), bytes.fromhex(m), bytes.fromhex(s)) for _, p, m, s in RFC8032]
        cases = list(good)
        for public, message, signature in good:
            for point in SMALL_ORDER:
                small = bytes.fromhex(point)
                cases += [(small, message, signature), (public, message, small + signature[32:]),
                          (small, message, small + bytes(32))]
            for bit in range(0, 512, 37):
                changed = bytearray(signature)
                changed[bit // 8] ^= 1 << bit % 8
                cases.append((public, message, bytes(changed)))
        for y in range(19):  # encodings of y + p
            cases.append(((pv.P + y).to_bytes(32, "little"), b"m", bytes([1]) + bytes(63)))
        # A key with a component of small order, signed so that only the cofactored equation holds.
        torsion = pv.point_decode(bytes.fromhex(SMALL_ORDER[2]))
        for number in range(16):
            key = maker.SecretKey(bytes([number]) * 32)
            mixed = pv.point_encode(pv.point_add(pv.point_decode(key.public), torsion))
            key.public = mixed
            message = bytes([number])
            cases.append((mixed, message, key.sign(message)))
        accepted = 0
        for public, message, signature in cases:
            theirs = sodium.crypto_sign_verify_detached(signature, message, len(message), public) == 0
            self.assertEqual(pv.ed25519_verify(public, message, signature), theirs, public.hex())
            accepted += theirs
        self.assertGreaterEqual(accepted, len(good))


def load_sodium():
    import ctypes
    import ctypes.util
    name = ctypes.util.find_library("sodium")
    if name is None:
        return None
    sodium = ctypes.CDLL(name)
    sodium.crypto_sign_verify_detached.argtypes = [
        ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulonglong, ctypes.c_char_p]
    return sodium


class MerkleTest(unittest.TestCase):
    # Leaves and roots of the Certificate Transparency reference tests (RFC 6962).
    LEAVES = [bytes.fromhex(x) for x in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
    ROOTS = {0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
             1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
             2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
             3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
             7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
             8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}

    def test_the_roots_of_the_reference_leaves(self):
        hashes = [pv.leaf_hash(leaf) for leaf in self.LEAVES]
        for size, root in self.ROOTS.items():
            self.assertEqual(pv.tree_root(hashes[:size]).hex(), root, size)

    # Here Polku's rule for `size1` = 0 (that of tlog-witness) differs from the vectors', which refuse all such
    # proofs: an empty proof from the empty root is right, whatever the newer tree.
    DIFFERS = {"size1 is zero and size2 is not zero"}

    @staticmethod
    def accepted(check, *arguments):
        try:
            check(*arguments)
            return True
        except pv.Refused:
            return False

    def test_the_public_vectors(self):
        """All of transparency-dev/merkle."""
        counted, differing = {True: 0, False: 0}, set()
        for file in sorted(VECTORS.rglob("*.json")):
            v = json.loads(file.read_text())
            proof = [base64.b64decode(h) for h in v["proof"] or []]
            if "leafIdx" in v:
                got = self.accepted(pv.check_inclusion, v["leafIdx"], v["treeSize"],
                                    base64.b64decode(v["leafHash"]), proof, base64.b64decode(v["root"]))
            else:
                got = self.accepted(pv.check_consistency, v["size1"], v["size2"], base64.b64decode(v["root1"]),
                                    base64.b64decode(v["root2"]), proof)
            if got == v["wantErr"]:
                differing.add(v["desc"])
            counted[got] += 1
        self.assertEqual(differing, self.DIFFERS)
        self.assertGreater(counted[True], 5)
        self.assertGreater(counted[False], 100)

    def test_size_zero_takes_an_empty_proof_and_nothing_else(self):
        hashes = [pv.leaf_hash(bytes([i])) for i in range(5)]
        root = pv.tree_root(hashes)
        pv.check_consistency(0, 5, pv.EMPTY_ROOT, root, [])
        pv.check_consistency(0, 0, pv.EMPTY_ROOT, pv.EMPTY_ROOT, [])
        for arguments in ((0, 5, pv.EMPTY_ROOT, root, [root]), (0, 5, root, root, []), (0, 0, root, root, []),
                          (0, 0, pv.EMPTY_ROOT, root, [])):
            with self.assertRaises(pv.Refused):
                pv.check_consistency(*arguments)

    def test_every_proof_of_every_small_tree_and_no_other(self):
        hashes = [pv.leaf_hash(bytes([i])) for i in range(34)]
        for size in range(1, 34):
            root = pv.tree_root(hashes[:size])
            for index in range(size):
                proof = maker.path(index, hashes[:size])
                pv.check_inclusion(index, size, hashes[index], proof, root)
                for wrong in ((index + 1, size, hashes[index], proof, root),
                              (index, size, hashes[33], proof, root),
                              (index, size, hashes[index], proof + [root], root),
                              (index, size, hashes[index], proof, hashes[0] if size > 1 else root[::-1])):
                    with self.assertRaises(pv.Refused):
                        pv.check_inclusion(*wrong)
                if proof:
                    with self.assertRaises(pv.Refused):
                        pv.check_inclusion(index, size, hashes[index], proof[:-1], root)
            for old in range(1, size + 1):
                proof, old_root = maker.consistency(old, hashes[:size]), pv.tree_root(hashes[:old])
                pv.check_consistency(old, size, old_root, root, proof)
                for wrong in ((old, size, hashes[33], root, proof), (old, size, old_root, hashes[33], proof),
                              (old, size, old_root, root, proof + [root]), (size + 1, size, old_root, root, proof)):
                    with self.assertRaises(pv.Refused):
                        pv.check_consistency(*wrong)
                for i in range(len(proof)):
                    with self.assertRaises(pv.Refused):
                        pv.check_consistency(old, size, old_root, root, proof[:i] + [hashes[33]] + proof[i + 1:])


class NoteTest(unittest.TestCase):
    # The key and note of the documentation of Go's sumdb/note.
    PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    PETER_NOTE = ("If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
                  "\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n")
    # The examples of tlog-cosignature and signed-note; their keys are not published: the form alone.
    C2SP_CHECKPOINT = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n")

    def test_the_published_note_of_go_verifies(self):
        key = pv.parse_vkey(self.PETER, pv.USE_CHECKPOINT)
        body, signatures = pv.parse_note(self.PETER_NOTE)
        self.assertEqual((signatures[0].name, signatures[0].id), (key.name, key.id))
        self.assertTrue(pv.signature_verifies(key, body, signatures[0].data))
        self.assertIsNone(pv.signature_verifies(key, body + " ", signatures[0].data))

    def test_the_published_checkpoint_has_the_published_form(self):
        checkpoint = pv.parse_checkpoint(self.C2SP_CHECKPOINT)
        self.assertEqual((checkpoint.origin, checkpoint.size), ("example.com/behind-the-sofa", 20852163))
        cosignature = checkpoint.signatures[1]
        self.assertEqual(cosignature.name, "witness.example.com/w1")
        self.assertEqual(int.from_bytes(cosignature.data[:8], "big"), 1679315147)
        self.assertEqual(len(cosignature.data), 72)

    def test_malformed_notes_are_refused(self):
        good = maker.note(LOG, 3, bytes(32), [(W1, T0)])
        pv.parse_checkpoint(good)
        text, lines = good.split("\n\n")
        first = lines.split("\n")[0]
        for wrong in ("", "\n", "\n\n", good[:-1], text + "\n" + lines, text + "\n\n", good + "\n", good + "x",
                      good.replace("\u2014", "-", 1), good.replace("\u2014 ", "\u2014  ", 1), good + first[:-3] + "\n",
                      good.replace("\n3\n", "\n03\n"), good.replace("\n3\n", "\n+3\n"), good.replace("\n3\n", "\n-3\n"),
                      good.replace("\n3\n", "\n\n"), good.replace("\n3\n", "\n3 \n"), good.replace("\n3\n", "\n\u0663\n"),
                      good.replace("\n3\n", f"\n{1 << 63}\n"), good.replace("\n3\n", "\n3\n\x01\n"),
                      good.replace("AAA=\n", "AAB=\n", 1), good.replace("AAA=\n", "AA=\n", 1), good.replace(LOG.name, "", 1),
                      good.replace("\u2014 " + LOG.name, "\u2014 a\u00a0b", 1), good.replace("\u2014 " + LOG.name, "\u2014 a+b", 1),
                      good + "\u2014 x AAAA\n", good + "\u2014 x AAAAAA==\n", good + "x" * pv.MAX_NOTE):
            with self.assertRaises(pv.Unreadable, msg=repr(wrong[:200])):
                pv.parse_checkpoint(wrong)

    def test_malformed_keys_are_refused(self):
        pv.parse_vkey(LOG.vkey, 1)
        name, key_id, key = LOG.vkey.split("+", 2)
        for wrong in ("", name, f"{name}+{key_id}", f"+{key_id}+{key}", f"{name}x+{key_id}+{key}", f"{name}+{key_id}+{key[:-4]}",
                      f"{name}+{key_id[:-1]}+{key}", f"{name}+00000000+{key}", f"{name} x+{key_id}+{key}", LOG.vkey + "\n", W1.vkey):
            with self.assertRaises(pv.Unreadable, msg=wrong):
                pv.parse_vkey(wrong, 1)
        with self.assertRaises(pv.Unreadable):
            pv.parse_vkey(LOG.vkey, 4)


class PolicyTest(unittest.TestCase):
    def policy(self, quorum, groups=()):
        return pv.parse_policy(maker.policy_text([LOG], [("a", W1), ("b", W2)], quorum, groups))

    def test_a_note_is_checked_by_its_log_and_witnesses(self):
        verdict = self.policy("a").check(maker.note(LOG, 3, bytes(32), [(W1, T0), (W1, T0 + 5), (STRANGER, T0)]))
        self.assertEqual(verdict.cosigned, {W1.name: [T0, T0 + 5]})
        self.assertTrue(verdict.quorum)
        self.assertEqual(verdict.checkpoint.size, 3)

    def test_quorums_are_those_of_tlog_policy(self):
        for quorum, groups, by, want in (
                ("none", (), (), True), ("a", (), (W2,), False), ("g", ("group g any a b",), (W2,), True),
                ("g", ("group g all a b",), (W2,), False), ("g", ("group g all a b",), (W1, W2), True),
                ("g", ("group g 2 a b",), (W1,), False), ("g", ("group g 1 a b",), (W1,), True),
                ("h", ("group g any a", "group h all g b"), (W1, W2), True),
                ("h", ("group g any a", "group h all g b"), (W1,), False)):
            note = maker.note(LOG, 3, bytes(32), [(key, T0) for key in by])
            self.assertEqual(self.policy(quorum, groups).check(note).quorum, want, (quorum, groups))

    def test_comments_urls_and_white_space_are_allowed(self):
        text = f"# logs\n\t log\t{LOG.vkey}  https://example.com\n\nwitness a {W1.vkey} https://w \n quorum  a\t\n"
        self.assertEqual(pv.parse_policy(text).witnesses["a"].name, W1.name)

    def test_malformed_policies_name_their_line(self):
        log, a, b = f"log {LOG.vkey}", f"witness a {W1.vkey}", f"witness b {W2.vkey}"
        for lines, line in (
                ([log, log, "quorum none"], 2), ([a, a.replace("a ", "b ", 1), "quorum none"], 2),
                ([a, b.replace(" b ", " a "), "quorum none"], 2), ([a.replace(" a ", " none "), "quorum none"], 1),
                ([log, "quorum a", a], 2), ([a, "quorum a", "quorum a"], 3), ([a, "group g any b", "quorum g"], 2),
                ([a, "group g any none", "quorum g"], 2), ([a, b, "group g 3 a b", "quorum g"], 3),
                ([a, b, "group g 0 a b", "quorum g"], 3), ([a, b, "group g 01 a b", "quorum g"], 3),
                ([a, "group g any a a", "quorum g"], 2), ([a, "group g any a", "group h any a g", "quorum h"], 3),
                ([a, "group g any", "quorum g"], 2), (["grp g any a", "quorum none"], 1), ([f"log {W1.vkey}", "quorum none"], 1),
                ([f"witness a {LOG.vkey}", "quorum none"], 1), (["log", "quorum none"], 1), ([log + " u v", "quorum none"], 1),
                (["quorum"], 1), (["quorum none none"], 1), ([a, "group a any a", "quorum a"], 2)):
            with self.assertRaisesRegex(pv.Unreadable, f"line {line}:", msg=lines):
                pv.parse_policy("\n".join(lines) + "\n")
        for text in (log + "\n", "", f"{log}\nquorum none", f"{log}\r\nquorum none\n", f"{log}\nquorum none\x7f\n"):
            with self.assertRaises(pv.Unreadable, msg=text):
                pv.parse_policy(text)

    def test_what_must_not_pass(self):
        good = maker.note(LOG, 3, bytes(32), [(W1, T0)])
        impostor = maker.NamedKey(LOG.name, 1, maker.SecretKey(b"i" * 32))
        other = maker.NamedKey("FI/MUN/0187690-1/oulu/referral/2", 1)
        policy = self.policy("none")
        policy.check(good)
        body = maker.body(LOG.name, 3, bytes(32))
        for kind, wrong in (
                ("checkpoint", maker.note(impostor, 3, bytes(32))), ("checkpoint", maker.note(other, 3, bytes(32))),
                ("checkpoint", maker.body(other.name, 3, bytes(32)) + "\n" + LOG.line(maker.body(other.name, 3, bytes(32)))),
                ("checkpoint", good.replace("\n3\n", "\n4\n")), ("checkpoint", body + "\n" + W1.line(body, T0)),
                ("cosignature", maker.note(LOG, 3, bytes(32)) + W1.line(maker.body(LOG.name, 4, bytes(32)), T0)),
                ("cosignature", maker.note(LOG, 3, bytes(32)) + W1.line(body)), ("checkpoint", "text\n"),
                ("cosignature", maker.note(LOG, 3, bytes(32), [(W1, 1 << 63)]))):
            with self.assertRaises(pv.Refused, msg=wrong) as refused:
                policy.check(wrong)
            self.assertEqual(refused.exception.kind, kind, wrong)


class ToolTest(unittest.TestCase):
    """Through main(), as a person calls it."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="polku-verify-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.policy = self.put("policy", maker.policy_text([LOG], [("a", W1), ("b", W2)]))

    def put(self, name, content):
        maker.write_bytes(self.directory, name, content.encode() if isinstance(content, str) else content)
        return str(self.directory / name)

    def run_tool(self, *arguments, code, expect=()):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                got = pv.main([str(a) for a in arguments])
            except SystemExit as stopped:
                got = stopped.code
        text = out.getvalue() + err.getvalue()
        self.assertEqual(got, code, text)
        for part in expect:
            self.assertIn(part, text)
        return out.getvalue()

    def problems(self, *arguments):
        """(kind, position) of each problem; the command exits 5 exactly when there is one."""
        report = json.loads(self.run_tool(*arguments, "--policy", self.policy, "--json", code=5))
        self.assertFalse(report["ok"])
        return [(p["kind"], p["position"]) for p in report["problems"]]


class InclusionTest(ToolTest):
    def setUp(self):
        super().setUp()
        self.leaves = [b"leaf %d" % i for i in range(11)]
        self.hashes = [pv.leaf_hash(leaf) for leaf in self.leaves]
        self.note = maker.note(LOG, 11, pv.tree_root(self.hashes), [(W1, T0)])
        self.good = maker.inclusion_file(6, maker.path(6, self.hashes), self.note)
        self.leaf = self.put("leaf", self.leaves[6])

    def test_it_verifies_by_leaf_and_by_hash(self):
        file = self.put("p", self.good)
        for leaf in (("--leaf", self.leaf), ("--leaf-hash", self.hashes[6].hex()), ("--leaf-hash", maker.b64(self.hashes[6]))):
            self.run_tool("proof", file, *leaf, "--policy", self.policy, code=0, expect=["VERIFIED", W1.name, "index: 6"])
        self.run_tool("proof", file, "--leaf", self.leaf, "--key", LOG.vkey, code=0)
        extra = self.put("e", maker.inclusion_file(6, maker.path(6, self.hashes), self.note, b"extra"))
        self.run_tool("proof", extra, "--leaf", self.leaf, "--key", LOG.vkey, code=0, expect=["nothing vouches for"])

    def test_what_is_wrong_is_told_with_its_position(self):
        wrong_root = maker.note(LOG, 11, bytes(32))
        path = maker.path(6, self.hashes)
        for content in (maker.inclusion_file(7, path, self.note), maker.inclusion_file(6, path[:-1], self.note),
                        maker.inclusion_file(6, path, wrong_root)):
            self.assertEqual(self.problems("proof", self.put("p", content), "--leaf", self.leaf)[0][0], "inclusion")
        self.assertEqual(self.problems("proof", self.put("p", self.good), "--leaf-hash", "00" * 32), [("inclusion", 6)])
        forged = self.good.replace("\n11\n", "\n12\n")
        self.assertEqual(self.problems("proof", self.put("p", forged), "--leaf", self.leaf), [("checkpoint", None)])

    def test_a_missing_quorum_is_a_problem(self):
        self.policy = self.put("strict", maker.policy_text([LOG], [("a", W1), ("b", W2)], "b"))
        self.assertEqual(self.problems("proof", self.put("p", self.good), "--leaf", self.leaf), [("cosignature", None)])

    def test_malformed_files_are_not_readable(self):
        head, rest = self.good.split("\n", 1)
        for content in ("", self.note, "c2sp.org/tlog-proof@v2\n" + rest, head + "\n" + rest.replace("index 6", "index 06"),
                        head + "\n" + rest.replace("index 6", "Index 6"), head + "\nextra ?\n" + rest, head + "\nextra \n" + rest, self.good.split("\n\n")[0],
                        head + "\nindex 6\n" + maker.b64(b"short") + "\n\n" + self.note, b"\xff" + self.good.encode(),
                        maker.inclusion_file(6, [bytes(32)] * 65, self.note), head + "\n" + rest.replace("\nindex 6", "")[8:]):
            self.run_tool("proof", self.put("p", content), "--leaf", self.leaf, "--policy", self.policy, code=3)

    def test_without_keys_it_says_whose_are_needed(self):
        self.run_tool("proof", self.put("p", self.good), "--leaf", self.leaf, code=3, expect=[LOG.name, W1.name, "--policy"])

    def test_a_policy_is_octets_not_text(self):
        content = self.good.encode()
        self.policy = self.put("octets", f"# \u00e4\nlog {LOG.vkey}\n".encode("latin-1") + b"witness \xff "
                               + W1.vkey.encode() + b"\nquorum \xff\n")
        self.run_tool("proof", self.put("p", content), "--leaf", self.leaf, "--policy", self.policy, code=0)

    def test_command_lines_that_cannot_be(self):
        file = self.put("p", self.good)
        for arguments in ((), ("proof", file, "--policy", self.policy), ("verify", file),
                          ("proof", file, "--leaf", "x", "--leaf-hash", "y", "--policy", self.policy)):
            self.run_tool(*arguments, code=2)
        self.run_tool("proof", file, "--leaf", self.leaf, "--policy", self.put("bad", "log x\n"), code=3, expect=["line 1"])
        self.run_tool("proof", str(self.directory / "none"), "--leaf", self.leaf, "--policy", self.policy, code=3)
        self.run_tool("--help", code=0, expect=["examples:", "exit codes"])


class PairTest(ToolTest):
    def setUp(self):
        super().setUp()
        self.hashes = [pv.leaf_hash(b"%d" % i) for i in range(13)]
        self.other = self.hashes[:4] + [pv.leaf_hash(b"forged")] + self.hashes[5:]

    def note(self, size, hashes=None):
        return maker.note(LOG, size, pv.tree_root((hashes or self.hashes)[:size]))

    def check(self, *arguments, code, verdict=None):
        file = self.put("pair", maker.pair_file(*arguments))
        report = json.loads(self.run_tool("pair", file, "--policy", self.policy, "--json", code=code))
        self.assertEqual(report.get("verdict"), verdict)
        return report

    def test_consistent_pairs(self):
        for old, new in ((0, 13), (1, 13), (7, 13), (13, 13), (8, 9)):
            self.check(self.note(old), self.note(new), maker.consistency(old, self.hashes[:new]), code=0, verdict="consistent")

    def test_a_fork_is_proven(self):
        for old in (5, 7, 12):
            report = self.check(self.note(old), self.note(13, self.other), maker.consistency(old, self.other),
                                pv.tree_root(self.other[:old]), code=5, verdict="fork")
            self.assertEqual([p["kind"] for p in report["problems"]], ["fork"])
        self.check(self.note(13), self.note(13, self.other), [], pv.tree_root(self.other), code=5, verdict="fork")

    def test_what_proves_neither(self):
        proof = maker.consistency(7, self.hashes)
        other_log = maker.NamedKey("FI/MUN/0187690-1/oulu/referral/2", 1)
        self.policy = self.put("policy", maker.policy_text([LOG, other_log]))
        for arguments in (
                (self.note(7), self.note(13, self.other), maker.consistency(7, self.other)),  # a fork without prefix
                (self.note(7), self.note(13), proof, pv.tree_root(self.hashes[:7])),  # a "fork" of equal roots
                (self.note(7), self.note(13), proof, bytes(32)), (self.note(13), self.note(7), proof),
                (self.note(7), self.note(13), proof[:-1]), (self.note(13), self.note(13, self.other), []),
                (self.note(13), self.note(13, self.other), [], bytes(32)),
                (maker.note(other_log, 7, pv.tree_root(self.hashes[:7])), self.note(13), proof),
                (self.note(7).replace("\n7\n", "\n6\n"), self.note(13), proof)):
            self.check(*arguments, code=5)

    def test_cosignatures_are_not_judged_but_the_key_must_be_the_same(self):
        older = self.note(7) + W1.line("of something else", T0)
        self.check(older, self.note(13), maker.consistency(7, self.hashes), code=0, verdict="consistent")
        second = maker.NamedKey(LOG.name, 1, maker.SecretKey(b"second key of the log"))
        self.policy = self.put("policy", maker.policy_text([LOG, second]))
        newer = maker.note(second, 13, pv.tree_root(self.hashes))
        self.check(self.note(7), newer, maker.consistency(7, self.hashes), code=5)

    def test_malformed_files_are_not_readable(self):
        good = maker.pair_file(self.note(7), self.note(13), maker.consistency(7, self.hashes))
        for content in ("", good.replace("/v1", "/v2", 1), good[:-1], good + "\n\u2014 x AAAA", "polku/checkpoint-pair/v1\n\n" + self.note(7),
                        good.replace("\n", "\nprefix x\n", 1), maker.pair_file(self.note(7), self.note(13), [bytes(32)] * 65)):
            self.run_tool("pair", self.put("pair", content), "--policy", self.policy, code=3)


class NoteFileTest(ToolTest):
    def test_a_note_alone(self):
        good = maker.note(LOG, 3, bytes(32), [(W2, T0)])
        self.run_tool("note", self.put("n", good), "--policy", self.policy, code=0, expect=[W2.name, pv.shown_time(T0)])
        self.run_tool("note", self.put("n", good.replace("\n3\n", "\n4\n")), "--policy", self.policy, code=5)
        self.run_tool("note", self.put("n", "no note\n"), "--policy", self.policy, code=3)
        self.run_tool("note", self.put("n", good), code=3)
        self.run_tool("note", self.put("n", good), "--key", LOG.vkey, "--key", W2.vkey, code=0, expect=[W2.name])


class ExportTest(ToolTest):
    def make(self, size, name="x", **options):
        directory = self.directory / name
        if directory.exists():
            shutil.rmtree(directory)
        self.leaves = [b"entry %d" % i for i in range(size)]
        maker.write_export(directory, LOG, self.leaves, **options)
        return directory

    def test_trees_of_all_shapes_verify(self):
        for size in (0, 1, 2, 255, 256, 257, 511, 512, 700):
            directory = self.make(size, cosigners=[(W1, T0)])
            report = json.loads(self.run_tool("export", directory, "--policy", self.policy, "--json", code=0))
            self.assertEqual((report["size"], report["bundles_left_out"]), (size, 0))
            self.assertEqual(list(report["cosigned"]), [W1.name])

    def test_a_tree_of_three_levels_verifies_and_a_changed_hash_is_found(self):
        directory = self.make(65_536 + 300)
        self.run_tool("export", directory, "--policy", self.policy, code=0)
        for name, position in (("tile/0/000", 5), ("tile/1/000", 5 * 256), ("tile/2/000.p/1", 0)):
            file = directory / name
            content = file.read_bytes()
            at = 0 if "p/1" in name else 5 * 32
            file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
            kinds = self.problems("export", directory)
            self.assertIn(("tile", position), kinds, name)
            file.write_bytes(content)

    def test_without_a_policy_the_keys_must_be_compared(self):
        self.run_tool("export", self.make(3), code=0, expect=["Compare them", LOG.vkey])

    def test_left_out_bundles_are_counted(self):
        report = json.loads(self.run_tool("export", self.make(700, leave_out=(1,)), "--json", code=0))
        self.assertEqual((report["bundles"], report["bundles_left_out"]), (2, 1))

    def test_partial_tiles_of_an_earlier_size_may_stay(self):
        directory = self.make(300)
        tile = (directory / "tile/0/001.p/44").read_bytes()
        maker.write_bytes(directory, "tile/0/001.p/40", tile[:40 * 32])
        maker.write_bytes(directory, "tile/0/000.p/9", (directory / "tile/0/000").read_bytes()[:9 * 32])
        self.run_tool("export", directory, "--policy", self.policy, code=0)
        maker.write_bytes(directory, "tile/0/001.p/39", tile[32:40 * 32])
        self.assertEqual(self.problems("export", directory), [("tile", None)])

    def test_every_kind_of_damage_is_found_at_its_position(self):
        def change(name, act):
            def damage(directory):
                file = directory / name
                file.write_bytes(act(file.read_bytes()))
            return damage

        def add(name):
            return lambda directory: maker.write_bytes(directory, name, b"x" * 32)

        impostor = maker.NamedKey(LOG.name, 1, maker.SecretKey(b"i" * 32))
        root = pv.tree_root([pv.leaf_hash(b"entry %d" % i) for i in range(300)])
        for damage, expected in (
                (lambda d: (d / "tile/0/000").unlink(), ("tile", 0)),
                (lambda d: (d / "tile/0/001.p/44").unlink(), ("tile", 256)),
                (lambda d: (d / "tile/1/000.p/1").unlink(), ("tile", 0)),
                (change("tile/0/001.p/44", lambda x: x[:-1]), ("tile", 256)),
                (change("tile/0/001.p/44", lambda x: x + bytes(32)), ("tile", 256)),
                (change("tile/entries/000", lambda x: x[:100] + b"#" + x[101:]), ("tile", 11)),
                (change("tile/entries/001.p/44", lambda x: x[:-1]), ("tile", 299)),
                (change("tile/entries/001.p/44", lambda x: x + b"\0\0"), ("tile", 300)),
                (change("tile/entries/000", lambda x: x[2 + len(b"entry 0"):]), ("tile", 0)),
                (change("checkpoint", lambda x: maker.note(impostor, 300, root).encode()), ("checkpoint", None)),
                (change("checkpoint", lambda x: maker.note(LOG, 300, bytes(32)).encode()), ("root", None)),
                (change("checkpoint", lambda x: maker.note(LOG, 301, root).encode()), ("tile", 256)),
                (change("checkpoint", lambda x: b"no note"), ("checkpoint", None)),
                (change("checkpoint", lambda x: b"\xff"), ("checkpoint", None)),
                (add("tile/0/002"), ("tile", None)), (add("tile/entries/000.p/1"), ("tile", None)),
                (add("tile/2/000.p/1"), ("tile", None)), (add("other"), ("tile", None))):
            directory = self.make(300)
            damage(directory)
            self.assertIn(expected, self.problems("export", directory), expected)

    def test_another_log_pub_is_a_problem_and_does_not_verify_by_itself(self):
        directory = self.make(3)
        for content, code in ((maker.NamedKey(LOG.name, 1, maker.SecretKey(b"i" * 32)).vkey, 5), ("?", 3)):
            (directory / "log.pub").write_text(content + "\n")
            self.run_tool("export", directory, "--policy", self.policy, code=5, expect=["log.pub"])
            self.run_tool("export", directory, code=code)

    def test_what_is_no_export(self):
        self.run_tool("export", self.put("file", "x"), "--policy", self.policy, code=3)
        (self.directory / "empty").mkdir()
        self.run_tool("export", self.directory / "empty", "--policy", self.policy, code=3)
        directory = self.make(3)
        (directory / "log.pub").unlink()
        self.run_tool("export", directory, code=3, expect=["log.pub"])
        self.run_tool("export", directory, "--policy", self.policy, code=0)


class BundleTest(ToolTest):
    CASE = b"c" * 16

    def setUp(self):
        super().setUp()
        self.schema = maker.descriptor_set()
        digest = hashlib.sha256(self.schema).digest()
        place = maker.message(f1=564, f2=1)
        plain = maker.message(f1="käynti", f2=[maker.varint(3) + maker.varint(4)], f3=1, f4=place)
        self.entries = [maker.genesis(LOG)] + [
            maker.Entry(LOG.name, i, self.CASE, {1: plain, 4: maker.message(f1="terveys %d" % i)}, ["FI/GOV/0245437-2/kela"], digest)
            for i in range(1, 40)]
        self.log = self.evidence()

    def evidence(self, **options):
        given = {"chosen": (3, 7), "cosigners": [(W1, T0 + 100)], "cosigned": [(20, [(W1, T0)]), (35, [(W2, T0 + 50)])]}
        return maker.log_evidence(LOG, self.entries, **{**given, **options})

    def bundle(self, **options):
        given = {"policy": maker.policy_text([LOG], [("a", W1), ("b", W2)], "a"), "logs": [self.log],
                 "schemas": [self.schema], "case_id": self.CASE.hex()}
        return maker.bundle(**{**given, **options})

    def write(self, made):
        return self.put("bundle.json", maker.bundle_text(made))

    def test_a_bundle_verifies_by_its_own_policy_and_by_the_readers(self):
        file = self.write(self.bundle())
        self.run_tool("bundle", file, code=0, expect=["VERIFIED", "Compare them", W2.vkey])
        report = json.loads(self.run_tool("bundle", file, "--policy", self.policy, "--json", code=0))
        self.assertEqual((report["events"], report["sections"]), (2, 4))
        self.assertEqual(report["logs"][0]["cosigned"], {W1.name: pv.shown_time(T0 + 100), W2.name: pv.shown_time(T0 + 50)})

    def test_show_prints_opened_sections_by_field_name(self):
        report = json.loads(self.run_tool("show", self.write(self.bundle()), "--policy", self.policy, "--json", code=0))
        event = report["content"][1]
        self.assertEqual((event["position"], event["type"], event["disclosed_to"]), (7, "polku.test.v1.Happened", ["FI/GOV/0245437-2/kela"]))
        self.assertEqual(event["opened"], {
            "service": {"text": "käynti", "scores": [-2, 2], "kind": "KIND_VISIT", "place": {"code": 564, "outside": True}},
            "health": {"text": "terveys 7"}})
        unopened = self.write(self.bundle(logs=[self.evidence(opened=False)], schemas=[]))
        self.run_tool("show", unopened, "--policy", self.policy, code=0, expect=["position: 7", "sections: health"])

    def test_numbers_and_base64_as_the_json_of_protobuf_has_them(self):
        made = json.loads(maker.bundle_text(self.bundle()))
        for event in made["logs"][0]["events"]:
            event["leaf"] = event["leaf"].replace("+", "-").replace("/", "_").rstrip("=")
            event["position"] = int(event["position"])
        self.run_tool("bundle", self.write(made), "--policy", self.policy, code=0)

    def test_the_bundles_that_polku_froze(self):
        golden = maker.ROOT / "tests/evidence/golden"
        for name in ("bundle.json", "bundle-known-to.json"):
            for keys in ((), ("--policy", golden / "policy")):
                self.run_tool("show", golden / name, *keys, code=0, expect=["VERIFIED", "identified_on: 2025-01-07"])

    def test_every_kind_of_damage_is_found_at_its_position(self):
        def altered(act):
            made = json.loads(maker.bundle_text(self.bundle()))
            act(made)
            return made

        def flip(holder, name):
            data = bytearray(base64.b64decode(holder[name]))
            data[-1] ^= 1
            holder[name] = maker.b64(bytes(data))

        def first(made):
            return made["logs"][0]["events"][0]

        def swap(holder, i, j):
            holder[i], holder[j] = holder[j], holder[i]

        for act, expected in (
                (lambda m: flip(first(m), "leaf"), ("inclusion", 3)),
                (lambda m: first(m).update(position="4"), ("inclusion", 4)),
                (lambda m: first(m)["inclusion"].pop(), ("inclusion", 3)),
                (lambda m: first(m)["inclusion"].append("AAAA"), ("inclusion", 3)),
                (lambda m: swap(m["logs"][0]["events"], 0, 1), ("bundle", None)),
                (lambda m: first(m)["opened"][0].update(kind=2), ("section", 3)),
                (lambda m: flip(first(m)["opened"][0], "secret"), ("section", 3)),
                (lambda m: flip(first(m)["opened"][1], "plaintext"), ("section", 3)),
                (lambda m: first(m)["opened"][1].update(secret=""), ("section", 3)),
                (lambda m: swap(first(m)["opened"], 0, 1), ("section", 3)),
                (lambda m: flip(m["schemas"][0], "file_descriptor_set"), ("schema", None)),
                (lambda m: m.update(schemas=[]), ("schema", 3)),
                (lambda m: m.update(case_id="00" * 16), ("bundle", 3)), (lambda m: m.update(case_id="x"), ("bundle", None)),
                (lambda m: m.update(made_by="somebody"), ("bundle", None)), (lambda m: m.update(made_at="now"), ("bundle", None)),
                (lambda m: m.update(policy="quorum x\n"), ("bundle", None)),
                (lambda m: m.update(policy=m["policy"].replace(LOG.vkey, IMPOSTOR.vkey)), ("checkpoint", None)),
                (lambda m: m.update(policy=m["policy"] + f"log {IMPOSTOR.vkey}\n"), ("checkpoint", None)),
                (lambda m: m.update(known_to={"agency": "kela", "at": "2026-01-01T00:00:00Z"}), ("known-to", None)),
                (lambda m: m.update(known_to={"agency": "FI/GOV/0245437-2/kela", "at": "then"}), ("known-to", None)),
                (lambda m: m["schemas"].append(m["schemas"][0]), ("schema", None)),
                (lambda m: m["logs"][0].update(checkpoint=m["logs"][0]["checkpoint"] + STRANGER.line("", T0)), ("bundle", None)),
                (lambda m: swap(m["logs"][0]["cosigned"], 0, 1), ("bundle", None)),
                (lambda m: m.update(logs=[]), ("bundle", None)),
                (lambda m: m["logs"].append(m["logs"][0]), ("bundle", None)),
                (lambda m: m["logs"][0].update(events=[]), ("bundle", None)),
                (lambda m: m["logs"][0].update(origin="FI/MUN/0187690-1/oulu/referral/2"), ("checkpoint", None)),
                (lambda m: m["logs"][0].update(checkpoint=maker.note(LOG, 40, bytes(32))), ("inclusion", 3)),
                (lambda m: m["logs"][0].update(checkpoint="x"), ("checkpoint", None)),
                (lambda m: m["logs"][0]["cosigned"][0]["consistency"].pop(), ("cosignature", None)),
                (lambda m: m["logs"][0]["cosigned"][0].update(checkpoint=maker.note(LOG, 20, bytes(32), [(W1, T0)])),
                 ("cosignature", None)),
                (lambda m: m["logs"][0]["cosigned"][0].update(checkpoint=maker.note(LOG, 20, bytes(32))), ("cosignature", None))):
            self.assertIn(expected, self.problems("bundle", self.write(altered(act))), expected)

    def test_a_section_that_the_agency_was_not_given_is_not_known_to_it(self):
        digest = hashlib.sha256(self.schema).digest()
        self.entries[3] = maker.Entry(LOG.name, 3, self.CASE, {1: b"", 4: b""}, ["FI/GOV/0245437-2/kela"], digest, given=[1])
        self.log = self.evidence(chosen=(3,))
        known = ("FI/GOV/0245437-2/kela", pv.shown_time(T0 + 100))
        self.assertEqual(self.problems("bundle", self.write(self.bundle(known_to=known))), [("known-to", 3)])
        self.log["events"][0]["opened"].pop()
        self.run_tool("bundle", self.write(self.bundle(known_to=known)), "--policy", self.policy, code=0)

    def test_a_cause_that_is_shown_otherwise_is_found(self):
        cause = maker.message(f1=LOG.name, f2=3, f3=pv.leaf_hash(self.entries[3].leaf))
        self.entries[7].leaf += maker.message(f9=cause)
        self.log = self.evidence()
        self.run_tool("bundle", self.write(self.bundle()), "--policy", self.policy, code=0)
        self.entries[7].leaf += maker.message(f9=maker.message(f1=LOG.name, f2=3, f3=bytes(32)))
        self.log = self.evidence()
        self.assertEqual(self.problems("bundle", self.write(self.bundle())), [("cause", 7)])

    def test_an_origin_that_broke_its_own_rules_is_found(self):
        digest = hashlib.sha256(self.schema).digest()
        other_case = maker.Entry(LOG.name, 5, b"d" * 16, {1: b""}, schema=digest)
        for entry, expected in ((other_case, [("bundle", 3), ("revision", 3)]), (maker.genesis(LOG), [("genesis", 3)]),
                                (maker.Entry(LOG.name, 9, self.CASE), [("revision", 3), ("order", 7)])):
            self.entries[3] = entry
            self.log = self.evidence()
            for problem in expected:
                self.assertIn(problem, self.problems("bundle", self.write(self.bundle())))

    def test_a_leaf_that_is_no_entry_is_found(self):
        good = self.entries[3]
        header = good.header
        for wrong in (b"", b"polku/leaf/v2\0" + good.leaf[14:], good.leaf[:40], good.leaf + b"\xff",
                      good.leaf + maker.message(f1=b"short"), good.leaf + maker.message(f8=0),
                      good.leaf + maker.message(f13=b"control and case"), good.leaf + maker.message(f10=b"short"),
                      good.leaf + maker.message(f11=maker.message(f1=1, f2=bytes(32))), good.leaf + maker.message(f2=""),
                      good.leaf + maker.message(f9=maker.message(f1="x", f3=b"short")),
                      good.leaf + maker.message(f12=maker.message(f1="A", f4=1)), good.leaf + b"\x0b"):
            entry = maker.Entry(LOG.name, 3)
            entry.leaf = wrong
            self.entries[3] = entry
            self.log = self.evidence(opened=False)
            self.assertIn(("malformed-entry", 3), self.problems("bundle", self.write(self.bundle(schemas=[]))), wrong[-40:])
        self.entries[3] = good
        good.leaf += maker.message(f99=b"unknown", f98=7)  # a later version's fields are skipped
        good.header = header
        self.log = self.evidence()
        self.run_tool("bundle", self.write(self.bundle()), "--policy", self.policy, code=0)

    def test_a_cosigned_checkpoint_needs_no_line_of_the_origin(self):
        root = pv.tree_root([pv.leaf_hash(entry.leaf) for entry in self.entries[:20]])
        self.log["cosigned"][0]["checkpoint"] = maker.note(LOG, 20, root, [(W1, T0)], signed=False)
        self.run_tool("bundle", self.write(self.bundle()), "--policy", self.policy, code=0)
        self.log["checkpoint"] = maker.note(LOG, 20, root, [(W1, T0)], signed=False)
        self.assertIn(("checkpoint", None), self.problems("bundle", self.write(self.bundle())))

    def test_a_quorum_counts_witnesses_whose_checkpoints_cover_the_events(self):
        for quorum, chosen, code in (("b", (3, 7), 0), ("b", (3, 34), 0), ("b", (3, 35), 5), ("a", (3, 36), 0)):
            policy = maker.policy_text([LOG], [("a", W1), ("b", W2)], quorum)
            self.run_tool("bundle", self.write(self.bundle(policy=policy, logs=[self.evidence(chosen=chosen)])), code=code)

    def test_what_an_agency_knew_is_shown_by_its_own_cosignature(self):
        at = {seconds: pv.shown_time(T0 + seconds) for seconds in (-1, 0, 60, 100)}
        for agency, seconds, chosen, want in (
                ("FI/GOV/0245437-2/kela", 0, (0, 3, 19), []), ("FI/GOV/0245437-2/kela", -1, (3,), [("known-to", 3)]),
                ("FI/GOV/0245437-2/kela", 60, (3, 20), [("known-to", 20)]), ("FI/GOV/0245437-2/kela", 100, (3, 39), []),
                ("FI/ORG/9999992-5/toimintatupa", 60, (3,), [("known-to", 3)]),  # it cosigned, but was not told
                ("FI/ORG/9999992-5/nobody", 100, (0,), [("known-to", 0)])):
            schemas = [self.schema] if chosen != (0,) else []
            file = self.write(self.bundle(logs=[self.evidence(chosen=chosen)], known_to=(agency, at[seconds]), schemas=schemas,
                                          case_id=""))
            report = json.loads(self.run_tool("bundle", file, "--policy", self.policy, "--json", code=5 if want else 0))
            self.assertEqual([(p["kind"], p["position"]) for p in report["problems"]], want, (agency, seconds))

    def changed_keys(self):
        """A log whose key changed at 10 and at 20, with an erasure of the case at 30; its evidence, and its keys."""
        second, third = maker.NamedKey(LOG.name, 1, maker.SecretKey(b"2" * 32)), maker.NamedKey(LOG.name, 1, maker.SecretKey(b"3" * 32))
        self.entries[10] = maker.key_changed(LOG.name, 10, LOG, second)
        self.entries[20] = maker.key_changed(LOG.name, 20, second, third)
        self.entries[30] = maker.erased(LOG.name, 30, self.CASE, [(5, (), True), (6, (1, 4), True)])
        log = maker.log_evidence(third, self.entries, chosen=(3, 7, 30), cosigners=[(W1, T0 + 100)])
        log["key_changes"] = [maker.key_change_evidence(LOG, self.entries, 10, 40),
                              maker.key_change_evidence(second, self.entries, 20, 40)]
        return log, second, third

    def test_keys_that_changed_are_followed_from_the_first(self):
        log, second, third = self.changed_keys()
        made = self.bundle(logs=[log])
        report = json.loads(self.run_tool("bundle", self.write(made), "--policy", self.policy, "--json", code=0))
        self.assertEqual(report["logs"][0]["key"], third.vkey)
        self.assertEqual(report["erasures"], [{"origin": LOG.name, "position": 30, "of": LOG.name, "entries": 2, "sections": 0,
                                               "legal_basis": "28.1 § 2 k.", "requested_by": "o-1", "confirmed_by": "o-2"}])
        self.run_tool("bundle", self.write(made), code=0)  # by its own policy, which names the first key
        # A witness's word for a size of the second key's time.
        hashes = [pv.leaf_hash(entry.leaf) for entry in self.entries]
        log["cosigned"] = [{"checkpoint": maker.note(second, 15, pv.tree_root(hashes[:15]), [(W2, T0)]),
                            "consistency": [maker.b64(h) for h in maker.consistency(15, hashes)]}]
        self.run_tool("bundle", self.write(made), "--policy", self.policy, code=0)
        log["cosigned"][0]["checkpoint"] = maker.note(LOG, 15, pv.tree_root(hashes[:15]), [(W2, T0)])
        self.run_tool("bundle", self.write(made), "--policy", self.policy, code=5, expect=["PROBLEM checkpoint", "signs no checkpoint of that size"])

    def test_a_change_of_key_that_does_not_follow_is_found(self):
        def refused(act, *expect):
            log, second, third = self.changed_keys()
            act(log, second, third)
            self.run_tool("bundle", self.write(self.bundle(logs=[log])), "--policy", self.policy, code=5, expect=expect)

        def by_itself(log, second, third):  # the new key vouches for itself: anybody could
            log["key_changes"][0] = maker.key_change_evidence(second, self.entries, 10, 40)
        refused(by_itself, "PROBLEM checkpoint", "position 10")

        def left_out(log, second, third):
            del log["key_changes"][0]
        refused(left_out, "PROBLEM checkpoint")

        def none(log, second, third):
            log["key_changes"] = []
        refused(none, "PROBLEM checkpoint")

        def other_leaf(log, second, third):
            log["key_changes"][0]["leaf"] = maker.b64(maker.key_changed(LOG.name, 10, LOG, third).leaf)
        refused(other_leaf, "PROBLEM inclusion", "position 10")

        def no_change(log, second, third):  # an entry of the log, but none that changes its key
            log["key_changes"][0] = maker.key_change_evidence(LOG, self.entries, 9, 40)
        refused(no_change, "changes no signing key", "position 9")

        def too_large(log, second, third):  # signed by the key before, but beyond its time
            log["key_changes"][0]["checkpoint"] = maker.key_change_evidence(LOG, self.entries, 11, 40)["checkpoint"]
        refused(too_large, "does not end with it")

        def other_history(log, second, third):
            log["key_changes"][1]["consistency"][0] = maker.b64(bytes(32))
        refused(other_history, "another history", "position 20")

    def test_changes_of_key_with_wrong_content_are_found(self):
        second = maker.NamedKey(LOG.name, 1, maker.SecretKey(b"2" * 32))
        for entry in (maker.key_changed(LOG.name, 10, W1, second), maker.key_changed(LOG.name, 10, LOG, LOG),
                      maker.key_changed(LOG.name, 10, LOG, second, use=2), maker.key_changed(LOG.name, 10, LOG, second, f5="FI/X")):
            self.entries[10] = entry
            log = maker.log_evidence(second, self.entries, chosen=(3,), cosigners=[(W1, T0 + 100)])
            log["key_changes"] = [maker.key_change_evidence(LOG, self.entries, 10, 40)]
            self.run_tool("bundle", self.write(self.bundle(logs=[log])), "--policy", self.policy, code=5, expect=["PROBLEM checkpoint at " + LOG.name + " position 10"])

    def test_an_erasure_of_another_case_or_form_is_found(self):
        for number, (entry, kind) in enumerate((
                (maker.erased(LOG.name, 30, b"d" * 16, [(5, (), True)]), "bundle"),
                (maker.erased(LOG.name, 30, self.CASE, [(30, (), True)]), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, [(0, (), True)]), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, [(6, (), True), (5, (), True)]), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, []), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, [(5, (), False)]), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, [(5, (), True)], tier=1), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, [(5, (4, 1), False)]), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, [(5, (), True)], f8=LOG.name), "erasure"),
                (maker.erased(LOG.name, 30, self.CASE, [(5, (), True)], f8=LOG.name[:-1] + "2"), "erasure"))):
            with self.subTest(number):
                self.entries[30] = entry
                self.run_tool("bundle", self.write(self.bundle(logs=[self.evidence(chosen=(3, 30))])), "--policy", self.policy,
                              code=5, expect=[f"PROBLEM {kind} at {LOG.name} position 30"])
        # Another control entry is of no case.
        self.entries[30] = maker.key_changed(LOG.name, 30, LOG, W1, use=2)
        self.run_tool("bundle", self.write(self.bundle(logs=[self.evidence(chosen=(3, 30))])), "--policy", self.policy,
                      code=5, expect=["PROBLEM bundle at " + LOG.name + " position 30"])

    def test_an_erasure_may_name_entries_of_an_earlier_epoch_and_of_no_other_log(self):
        service = LOG.name[:-1]

        def named(origin, position=5, of=None):
            entry = maker.erased(origin, 30, self.CASE, [(position, (), True)], **({"f8": of} if of else {}))
            return pv.parse_erased(pv.parse_leaf(entry.leaf).control, origin, 30)["origin"]
        self.assertEqual(named(service + "3"), service + "3")
        for epoch in ("1", "2"):
            self.assertEqual(named(service + "3", of=service + epoch), service + epoch)
        self.assertEqual(named(service + "3", position=77, of=service + "2"), service + "2", "positions of another log")
        self.assertEqual(named(service + "10", of=service + "9"), service + "9", "as numbers, not as text")
        for of in (service + "3", service + "4", service + "0", service + "01", service, "x", "FI/MUN/0187690-1/oulu/attendance/1",
                   "FI/GOV/0245437-2/kela/referral/1"):
            with self.assertRaises(pv.Refused, msg=of):
                named(service + "3", of=of)
        with self.assertRaises(pv.Refused):
            named(service + "3", position=30)

    def test_what_is_no_bundle(self):
        text = maker.bundle_text(self.bundle())
        for content in ("", "[]", "{}", text[:-3], text.replace("bundle/v1", "bundle/v2"), text.replace('"logs"', '"Logs"'),
                        text.replace('"position": "3"', '"position": -3'), text.replace('"position": "3"', '"position": " 3"'),
                        text.replace('"made_by"', '"made_by": "x",\n"made_by"'), text.replace('"made_by"', '"madeBy"'),
                        text.replace('"kind": 1', '"kind": true', 1), text.replace('"kind": 1', '"kind": null', 1),
                        text.replace('"logs": [', '"logs": [[], '), text.replace('"made_at": "', '"made_at": "\\ud800'),
                        text + "x", b"\xff" + text.encode()):
            self.run_tool("bundle", self.put("b", content), "--policy", self.policy, code=3)


class GoldenTest(ToolTest):
    """The files that the C++ room froze (tests/proof/golden), and one that neither made."""

    GOLDEN = maker.ROOT / "tests/proof/golden"

    def test_frozen_notes_proofs_and_pairs(self):
        keys = ("--policy", self.GOLDEN / "trust.policy")
        self.run_tool("note", self.GOLDEN / "cosigned.note", *keys, code=0)
        self.run_tool("note", self.GOLDEN / "checkpoint.note", *keys, code=5, expect=["fewer witnesses"])
        self.run_tool("pair", self.GOLDEN / "consistent.checkpoint-pair", *keys, code=0)
        for name in ("fork", "fork-of-one-size"):
            self.run_tool("pair", self.GOLDEN / f"{name}.checkpoint-pair", *keys, code=5, expect=["PROBLEM fork"])
        key = ("--key", (self.GOLDEN / "origin.vkey").read_text().strip())
        for name, index in (("inclusion", 123), ("inclusion-extra", 0)):
            leaf = pv.leaf_hash(b"leaf %d" % index).hex()
            self.run_tool("proof", self.GOLDEN / f"{name}.tlog-proof", "--leaf-hash", leaf, *key, code=0)

    def test_a_public_witness_of_a_public_log(self):
        witness = (self.GOLDEN / "public/remora.vkey").read_text().strip()
        policy = pv.policy_of_keys([witness])
        note = (self.GOLDEN / "public/arche2025h1.note").read_text()
        times = policy.check(note, needs_log=False).cosigned["remora.n621.de"]
        self.assertEqual([pv.shown_time(time) for time in times], ["2026-05-23T21:50:24Z"])
        with self.assertRaises(pv.Refused):
            policy.check(note.replace("1432088532", "2432088532"), needs_log=False)


class PythonTest(unittest.TestCase):
    def test_a_reader_that_has_enough_is_no_failure_to_be_traced(self):
        with tempfile.TemporaryDirectory() as directory:
            maker.write_export(Path(directory) / "x", LOG, [b"entry"])
            tool = subprocess.Popen([sys.executable, maker.TOOL, "export", f"{directory}/x"], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
            tool.stdout.close()
            errors = tool.stderr.read()
            tool.stderr.close()
            self.assertEqual(tool.wait(), 0)  # what was found stands
        self.assertEqual(errors, "")

    def test_it_runs_alone_with_the_standard_library(self):
        """Isolated (-I): no environment, no site directory, nothing of this repository beside it."""
        with tempfile.TemporaryDirectory() as directory:
            copy = shutil.copy(maker.TOOL, directory)
            result = subprocess.run([sys.executable, "-I", "-S", copy, "--help"], cwd=directory, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("examples:", result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
