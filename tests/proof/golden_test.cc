#include "tests/proof/golden.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "eventstore/proof/note.h"
#include "eventstore/proof/policy.h"
#include "eventstore/proof/proof_file.h"
#include "eventstore/proof/text.h"
#include "eventstore/proof/tile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/fixed_log.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Pair;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

std::filesystem::path Directory() {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  return std::filesystem::path(root != nullptr ? root : ".") / "tests/proof/golden";
}

std::string Golden(const std::string& name) {
  std::ifstream in(Directory() / name, std::ios::binary);
  EXPECT_TRUE(in) << name << " is missing, see tests/proof/golden.h";
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string Line(const std::string& name) {
  std::string text = Golden(name);
  EXPECT_FALSE(text.empty());
  if (!text.empty()) text.pop_back();
  return text;
}

std::string GoldenBytes(const std::string& name) {
  std::string hex = Golden(name);
  std::erase(hex, '\n');
  const auto bytes = FromHex(hex);
  EXPECT_TRUE(bytes) << name;
  return bytes.value_or("");
}

VerifierKey OriginKey() { return *VerifierKey::Parse(Line("origin.vkey"), KeyUse::kCheckpoint); }
VerifierKey Witness1Key() {
  return *VerifierKey::Parse(Line("witness1.vkey"), KeyUse::kCosignature);
}

TEST(ProofGolden, EveryFormatIsWrittenAsItWasFrozen) {
  for (const auto& [name, content] : MakeGoldens()) EXPECT_EQ(Golden(name), content) << name;
}

TEST(ProofGolden, EveryFileIsLookedAt) {
  std::set<std::string> expected;
  for (const auto& [name, content] : MakeGoldens()) expected.insert(name);
  for (const auto& file : std::filesystem::directory_iterator(Directory())) {
    const std::string name = file.path().filename();
    EXPECT_TRUE(expected.contains(name) || name == "public") << name << ": released files stay";
  }
}

// What follows reads the files alone, as a later version of this software will.

TEST(ProofGolden, KeysAreRead) {
  ASSERT_OK_AND_ASSIGN(const auto signer,
                       Signer::Parse(Golden("origin.secret"), KeyUse::kCheckpoint));
  EXPECT_EQ(signer->verifier().Format(), Line("origin.vkey"));
  ASSERT_OK_AND_ASSIGN(const auto cosigner,
                       Signer::Parse(Golden("witness1.secret"), KeyUse::kCosignature));
  EXPECT_EQ(cosigner->verifier().Format(), Line("witness1.vkey"));
}

TEST(ProofGolden, NotesVerify) {
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint,
                       VerifyCheckpoint(Golden("checkpoint.note"), OriginKey()));
  EXPECT_EQ(checkpoint.size, Position(300));
  EXPECT_EQ(checkpoint.root, NaiveRoot(FixedLeaves(300)));
  EXPECT_THAT(VerifyCheckpoint(Golden("cosigned.note"), OriginKey()), IsOkAndHolds(checkpoint));
  EXPECT_THAT(VerifyCosignature(Golden("cosigned.note"), Witness1Key()),
              IsOkAndHolds(absl::FromUnixSeconds(1'795'305'600)));
}

TEST(ProofGolden, ThePolicyJudgesTheCosignedNote) {
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(Golden("trust.policy")));
  ASSERT_OK_AND_ASSIGN(const Policy::Verdict verdict, policy.Check(Golden("cosigned.note")));
  EXPECT_TRUE(verdict.quorum);
  EXPECT_THAT(verdict.cosigned,
              UnorderedElementsAre(Pair(kWitness1, absl::FromUnixSeconds(1'795'305'600)),
                                   Pair(kWitness2, absl::FromUnixSeconds(1'795'305'660))));
  ASSERT_OK_AND_ASSIGN(const Policy::Verdict bare, policy.Check(Golden("checkpoint.note")));
  EXPECT_FALSE(bare.quorum);
}

TEST(ProofGolden, ProofFilesVerify) {
  ASSERT_OK_AND_ASSIGN(const InclusionFile file,
                       ParseInclusionFile(Golden("inclusion.tlog-proof")));
  EXPECT_THAT(VerifyInclusionFile(file, LeafHash("leaf 123"), OriginKey()), IsOk());
  ASSERT_OK_AND_ASSIGN(const InclusionFile extra,
                       ParseInclusionFile(Golden("inclusion-extra.tlog-proof")));
  EXPECT_EQ(extra.extra, "extra bytes");
  EXPECT_THAT(VerifyInclusionFile(extra, LeafHash("leaf 0"), OriginKey()), IsOk());
  for (const auto& [name, verdict] :
       {std::pair("consistent.checkpoint-pair", PairVerdict::kConsistent),
        std::pair("fork.checkpoint-pair", PairVerdict::kFork),
        std::pair("fork-of-one-size.checkpoint-pair", PairVerdict::kFork)}) {
    ASSERT_OK_AND_ASSIGN(const CheckpointPair pair, ParseCheckpointPair(Golden(name)));
    EXPECT_THAT(VerifyCheckpointPair(pair, OriginKey()), IsOkAndHolds(verdict)) << name;
  }
}

TEST(ProofGolden, TilesGiveTheSignedRoot) {
  std::string paths = Golden("tile-paths.txt");
  std::string_view rest = paths;
  std::string_view path;
  while (TakeLine(rest, path)) {
    ASSERT_OK_AND_ASSIGN(const TileName name, ParseTilePath(path));
    EXPECT_EQ(TilePath(name), path);
  }
  ASSERT_OK_AND_ASSIGN(const auto leaf_tile, ParseTile(GoldenBytes("tile-0-001.p-44.hex")));
  ASSERT_OK_AND_ASSIGN(const auto tile_above, ParseTile(GoldenBytes("tile-1-000.p-1.hex")));
  const std::string bundle = GoldenBytes("tile-entries-001.p-44.hex");
  ASSERT_OK_AND_ASSIGN(const auto entries, ParseEntryBundle(bundle));
  ASSERT_EQ(leaf_tile.size(), 44u);
  ASSERT_EQ(entries.size(), 44u);
  Frontier frontier;
  ASSERT_THAT(frontier.AppendSubtree({8, tile_above.at(0)}), IsOk());
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(LeafHash(entries[i]), leaf_tile[i]);
    frontier.AppendLeafHash(leaf_tile[i]);
  }
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint,
                       VerifyCheckpoint(Golden("checkpoint.note"), OriginKey()));
  EXPECT_EQ(frontier.Root(), checkpoint.root);
}

// A checkpoint of a public Certificate Transparency log, cosigned by a public witness, with the key
// that the witness publishes. Neither is made by this software. (The examples in the text of the
// C2SP specifications name no keys, so they cannot be verified; that of signed-note is read in
// note_test.cc.)
TEST(ProofGolden, ACosignatureOfAPublicWitnessVerifies) {
  ASSERT_OK_AND_ASSIGN(const VerifierKey witness,
                       VerifierKey::Parse(Line("public/remora.vkey"), KeyUse::kCosignature));
  const std::string note = Golden("public/arche2025h1.note");
  ASSERT_OK_AND_ASSIGN(const absl::Time time, VerifyCosignature(note, witness));
  EXPECT_EQ(absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()),
            "2026-05-23T21:50:24+00:00");
  std::string other = note;
  other[other.find("1432088532")] = '2';
  EXPECT_THAT(VerifyCosignature(other, witness), StatusIs(absl::StatusCode::kUnauthenticated));
}

}  // namespace
}  // namespace polku::proof
