#include "tests/proof/golden.h"

#include "eventstore/proof/policy.h"
#include "eventstore/proof/proof_file.h"
#include "eventstore/proof/tile.h"
#include "tests/proof/fixed_log.h"

namespace polku::proof {
namespace {

constexpr size_t kOlder = 200;
constexpr size_t kNewer = 300;
constexpr size_t kAltered = 123;

std::string HexLines(std::string_view bytes) {
  std::string text;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(32, bytes.size()))) {
    text += Str(ToHex(bytes.substr(0, 32)), "\n");
  }
  return text;
}

// 2026-11-22 and a minute later.
std::string Cosigned() {
  const Checkpoint checkpoint = FixedCheckpoint(kNewer);
  return Str(FixedNote(kNewer),
             Witness1()->Cosign(checkpoint, absl::FromUnixSeconds(1'795'305'600)),
             Witness2()->Cosign(checkpoint, absl::FromUnixSeconds(1'795'305'660)));
}

CheckpointPair Pair(size_t older, size_t newer, bool fork) {
  const std::vector<Hash> leaves = fork ? FixedLeaves(newer, kAltered) : FixedLeaves(newer);
  CheckpointPair pair;
  if (fork) pair.prefix = NaiveRoot(std::span(leaves).first(older));
  pair.hashes = NaiveSubproof(older, leaves, true);
  pair.older = FixedNote(older);
  pair.newer = fork ? FixedNote(newer, kAltered) : FixedNote(newer);
  return pair;
}

}  // namespace

std::map<std::string, std::string> MakeGoldens() {
  std::map<std::string, std::string> files;
  files["origin.vkey"] = Str(OriginSigner()->verifier().Format(), "\n");
  files["witness1.vkey"] = Str(Witness1()->verifier().Format(), "\n");
  files["witness2.vkey"] = Str(Witness2()->verifier().Format(), "\n");
  files["origin.secret"] = OriginSigner()->SecretText();
  files["witness1.secret"] = Witness1()->SecretText();
  files["checkpoint.note"] = FixedNote(kNewer);
  files["cosigned.note"] = Cosigned();
  files["trust.policy"] = Policy::Format({OriginSigner()->verifier()},
                                         {Witness1()->verifier(), Witness2()->verifier()}, 2);
  files["inclusion.tlog-proof"] = FormatInclusionFile(
      {std::nullopt, Position(kAltered), NaivePath(kAltered, FixedLeaves(kNewer)), Cosigned()});
  files["inclusion-extra.tlog-proof"] =
      FormatInclusionFile({"extra bytes", Position(0), NaivePath(0, FixedLeaves(1)), FixedNote(1)});
  files["consistent.checkpoint-pair"] = FormatCheckpointPair(Pair(kOlder, kNewer, false));
  files["fork.checkpoint-pair"] = FormatCheckpointPair(Pair(kOlder, kNewer, true));
  files["fork-of-one-size.checkpoint-pair"] = FormatCheckpointPair(Pair(kOlder, kOlder, true));

  // The tree of kNewer leaves: a full tile and a partial one of leaves, and the partial one above.
  std::string paths;
  for (const TileName& name :
       std::initializer_list<TileName>{{.level = 0, .index = 0},
                                       {.level = 0, .index = 1, .width = 44},
                                       {.level = 1, .index = 0, .width = 1},
                                       {.entries = true, .index = 1, .width = 44},
                                       {.entries = true, .index = 1'234'067},
                                       {.level = 6, .index = 127, .width = 255}}) {
    paths += Str(TilePath(name), "\n");
  }
  files["tile-paths.txt"] = paths;
  const std::vector<Hash> leaves = FixedLeaves(kNewer);
  std::string leaf_tile;
  std::string bundle;
  for (size_t i = kTileWidth; i < kNewer; ++i) {
    leaf_tile += leaves[i].view();
    AppendBundleEntry(bundle, FixedLeaf(i));
  }
  files["tile-0-001.p-44.hex"] = HexLines(leaf_tile);
  files["tile-1-000.p-1.hex"] = HexLines(NaiveRoot(std::span(leaves).first(kTileWidth)).view());
  files["tile-entries-001.p-44.hex"] = HexLines(bundle);
  return files;
}

}  // namespace polku::proof
