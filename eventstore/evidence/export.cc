#include "eventstore/evidence/export.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/in_order.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/log/records.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/tile.h"

namespace polku::evidence {
namespace {

namespace fs = std::filesystem;
using proof::kTileWidth;
using proof::TileName;

constexpr std::string_view kCheckpoint = "checkpoint";
constexpr std::string_view kPublicKey = "log.pub";
constexpr unsigned kMode = 0644;
constexpr size_t kMaxTileBytes = kTileWidth * Hash::kBytes;
constexpr size_t kMaxBundleBytes = kTileWidth * (2 + log::kMaxLeafBytes);
constexpr size_t kMaxKeyFileBytes = 4 << 10;
constexpr uint8_t kMaxLevel = 7;
constexpr size_t kMaxNamedEntries = 8;  // of one tile

std::string PathOf(std::string_view directory, std::string_view name) {
  return Str(directory, "/", name);
}

absl::Status NotAnExport(std::string_view directory, std::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, directory, ": ", why,
               "; give a directory of its own for each log");
}

// Full and partial tiles of a level in a tree of `size`: how many hashes lie in the tile of that index.
uint16_t WidthOf(Position size, uint8_t level, uint64_t index) {
  const uint64_t hashes = size.value() >> (8 * level);
  return static_cast<uint16_t>(std::min<uint64_t>(kTileWidth, hashes - index * kTileWidth));
}

// The root of a full tile.
Hash TileRoot(const std::vector<Hash>& hashes) {
  proof::Frontier tree;
  for (const Hash& hash : hashes) tree.AppendLeafHash(hash);
  return tree.Root();
}

class Exporter {
 public:
  explicit Exporter(const ExportOptions& options)
      : options_(options), tree_(*options.engine, options.log) {}

  absl::StatusOr<ExportResult> Run() && {
    POLKU_RETURN_IF_ERROR(ReadLog());
    POLKU_ASSIGN_OR_RETURN(const Position from, PrepareDirectory());
    POLKU_RETURN_IF_ERROR(WriteLeaves());
    POLKU_RETURN_IF_ERROR(WriteUpperTiles());
    POLKU_ASSIGN_OR_RETURN(const std::string note, CosignedNote());
    if (new_key_) {
      POLKU_RETURN_IF_ERROR(ReplaceFile(PathOf(options_.directory, kPublicKey),
                                        Str(Key().Format(), "\n"), kMode));
    }
    POLKU_RETURN_IF_ERROR(
        ReplaceFile(PathOf(options_.directory, kCheckpoint), note, kMode));
    RemoveSuperseded(from);
    result_.size = size_;
    return result_;
  }

 private:
  absl::Status ReadLog() {
    POLKU_ASSIGN_OR_RETURN(const auto bytes, options_.engine->ReadHead(options_.log));
    if (!bytes) return Error(absl::StatusCode::kNotFound, "no log of ", options_.origin, " is held here");
    POLKU_ASSIGN_OR_RETURN(const log::LogHead head, log::LogHead::Parse(*bytes));
    if (head.origin != options_.origin) {
      return Error(absl::StatusCode::kFailedPrecondition, "the log is of ", head.origin, ", not of ",
                   options_.origin);
    }
    size_ = head.frontier.size();
    POLKU_ASSIGN_OR_RETURN(const auto note, options_.engine->ReadCheckpoint(options_.log, size_));
    if (!note) return Error(absl::StatusCode::kDataLoss, options_.origin, ": no checkpoint is stored");
    note_ = *note;
    POLKU_ASSIGN_OR_RETURN(checkpoint_, proof::VerifyCheckpoint(note_, options_.keys));
    if (checkpoint_.size != size_) {
      return Error(absl::StatusCode::kDataLoss, options_.origin, ": the newest checkpoint is for ",
                   checkpoint_.size.value(), " entries, the log has ", size_.value(),
                   "; run `polku verify`");
    }
    // Nothing is given out under a checkpoint that does not fit it, and no good file replaced.
    POLKU_ASSIGN_OR_RETURN(const Hash root, tree_.Root(size_));
    if (root != checkpoint_.root) {
      return Error(absl::StatusCode::kDataLoss, options_.origin,
                   ": the signed root is not that of the entries; run `polku verify`");
    }
    return absl::OkStatus();
  }

  const proof::VerifierKey& Key() const { return options_.keys.For(size_); }

  // The size up to which the directory is said to be exported.
  absl::StatusOr<Position> PrepareDirectory() {
    const std::string& directory = options_.directory;
    std::error_code error;
    const bool fresh = !fs::exists(directory, error) || fs::is_empty(directory, error);
    POLKU_RETURN_IF_ERROR(MakeDirectories(directory));
    if (fresh) {
      POLKU_RETURN_IF_ERROR(
          ReplaceFile(PathOf(directory, kPublicKey), Str(Key().Format(), "\n"), kMode));
      return Position(0);
    }
    const auto key = ReadFile(PathOf(directory, kPublicKey), kMaxKeyFileBytes);
    if (!key.ok()) return NotAnExport(directory, "is not empty and not an export");
    const auto& keys = options_.keys.all();
    if (std::none_of(keys.begin(), keys.end(),
                     [&](const auto& one) { return TrimEnd(*key) == one.second.Format(); })) {
      return NotAnExport(directory, "is an export of another log, or made with another key");
    }
    new_key_ = TrimEnd(*key) != Key().Format();
    const auto note = ReadFile(PathOf(directory, kCheckpoint), proof::kMaxNoteBytes);
    // Killed before its first checkpoint: what is there is compared while it is gone through again.
    if (absl::IsNotFound(note.status())) return Position(0);
    if (!note.ok()) return note.status();
    POLKU_ASSIGN_OR_RETURN(const proof::Checkpoint exported,
                           proof::VerifyCheckpoint(*note, options_.keys));
    if (exported.size > size_) {
      return Error(absl::StatusCode::kFailedPrecondition, directory, " has ", exported.size.value(),
                   " entries, the log only ", size_.value(),
                   ": the log was put back to an older state; run `polku verify`");
    }
    POLKU_ASSIGN_OR_RETURN(const Hash root, tree_.Root(exported.size));
    if (root != exported.root) {
      return Error(absl::StatusCode::kDataLoss, directory, " is of another history than the log for ",
                   exported.size.value(), " entries; keep it as evidence and run `polku verify`");
    }
    return exported.size;
  }

  // Tiles of level 0 and entry bundles, from the groups.
  absl::Status WriteLeaves() {
    POLKU_ASSIGN_OR_RETURN(const auto groups, options_.engine->Scan(options_.log, Position(0), false));
    while (next_ < size_.value()) {
      POLKU_ASSIGN_OR_RETURN(const std::optional<log::StoredGroup> group, groups->Next());
      if (!group) {
        return Error(absl::StatusCode::kDataLoss, options_.origin, ": the log ends at ", next_);
      }
      POLKU_ASSIGN_OR_RETURN(const log::GroupView view, log::GroupView::Parse(group->entries, {}));
      for (const log::GroupItem& item : view.items()) {
        const uint64_t position = group->first.value() + item.offset;
        if (position >= size_.value()) continue;
        if (item.leaf.empty() && item.withheld.level > 0) {
          return Error(absl::StatusCode::kFailedPrecondition, options_.origin, ": the entries from ",
                       position, " on are withheld from this service and only their common hash is held; "
                       "export the log where all of it is held");
        }
        hashes_.push_back(item.leaf.empty() ? item.withheld.hash : proof::LeafHash(item.leaf));
        if (item.leaf.empty()) {
          hole_ = true;
        } else {
          proof::AppendBundleEntry(bundle_, item.leaf);
        }
        next_ = position + 1;
        if (next_ % kTileWidth == 0 || next_ == size_.value()) POLKU_RETURN_IF_ERROR(CloseTile());
      }
      if (options_.progress) options_.progress(next_, size_.value());
    }
    return absl::OkStatus();
  }

  absl::Status CloseTile() {
    const uint64_t index = (next_ - 1) / kTileWidth;
    TileName name{.index = index, .width = static_cast<uint16_t>(hashes_.size())};
    if (hashes_.size() == kTileWidth) {
      POLKU_ASSIGN_OR_RETURN(const Hash stored, tree_.Subtree(proof::kStoredLevel, index));
      if (TileRoot(hashes_) != stored) {
        return Error(absl::StatusCode::kDataLoss, options_.origin, ": the tree node of position ",
                     index * kTileWidth, " is not that of the entries; run `polku verify`");
      }
    }
    POLKU_RETURN_IF_ERROR(WriteTile(name, hashes_));
    name.entries = true;
    if (hole_) {
      ++result_.bundles_left_out;
    } else {
      POLKU_ASSIGN_OR_RETURN(const bool written, WriteOnce(name, bundle_));
      result_.bundles_written += written ? 1 : 0;
    }
    hashes_.clear();
    bundle_.clear();
    hole_ = false;
    return absl::OkStatus();
  }

  absl::Status WriteUpperTiles() {
    for (uint8_t level = 1; level <= kMaxLevel; ++level) {
      const uint64_t hashes = size_.value() >> (8 * level);
      if (hashes == 0) break;
      for (uint64_t tile = 0; tile * kTileWidth < hashes; ++tile) {
        const TileName name{.level = level, .index = tile, .width = WidthOf(size_, level, tile)};
        std::vector<Hash> nodes;
        for (uint64_t i = 0; i < name.width; ++i) {
          POLKU_ASSIGN_OR_RETURN(nodes.emplace_back(),
                                 tree_.Subtree(static_cast<uint8_t>(8 * level),
                                               tile * kTileWidth + i));
        }
        POLKU_RETURN_IF_ERROR(WriteTile(name, nodes));
      }
    }
    return absl::OkStatus();
  }

  absl::Status WriteTile(const TileName& name, const std::vector<Hash>& hashes) {
    std::string bytes;
    bytes.reserve(hashes.size() * Hash::kBytes);
    for (const Hash& hash : hashes) bytes.append(hash.view());
    POLKU_ASSIGN_OR_RETURN(const bool written, WriteOnce(name, bytes));
    result_.tiles_written += written ? 1 : 0;
    return absl::OkStatus();
  }

  // Tiles never change: one that is there has been written by an earlier run, false then; unless it was damaged.
  absl::StatusOr<bool> WriteOnce(const TileName& name, std::string_view content) {
    const std::string path = PathOf(options_.directory, proof::TilePath(name));
    std::error_code error;
    if (fs::exists(path, error)) {
      const auto there = ReadFile(path, kMaxBundleBytes);
      if (there.ok() && *there == content) return false;
      ++result_.repaired;
    }
    POLKU_RETURN_IF_ERROR(MakeDirectories(fs::path(path).parent_path().string()));
    POLKU_RETURN_IF_ERROR(ReplaceFile(path, content, kMode));
    return true;
  }

  // With the cosignatures that are kept for exactly this size.
  absl::StatusOr<std::string> CosignedNote() {
    std::string note = note_;
    POLKU_ASSIGN_OR_RETURN(const auto kept, log::CosignaturesCovering(*options_.engine, options_.log, size_));
    for (const log::KeptCosignature& cosignature : kept) {
      if (cosignature.size != size_ || cosignature.root != checkpoint_.root) continue;
      POLKU_ASSIGN_OR_RETURN(note, proof::AddSignatures(note, cosignature.line));
    }
    return note;
  }

  // Partial tiles of the size before, where a wider one has taken their place.
  void RemoveSuperseded(Position from) {
    const std::vector<TileName> now = proof::RightEdge(size_);
    for (const TileName& old : proof::RightEdge(from)) {
      if (std::find(now.begin(), now.end(), old) != now.end()) continue;
      std::error_code ignored;  // a file too many is told by `polku verify`
      TileName name = old;
      for (const bool entries : {false, true}) {
        if (entries && old.level != 0) break;
        name.entries = entries;
        const fs::path path = PathOf(options_.directory, proof::TilePath(name));
        fs::remove(path, ignored);
        fs::remove(path.parent_path(), ignored);  // "….p", when it is empty now
      }
    }
  }

  const ExportOptions& options_;
  log::TreeReader tree_;
  Position size_;
  bool new_key_ = false;  // the directory has an earlier one
  std::string note_;
  proof::Checkpoint checkpoint_;
  uint64_t next_ = 0;
  std::vector<Hash> hashes_;
  std::string bundle_;
  bool hole_ = false;
  ExportResult result_;
};

class ExportVerifier {
 public:
  ExportVerifier(std::string_view directory, const proof::VerifierKey* key,
                 const std::vector<proof::VerifierKey>& witnesses,
                 const std::function<void(uint64_t, uint64_t)>& progress)
      : directory_(directory), key_(key), witnesses_(witnesses), progress_(progress) {}

  absl::StatusOr<ExportReport> Run() && {
    POLKU_ASSIGN_OR_RETURN(const std::string note,
                           ReadFile(PathOf(directory_, kCheckpoint), proof::kMaxNoteBytes));
    std::optional<proof::VerifierKey> own;
    report_.log.key_known = key_ != nullptr;
    if (key_ == nullptr) {
      POLKU_ASSIGN_OR_RETURN(const std::string text,
                             ReadFile(PathOf(directory_, kPublicKey), kMaxKeyFileBytes));
      auto parsed = proof::VerifierKey::Parse(WithoutNewlines(text), proof::KeyUse::kCheckpoint);
      if (!parsed.ok()) return Annotate(parsed.status(), PathOf(directory_, kPublicKey));
      own = *std::move(parsed);
      key_ = &*own;
    }
    report_.log.origin = key_->name();
    if (!own) CheckPublicKey();
    if (!CheckCheckpoint(note)) return std::move(report_);
    CheckTiles();
    CheckStray();
    return std::move(report_);
  }

 private:
  void Add(ProblemKind kind, std::optional<Position> position, std::string what) {
    if (report_.problems.size() < kMaxProblems) {
      report_.problems.push_back({kind, report_.log.origin, position, std::move(what)});
    }
  }

  static std::string_view WithoutNewlines(std::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    return text;
  }

  // Whoever takes the export on would verify by the key that lies in it.
  void CheckPublicKey() {
    const auto text = ReadFile(PathOf(directory_, kPublicKey), kMaxKeyFileBytes);
    if (absl::IsNotFound(text.status())) return;
    if (!text.ok()) {
      Add(ProblemKind::kTile, std::nullopt, Str(kPublicKey, ": ", ToStd(text.status().message())));
      return;
    }
    const auto key = proof::VerifierKey::Parse(WithoutNewlines(*text), proof::KeyUse::kCheckpoint);
    if (!key.ok()) {
      Add(ProblemKind::kTile, std::nullopt, Str(kPublicKey, ": ", ToStd(key.status().message())));
    } else if (key->name() != key_->name() || key->key() != key_->key()) {
      Add(ProblemKind::kTile, std::nullopt, Str(kPublicKey, ": not the key that is verified by"));
    }
  }

  bool CheckCheckpoint(std::string_view note) {
    auto checkpoint = proof::VerifyCheckpoint(note, *key_);
    if (!checkpoint.ok()) {
      Add(ProblemKind::kCheckpoint, std::nullopt,
          Str("checkpoint: ", ToStd(checkpoint.status().message())));
      return false;
    }
    checkpoint_ = *std::move(checkpoint);
    report_.log.entries = checkpoint_.size.value();
    report_.log.checkpoints = 1;
    std::set<std::string> agencies;
    const auto origin = OriginName::Parse(checkpoint_.origin);
    for (const proof::VerifierKey& witness : witnesses_) {
      const auto time = proof::VerifyCosignature(note, witness);
      if (absl::IsNotFound(time.status())) continue;
      if (!time.ok()) {
        Add(ProblemKind::kCosignature, std::nullopt,
            Str("the cosignature of ", witness.name(), ": ", ToStd(time.status().message())));
        continue;
      }
      ++report_.log.cosignatures;
      // "<agency>/<service>/witness"
      const fs::path name(witness.name());
      const std::string agency = name.parent_path().parent_path().string();
      if (!origin.ok() || agency != origin->agency()) agencies.insert(agency);
    }
    report_.log.agencies.assign(agencies.begin(), agencies.end());
    return true;
  }

  // A tile of hashes; nullopt, and told, when it is not there as it must be.
  std::optional<std::vector<Hash>> ReadTile(uint8_t level, uint64_t index,
                                            std::vector<Problem>& problems) const {
    const TileName name{.level = level,
                        .index = index,
                        .width = WidthOf(checkpoint_.size, level, index)};
    const std::string file = proof::TilePath(name);
    const Position position((index * kTileWidth) << (8 * level));
    const auto bytes = ReadFile(PathOf(directory_, file), kMaxTileBytes);
    const auto bad = [&](std::string_view what) {
      problems.push_back({ProblemKind::kTile, report_.log.origin, position, Str(file, ": ", what)});
      return std::nullopt;
    };
    if (!bytes.ok()) return bad(absl::IsNotFound(bytes.status()) ? "is missing" : ToStd(bytes.status().message()));
    auto hashes = proof::ParseTile(*bytes);
    if (!hashes.ok()) return bad(ToStd(hashes.status().message()));
    if (hashes->size() != name.width) {
      return bad(Str("has ", hashes->size(), " hashes, must have ", name.width));
    }
    return *std::move(hashes);
  }

  struct TileFacts {
    std::vector<Problem> problems;
    std::optional<std::vector<Hash>> hashes;
    uint64_t held = 0;
    bool left_out = false;
  };

  TileFacts CheckLeaves(uint64_t index) const {
    TileFacts facts;
    facts.hashes = ReadTile(0, index, facts.problems);
    const TileName name{.entries = true,
                        .index = index,
                        .width = WidthOf(checkpoint_.size, 0, index)};
    const std::string file = proof::TilePath(name);
    const auto bad = [&](uint64_t position, std::string_view what) {
      facts.problems.push_back(
          {ProblemKind::kTile, report_.log.origin, Position(position), Str(file, ": ", what)});
    };
    const uint64_t first = index * kTileWidth;
    const auto bytes = ReadFile(PathOf(directory_, file), kMaxBundleBytes);
    if (absl::IsNotFound(bytes.status())) {
      facts.left_out = true;
      return facts;
    }
    if (!bytes.ok()) {
      bad(first, ToStd(bytes.status().message()));
      return facts;
    }
    const auto entries = proof::ParseEntryBundle(*bytes);
    if (!entries.ok()) {
      bad(first, ToStd(entries.status().message()));
      return facts;
    }
    if (entries->size() != name.width) {
      bad(first, Str("has ", entries->size(), " entries, must have ", name.width));
      return facts;
    }
    facts.held = entries->size();
    if (!facts.hashes) return facts;
    std::vector<uint64_t> wrong;
    for (size_t i = 0; i < entries->size(); ++i) {
      if (proof::LeafHash((*entries)[i]) != (*facts.hashes)[i]) wrong.push_back(first + i);
    }
    // Few are named each; of many the tile itself is another one.
    if (wrong.size() > kMaxNamedEntries) {
      bad(wrong.front(), Str("this entry and ", wrong.size() - 1, " others to ", wrong.back(),
                             " are not what the tile of hashes says"));
    } else {
      for (const uint64_t position : wrong) bad(position, "this entry is not what the tile of hashes says");
    }
    return facts;
  }

  void CheckTiles() {
    const uint64_t size = checkpoint_.size.value();
    const uint64_t tiles = size / kTileWidth + (size % kTileWidth != 0 ? 1 : 0);
    // What the level above must say of each full tile; goes up level by level.
    std::vector<std::optional<Hash>> roots;
    std::vector<std::optional<std::vector<Hash>>> edge;  // the last tile of each level, when partial
    edge.resize(kMaxLevel + 1u);
    const std::function<TileFacts(size_t)> work = [&](size_t index) { return CheckLeaves(index); };
    const std::function<void(size_t, TileFacts)> take = [&](size_t index, TileFacts facts) {
      for (Problem& problem : facts.problems) {
        Add(problem.kind, problem.position, std::move(problem.what));
      }
      report_.log.held += facts.held;
      report_.log.withheld += facts.left_out ? WidthOf(checkpoint_.size, 0, index) : 0;
      report_.bundles_left_out += facts.left_out ? 1 : 0;
      KeepTile(0, index, std::move(facts.hashes), roots, edge);
    };
    uint64_t done = 0;
    InOrder<TileFacts>(
        tiles, ThreadsFor(0), work,
        [&](size_t index, TileFacts facts) {
          take(index, std::move(facts));
          done = index + 1;
        },
        [&] {
          if (progress_) progress_(std::min(done * kTileWidth, size), size);
          return true;
        });
    for (uint8_t level = 1; level <= kMaxLevel && size >> (8 * level) > 0; ++level) {
      std::vector<std::optional<Hash>> above;
      const uint64_t hashes = size >> (8 * level);
      for (uint64_t index = 0; index * kTileWidth < hashes; ++index) {
        std::vector<Problem> problems;
        auto tile = ReadTile(level, index, problems);
        for (Problem& problem : problems) Add(problem.kind, problem.position, std::move(problem.what));
        for (size_t i = 0; tile && i < tile->size(); ++i) {
          const uint64_t child = index * kTileWidth + i;
          if (roots[child] && *roots[child] != (*tile)[i]) {
            Add(ProblemKind::kTile, Position(child << (8 * level)),
                Str(proof::TilePath({.level = level,
                                     .index = index,
                                     .width = WidthOf(checkpoint_.size, level, index)}),
                    ": its hash ", i, " is not that of the tile below"));
            break;
          }
        }
        KeepTile(level, index, std::move(tile), above, edge);
      }
      roots = std::move(above);
    }
    CheckRoot(edge, roots);
    if (progress_) progress_(size, size);
  }

  void KeepTile(uint8_t level, uint64_t index, std::optional<std::vector<Hash>> tile,
                std::vector<std::optional<Hash>>& roots,
                std::vector<std::optional<std::vector<Hash>>>& edge) const {
    if (WidthOf(checkpoint_.size, level, index) < kTileWidth) {
      edge[level] = std::move(tile);
    } else {
      roots.push_back(tile ? std::optional(TileRoot(*tile)) : std::nullopt);
    }
  }

  // The root from the right edge: the largest subtrees lie in the partial tiles of the upper levels.
  void CheckRoot(const std::vector<std::optional<std::vector<Hash>>>& edge,
                 const std::vector<std::optional<Hash>>& top) {
    proof::Frontier tree;
    const uint64_t size = checkpoint_.size.value();
    // A tree of exactly 256^8 leaves would have a full tile on top: `top`; no log gets there.
    bool known = top.empty() || top.front().has_value();
    for (int level = kMaxLevel; level >= 0; --level) {
      const uint64_t width = (size >> (8 * level)) % kTileWidth;
      if (width == 0) continue;
      const auto& tile = edge[static_cast<size_t>(level)];
      if (!tile) {
        known = false;
        break;
      }
      for (const Hash& hash : *tile) {
        known = known && tree.AppendSubtree({static_cast<uint8_t>(8 * level), hash}).ok();
      }
    }
    if (!known) return;  // a missing tile is told already
    report_.log.root = tree.Root();
    if (report_.log.root != checkpoint_.root) {
      Add(ProblemKind::kRoot, std::nullopt, "the tiles' root is not the one that was signed");
    }
  }

  // A partial tile of an earlier size: a beginning of the one that is there now.
  bool IsEarlierTile(const std::string& name, const TileName& tile) const {
    const uint64_t hashes = checkpoint_.size.value() >> (8 * tile.level);
    if (tile.index > hashes / kTileWidth || tile.index * kTileWidth >= hashes) return false;
    TileName present = tile;
    present.width = WidthOf(checkpoint_.size, tile.level, tile.index);
    if (tile.width >= present.width) return false;
    const auto now = ReadFile(PathOf(directory_, proof::TilePath(present)), kMaxBundleBytes);
    const auto then = ReadFile(PathOf(directory_, name), kMaxBundleBytes);
    if (!now.ok() || !then.ok() || now->substr(0, then->size()) != *then) return false;
    if (!tile.entries) return then->size() == tile.width * Hash::kBytes;
    const auto entries = proof::ParseEntryBundle(*then);
    return entries.ok() && entries->size() == tile.width;
  }

  void CheckStray() {
    std::error_code error;
    fs::recursive_directory_iterator files(fs::path(directory_), error);
    for (; !error && files != fs::recursive_directory_iterator(); files.increment(error)) {
      if (files->is_directory(error)) continue;
      const std::string name = files->path().lexically_relative(fs::path(directory_)).generic_string();
      if (name == kCheckpoint || name == kPublicKey) continue;
      const auto tile = proof::ParseTilePath(name);
      if (tile.ok() && tile->index * kTileWidth < checkpoint_.size.value() >> (8 * tile->level) &&
          tile->width == WidthOf(checkpoint_.size, tile->level, tile->index)) {
        continue;
      }
      if (tile.ok() && IsEarlierTile(name, *tile)) {
        ++report_.earlier_tiles;
        continue;
      }
      // A name made by somebody else may hold anything; Polku's own do not.
      Add(ProblemKind::kTile, std::nullopt,
          tile.ok() ? Str(name, ": no tile of a log of this size")
                    : Str("a file that does not belong to an export: ", name));
    }
    if (error) {
      Add(ProblemKind::kTile, std::nullopt, Str("cannot list the directory: ", error.message()));
    }
  }

  const std::string directory_;
  const proof::VerifierKey* key_;
  const std::vector<proof::VerifierKey>& witnesses_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  proof::Checkpoint checkpoint_;
  ExportReport report_;
};

}  // namespace

absl::StatusOr<ExportResult> ExportTiles(const ExportOptions& options) {
  return Exporter(options).Run();
}

absl::StatusOr<ExportReport> VerifyExport(
    std::string_view directory, const proof::VerifierKey* key,
    const std::vector<proof::VerifierKey>& witnesses,
    const std::function<void(uint64_t done, uint64_t total)>& progress) {
  return ExportVerifier(directory, key, witnesses, progress).Run();
}

}  // namespace polku::evidence
