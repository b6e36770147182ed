#include "eventstore/proof/checkpoint.h"

#include <sodium.h>

#include <limits>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "eventstore/base/bytes.h"
#include "eventstore/proof/note.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

// The worked example of FORMAT.md: the seed is 00 01 … 1f, the root that of the eight leaves in
// merkle_test.cc. Made by another program (Python's hashlib and libsodium).
constexpr char kName[] = "FI/MUN/0187690-1/oulu/referral/1";
constexpr char kSecretText[] =
    "PRIVATE+KEY+FI/MUN/0187690-1/oulu/referral/1+369b8a3e+"
    "AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n";
constexpr char kVkey[] =
    "FI/MUN/0187690-1/oulu/referral/1+369b8a3e+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr char kNote[] =
    "FI/MUN/0187690-1/oulu/referral/1\n"
    "8\n"
    "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
    "\n"
    "\xe2\x80\x94 FI/MUN/0187690-1/oulu/referral/1 "
    "NpuKPqSpgGAXsi+fvkCn51m8pkakgM1flNR57clY0F7T+BQN0xiyfOSaJt11LaeEYJadU8INBJFR2I3KIZ/i44oDhww="
    "\n";

Checkpoint WorkedCheckpoint() {
  return {kName, Position(8),
          *Hash::FromBytes(
              *FromHex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"))};
}

VerifierKey WorkedKey() { return *VerifierKey::Parse(kVkey, KeyUse::kCheckpoint); }

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  const size_t at = result.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return result.replace(at, from.size(), to);
}

// A signature line of the worked key over any body.
std::string SignatureLine(std::string_view body) {
  uint8_t seed[32], public_key[32], secret_key[64], signature[64];
  for (uint8_t i = 0; i < 32; ++i) seed[i] = i;
  crypto_sign_seed_keypair(public_key, secret_key, seed);
  crypto_sign_detached(signature, nullptr, reinterpret_cast<const uint8_t*>(body.data()),
                       body.size(), secret_key);
  std::string blob = "\x36\x9b\x8a\x3e";
  blob.append(reinterpret_cast<const char*>(signature), 64);
  return absl::StrCat("\xe2\x80\x94 ", kName, " ", ToBase64(blob), "\n");
}

std::string Signed(std::string_view body) {
  return absl::StrCat(std::string(body), "\n", SignatureLine(body));
}

const std::string kRoot = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=";

TEST(Checkpoint, IsTheWorkedExampleOfTheFormat) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Signer> signer,
                       Signer::Parse(kSecretText, KeyUse::kCheckpoint));
  EXPECT_EQ(signer->verifier().Format(), kVkey);
  EXPECT_EQ(signer->verifier().key_id(), 0x369b8a3eu);
  EXPECT_EQ(signer->Sign(WorkedCheckpoint()), kNote);
  EXPECT_EQ(signer->SecretText(), kSecretText);
  EXPECT_THAT(VerifyCheckpoint(kNote, WorkedKey()), IsOkAndHolds(WorkedCheckpoint()));
}

// The key and note that golang.org/x/mod/sumdb/note documents and tests itself with.
TEST(SignedNote, AgreesWithGosReferenceImplementation) {
  const std::string vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const std::string note =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n"
      "\n"
      "\xe2\x80\x94 PeterNeumann "
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
      "\n";
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<Signer> signer,
      Signer::Parse(
          "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
          KeyUse::kCheckpoint));
  EXPECT_EQ(signer->verifier().Format(), vkey);
  // The signature verifies, and then the text is not a checkpoint.
  ASSERT_OK_AND_ASSIGN(const VerifierKey key, VerifierKey::Parse(vkey, KeyUse::kCheckpoint));
  EXPECT_THAT(VerifyCheckpoint(note, key), StatusIs(kInvalid, HasSubstr("size")));
  EXPECT_THAT(VerifyCheckpoint(Replaced(note, "answer", "Answer"), key),
              StatusIs(kUnauthenticated));
}

TEST(Signer, GeneratesAKeyWhoseTextGivesTheSameKeyBack) {
  const std::unique_ptr<Signer> signer = Signer::Generate(kName, KeyUse::kCheckpoint);
  ASSERT_NE(signer, nullptr);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Signer> again,
                       Signer::Parse(signer->SecretText(), KeyUse::kCheckpoint));
  EXPECT_EQ(again->verifier().Format(), signer->verifier().Format());
  EXPECT_THAT(VerifyCheckpoint(again->Sign(WorkedCheckpoint()), signer->verifier()),
              IsOkAndHolds(WorkedCheckpoint()));
  EXPECT_NE(Signer::Generate(kName, KeyUse::kCheckpoint)->verifier().Format(),
            signer->verifier().Format());
}

TEST(Signer, SignsLogsFromEmptyToTheLargest) {
  const std::unique_ptr<Signer> signer = Signer::Generate("x", KeyUse::kCheckpoint);
  for (const uint64_t size : {uint64_t{0}, uint64_t{10}, (uint64_t{1} << 63) - 1}) {
    Checkpoint checkpoint = WorkedCheckpoint();
    checkpoint.origin = "x";
    checkpoint.size = Position(size);
    EXPECT_THAT(VerifyCheckpoint(signer->Sign(checkpoint), signer->verifier()),
                IsOkAndHolds(checkpoint));
  }
}

TEST(KeyName, HasNoSpacePlusControlCharacterOrBrokenUtf8) {
  for (const char* name : {kName, "a", "\xc3\xa4", "\xf0\x9f\x8c\xb2"}) {
    EXPECT_TRUE(IsKeyName(name)) << name;
  }
  for (const std::string& name : {""s,
                                  " "s,
                                  "a b"s,
                                  "a+b"s,
                                  "a\nb"s,
                                  "a\tb"s,
                                  "a\0b"s,
                                  "\xc2\xa0"s,
                                  "\xc2\x85"s,
                                  "\xe1\x9a\x80"s,
                                  "\xe2\x80\x83"s,
                                  "\xe2\x80\xa8"s,
                                  "\xe3\x80\x80"s,
                                  "\xff"s,
                                  "\xc3"s,
                                  "\xc0\xaf"s,
                                  "\xed\xa0\x80"s,
                                  "\xf4\x90\x80\x80"s,
                                  "\xe0\x80\x80"s,
                                  "\x80"s}) {
    EXPECT_FALSE(IsKeyName(name)) << ToHex(name);
    EXPECT_EQ(Signer::Generate(name, KeyUse::kCheckpoint), nullptr) << ToHex(name);
  }
}

TEST(VerifierKey, IsReadFromWhatItWrites) {
  ASSERT_OK_AND_ASSIGN(const VerifierKey key, VerifierKey::Parse(kVkey, KeyUse::kCheckpoint));
  EXPECT_EQ(key.Format(), kVkey);
  EXPECT_EQ(VerifierKey(kName, key.key(), KeyUse::kCheckpoint).key_id(), key.key_id());
}

TEST(VerifierKey, IsRefusedWhenAnyCharacterIsChanged) {
  const std::string vkey = kVkey;
  for (size_t i = 0; i < vkey.size(); ++i) {
    std::string other = vkey;
    other[i] = other[i] == 'x' ? 'y' : 'x';
    EXPECT_THAT(VerifierKey::Parse(other, KeyUse::kCheckpoint), StatusIs(kInvalid)) << other;
  }
}

TEST(VerifierKey, IsRefusedWhenMalformed) {
  const std::string id_and_key = "+369b8a3e+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
  for (const std::string& text :
       {""s, "+"s, "++"s, std::string(kName), absl::StrCat(kName, "+369b8a3e"), id_and_key,
        absl::StrCat("a b", id_and_key), absl::StrCat(kVkey, "\n"), absl::StrCat(kVkey, "="),
        absl::StrCat(" ", kVkey), Replaced(kVkey, "369b8a3e", "369b8a3"),
        Replaced(kVkey, "369b8a3e", "0369b8a3e"), Replaced(kVkey, "369b8a3e", "0x369b8a"),
        // Type 0x04 belongs to cosignatures.
        Replaced(kVkey, "+AQOh", "+BAOh"), std::string(kSecretText)}) {
    EXPECT_THAT(VerifierKey::Parse(text, KeyUse::kCheckpoint), StatusIs(kInvalid)) << text;
  }
}

TEST(Signer, RefusesWrongTextsWithoutRepeatingThem) {
  const std::string text = kSecretText;
  const std::string secret = "AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
  EXPECT_THAT(Signer::Parse(text.substr(0, text.size() - 1), KeyUse::kCheckpoint), IsOk());
  for (const std::string& wrong :
       {""s, secret, std::string(kVkey), text + "\n", text + "x", " " + text,
        text.substr(0, text.size() - 2), Replaced(text, "PRIVATE", "private"),
        Replaced(text, "369b8a3e", "369b8a3f"), Replaced(text, "oulu", "Oulu"),
        Replaced(text, "+AQAB", "+AgAB"), Replaced(text, "+AQAB", "+AQAC"),
        Replaced(text, "HR4f", "HR4"), Replaced(text, "HR4f", "HR4fAAAA")}) {
    EXPECT_THAT(Signer::Parse(wrong, KeyUse::kCheckpoint),
                StatusIs(kInvalid, Not(HasSubstr("CAkKCwwNDg8QERIT"))))
        << wrong;
  }
}

TEST(VerifyCheckpoint, IgnoresOtherSignaturesAndExtensionLines) {
  const std::unique_ptr<Signer> other = Signer::Generate("other", KeyUse::kCheckpoint);
  const std::unique_ptr<Signer> namesake = Signer::Generate(kName, KeyUse::kCheckpoint);
  const auto line = [](const Signer& signer) {
    const std::string note = signer.Sign(WorkedCheckpoint());
    return note.substr(note.find("\n\n") + 2);
  };
  const std::string body = CheckpointBody(WorkedCheckpoint());
  const std::string mine = SignatureLine(body);
  for (const std::string& signatures :
       {line(*other) + mine, mine + line(*other), line(*namesake) + mine, mine + mine,
        // An unknown type of signature, of another length.
        "\xe2\x80\x94 witness AAAAAAQ=\n" + mine}) {
    EXPECT_THAT(VerifyCheckpoint(body + "\n" + signatures, WorkedKey()),
                IsOkAndHolds(WorkedCheckpoint()))
        << signatures;
  }
  for (const char* extension : {"x\n", "a b\n\xc3\xa4\n", " \n", "\xe2\x80\x94 x y\n"}) {
    EXPECT_THAT(VerifyCheckpoint(Signed(body + extension), WorkedKey()),
                IsOkAndHolds(WorkedCheckpoint()))
        << extension;
  }
}

TEST(VerifyCheckpoint, RefusesNotesThatTheKeyDidNotSign) {
  const std::unique_ptr<Signer> namesake = Signer::Generate(kName, KeyUse::kCheckpoint);
  const std::string body = CheckpointBody(WorkedCheckpoint());
  EXPECT_THAT(VerifyCheckpoint(namesake->Sign(WorkedCheckpoint()), WorkedKey()),
              StatusIs(kUnauthenticated));
  EXPECT_THAT(VerifyCheckpoint(Replaced(kNote, "\n8\n", "\n9\n"), WorkedKey()),
              StatusIs(kUnauthenticated));
  EXPECT_THAT(VerifyCheckpoint(Replaced(kNote, "XcnaeacG", "YcnaeacG"), WorkedKey()),
              StatusIs(kUnauthenticated));
  EXPECT_THAT(VerifyCheckpoint(Replaced(kNote, "\n\n", "\nextension\n\n"), WorkedKey()),
              StatusIs(kUnauthenticated));
  // Another name on the line: then it is not a signature of this key.
  EXPECT_THAT(VerifyCheckpoint(Replaced(kNote, "\x94 FI", "\x94 SE"), WorkedKey()),
              StatusIs(kUnauthenticated));
  // A false signature beside a true one is not overlooked.
  EXPECT_THAT(
      VerifyCheckpoint(body + "\n" + SignatureLine(body) + SignatureLine("other"), WorkedKey()),
      StatusIs(kUnauthenticated));
  // Right name and key id, wrong length.
  EXPECT_THAT(VerifyCheckpoint(absl::StrCat(body, "\n\xe2\x80\x94 ", kName, " ",
                                            ToBase64("\x36\x9b\x8a\x3exx"), "\n"),
                               WorkedKey()),
              StatusIs(kUnauthenticated));
}

TEST(VerifyCheckpoint, NeverAcceptsANoteWithAChangedByte) {
  const std::string note = kNote;
  for (size_t i = 0; i < note.size(); ++i) {
    for (const int bit : {1, 4, 128}) {
      std::string other = note;
      other[i] = static_cast<char>(other[i] ^ bit);
      EXPECT_THAT(VerifyCheckpoint(other, WorkedKey()), Not(IsOk())) << i;
    }
    EXPECT_THAT(VerifyCheckpoint(note.substr(0, i), WorkedKey()), Not(IsOk())) << i;
  }
}

TEST(VerifyCheckpoint, RefusesMalformedBodiesEvenWhenSigned) {
  const std::string name = kName;
  for (const std::string& body : {"\n8\n" + kRoot + "\n",
                                  name + "\n",
                                  name + "\n8\n",
                                  name + "\n08\n" + kRoot + "\n",
                                  name + "\n00\n" + kRoot + "\n",
                                  name + "\n+8\n" + kRoot + "\n",
                                  name + "\n-8\n" + kRoot + "\n",
                                  name + "\n 8\n" + kRoot + "\n",
                                  name + "\n8 \n" + kRoot + "\n",
                                  name + "\n0x8\n" + kRoot + "\n",
                                  name + "\n\n" + kRoot + "\n",
                                  name + "\n9223372036854775808\n" + kRoot + "\n",
                                  name + "\n18446744073709551616\n" + kRoot + "\n",
                                  name + "\n8\n\n",
                                  name + "\n8\n" + kRoot.substr(0, 43) + "\n",
                                  name + "\n8\n" + kRoot + " \n",
                                  name + "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n",
                                  name + "\n8\nXcna\n",
                                  name + "\n8\n" + ToBase64(std::string(33, 'x')) + "\n",
                                  name + "\n8\n" + kRoot + "\n\nextension\n"}) {
    EXPECT_THAT(VerifyCheckpoint(Signed(body), WorkedKey()), StatusIs(kInvalid)) << body;
  }
}

TEST(VerifyCheckpoint, RefusesMalformedNotes) {
  const std::string note = kNote;
  const std::string body = CheckpointBody(WorkedCheckpoint());
  const std::string line = SignatureLine(body);
  for (const std::string& wrong : {""s,
                                   "\n"s,
                                   "\n\n"s,
                                   body,
                                   body + "\n",
                                   body + line,
                                   body + "\n" + line + "\n",
                                   note.substr(0, note.size() - 1),
                                   note + "x",
                                   note + "x\n",
                                   body + "\n" + "- " + kName + " x\n",
                                   body + "\n\xe2\x80\x93 " + line.substr(4),
                                   body + "\n\xe2\x80\x94" + line.substr(4),
                                   absl::StrCat(body, "\n\xe2\x80\x94 ", kName, "\n", line),
                                   absl::StrCat(body, "\n\xe2\x80\x94 other !!!!\n", line),
                                   absl::StrCat(body, "\n\xe2\x80\x94 other AAAA\n", line),
                                   absl::StrCat(body, "\n\xe2\x80\x94 o+r AAAAAAA=\n", line),
                                   absl::StrCat(body, "\n\xe2\x80\x94  AAAAAAA=\n", line),
                                   Replaced(note, "\n8\n", "\r\n8\n"),
                                   Replaced(note, "oulu", "o\xfflu"),
                                   Signed(std::string(kName) + "\n8\n" + kRoot + "\nx\0y\n"s),
                                   Signed(std::string(kName) + "\n8\n" + kRoot + "\nx\ty\n"),
                                   Signed(std::string(kName) + "\n8\n" + kRoot + "\n\xc0\xaf\n")}) {
    EXPECT_THAT(VerifyCheckpoint(wrong, WorkedKey()), StatusIs(kInvalid)) << wrong;
  }
}

TEST(VerifyCheckpoint, RefusesNotesAboveSixtyFourKibibytes) {
  const std::string body = CheckpointBody(WorkedCheckpoint());
  const size_t rest = Signed(body).size() + 1;
  const std::string fits = Signed(body + std::string((64 << 10) - rest, 'x') + "\n");
  EXPECT_EQ(fits.size(), size_t{64 << 10});
  EXPECT_THAT(VerifyCheckpoint(fits, WorkedKey()), IsOk());
  EXPECT_THAT(
      VerifyCheckpoint(Signed(body + std::string((64 << 10) - rest + 1, 'x') + "\n"), WorkedKey()),
      StatusIs(kInvalid));
}

// A public key of small order signs anything under a lax rule; libsodium's refuses it.
TEST(VerifyCheckpoint, RefusesKeysOfSmallOrder) {
  Ed25519Public identity;
  identity.data()[0] = 1;
  const VerifierKey key("weak", identity, KeyUse::kCheckpoint);
  std::string blob;
  AppendBigEndian32(blob, key.key_id());
  blob += "\x01"s + std::string(63, '\0');  // R is the neutral element, S is 0
  EXPECT_THAT(VerifyCheckpoint(absl::StrCat(CheckpointBody(WorkedCheckpoint()),
                                            "\n\xe2\x80\x94 weak ", ToBase64(blob), "\n"),
                               key),
              StatusIs(kUnauthenticated));
}

// A key that signs something else than its own log's checkpoints proves nothing of that log.
TEST(VerifyCheckpoint, RefusesAnOriginThatIsNotTheKeysName) {
  Checkpoint other = WorkedCheckpoint();
  other.origin = "FI/MUN/0187690-1/oulu/referral/2";
  EXPECT_THAT(VerifyCheckpoint(Signed(CheckpointBody(other)), WorkedKey()),
              StatusIs(kUnauthenticated, HasSubstr("its origin is")));
}

// ---- Uses of keys ----

TEST(KeyUse, GivesTheSameKeyAnotherId) {
  const Ed25519Public key = WorkedKey().key();
  const VerifierKey cosigning(kName, key, KeyUse::kCosignature);
  EXPECT_NE(cosigning.key_id(), WorkedKey().key_id());
  EXPECT_THAT(cosigning.Format(), HasSubstr("+BAOhB7/"));
  ASSERT_OK_AND_ASSIGN(const VerifierKey parsed,
                       VerifierKey::Parse(cosigning.Format(), KeyUse::kCosignature));
  EXPECT_EQ(parsed.use(), KeyUse::kCosignature);
  EXPECT_EQ(parsed.key_id(), cosigning.key_id());
}

TEST(KeyUse, IsCheckedWhenKeysAreRead) {
  for (const auto& [use, other, hint] :
       {std::tuple(KeyUse::kCheckpoint, KeyUse::kCosignature, "is it a signing key?"),
        std::tuple(KeyUse::kCosignature, KeyUse::kCheckpoint, "is it a cosigning key?")}) {
    const std::unique_ptr<Signer> signer = Signer::Generate("k", use);
    EXPECT_THAT(VerifierKey::Parse(signer->verifier().Format(), use), IsOk());
    EXPECT_THAT(VerifierKey::Parse(signer->verifier().Format(), other),
                StatusIs(kInvalid, HasSubstr(hint)));
    EXPECT_THAT(Signer::Parse(signer->SecretText(), use), IsOk());
    EXPECT_THAT(Signer::Parse(signer->SecretText(), other), StatusIs(kInvalid, HasSubstr(hint)));
  }
}

// Keys of witnesses that are in use on the public network.
TEST(KeyUse, ReadsTheKeysOfPublicWitnesses) {
  EXPECT_THAT(
      VerifierKey::Parse("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
                         KeyUse::kCosignature),
      IsOk());
}

// ---- Cosignatures ----

constexpr int64_t kTime = 1795305600;  // 2026-11-22

std::string Cosigned(const Signer& witness, int64_t seconds = kTime) {
  return kNote + witness.Cosign(WorkedCheckpoint(), absl::FromUnixSeconds(seconds));
}

TEST(VerifyCosignature, GivesTheTimeInWholeSeconds) {
  const std::unique_ptr<Signer> witness = Signer::Generate("w", KeyUse::kCosignature);
  for (const int64_t seconds : {int64_t{0}, kTime, std::numeric_limits<int64_t>::max()}) {
    EXPECT_THAT(VerifyCosignature(Cosigned(*witness, seconds), witness->verifier()),
                IsOkAndHolds(absl::FromUnixSeconds(seconds)));
  }
  const absl::Time fraction = absl::FromUnixSeconds(kTime) + absl::Milliseconds(999);
  EXPECT_THAT(
      VerifyCosignature(kNote + witness->Cosign(WorkedCheckpoint(), fraction), witness->verifier()),
      IsOkAndHolds(absl::FromUnixSeconds(kTime)));
}

TEST(VerifyCosignature, LeavesTheOriginsSignatureAlone) {
  const std::unique_ptr<Signer> witness = Signer::Generate("w", KeyUse::kCosignature);
  EXPECT_THAT(VerifyCheckpoint(Cosigned(*witness), WorkedKey()), IsOkAndHolds(WorkedCheckpoint()));
  const std::string spoilt = Replaced(Cosigned(*witness), "NpuKPqSp", "NpuKPqSq");
  EXPECT_THAT(VerifyCheckpoint(spoilt, WorkedKey()), StatusIs(kUnauthenticated));
  EXPECT_THAT(VerifyCosignature(spoilt, witness->verifier()), IsOk());
}

TEST(VerifyCosignature, TakesTheLatestOfSeveral) {
  const std::unique_ptr<Signer> witness = Signer::Generate("w", KeyUse::kCosignature);
  std::string note = Cosigned(*witness, 10);
  for (const int64_t seconds : {30, 20}) {
    note += witness->Cosign(WorkedCheckpoint(), absl::FromUnixSeconds(seconds));
  }
  EXPECT_THAT(VerifyCosignature(note, witness->verifier()),
              IsOkAndHolds(absl::FromUnixSeconds(30)));
}

TEST(VerifyCosignature, CoversExtensionLinesAndEveryByteOfTheBody) {
  const std::unique_ptr<Signer> witness = Signer::Generate("w", KeyUse::kCosignature);
  const std::string note = Cosigned(*witness);
  EXPECT_THAT(VerifyCosignature(Replaced(note, "\n\n", "\nextension\n\n"), witness->verifier()),
              StatusIs(kUnauthenticated));
  const size_t body_size = CheckpointBody(WorkedCheckpoint()).size();
  for (size_t i = 0; i < body_size; ++i) {
    std::string other = note;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_THAT(VerifyCosignature(other, witness->verifier()), Not(IsOk())) << i;
  }
}

TEST(VerifyCosignature, RefusesAnotherTimeKeyOrUse) {
  const std::unique_ptr<Signer> witness = Signer::Generate("w", KeyUse::kCosignature);
  const std::unique_ptr<Signer> namesake = Signer::Generate("w", KeyUse::kCosignature);
  EXPECT_THAT(VerifyCosignature(kNote, witness->verifier()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("not cosigned by w")));
  EXPECT_THAT(VerifyCosignature(Cosigned(*namesake), witness->verifier()),
              StatusIs(absl::StatusCode::kNotFound));
  // The time is part of what is signed.
  const std::string line = witness->Cosign(WorkedCheckpoint(), absl::FromUnixSeconds(kTime));
  ASSERT_OK_AND_ASSIGN(Note note, ParseNote(kNote + line));
  note.signatures[1].signature[7] ^= 1;
  EXPECT_THAT(VerifyCosignature(FormatNote(note), witness->verifier()),
              StatusIs(kUnauthenticated, HasSubstr("does not verify")));
  // One false line beside a true one is not overlooked.
  EXPECT_THAT(VerifyCosignature(FormatNote(note) + line, witness->verifier()),
              StatusIs(kUnauthenticated));
  // A time above 63 bits, rightly signed or not, and lines of a wrong length.
  for (const std::string& signature : {std::string(72, '\xff'), std::string(71, 'x'),
                                       std::string(73, 'x'), std::string(64, 'x')}) {
    note.signatures[1].signature = signature;
    EXPECT_THAT(VerifyCosignature(FormatNote(note), witness->verifier()),
                StatusIs(kUnauthenticated));
  }
}

// The same Ed25519 key under both uses: neither signature passes for the other.
TEST(VerifyCosignature, IsNeverASignatureNorTheOtherWay) {
  uint8_t seed[32], public_key[32], secret_key[64];
  for (uint8_t i = 0; i < 32; ++i) seed[i] = i;
  crypto_sign_seed_keypair(public_key, secret_key, seed);
  const VerifierKey cosigning(kName, WorkedKey().key(), KeyUse::kCosignature);
  std::string id;
  AppendBigEndian32(id, cosigning.key_id());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Signer> witness,
                       Signer::Parse(absl::StrCat("PRIVATE+KEY+", kName, "+", ToHex(id), "+",
                                                  ToBase64("\x04" + std::string(seed, seed + 32))),
                                     KeyUse::kCosignature));
  const std::string cosignature = witness->Cosign(WorkedCheckpoint(), absl::FromUnixSeconds(kTime));
  const std::string body = CheckpointBody(WorkedCheckpoint());
  EXPECT_THAT(VerifyCheckpoint(body + "\n" + cosignature, WorkedKey()), StatusIs(kUnauthenticated));
  EXPECT_THAT(VerifyCosignature(kNote, cosigning), StatusIs(absl::StatusCode::kNotFound));
  // Also when the key id on the line is made that of the other use.
  ASSERT_OK_AND_ASSIGN(Note note, ParseNote(body + "\n" + cosignature));
  note.signatures[0].key_id = WorkedKey().key_id();
  EXPECT_THAT(VerifyCheckpoint(FormatNote(note), WorkedKey()), StatusIs(kUnauthenticated));
  ASSERT_OK_AND_ASSIGN(note, ParseNote(kNote));
  note.signatures[0].key_id = cosigning.key_id();
  EXPECT_THAT(VerifyCosignature(FormatNote(note), cosigning), StatusIs(kUnauthenticated));
}

TEST(VerifyCosignature, RefusesWhatIsNoCheckpoint) {
  const std::unique_ptr<Signer> witness = Signer::Generate("w", KeyUse::kCosignature);
  EXPECT_THAT(VerifyCosignature("", witness->verifier()), StatusIs(kInvalid));
  EXPECT_THAT(VerifyCosignature("poem\n\n\xe2\x80\x94 w AAAAAAA=\n", witness->verifier()),
              StatusIs(kInvalid, HasSubstr("no size line")));
}

}  // namespace
}  // namespace polku::proof
