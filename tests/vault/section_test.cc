#include "eventstore/vault/section.h"

#include <sodium.h>

#include <type_traits>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::vault {
namespace {

using namespace std::string_literals;
using testing::IsOkAndHolds;
using testing::SeededGenerator;
using testing::StatusIs;
using testing::TestSeed;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

static_assert(!std::is_constructible_v<CaseKey, MasterKey>);
static_assert(!std::is_constructible_v<SectionSecret, CaseKey>);
static_assert(!std::is_convertible_v<std::string_view, CaseKey>);
static_assert(!std::is_convertible_v<CaseKey, std::string_view>);

// The worked example of FORMAT.md, made by another program (Python's hmac and libsodium).
struct Worked {
  std::string author = "FI/MUN/0187690-1/oulu";
  std::string origin = "FI/MUN/0187690-1/oulu/referral/1";
  EventId event_id = *ParseEventId("6f1c8a5e-2b3d-4c7f-8a9b-0c1d2e3f4a5b");
  SectionKind kind = SectionKind::kService;
  std::string plaintext = "day 2025-03-03, planned 4 h";
  CaseKey case_key{*FromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")};
  CaseKey receiver_key{
      *FromHex("202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f")};
  SectionSecret s = DeriveSectionSecret(case_key, author, event_id, kind);
  Hash commitment = CommitSection(s, origin, event_id, kind, plaintext);

  absl::StatusOr<std::string> Open(std::string_view blob) const {
    return OpenSection(s, commitment, origin, event_id, kind, blob);
  }
};

TEST(Section, IsTheWorkedExampleOfTheFormat) {
  const Worked w;
  EXPECT_EQ(ToHex(w.s.secret_bytes()),
            "b92809765145dfe62102ad323841eeb6a3077140316b2e150ce418351338c821");
  EXPECT_EQ(ToHex(w.commitment.view()),
            "32b76ec2e43db2c21a5af8717ad6b33328d18645220655d17cf012a3679b7ec2");
  const std::string blob = SealSection(w.s, w.commitment, w.plaintext);
  EXPECT_EQ(
      ToHex(blob),
      "51a6f28814064295fa99001a35f8a813ac23a9ced63ca2a1b813f842504d786b96a0eafa76cfe39bf8ec3e5b"
      "8cd64b68f4e4aac5e78098ee300d328eb1163afe25118d8f442a6a8bda1a98819ab3fc6d");
  EXPECT_THAT(w.Open(blob), IsOkAndHolds(w.plaintext));
  EXPECT_EQ(
      ToHex(WrapSecret(w.receiver_key, w.commitment, w.s)),
      "6a2b56c60c989507bdf5150295d2a62a318eec40ee90b5490e6203eae096bc12fc90bc6874c2b7e72361d493"
      "a4c863c3e152b6a2dcdca1f60cf9e9d4b84654a73436ebd5375e6e39");
}

// draft-irtf-cfrg-xchacha appendix A.3.1: the cipher that the machine's libsodium has is that one.
TEST(Section, IsSealedWithTheXChaChaOfTheDraft) {
  const std::string plaintext =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  const std::string key =
      *FromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const std::string nonce = *FromHex("404142434445464748494a4b4c4d4e4f5051525354555657");
  const std::string aad = *FromHex("50515253c0c1c2c3c4c5c6c7");
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const uint8_t*>(text.data());
  };
  std::string out(plaintext.size() + 16, '\0');
  crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<uint8_t*>(out.data()), nullptr,
                                             bytes(plaintext), plaintext.size(), bytes(aad),
                                             aad.size(), nullptr, bytes(nonce), bytes(key));
  EXPECT_EQ(
      ToHex(out),
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f"
      "4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
      "76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49");
}

TEST(Section, OpensToWhatWasSealedAtEverySize) {
  SeededGenerator random(TestSeed());
  const Worked w;
  for (const size_t size : {0, 1, 59, 60, 61, 124, 125, 4091, 4092, 4093, 5116, 5117, 100'000,
                            static_cast<int>(kMaxSectionBytes)}) {
    const std::string plaintext = random.Bytes(size);
    const Hash c = CommitSection(w.s, w.origin, w.event_id, w.kind, plaintext);
    EXPECT_THAT(OpenSection(w.s, c, w.origin, w.event_id, w.kind, SealSection(w.s, c, plaintext)),
                IsOkAndHolds(plaintext))
        << size;
  }
}

TEST(Section, HidesItsLengthWithinThePaddingThatTheFormatFixes) {
  const Worked w;
  const std::pair<size_t, size_t> sizes[] = {
      {0, 64},      {60, 64},     {61, 128},    {4092, 4096},
      {4093, 5120}, {5116, 5120}, {5117, 6144}, {1 << 20, (1 << 20) + 1024}};
  for (const auto& [plain, padded] : sizes) {
    EXPECT_EQ(SealSection(w.s, w.commitment, std::string(plain, 'x')).size(), padded + 16) << plain;
  }
}

TEST(Section, HasAnotherSecretForEachKeyAuthorEventAndKind) {
  const Worked w;
  const EventId other_event = *ParseEventId("6f1c8a5e-2b3d-4c7f-8a9b-0c1d2e3f4a5c");
  for (const SectionSecret& other :
       {DeriveSectionSecret(w.receiver_key, w.author, w.event_id, w.kind),
        DeriveSectionSecret(w.case_key, "FI/MUN/0187690-1/oul", w.event_id, w.kind),
        DeriveSectionSecret(w.case_key, "", w.event_id, w.kind),
        DeriveSectionSecret(w.case_key, w.author, other_event, w.kind),
        DeriveSectionSecret(w.case_key, w.author, w.event_id, SectionKind::kHealth)}) {
    EXPECT_NE(other.secret_bytes(), w.s.secret_bytes());
  }
}

TEST(Section, HasAnotherCommitmentForEachPartThatItBinds) {
  const Worked w;
  const SectionSecret other_s(std::string(32, 'x'));
  EXPECT_NE(CommitSection(other_s, w.origin, w.event_id, w.kind, w.plaintext), w.commitment);
  EXPECT_NE(CommitSection(w.s, w.origin + "0", w.event_id, w.kind, w.plaintext), w.commitment);
  EXPECT_NE(CommitSection(w.s, w.origin, EventId(), w.kind, w.plaintext), w.commitment);
  EXPECT_NE(CommitSection(w.s, w.origin, w.event_id, SectionKind::kSocial, w.plaintext),
            w.commitment);
  EXPECT_NE(CommitSection(w.s, w.origin, w.event_id, w.kind, w.plaintext + "\0"s), w.commitment);
  EXPECT_NE(CommitSection(w.s, w.origin, w.event_id, w.kind, ""), w.commitment);
}

// Who has a header and the sealed section beside it, but not s, and knows every content it may have (a code of an
// attendance class, say): nothing it holds tells one from the other. With s exactly one fits.
TEST(Section, OfFewPossibleContentsIsNotGuessedWithoutItsSecret) {
  const Worked w;
  constexpr int kTrue = 5;
  const auto content = [](int code) { return std::string{'\x40', static_cast<char>(code)}; };
  const Hash commitment = CommitSection(w.s, w.origin, w.event_id, w.kind, content(kTrue));
  const std::string blob = SealSection(w.s, commitment, content(kTrue));
  // What s could be taken for by somebody without the case key: nothing, what is public, the same of another section.
  const SectionSecret guesses[] = {
      SectionSecret(std::string(32, '\0')),
      SectionSecret(Sha256("").view()),
      SectionSecret(commitment.view()),
      SectionSecret(HmacSha256(std::string(32, '\0'), {w.event_id.view()}).view()),
      DeriveSectionSecret(CaseKey(std::string(32, '\0')), w.author, w.event_id, w.kind),
      DeriveSectionSecret(CaseKey(Sha256(w.event_id.view()).view()), w.author, w.event_id, w.kind),
      DeriveSectionSecret(w.receiver_key, w.author, w.event_id, w.kind),
      DeriveSectionSecret(w.case_key, w.author, w.event_id, SectionKind::kHealth),
  };
  int fitting = 0;
  for (int code = 0; code < 256; ++code) {
    EXPECT_NE(Sha256(content(code)), commitment);
    for (const SectionSecret& guess : guesses) {
      EXPECT_NE(CommitSection(guess, w.origin, w.event_id, w.kind, content(code)), commitment);
    }
    EXPECT_EQ(SealSection(w.s, commitment, content(code)).size(), blob.size());
    fitting += CommitSection(w.s, w.origin, w.event_id, w.kind, content(code)) == commitment;
  }
  for (const SectionSecret& guess : guesses) {
    EXPECT_THAT(OpenSection(guess, commitment, w.origin, w.event_id, w.kind, blob),
                StatusIs(kDataLoss));
  }
  EXPECT_EQ(fitting, 1);
  // Nor do equal contents of two entries look equal, beside each other or in two logs.
  const EventId next = *ParseEventId("6f1c8a5e-2b3d-4c7f-8a9b-0c1d2e3f4a5c");
  const SectionSecret next_s = DeriveSectionSecret(w.case_key, w.author, next, w.kind);
  const Hash next_commitment = CommitSection(next_s, w.origin, next, w.kind, content(kTrue));
  EXPECT_NE(next_commitment, commitment);
  EXPECT_NE(SealSection(next_s, next_commitment, content(kTrue)), blob);
}

TEST(Section, DoesNotOpenWithAnyBitChanged) {
  const Worked w;
  const std::string blob = SealSection(w.s, w.commitment, w.plaintext);
  for (size_t i = 0; i < blob.size() * 8; ++i) {
    std::string other = blob;
    other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << (i % 8)));
    ASSERT_THAT(w.Open(other), StatusIs(kDataLoss)) << i;
  }
}

TEST(Section, DoesNotOpenCutOffOrLengthened) {
  const Worked w;
  const std::string blob = SealSection(w.s, w.commitment, w.plaintext);
  for (size_t size = 0; size < blob.size(); ++size) {
    ASSERT_THAT(w.Open(blob.substr(0, size)), StatusIs(kDataLoss)) << size;
  }
  EXPECT_THAT(w.Open(blob + "x"), StatusIs(kDataLoss));
}

TEST(Section, DoesNotOpenInAnotherPlaceThanItsOwn) {
  const Worked w;
  const std::string blob = SealSection(w.s, w.commitment, w.plaintext);
  const SectionSecret other_s(std::string(32, 'x'));
  const EventId other_event;
  Hash other_commitment = w.commitment;
  other_commitment.data()[31] ^= 1;  // outside the nonce
  EXPECT_THAT(OpenSection(other_s, w.commitment, w.origin, w.event_id, w.kind, blob),
              StatusIs(kDataLoss));
  EXPECT_THAT(OpenSection(w.s, other_commitment, w.origin, w.event_id, w.kind, blob),
              StatusIs(kDataLoss));
  EXPECT_THAT(
      OpenSection(w.s, w.commitment, "FI/MUN/0187690-1/oulu/referral/2", w.event_id, w.kind, blob),
      StatusIs(kDataLoss));
  EXPECT_THAT(OpenSection(w.s, w.commitment, w.origin, other_event, w.kind, blob),
              StatusIs(kDataLoss));
  EXPECT_THAT(OpenSection(w.s, w.commitment, w.origin, w.event_id, SectionKind::kHealth, blob),
              StatusIs(kDataLoss));
}

// Whoever knows s can seal anything; the commitment in the tree is what binds.
TEST(Section, DoesNotOpenWhenTheHolderOfSSealedOtherContent) {
  const Worked w;
  EXPECT_THAT(w.Open(SealSection(w.s, w.commitment, "day 2025-03-03, planned 5 h")),
              StatusIs(kDataLoss));
}

// Only one blob stands for a content: other paddings are refused though their tag is right.
TEST(Section, DoesNotOpenWithAnyOtherPadding) {
  const Worked w;
  const Hash key = HmacSha256(w.s.secret_bytes(), {"polku/blob/v1\0"s});
  const auto seal = [&w, &key](const std::string& padded) {
    std::string blob(padded.size() + 16, '\0');
    crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<uint8_t*>(blob.data()), nullptr,
                                               reinterpret_cast<const uint8_t*>(padded.data()),
                                               padded.size(), w.commitment.data(), 32, nullptr,
                                               w.commitment.data(), key.data());
    return blob;
  };
  std::string padded;
  AppendLengthPrefixed32(padded, w.plaintext);
  padded.resize(64, '\0');
  ASSERT_THAT(w.Open(seal(padded)), IsOkAndHolds(w.plaintext));
  EXPECT_THAT(w.Open(seal(padded + std::string(64, '\0'))), StatusIs(kDataLoss));
  EXPECT_THAT(w.Open(seal(padded + std::string(1, '\0'))), StatusIs(kDataLoss));
  std::string dirty = padded;
  dirty[63] = 1;
  EXPECT_THAT(w.Open(seal(dirty)), StatusIs(kDataLoss));
  for (const char* length : {"0000003d", "00000100", "ffffffff", "fffffffc", "7fffffff"}) {
    EXPECT_THAT(w.Open(seal(*FromHex(length) + padded.substr(4))), StatusIs(kDataLoss)) << length;
  }
}

TEST(WrappedSecret, UnwrapsToTheSecretThatWasReceived) {
  const Worked w;
  const std::string wrapped = WrapSecret(w.receiver_key, w.commitment, w.s);
  ASSERT_OK_AND_ASSIGN(const SectionSecret s, UnwrapSecret(w.receiver_key, w.commitment, wrapped));
  EXPECT_EQ(s.secret_bytes(), w.s.secret_bytes());
}

TEST(WrappedSecret, DoesNotUnwrapAlteredOrUnderAnotherKeyOrCommitment) {
  const Worked w;
  const std::string wrapped = WrapSecret(w.receiver_key, w.commitment, w.s);
  for (size_t i = 0; i < wrapped.size(); ++i) {
    std::string other = wrapped;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_THAT(UnwrapSecret(w.receiver_key, w.commitment, other), StatusIs(kDataLoss)) << i;
    EXPECT_THAT(UnwrapSecret(w.receiver_key, w.commitment, wrapped.substr(0, i)),
                StatusIs(kDataLoss))
        << i;
  }
  EXPECT_THAT(UnwrapSecret(w.receiver_key, w.commitment, wrapped + "x"), StatusIs(kDataLoss));
  EXPECT_THAT(UnwrapSecret(w.case_key, w.commitment, wrapped), StatusIs(kDataLoss));
  EXPECT_THAT(UnwrapSecret(w.receiver_key, Hash(), wrapped), StatusIs(kDataLoss));
}

TEST(Secret, IsWipedWhenItIsDestroyed) {
  alignas(CaseKey) unsigned char place[sizeof(CaseKey)];
  auto* key = new (place) CaseKey(std::string(32, 'k'));
  EXPECT_EQ(place[31], 'k');
  key->~CaseKey();
  for (const volatile unsigned char& byte : place) EXPECT_EQ(byte, 0);
}

TEST(SecretDeathTest, IsNotMadeOfAnyOtherLength) {
  EXPECT_DEATH(CaseKey(std::string(31, 'k')), "");
  EXPECT_DEATH(CaseKey(std::string(33, 'k')), "");
}

}  // namespace
}  // namespace polku::vault
