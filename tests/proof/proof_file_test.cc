#include "eventstore/proof/proof_file.h"

#include "absl/strings/str_replace.h"
#include "eventstore/proof/note.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/fixed_log.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

const std::string kHashLine = ToBase64(Hash().view()) + "\n";

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  const size_t at = result.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return result.replace(at, from.size(), to);
}

std::string Lines(size_t count) {
  std::string lines;
  for (size_t i = 0; i < count; ++i) lines += kHashLine;
  return lines;
}

// ---- Inclusion ----

InclusionFile Included(size_t index, size_t size) {
  return {std::nullopt, Position(index), NaivePath(index, FixedLeaves(size)), FixedNote(size)};
}

TEST(InclusionFile, IsReadAsWrittenAndVerifies) {
  for (const size_t size : {1, 2, 7, 8, 100}) {
    for (size_t index = 0; index < size; index += 1 + size / 5) {
      InclusionFile file = Included(index, size);
      if (index % 2 == 1) file.extra = std::string("any\0bytes\n", 10);
      const std::string text = FormatInclusionFile(file);
      ASSERT_OK_AND_ASSIGN(const InclusionFile parsed, ParseInclusionFile(text));
      EXPECT_EQ(parsed.extra, file.extra);
      EXPECT_EQ(parsed.index, file.index);
      EXPECT_EQ(parsed.hashes, file.hashes);
      EXPECT_EQ(parsed.checkpoint, file.checkpoint);
      EXPECT_EQ(FormatInclusionFile(parsed), text);
      EXPECT_THAT(
          VerifyInclusionFile(parsed, LeafHash(FixedLeaf(index)), OriginSigner()->verifier()),
          IsOkAndHolds(FixedCheckpoint(size)));
    }
  }
}

TEST(InclusionFile, WritesNoExtraLineForNoBytes) {
  InclusionFile file = Included(0, 1);
  file.extra = "";
  EXPECT_EQ(FormatInclusionFile(file), FormatInclusionFile(Included(0, 1)));
}

TEST(InclusionFile, ProvesItsOwnLeafInTheSignedLogAlone) {
  const Hash leaf = LeafHash(FixedLeaf(3));
  const VerifierKey own = OriginSigner()->verifier();
  EXPECT_THAT(VerifyInclusionFile(Included(3, 8), LeafHash(FixedLeaf(4)), own), StatusIs(kInvalid));
  InclusionFile file = Included(3, 8);
  file.index = Position(2);
  EXPECT_THAT(VerifyInclusionFile(file, leaf, own), StatusIs(kInvalid));
  file.index = Position(8);
  EXPECT_THAT(VerifyInclusionFile(file, leaf, own), StatusIs(kInvalid, HasSubstr("not in a tree")));
  file = Included(3, 8);
  file.checkpoint = FixedNote(7);
  EXPECT_THAT(VerifyInclusionFile(file, leaf, own), StatusIs(kInvalid));
  file.checkpoint = Replaced(FixedNote(8), "\n8\n", "\n9\n");
  EXPECT_THAT(VerifyInclusionFile(file, leaf, own), StatusIs(kUnauthenticated));
  const auto stranger = Signer::Generate(kOrigin, KeyUse::kCheckpoint);
  EXPECT_THAT(VerifyInclusionFile(Included(3, 8), leaf, stranger->verifier()),
              StatusIs(kUnauthenticated));
}

TEST(InclusionFile, IsRefusedWhenMalformed) {
  const std::string header = "c2sp.org/tlog-proof@v1\n";
  const std::string note = FixedNote(8);
  const std::pair<std::string, const char*> kWrong[] = {
      {"", "first line"},
      {"\n", "first line"},
      {header.substr(0, header.size() - 1), "first line"},
      {"c2sp.org/tlog-proof@v2\nindex 0\n\n" + note, "first line"},
      {" " + header + "index 0\n\n" + note, "first line"},
      {header, "no index line"},
      {header + "\n" + note, "no index line"},
      {header + kHashLine + "\n" + note, "no index line"},
      {header + "extra eA==\n", "no index line"},
      {header + "extra eA==\n\n" + note, "no index line"},
      {header + "extra eA==\nextra eA==\nindex 0\n\n" + note, "no index line"},
      {header + "index 0", "no index line"},
      {header + "extra \nindex 0\n\n" + note, "extra line"},
      {header + "extra eA=\nindex 0\n\n" + note, "extra line"},
      {header + "extra eB==\nindex 0\n\n" + note, "extra line"},
      {header + "extra eA== \nindex 0\n\n" + note, "extra line"},
      {header + "index\n\n" + note, "no index line"},
      {header + "Index 0\n\n" + note, "no index line"},
      {header + "index \n\n" + note, "decimal"},
      {header + "index 00\n\n" + note, "decimal"},
      {header + "index 01\n\n" + note, "decimal"},
      {header + "index -1\n\n" + note, "decimal"},
      {header + "index +1\n\n" + note, "decimal"},
      {header + "index  1\n\n" + note, "decimal"},
      {header + "index 1 \n\n" + note, "decimal"},
      {header + "index 0x1\n\n" + note, "decimal"},
      {header + "index 9223372036854775808\n\n" + note, "decimal"},
      {header + "index 0\n", "no empty line"},
      {header + "index 0\n" + kHashLine, "no empty line"},
      {header + "index 0\n" + note, "not a hash"},
      {header + "index 0\nindex 0\n\n" + note, "not a hash"},
      {header + "index 0\nextra eA==\n\n" + note, "not a hash"},
      {header + "index 0\n" + kHashLine.substr(4) + "\n" + note, "not a hash"},
      {header + "index 0\n " + kHashLine + "\n" + note, "not a hash"},
      {header + "index 0\n" + kHashLine.substr(0, 44) + "\r\n\n" + note, "not a hash"},
      {header + "index 0\n" + Lines(65) + "\n" + note, "more than 64 hashes"},
      {header + "index 0\n\n", "no blank line"},
      {header + "index 0\n\n\n" + note, "no origin line"},
      {header + "index 0\n" + kHashLine + "\n" + note.substr(1, 20), "no blank line"},
      {header + "index 0\n\n" + CheckpointBody(FixedCheckpoint(8)) + "\n", "no signature line"},
      {header + "index 0\n\n" + Replaced(note, "\n8\n", "\n08\n"), "the size"},
      {header + "index 0\n\n" + note + "x", "newline"},
      {header + "index 0\n\n" + note + "x\n", "em dash"},
      {header + "index 0\n\n" + note + "\n" + note, "empty extension line"},
  };
  for (const auto& [text, what] : kWrong) {
    EXPECT_THAT(ParseInclusionFile(text), StatusIs(kInvalid, HasSubstr(what))) << text;
  }
  EXPECT_THAT(ParseInclusionFile(header + "index 0\n" + Lines(64) + "\n" + note), IsOk());
}

TEST(InclusionFile, NeverVerifiesWithAChangedByte) {
  const std::string text = FormatInclusionFile(Included(3, 8));
  const std::unique_ptr<Signer> signer = OriginSigner();
  const Hash leaf = LeafHash(FixedLeaf(3));
  for (size_t i = 0; i < text.size(); ++i) {
    for (const int bit : {1, 4, 128}) {
      std::string other = text;
      other[i] = static_cast<char>(other[i] ^ bit);
      const auto file = ParseInclusionFile(other);
      EXPECT_FALSE(file.ok() && VerifyInclusionFile(*file, leaf, signer->verifier()).ok()) << i;
    }
    EXPECT_THAT(ParseInclusionFile(text.substr(0, i)), Not(IsOk())) << i;
  }
}

TEST(InclusionFile, IsBounded) {
  InclusionFile file = Included(0, 1);
  const size_t rest = FormatInclusionFile(file).size() + std::string("extra \n").size();
  file.extra = std::string((kMaxProofFileBytes - rest) / 4 * 3, 'x');
  EXPECT_THAT(ParseInclusionFile(FormatInclusionFile(file)), IsOk());
  *file.extra += "xxx";
  EXPECT_THAT(ParseInclusionFile(FormatInclusionFile(file)),
              StatusIs(kInvalid, HasSubstr("256 KiB")));
}

// ---- Checkpoint pairs ----

CheckpointPair Consistent(size_t older, size_t newer) {
  const std::vector<Hash> leaves = FixedLeaves(newer);
  return {std::nullopt, older == 0 ? MerkleProof{} : NaiveSubproof(older, leaves, true),
          FixedNote(older), FixedNote(newer)};
}

// The newer log has another leaf at `altered`.
CheckpointPair Forked(size_t older, size_t newer, size_t altered) {
  const std::vector<Hash> leaves = FixedLeaves(newer, altered);
  return {NaiveRoot(std::span(leaves).first(older)), NaiveSubproof(older, leaves, true),
          FixedNote(older), FixedNote(newer, altered)};
}

absl::StatusOr<PairVerdict> Verify(const CheckpointPair& pair) {
  return VerifyCheckpointPair(pair, OriginSigner()->verifier());
}

void ExpectRoundTrip(const CheckpointPair& pair) {
  const std::string text = FormatCheckpointPair(pair);
  ASSERT_OK_AND_ASSIGN(const CheckpointPair parsed, ParseCheckpointPair(text));
  EXPECT_EQ(parsed.prefix, pair.prefix);
  EXPECT_EQ(parsed.hashes, pair.hashes);
  EXPECT_EQ(parsed.older, pair.older);
  EXPECT_EQ(parsed.newer, pair.newer);
  EXPECT_EQ(FormatCheckpointPair(parsed), text);
}

TEST(CheckpointPair, ProvesThatTheNewerExtendsTheOlder) {
  for (const size_t newer : {1, 2, 7, 8, 100}) {
    for (size_t older = 0; older <= newer; ++older) {
      const CheckpointPair pair = Consistent(older, newer);
      ASSERT_NO_FATAL_FAILURE(ExpectRoundTrip(pair));
      EXPECT_THAT(Verify(pair), IsOkAndHolds(PairVerdict::kConsistent)) << older << " " << newer;
    }
  }
}

TEST(CheckpointPair, ProvesAForkWhereverTheHistoriesPart) {
  for (const size_t newer : {1, 2, 7, 8, 30}) {
    for (size_t older = 1; older <= newer; ++older) {
      for (size_t altered = 0; altered < newer; ++altered) {
        const CheckpointPair pair = Forked(older, newer, altered);
        ASSERT_NO_FATAL_FAILURE(ExpectRoundTrip(pair));
        if (altered < older) {
          EXPECT_THAT(Verify(pair), IsOkAndHolds(PairVerdict::kFork)) << older << " " << newer;
        } else {
          // They part after the older one: nothing is contradicted.
          EXPECT_THAT(Verify(pair), StatusIs(kInvalid, HasSubstr("nothing is contradicted")));
        }
      }
    }
  }
}

TEST(CheckpointPair, OfOneSizeIsAForkByItsTwoRoots) {
  const CheckpointPair fork = Forked(5, 5, 2);
  EXPECT_TRUE(fork.hashes.empty());
  EXPECT_EQ(fork.prefix, FixedCheckpoint(5, 2).root);
  EXPECT_THAT(Verify(fork), IsOkAndHolds(PairVerdict::kFork));
  CheckpointPair other = fork;
  other.prefix = Hash();
  EXPECT_THAT(Verify(other), StatusIs(kInvalid));
  other.prefix.reset();
  EXPECT_THAT(Verify(other), StatusIs(kInvalid));
}

// An empty log has one root; an origin that signs another for size 0 contradicts every log.
TEST(CheckpointPair, TakesASignedRootOfNothingForAFork) {
  const std::string false_note = OriginSigner()->Sign({kOrigin, Position(0), LeafHash("x")});
  CheckpointPair pair{EmptyRoot(), {}, false_note, FixedNote(5)};
  EXPECT_THAT(Verify(pair), IsOkAndHolds(PairVerdict::kFork));
  pair.prefix.reset();
  EXPECT_THAT(Verify(pair), StatusIs(kInvalid));
}

TEST(CheckpointPair, AccusesNobodyFalsely) {
  // A prefix that the newer tree does not have.
  CheckpointPair pair = Consistent(5, 8);
  pair.prefix = LeafHash("x");
  EXPECT_THAT(Verify(pair), StatusIs(kInvalid));
  // The hashes of the honest tree with another tree's prefix.
  pair.prefix = FixedCheckpoint(5, 2).root;
  EXPECT_THAT(Verify(pair), StatusIs(kInvalid));
  // Both checkpoints are of other keys or origins.
  pair = Forked(5, 8, 2);
  const auto stranger = Signer::Generate(kOrigin, KeyUse::kCheckpoint);
  pair.newer = stranger->Sign(FixedCheckpoint(8, 2));
  EXPECT_THAT(Verify(pair), StatusIs(kUnauthenticated, HasSubstr("newer")));
  pair = Forked(5, 8, 2);
  pair.older = stranger->Sign(FixedCheckpoint(5));
  EXPECT_THAT(Verify(pair), StatusIs(kUnauthenticated, HasSubstr("older")));
  EXPECT_THAT(VerifyCheckpointPair(Forked(5, 8, 2), stranger->verifier()),
              StatusIs(kUnauthenticated));
  // The wrong way round.
  pair = Forked(5, 8, 2);
  std::swap(pair.older, pair.newer);
  EXPECT_THAT(Verify(pair), StatusIs(kInvalid, HasSubstr("above the newer")));
}

TEST(CheckpointPair, OfAForkIsNoConsistencyAndTheOtherWay) {
  CheckpointPair pair = Forked(5, 8, 2);
  pair.prefix.reset();
  EXPECT_THAT(Verify(pair), StatusIs(kInvalid, HasSubstr("otherwise")));
  pair = Consistent(5, 8);
  pair.prefix = FixedCheckpoint(5).root;
  EXPECT_THAT(Verify(pair), StatusIs(kInvalid, HasSubstr("nothing is contradicted")));
}

TEST(CheckpointPair, CarriesCosignatures) {
  CheckpointPair pair = Consistent(5, 8);
  pair.older += Witness1()->Cosign(FixedCheckpoint(5), absl::FromUnixSeconds(1));
  pair.newer += Witness2()->Cosign(FixedCheckpoint(8), absl::FromUnixSeconds(2));
  ASSERT_NO_FATAL_FAILURE(ExpectRoundTrip(pair));
  EXPECT_THAT(Verify(pair), IsOkAndHolds(PairVerdict::kConsistent));
}

TEST(CheckpointPair, IsRefusedWhenMalformed) {
  const std::string header = "polku/checkpoint-pair/v1\n";
  const std::string older = FixedNote(5);
  const std::string newer = FixedNote(8);
  const std::string both = older + "\n" + newer;
  const std::pair<std::string, const char*> kWrong[] = {
      {"", "first line"},
      {"polku/checkpoint-pair/v2\n\n" + both, "first line"},
      {header, "no empty line"},
      {header + kHashLine, "no empty line"},
      {header + "prefix " + kHashLine, "no empty line"},
      {header + "prefix \n\n" + both, "the prefix"},
      {header + "prefix " + kHashLine.substr(4) + "\n" + both, "the prefix"},
      {header + "prefix  " + kHashLine + "\n" + both, "the prefix"},
      {header + kHashLine + "prefix " + kHashLine + "\n" + both, "not a hash"},
      {header + "prefix " + kHashLine + "prefix " + kHashLine + "\n" + both, "not a hash"},
      {header + "Prefix " + kHashLine + "\n" + both, "not a hash"},
      {header + both, "not a hash"},
      {header + Lines(65) + "\n" + both, "more than 64 hashes"},
      {header + "\n", "not two checkpoints"},
      {header + "\n" + older, "not two checkpoints"},
      {header + "\n" + older + newer, "older: note: a signature line"},
      {header + "\n" + older + "\n", "newer"},
      {header + "\n" + older + "\n\n" + newer, "newer: checkpoint: no origin"},
      {header + "\n\n" + both, "older"},
      {header + "\n" + both + "\n" + newer, "newer"},
      {header + "\n" + both + "x", "newer"},
      {header + "\n" + both.substr(0, both.size() - 1), "newer"},
      {header + "\n" + Replaced(older, "\n5\n", "\n05\n") + "\n" + newer, "older"},
      {header + "\n" + older + "\n" + Replaced(newer, "\n8\n", "\n08\n"), "newer"},
  };
  for (const auto& [text, what] : kWrong) {
    EXPECT_THAT(ParseCheckpointPair(text), StatusIs(kInvalid, HasSubstr(what))) << text;
  }
  EXPECT_THAT(ParseCheckpointPair(header + Lines(64) + "\n" + both), IsOk());
}

TEST(CheckpointPair, IsBounded) {
  // Extension lines fill both notes; the file's bound is above what two notes and the hashes take.
  const auto filled = [](size_t size) {
    std::string body = CheckpointBody(FixedCheckpoint(size));
    Note note{body, {{kOrigin, 1, "x"}}};
    note.body += std::string(kMaxNoteBytes - FormatNote(note).size() - 1, 'x') + "\n";
    return FormatNote(note);
  };
  CheckpointPair pair{Hash(), MerkleProof(kMaxProofHashes), filled(5), filled(8)};
  ASSERT_NO_FATAL_FAILURE(ExpectRoundTrip(pair));
  pair.newer += std::string(kMaxProofFileBytes, 'x');
  EXPECT_THAT(ParseCheckpointPair(FormatCheckpointPair(pair)),
              StatusIs(kInvalid, HasSubstr("256 KiB")));
}

TEST(CheckpointPair, NeverVerifiesWithAChangedByte) {
  const std::unique_ptr<Signer> signer = OriginSigner();
  for (const CheckpointPair& pair : {Consistent(5, 8), Forked(5, 8, 2)}) {
    const std::string text = FormatCheckpointPair(pair);
    for (size_t i = 0; i < text.size(); ++i) {
      for (const int bit : {1, 4, 128}) {
        std::string other = text;
        other[i] = static_cast<char>(other[i] ^ bit);
        const auto parsed = ParseCheckpointPair(other);
        EXPECT_FALSE(parsed.ok() && VerifyCheckpointPair(*parsed, signer->verifier()).ok()) << i;
      }
      EXPECT_THAT(ParseCheckpointPair(text.substr(0, i)), Not(IsOk())) << i;
    }
  }
}

}  // namespace
}  // namespace polku::proof
