#include "eventstore/evidence/verify.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/erasures.h"
#include "eventstore/evidence/in_order.h"
#include "eventstore/evidence/index_check.h"
#include "eventstore/evidence/log_scan.h"
#include "eventstore/evidence/stored.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/log/index.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/records.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/proof_file.h"

namespace polku::evidence {
namespace {

// Positions that a worker reads at a time: every run opens cursors of its own, which read some more than the run;
// in a small log fewer, so that all cores have some.
constexpr uint64_t kMaxRun = 16'384;
constexpr uint64_t kMinRun = 2'048;
constexpr uint64_t kRunsAThread = 8;
// Positions that have one sum of the index.
constexpr uint64_t kIndexRun = 4'096;
// However large a log says it is, it is cut into at most about this many runs.
constexpr uint64_t kMaxRuns = 65'536;
constexpr uint64_t kBlock = uint64_t{1} << proof::kStoredLevel;
constexpr Position kNoEnd{UINT64_MAX};
// Log numbers without a head that are asked for groups: a head that was taken away leaves them behind.
constexpr uint64_t kHeadlessLogsProbed = 16;
constexpr size_t kCosignaturesAtATime = 256;

struct Sink {
  std::vector<Problem>* problems;
  uint64_t* left_out;
  std::string origin;
  void Add(ProblemKind kind, std::optional<Position> position, std::string what) const {
    if (problems->size() < kMaxProblems) {
      problems->push_back({kind, origin, position, std::move(what)});
    } else {
      ++*left_out;
    }
  }
};

// A log's tree as it grows, followed through what is wrong with it.
//
// `computed` is the tree of the entries that are stored. Once its root is not the signed one, or entries are missing,
// there is a second line: complete runs of 256 in which something is wrong are taken from the stored nodes (index 'n')
// instead. Such a node is only believed when a later signed root agrees; then all entries outside those runs are proven
// to be what was signed, and checking goes on at full strength.
class TreeLine {
 public:
  TreeLine(log::Engine& engine, LogNumber log, Sink sink, bool check_nodes)
      : engine_(engine), log_(log), sink_(std::move(sink)), check_nodes_(check_nodes) {}

  Position next() const { return next_; }
  uint64_t checkpoints() const { return verified_; }
  uint64_t nodes_seen() const { return nodes_seen_; }
  bool whole() const { return !computed_dead_ && !trouble_; }
  bool clean() const { return clean_; }
  const proof::Frontier& computed() const { return computed_; }
  // The size of the last checkpoint that agreed with the entries.
  Position good() const { return good_; }
  Position last_checkpoint() const { return last_checkpoint_; }
  const std::vector<std::pair<Position, Position>>& holes() const { return holes_; }

  void At(Position first) {
    skipping_ = false;
    if (first == next_) {
      hole_told_ = false;
      return;
    }
    if (first > next_) {
      if (!hole_told_) {
        sink_.Add(ProblemKind::kGap, next_,
                  Str("positions ", next_.value(), " to ", first.value() - 1, " are missing"));
      }
      Skip(first);
      hole_told_ = false;
      return;
    }
    sink_.Add(ProblemKind::kGap, first,
              Str("a group starts here, inside the one before it, which ends at ", next_.value()));
    skipping_ = true;
  }

  void Take(const proof::Subtree& subtree) {
    if (skipping_) return;
    const uint64_t leaves = uint64_t{1} << subtree.level;
    completed_.clear();
    if (!computed_dead_ && !computed_.AppendSubtree(subtree, &completed_).ok()) KillComputed();
    if (!computed_dead_) CompareNodes();
    if (trouble_ && !lost_ && !block_bad_ && !hinted_.AppendSubtree(subtree).ok()) lost_ = true;
    next_ = Position(next_.value() + leaves);
    Advance();
  }

  void Unknown(ProblemKind kind, std::string why) {
    if (skipping_) return;
    if (!hole_told_) sink_.Add(kind, next_, std::move(why));
    hole_told_ = true;
    skipping_ = true;  // until the next group begins
    KillComputed();
  }

  // The log's end, where no group follows.
  void End(Position size) {
    if (next_ >= size) return;
    if (!hole_told_) {
      sink_.Add(ProblemKind::kGap, next_,
                Str("positions ", next_.value(), " to ", size.value() - 1, " are missing"));
    }
    Skip(size);
  }

  void Checkpoint(Position size, const std::optional<Hash>& root) {
    last_checkpoint_ = size;
    if (!root) return;
    if (size != next_) {
      // In a hole nothing can be compared; elsewhere a commit ends where a group does.
      if (size < next_ && !hole_told_ && !InHole(size)) {
        sink_.Add(ProblemKind::kCheckpoint, size,
                  Str("the checkpoint for ", size.value(), " entries is not at the end of a group"));
      }
      return;
    }
    if (hole_told_) return;
    if (!computed_dead_ && computed_.Root() == *root) {
      if (trouble_ && root_problem_) {
        sink_.Add(ProblemKind::kCheckpoint, *root_problem_,
                  "the checkpoints after it agree with the entries again: the checkpoint for this size "
                  "is of another history");
      }
      Good(size);
      return;
    }
    if (trouble_) {
      if (!lost_ && !block_bad_ && hinted_.Root() == *root) {
        // What follows the bad runs is what was signed.
        computed_ = hinted_;
        computed_dead_ = false;
        Good(size);
      }
      return;
    }
    if (computed_dead_) return;
    const uint64_t from = good_.value();
    sink_.Add(ProblemKind::kRoot, good_,
              size.value() - from == 1
                  ? Str("this entry is not the one that was signed (checkpoint for ", size.value(),
                        " entries)")
                  : Str("of the entries ", from, " to ", size.value() - 1,
                        " at least one is not what was signed (checkpoint for ", size.value(),
                        " entries)"));
    root_problem_ = size;
    MarkBad();
    Advance();
  }

 private:
  bool InHole(Position size) const {
    return std::any_of(holes_.begin(), holes_.end(), [&](const auto& hole) {
      return size > hole.first && size <= hole.second;
    });
  }

  void Good(Position size) {
    ++verified_;
    good_ = size;
    trouble_ = false;
    root_problem_.reset();
    good_blocks_ = CompleteRuns(computed_);
  }

  void KillComputed() {
    computed_dead_ = true;
    MarkBad();
  }

  // Something is wrong since the last checkpoint that agreed, or since the second line began.
  void MarkBad() {
    if (!trouble_) {
      blocks_ = good_blocks_;
      lost_ = false;
    } else if (!block_bad_ && !lost_) {
      blocks_ = CompleteRuns(hinted_);
    }
    trouble_ = true;
    block_bad_ = true;
    clean_ = false;
  }

  // The tree of the complete runs of 256.
  static proof::Frontier CompleteRuns(const proof::Frontier& frontier) {
    const uint64_t size = frontier.size().value() / kBlock * kBlock;
    std::string bytes;
    AppendBigEndian64(bytes, size);
    bytes.append(frontier.Serialize(), 8, static_cast<size_t>(std::popcount(size)) * Hash::kBytes);
    return *proof::Frontier::Parse(bytes);
  }

  void Skip(Position to) {
    holes_.emplace_back(next_, to);
    KillComputed();
    next_ = to;
    Advance();
  }

  // Takes complete runs in which something is wrong from the stored nodes.
  void Advance() {
    if (!trouble_ || lost_ || !block_bad_) return;
    while (blocks_.size().value() + kBlock <= next_.value()) {
      const auto node = engine_.IndexGet(
          log::NodeIndexKey(log_, proof::kStoredLevel, blocks_.size().value() / kBlock));
      const auto hash = node.ok() && node->has_value() ? Hash::FromBytes(**node) : std::nullopt;
      if (!hash || !blocks_.AppendSubtree({proof::kStoredLevel, *hash}).ok()) {
        lost_ = true;
        return;
      }
    }
    if (blocks_.size() == next_) {
      hinted_ = blocks_;
      block_bad_ = false;
    }
  }

  void CompareNodes() {
    for (const proof::Node& node : completed_) {
      ++nodes_seen_;
      if (!check_nodes_ || trouble_) continue;
      const auto stored = engine_.IndexGet(log::NodeIndexKey(log_, node.level, node.index));
      if (stored.ok() && stored->has_value() && **stored == node.hash.view()) continue;
      const Position position(node.index << node.level);
      if (!stored.ok()) {
        sink_.Add(ProblemKind::kUnreadable, position,
                  Str("a stored tree node cannot be read: ", ToStd(stored.status().message())));
      } else {
        sink_.Add(ProblemKind::kIndex, position,
                  Str("the stored tree node of ", uint64_t{1} << node.level,
                      " entries from here on is ", stored->has_value() ? "wrong" : "missing"));
      }
    }
  }

  log::Engine& engine_;
  const LogNumber log_;
  const Sink sink_;
  const bool check_nodes_;

  Position next_;
  proof::Frontier computed_;
  bool computed_dead_ = false;
  std::vector<proof::Node> completed_;
  uint64_t nodes_seen_ = 0;

  Position good_;                // size of the last checkpoint that agreed
  proof::Frontier good_blocks_;  // complete runs of 256 up to there
  bool clean_ = true;            // there was never any trouble
  bool trouble_ = false;         // the second line is followed
  std::optional<Position> root_problem_;  // size of the checkpoint that began it
  proof::Frontier hinted_;                // valid unless block_bad_ or lost_
  proof::Frontier blocks_;                // complete runs taken so far, while block_bad_
  bool block_bad_ = false;                // next_ is in a run of which nothing can be said
  bool lost_ = false;                     // a stored node was missing: no more root can be checked

  bool skipping_ = false;
  bool hole_told_ = false;
  std::vector<std::pair<Position, Position>> holes_;
  Position last_checkpoint_;
  uint64_t verified_ = 0;
};

// One log under verification.
struct LogState {
  ScannedLog scan;
  std::optional<log::LogHead> head;
  uint64_t run = kMaxRun;
  size_t runs = 0;
  LogReport report;
  // Taken in order.
  std::unique_ptr<TreeLine> tree;
  std::optional<std::pair<Position, Order>> last_order;
  struct LastNumber {
    uint64_t number = 0;
    Position position;
  };
  absl::flat_hash_map<std::string, LastNumber> numbers;
  std::optional<Hash> root_at_high_water;
  // What the index says of the keys, and what the entries have said so far; none: the first is not known.
  std::optional<proof::LogKeys> guessed_keys;
  std::optional<proof::LogKeys> keys;
  // An entry that changes the signing key, not yet under a checkpoint.
  std::optional<std::pair<Position, event::v1::Header>> change;
  ErasureInput erasures;
  ErasureVerdict verdict;
};

class Verifier {
 public:
  Verifier(log::Engine& engine, const VerifyOptions& options)
      : engine_(engine), options_(options), threads_(ThreadsFor(options.threads)) {}

  absl::StatusOr<Report> Run() && {
    POLKU_RETURN_IF_ERROR(FindLogs());
    if (logs_.empty()) {
      return options_.only_origin.empty()
                 ? Error(absl::StatusCode::kNotFound, "there is no log in this store")
                 : Error(absl::StatusCode::kNotFound, "no log of ", options_.only_origin,
                         " is held here");
    }
    if (options_.check_index) MakeIndexCheck();
    if (!ReadEntries()) return Stopped();
    JudgeAllErasures();
    for (LogState& state : logs_) {
      CheckEnd(state);
      CheckRecords(state);
      if (Stop()) return Stopped();
    }
    CheckOtherForks();
    if (index_ != nullptr && !CheckIndex()) return Stopped();
    Tell(total_, total_);
    for (LogState& state : logs_) report_.logs.push_back(std::move(state.report));
    Sort();
    return std::move(report_);
  }

 private:
  Sink SinkFor(const std::string& origin) {
    return {&report_.problems, &report_.problems_left_out, origin};
  }
  bool Stop() const { return options_.should_stop && options_.should_stop(); }
  Report Stopped() {
    report_.stopped = true;
    return std::move(report_);
  }
  void Tell(uint64_t done, uint64_t total) const {
    if (options_.progress) options_.progress(done, total);
  }

  // ---- What there is ----

  absl::Status FindLogs() {
    POLKU_ASSIGN_OR_RETURN(std::vector<LogNumber> numbers, engine_.Logs());
    const uint64_t last = numbers.empty() ? 0 : numbers.back().value();
    for (uint64_t number = 0; number <= last + kHeadlessLogsProbed; ++number) {
      if (std::binary_search(numbers.begin(), numbers.end(), LogNumber(number))) continue;
      const auto first =
          engine_.ScanStored(LogNumber(number), log::StoredPart::kEntries, Position(0), kNoEnd)->Next();
      if (first.ok() && !first->has_value()) continue;
      numbers.push_back(LogNumber(number));
      std::sort(numbers.begin(), numbers.end());
    }
    for (const LogNumber number : numbers) FindLog(number);
    if (!options_.high_water.empty() && (logs_.empty() || logs_.front().scan.number != kOwnLog) &&
        (options_.only_origin.empty() || options_.only_origin == options_.own_origin)) {
      SinkFor(options_.own_origin)
          .Add(ProblemKind::kRollback, Position(0),
               "there is a high-water mark, but the store does not hold the own log");
    }
    return absl::OkStatus();
  }

  void FindLog(LogNumber number) {
    LogState state;
    state.scan.engine = &engine_;
    state.scan.number = number;
    state.scan.own = number == kOwnLog;
    std::string bad_head;
    const auto bytes = engine_.ReadHead(number);
    if (!bytes.ok()) {
      bad_head = Str("the head cannot be read: ", ToStd(bytes.status().message()));
    } else if (!bytes->has_value()) {
      bad_head = "entries are stored, but the log has no head";
    } else if (auto head = log::LogHead::Parse(**bytes); head.ok()) {
      state.head = *std::move(head);
    } else {
      bad_head = std::string(ToStd(head.status().message()));
    }
    // Without a head: what the newest checkpoint says, and the groups themselves.
    std::string claimed = state.head ? state.head->origin : OriginOfCheckpoint(number);
    if (state.scan.own && !options_.own_origin.empty()) {
      if (state.head && claimed != options_.own_origin) {
        bad_head = Str("the head is of ", claimed, ", not of ", options_.own_origin);
      }
      claimed = options_.own_origin;
    }
    if (claimed.empty()) claimed = Str("log ", number.value());
    if (!options_.only_origin.empty() && claimed != options_.only_origin) return;
    state.scan.origin = claimed;
    state.scan.size = state.head ? state.head->frontier.size() : EndOfGroups(number);
    state.report.origin = claimed;
    if (!bad_head.empty()) {
      SinkFor(claimed).Add(ProblemKind::kHead, std::nullopt, bad_head);
    }
    if (const auto key = options_.keys.find(claimed); key != options_.keys.end()) {
      state.keys = key->second;
      // No guess is no harm: what it would have saved is done again.
      auto guessed = log::KeysOf(engine_, number, key->second);
      state.guessed_keys = guessed.ok() ? *std::move(guessed) : *state.keys;
      state.report.key_known = true;
    }
    if (options_.open) state.scan.open = &options_.open;
    const uint64_t size = state.scan.size.value();
    state.run = std::max(std::clamp(size / (kRunsAThread * threads_), kMinRun, kMaxRun),
                         size / kMaxRuns + 1);
    state.runs = static_cast<size_t>(size / state.run + (size % state.run != 0 ? 1 : 0));
    total_ += size;
    logs_.push_back(std::move(state));
  }

  std::string OriginOfCheckpoint(LogNumber number) {
    const auto note = engine_.ReadCheckpoint(number, kNoEnd);
    if (!note.ok() || !note->has_value()) return "";
    const auto parsed = proof::ParseNote(**note);
    if (!parsed.ok()) return "";
    const auto checkpoint = proof::ParseCheckpointBody(parsed->body);
    return checkpoint.ok() ? checkpoint->origin : "";
  }

  Position EndOfGroups(LogNumber number) {
    PatientCursor groups(engine_, number, log::StoredPart::kEntries, Position(0), kNoEnd);
    Position end;
    while (const auto group = groups.Next()) {
      const auto count = log::GroupCount(group->bytes);
      end = Position(group->key.value() + (count.ok() ? *count : 1));
    }
    return end;
  }

  void MakeIndexCheck() {
    std::vector<IndexedLog> indexed;
    const auto own = OriginName::Parse(options_.own_origin);
    for (const LogState& state : logs_) {
      const auto name = OriginName::Parse(state.scan.origin);
      const bool earlier_epoch = own.ok() && name.ok() && name->agency() == own->agency() &&
                                 name->service() == own->service() && name->epoch() < own->epoch();
      indexed.push_back({state.scan.number, state.scan.origin, state.scan.size,
                         std::max(kIndexRun, state.scan.size.value() / kMaxRuns + 1),
                         state.scan.own, state.scan.own || earlier_epoch,
                         name.ok() ? name->epoch() : 0});
    }
    index_ = std::make_unique<IndexCheck>(engine_, std::move(indexed), SystemRandom());
  }

  // ---- Entries ----

  // Half of the progress is the entries when the index follows.
  uint64_t Scaled(uint64_t entries) const { return index_ != nullptr ? entries / 2 : entries; }

  bool ReadEntries() {
    std::string own_origin = options_.own_origin;
    for (const LogState& state : logs_) {
      if (own_origin.empty() && state.scan.own) own_origin = state.scan.origin;
    }
    const std::string_view own_agency = AgencyOfName(own_origin);
    high_water_ = ReadHighWater();
    own_agency_ = own_agency;
    uint64_t before = 0;
    for (LogState& state : logs_) {
      state.scan.own_agency = own_agency;
      state.scan.whole = state.scan.own || IsEarlierEpoch(state.scan.origin, own_origin);
      state.scan.index = index_.get();
      state.scan.keys = state.guessed_keys ? &*state.guessed_keys : nullptr;
      state.tree = std::make_unique<TreeLine>(engine_, state.scan.number,
                                              SinkFor(state.scan.origin), options_.check_index);
      const auto work = [&](size_t run) {
        const uint64_t from = run * state.run;
        return ScanRun(state.scan, Position(from),
                       Position(std::min(from + state.run, state.scan.size.value())));
      };
      const auto take = [&](size_t, RunFacts facts) { Take(state, std::move(facts)); };
      const auto tick = [&] {
        Tell(Scaled(before + state.tree->next().value()), total_);
        return !Stop();
      };
      if (!InOrder<RunFacts>(state.runs, threads_, work, take, tick)) return false;
      before += state.scan.size.value();
    }
    return true;
  }

  void Take(LogState& state, RunFacts facts) {
    const Sink sink = SinkFor(state.scan.origin);
    for (Problem& problem : facts.problems) {
      sink.Add(problem.kind, problem.position, std::move(problem.what));
    }
    report_.problems_left_out += facts.problems_left_out;
    LogReport& report = state.report;
    report.held += facts.held;
    report.withheld += facts.withheld;
    report.sections += facts.sections;
    report.opened += facts.opened;
    for (const Step& step : facts.steps) {
      if (const auto* subtree = std::get_if<proof::Subtree>(&step)) {
        state.tree->Take(*subtree);
      } else if (const auto* group = std::get_if<AtGroup>(&step)) {
        state.tree->At(group->first);
      } else if (const auto* hole = std::get_if<Hole>(&step)) {
        state.tree->Unknown(hole->kind, std::move(facts.whys[hole->why]));
      } else if (const auto* checkpoint = std::get_if<StoredCheckpoint>(&step)) {
        TakeCheckpoint(state, *checkpoint, sink);
      } else if (const auto* change = std::get_if<SigningChange>(&step)) {
        TakeChange(state, *change, sink);
      }
    }
    if (facts.first_order) {
      if (state.last_order && facts.first_order->second <= state.last_order->second) {
        sink.Add(ProblemKind::kOrder, facts.first_order->first,
                 Str("its order is not above that of position ", state.last_order->first.value(),
                     ": moved, repeated or altered"));
      }
      state.last_order = facts.last_order;
    }
    ErasureInput& erasures = state.erasures;
    for (const Parts& parts : facts.gone) AppendParts(erasures.gone, parts);
    for (const Parts& parts : facts.unlisted) AppendParts(erasures.unlisted, parts);
    const auto append = [](auto& to, auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(erasures.claims, facts.erasures.claims);
    TakeEarlier(facts.erasures);
    append(erasures.later, facts.erasures.later);
    if (state.scan.own) append(answers_, facts.erasures.answers);
    for (const auto& [receiver, hole] : facts.number_holes) TakeNumbers(state, receiver, hole, sink);
    for (const auto& [receiver, run] : facts.numbers) {
      LogState::LastNumber& last = state.numbers[receiver];
      if (run.first != last.number + 1) {
        TakeNumbers(state, receiver, {last.position, run.position, last.number, run.first}, sink);
      }
      last = {run.last, run.last_position};
    }
    if (index_ != nullptr) {
      for (const Position position : facts.unjudged) {
        index_->LeaveOut(state.scan.number, position, position.next());
      }
    }
  }

  // What a log says of an earlier epoch's. A replica may hold less of that than its origin did.
  void TakeEarlier(const ErasureFacts& facts) {
    if (facts.predecessor) {
      for (LogState& state : logs_) {
        if (state.scan.origin == facts.predecessor->first) {
          state.erasures.held_on = facts.predecessor->second;
        }
      }
    }
    for (const auto& [origin, claim] : facts.earlier) {
      for (LogState& state : logs_) {
        if (state.scan.origin == origin && claim.position < state.scan.size) {
          state.erasures.claims.push_back(claim);
        }
      }
    }
  }

  // In an own log a hole among the entries is judged by itself: here it is enough that there is one. In a replica
  // what was withheld and what was erased look alike, so the erasures decide.
  void TakeNumbers(LogState& state, const std::string& receiver, const NumberHole& hole,
                   const Sink& sink) {
    if (!state.scan.own) {
      state.erasures.numbers.push_back(hole);
    } else if (hole.descends() ||
               CountLeavesBetween(state.erasures.gone, hole.after, hole.before) < hole.missing()) {
      sink.Add(ProblemKind::kDisclosureNumber, hole.before, DescribeNumbers(hole, receiver));
    }
  }

  // ---- Keys ----

  // Verified by the key that the entries before call for.
  void TakeCheckpoint(LogState& state, const StoredCheckpoint& step, const Sink& sink) {
    absl::StatusOr<Hash> root = step.root;
    if (state.keys &&
        state.keys->For(step.size).key() != state.guessed_keys->For(step.size).key()) {
      const auto note = engine_.ReadCheckpoint(state.scan.number, step.size);
      root = !note.ok() ? note.status()
             : !*note   ? absl::NotFoundError("it is gone")
                        : VerifyStoredCheckpoint(**note, state.scan.origin, step.size,
                                                 &state.keys->For(step.size));
    }
    if (!root.ok()) {
      sink.Add(ProblemKind::kCheckpoint, step.size,
               Str("the stored checkpoint for ", step.size.value(),
                   " entries: ", ToStd(root.status().message())));
    }
    const std::optional<Hash> verified = root.ok() ? std::optional(*root) : std::nullopt;
    state.tree->Checkpoint(step.size, verified);
    if (state.scan.own && high_water_ && high_water_->size == step.size) {
      state.root_at_high_water = verified;
    }
    if (!state.change || step.size <= state.change->first) return;
    const auto [position, header] = *std::exchange(state.change, std::nullopt);
    // Whoever has the new key alone cannot have made the old one's last checkpoint.
    absl::Status taken = absl::FailedPreconditionError(
        "no checkpoint of the key before that ends with it agrees with the entries");
    if (step.size == position.next() && state.tree->good() == step.size) {
      taken = log::TakeSigningChange(header, position, *state.keys);
    }
    if (taken.ok()) {
      ++state.report.key_changes;
      return;
    }
    sink.Add(ProblemKind::kCheckpoint, position,
             Str("this entry changes the signing key, which is not followed: ", ToStd(taken.message())));
  }

  void TakeChange(LogState& state, const SigningChange& step, const Sink& sink) {
    if (!state.keys) return;
    event::v1::KeyChanged change;
    if (!change.ParseFromString(step.control)) {
      sink.Add(ProblemKind::kMalformedEntry, step.position, "its content is not a KeyChanged");
      return;
    }
    if (change.use() != event::v1::KEY_USE_SIGNING) return;
    event::v1::Header& header = state.change.emplace(step.position, event::v1::Header()).second;
    header.set_type(change.GetDescriptor()->full_name());
    header.set_control(step.control);
  }

  // ---- Erasures and later disclosures ----

  void JudgeAllErasures() {
    for (LogState& state : logs_) {
      ReadSince(state.scan.number, state.scan.origin, state.scan.size, &state);
    }
    ReadOthers();
    for (LogState& state : logs_) {
      const Sink sink = SinkFor(state.scan.origin);
      ErasureInput& input = state.erasures;
      input.engine = &engine_;
      input.number = state.scan.number;
      input.origin = state.scan.origin;
      input.own = state.scan.own;
      input.sections_lost = state.scan.whole && !state.scan.own && state.report.sections == 0;
      input.own_agency = AgencyOfName(state.scan.origin) == own_agency_;
      input.receiver = own_agency_;
      const auto retained = [&](const ErasedClaim& claim) {
        const std::string by = claim.by_epoch == 0
                                   ? state.scan.origin
                                   : OriginOfEpoch(state.scan.origin, claim.by_epoch);
        bool last = false;
        for (const ErasureAnswer& answer : answers_) {
          if (answer.position == claim.by && answer.origin == by) last = answer.retained;
        }
        return last;
      };
      const auto add = [&](ProblemKind kind, std::optional<Position> position, std::string what) {
        sink.Add(kind, position, std::move(what));
      };
      state.verdict = JudgeErasures(std::move(input), retained, add);
      state.report.erased = state.verdict.erased;
      state.report.retained = state.verdict.retained;
      state.report.wanted = state.verdict.wanted.size();
    }
  }

  // Of logs that are held and not verified: the own one's answers, and what later epochs of a verified log say of it.
  void ReadOthers() {
    const auto held = log::HeldLogs(engine_);
    if (!held.ok()) return;
    for (const log::HeldLog& other : *held) {
      bool verified = false;
      bool speaks = other.number == kOwnLog;
      for (const LogState& state : logs_) {
        verified = verified || state.scan.number == other.number;
        speaks = speaks || IsEarlierEpoch(state.scan.origin, other.head.origin);
      }
      if (speaks && !verified) ReadSince(other.number, other.head.origin, Position(), nullptr);
    }
  }

  // Control entries that came while the entries before were read: what was erased or filled meanwhile is named there.
  // `state` null: the log is not verified; this agency's answers and what is said of earlier epochs alone.
  void ReadSince(LogNumber log, const std::string& origin, Position from, LogState* state) {
    auto reader = log::EntryReader::Make(engine_, log, from, /*with_blobs=*/false);
    while (reader.ok()) {
      const auto entry = (*reader)->Next();
      if (!entry.ok() || !entry->has_value()) return;
      if ((*entry)->position < from) continue;
      ErasureFacts facts;
      if (ReadErasureFacts(*(*entry)->header, origin, (*entry)->position, own_agency_, facts)) {
        continue;
      }
      if (log == kOwnLog) answers_.insert(answers_.end(), facts.answers.begin(), facts.answers.end());
      TakeEarlier(facts);
      if (state == nullptr) continue;
      for (const ErasedClaim& claim : facts.claims) {
        if (claim.position < state->scan.size) state->erasures.claims.push_back(claim);
      }
      for (const OpenedLater& later : facts.later) {
        if (later.position < state->scan.size) state->erasures.later.push_back(later);
      }
    }
  }

  // ---- The end of a log ----

  std::optional<Position> SizeNow(LogNumber number) {
    const auto bytes = engine_.ReadHead(number);
    if (!bytes.ok() || !bytes->has_value()) return std::nullopt;
    const auto head = log::LogHead::Parse(**bytes);
    if (!head.ok()) return std::nullopt;
    return head->frontier.size();
  }

  void CheckEnd(LogState& state) {
    const Sink sink = SinkFor(state.scan.origin);
    const Position size = state.scan.size;
    TreeLine& tree = *state.tree;
    tree.End(size);
    state.report.entries = size.value();
    state.report.checkpoints = tree.checkpoints();
    if (tree.clean()) state.report.root = tree.computed().Root();
    if (index_ != nullptr) {
      for (const auto& [from, to] : tree.holes()) index_->LeaveOut(state.scan.number, from, to);
    }
    if (tree.last_checkpoint() != size) {
      sink.Add(ProblemKind::kMissingCheckpoint, tree.last_checkpoint(),
               Str("no signed checkpoint covers the entries from here to the end (", size.value(), ")"));
    }
    if (tree.next() > size) {
      sink.Add(ProblemKind::kHead, size,
               Str("the last group reaches to ", tree.next().value(), ", beyond the head's size"));
    } else {
      CheckNothingFollows(state, sink);
    }
    if (state.head) {
      const log::LogHead& head = *state.head;
      if (tree.whole() && head.frontier != tree.computed()) {
        sink.Add(ProblemKind::kHead, std::nullopt, "its hashes are not those of the entries");
      }
      // The newest entry of a closed log may be erased, and nothing of its own stands behind it.
      const bool newest_erased =
          state.last_order && head.last_order > state.last_order->second &&
          CountBetween(state.verdict.gone_leaves, state.last_order->first, size) > 0;
      if (tree.whole() && state.last_order && !newest_erased &&
          head.last_order != state.last_order->second) {
        sink.Add(ProblemKind::kHead, std::nullopt, "its newest order is not that of the entries");
      }
      LogState::LastNumber last;
      if (const auto number = state.numbers.find(state.scan.own_agency);
          !state.scan.own && number != state.numbers.end()) {
        last = number->second;
      }
      // The newest that were disclosed may be erased.
      const uint64_t erased = CountBetween(state.verdict.gone_leaves, last.position, size);
      if (tree.whole() && (head.disclosure_number < last.number ||
                           head.disclosure_number - last.number > erased)) {
        sink.Add(ProblemKind::kHead, std::nullopt,
                 Str("its running number is ", head.disclosure_number, ", that of the entries ",
                     last.number));
      }
    }
    if (state.scan.own) CheckHighWater(state, sink);
  }

  // A head that was put back leaves groups and checkpoints behind the log's end. What is appended while this runs
  // lies there too, but then the head says so.
  void CheckNothingFollows(const LogState& state, const Sink& sink) {
    if (!state.head) return;
    const Position size = state.scan.size;
    for (const auto part : {log::StoredPart::kEntries, log::StoredPart::kBlobs,
                            log::StoredPart::kCheckpoints}) {
      const bool checkpoints = part == log::StoredPart::kCheckpoints;
      const auto found = engine_
                             .ScanStored(state.scan.number, part, checkpoints ? size.next() : size,
                                         kNoEnd)
                             ->Next();
      if (!found.ok()) {
        sink.Add(ProblemKind::kUnreadable, size, std::string(ToStd(found.status().message())));
      } else if (found->has_value()) {
        const Position key = (*found)->key;
        const auto now = SizeNow(state.scan.number);
        if (now && (checkpoints ? key <= *now : key < *now)) continue;
        sink.Add(ProblemKind::kHead, size,
                 Str(checkpoints                          ? "a checkpoint"
                     : part == log::StoredPart::kEntries ? "entries"
                                                         : "sections",
                     " for position ", key.value(),
                     " are stored beyond the head's size: the head was put back"));
      }
    }
  }

  // What it says: who signed it is judged when the log's keys are known.
  std::optional<proof::Checkpoint> ReadHighWater() {
    if (options_.high_water.empty() || !options_.keys.contains(options_.own_origin)) {
      return std::nullopt;
    }
    const auto note = proof::ParseNote(options_.high_water);
    auto mark = note.ok() ? proof::ParseCheckpointBody(note->body) : note.status();
    if (!mark.ok()) {
      BadHighWater(mark.status());
      return std::nullopt;
    }
    return *std::move(mark);
  }

  void BadHighWater(const absl::Status& why) {
    SinkFor(options_.own_origin)
        .Add(ProblemKind::kHighWater, std::nullopt,
             Str("the high-water mark does not verify: ", ToStd(why.message())));
  }

  void CheckHighWater(const LogState& state, const Sink& sink) {
    if (!high_water_) return;
    const auto mark = proof::VerifyCheckpoint(options_.high_water, *state.keys);
    if (!mark.ok()) {
      BadHighWater(state.scan.size < high_water_->size && absl::IsUnauthenticated(mark.status())
                       ? Annotate(mark.status(),
                                  "it is of more entries than the log has, perhaps by a key that "
                                  "those name")
                       : mark.status());
      return;
    }
    if (high_water_->size > state.scan.size) {
      sink.Add(ProblemKind::kRollback, state.scan.size,
               Str("the log ends here, but ", high_water_->size.value(),
                   " entries were signed (high-water mark)"));
    } else if (!state.root_at_high_water || *state.root_at_high_water != high_water_->root) {
      sink.Add(ProblemKind::kRollback, high_water_->size,
               Str("the high-water mark for ", high_water_->size.value(),
                   " entries is of another history than the log"));
    }
  }

  // ---- Records ----

  void CheckRecords(LogState& state) {
    const Sink sink = SinkFor(state.scan.origin);
    CheckForks(state.scan.origin, state.keys, sink);

    std::set<std::string, std::less<>> agencies;
    const std::string_view own_agency = AgencyOfName(state.scan.origin);
    std::vector<log::KeptCosignature> batch;
    const auto flush = [&] {
      const std::function<Cosigned(size_t)> work = [&](size_t i) {
        return CheckCosignature(state, batch[i]);
      };
      const std::function<void(size_t, Cosigned)> take =
          [&](size_t i, Cosigned checked) {
            if (checked.problem) {
              sink.Add(checked.problem->kind, checked.problem->position,
                       std::move(checked.problem->what));
            }
            if (!checked.verified) return;
            ++state.report.cosignatures;
            const std::string& witness = batch[i].witness;
            const std::string_view agency = AgencyOfName(witness);
            if (agency != own_agency) agencies.emplace(agency.empty() ? witness : agency);
          };
      InOrder<Cosigned>(batch.size(), threads_, work, take, [] { return true; });
      batch.clear();
    };
    const absl::Status status = log::VisitCosignatures(
        engine_, state.scan.number, [&](const log::KeptCosignature& kept) -> absl::Status {
          batch.push_back(kept);
          if (batch.size() == kCosignaturesAtATime) flush();
          return Stop() ? absl::CancelledError("stopped") : absl::OkStatus();
        },
        [&](const absl::Status& malformed) {
          sink.Add(ProblemKind::kUnreadable, std::nullopt, std::string(ToStd(malformed.message())));
        });
    flush();
    if (!status.ok() && !absl::IsCancelled(status)) {
      sink.Add(ProblemKind::kUnreadable, std::nullopt,
               Str("kept cosignatures cannot be read: ", ToStd(status.message())));
    }
    state.report.agencies.assign(agencies.begin(), agencies.end());
  }

  // By name and id: of a key that was replaced nothing is known any more.
  const proof::VerifierKey* FindWitness(const log::KeptCosignature& kept) const {
    for (const proof::VerifierKey& key : options_.witnesses) {
      if (log::IsOfKey(kept, key)) return &key;
    }
    return nullptr;
  }

  // The root of a checkpoint that is stored for exactly that size.
  std::optional<Hash> StoredRoot(const LogState& state, Position size) {
    const auto note = engine_.ReadCheckpoint(state.scan.number, size);
    if (!note.ok() || !note->has_value()) return std::nullopt;
    const auto parsed = proof::ParseNote(**note);
    if (!parsed.ok()) return std::nullopt;
    const auto checkpoint = proof::ParseCheckpointBody(parsed->body);
    if (!checkpoint.ok() || checkpoint->size != size) return std::nullopt;
    return checkpoint->root;
  }

  // Neither: of a witness that is not known, newer than what is looked at, or what it is of is withheld.
  struct Cosigned {
    bool verified = false;
    std::optional<Problem> problem;
  };
  Cosigned CheckCosignature(const LogState& state, const log::KeptCosignature& kept) {
    const proof::VerifierKey* key = FindWitness(kept);
    if (key == nullptr) return {};
    const auto problem = [&](ProblemKind kind, Position position, std::string what) {
      return Cosigned{false, Problem{kind, state.scan.origin, position, std::move(what)}};
    };
    const std::string body = proof::CheckpointBody({state.scan.origin, kept.size, kept.root});
    const auto time = proof::VerifyCosignature(Str(body, "\n", kept.line), *key);
    if (!time.ok()) {
      return problem(ProblemKind::kCosignature, kept.size,
                     Str("the cosignature of ", kept.witness, " for ", kept.size.value(),
                         " entries: ", ToStd(time.status().message())));
    }
    if (*time != kept.time) {
      return problem(ProblemKind::kCosignature, kept.size,
                     Str("the cosignature of ", kept.witness, " for ", kept.size.value(),
                         " entries is kept under another time than was signed"));
    }
    if (kept.size > state.scan.size) {
      // The witness may have been faster than this verification, but not than the log.
      const auto now = SizeNow(state.scan.number);
      if (now && kept.size <= *now) return {};
      return problem(ProblemKind::kRollback, state.scan.size,
                     Str("the log ends here, but ", kept.witness, " has cosigned ",
                         kept.size.value(), " entries"));
    }
    if (kept.proven_to > state.scan.size) return {};
    const auto agrees = [&](const Hash& root) {
      return kept.proven_to == kept.size
                 ? root == kept.root
                 : proof::VerifyConsistency(kept.size, kept.proven_to, kept.root, root,
                                            kept.consistency)
                       .ok();
    };
    const std::optional<Hash> stored = StoredRoot(state, kept.proven_to);
    if (stored && agrees(*stored)) return {true, std::nullopt};
    // The checkpoint itself may be what is wrong or gone, which is told elsewhere: the entries decide.
    const auto computed = log::TreeReader(engine_, state.scan.number).Root(kept.proven_to);
    if (!computed.ok() || agrees(*computed)) return {computed.ok(), std::nullopt};
    return problem(ProblemKind::kCosignature, kept.size,
                   Str(kept.witness, " cosigned another history of ", kept.size.value(),
                       " entries than is stored"));
  }

  void CheckForks(std::string_view origin, const std::optional<proof::LogKeys>& keys,
                  const Sink& sink) {
    const auto forks = log::Forks(engine_, origin);
    if (!forks.ok()) {
      sink.Add(ProblemKind::kFork, std::nullopt,
               Str("kept evidence cannot be read: ", ToStd(forks.status().message())));
      return;
    }
    for (const log::KeptFork& fork : *forks) {
      const std::string found = Str("found ", absl::FormatTime(absl::RFC3339_sec, fork.found_at,
                                                               absl::UTCTimeZone()));
      const auto pair = proof::ParseCheckpointPair(fork.pair);
      if (!pair.ok()) {
        sink.Add(ProblemKind::kFork, std::nullopt,
                 Str("kept evidence ", found, " is malformed: ", ToStd(pair.status().message())));
      } else if (!keys) {
        sink.Add(ProblemKind::kFork, std::nullopt,
                 Str("kept evidence ", found, ", not checked: the origin's key is not known"));
      } else if (const auto verdict = proof::VerifyCheckpointPair(*pair, *keys);
                 !verdict.ok() || *verdict != proof::PairVerdict::kFork) {
        sink.Add(ProblemKind::kFork, std::nullopt,
                 Str("kept evidence ", found, " proves no fork: it was altered"));
      } else {
        sink.Add(ProblemKind::kFork, std::nullopt,
                 Str("the origin signed two histories; proof of it was ", found));
      }
    }
  }

  // Evidence may be kept of a log of which nothing is stored.
  void CheckOtherForks() {
    const auto forks = log::AllForks(engine_);
    if (!forks.ok()) {
      SinkFor("").Add(ProblemKind::kFork, std::nullopt,
                      Str("kept evidence cannot be read: ", ToStd(forks.status().message())));
      return;
    }
    std::set<std::string> origins;
    for (const log::KeptFork& fork : *forks) origins.insert(fork.origin);
    for (const LogState& state : logs_) origins.erase(state.scan.origin);
    for (const std::string& origin : origins) {
      if (!options_.only_origin.empty() && options_.only_origin != origin) continue;
      const auto key = options_.keys.find(origin);
      std::optional<proof::LogKeys> keys;
      if (key != options_.keys.end()) keys = key->second;
      CheckForks(origin, keys, SinkFor(origin));
    }
  }

  // ---- Indexes ----

  bool CheckIndex() {
    const Sink store = SinkFor("");
    const auto version = engine_.IndexGet(log::kIndexVersionKey);
    if (!version.ok()) {
      store.Add(ProblemKind::kUnreadable, std::nullopt, std::string(ToStd(version.status().message())));
    } else if (!*version) {
      store.Add(ProblemKind::kIndex, std::nullopt, "the index is not complete");
    } else if (**version != log::kIndexVersion) {
      store.Add(ProblemKind::kIndex, std::nullopt, "the index is of another version");
    }
    for (const LogState& state : logs_) {
      if (state.scan.own) {
        CheckNumberIndex(state);
      } else {
        CheckWantedIndex(state);
        CheckHoleIndex(state);
      }
      CheckNodeCount(state);
    }
    const LogState* own = logs_.front().scan.own ? &logs_.front() : nullptr;
    const auto erased = [own](Position after, Position before) {
      return own == nullptr ? 0 : CountBetween(own->verdict.gone_leaves, after, before);
    };
    IndexCheck::Findings findings =
        index_->Compare(threads_, erased, [this](size_t done, size_t total) {
          Tell(total_ / 2 + total_ / 2 * done / total, total_);
          return !Stop();
        });
    for (Problem& problem : findings.problems) {
      SinkFor(problem.origin).Add(problem.kind, problem.position, std::move(problem.what));
    }
    return !findings.stopped;
  }

  // 'd': the newest running number of each receiver.
  void CheckNumberIndex(const LogState& state) {
    const Sink sink = SinkFor(state.scan.origin);
    if (!state.tree->holes().empty()) return;
    absl::flat_hash_map<std::string, LogState::LastNumber> expected = state.numbers;
    const auto cursor = engine_.IndexScan("d");
    bool grown = false;
    std::vector<std::pair<std::string, uint64_t>> differing;
    while (true) {
      const auto next = cursor->Next();
      if (!next.ok()) {
        sink.Add(ProblemKind::kUnreadable, std::nullopt,
                 Str("the index cannot be read: ", ToStd(next.status().message())));
        return;
      }
      if (!next->has_value()) break;
      const std::string receiver = (*next)->first.substr(1);
      const std::string& value = (*next)->second;
      const auto found = expected.find(receiver);
      const LogState::LastNumber last =
          found == expected.end() ? LogState::LastNumber() : found->second;
      if (value.size() != 8) {
        sink.Add(ProblemKind::kIndex, std::nullopt,
                 Str("the running number of ", receiver, " is malformed"));
      } else if (const uint64_t number = ReadBigEndian64(value.data());
                 number < last.number ||
                 // The newest may be erased, and is not given again.
                 number - last.number >
                     CountBetween(state.verdict.gone_leaves, last.position, state.scan.size)) {
        differing.emplace_back(receiver, number);
      }
      if (found != expected.end()) expected.erase(found);
    }
    // Higher numbers are right where entries came since.
    const auto now = SizeNow(state.scan.number);
    grown = now && *now > state.scan.size;
    for (const auto& [receiver, number] : differing) {
      const auto found = state.numbers.find(receiver);
      const uint64_t last = found == state.numbers.end() ? 0 : found->second.number;
      if (grown && number > last) continue;
      sink.Add(ProblemKind::kIndex, std::nullopt,
               Str("the index has running number ", number, " for ", receiver, ", the entries ",
                   last));
    }
    for (const auto& [receiver, last] : expected) {
      sink.Add(ProblemKind::kIndex, std::nullopt,
               Str("the index lacks the running number of ", receiver, ", ", last.number));
    }
  }

  // The entries of one log's index of that kind, ascending; nullopt, told: it cannot be read.
  std::optional<std::vector<log::KeyValue>> ReadLogIndex(const LogState& state, char kind) {
    std::vector<log::KeyValue> entries;
    const auto cursor = engine_.IndexScan(log::LogIndexPrefix(kind, state.scan.number));
    while (true) {
      auto next = cursor->Next();
      if (!next.ok()) {
        SinkFor(state.scan.origin)
            .Add(ProblemKind::kUnreadable, std::nullopt,
                 Str("the index cannot be read: ", ToStd(next.status().message())));
        return std::nullopt;
      }
      if (!next->has_value()) return entries;
      entries.push_back(**std::move(next));
    }
  }

  bool IsGrown(const LogState& state) {
    const auto now = SizeNow(state.scan.number);
    return now && *now > state.scan.size;
  }

  // 'b': what was opened to this agency later and is not held yet. It changes beside growth: what is filled is off it.
  void CheckWantedIndex(const LogState& state) {
    const Sink sink = SinkFor(state.scan.origin);
    const auto entries = ReadLogIndex(state, 'b');
    if (!entries) return;
    std::vector<Position> listed;
    for (const auto& [key, value] : *entries) {
      const std::optional<Position> position = log::ParseLogIndexKey(key);
      SectionSet sections;
      if (!position || !log::ParseWantedIndexValue(value, sections)) {
        sink.Add(ProblemKind::kIndex, position, "a malformed index entry of what is wanted");
        continue;
      }
      listed.push_back(*position);
      const auto found = std::lower_bound(
          state.verdict.wanted.begin(), state.verdict.wanted.end(), *position,
          [](const OpenedLater& wanted, Position at) { return wanted.position < at; });
      if ((found == state.verdict.wanted.end() || found->position != *position) &&
          !IsGrown(state)) {
        sink.Add(ProblemKind::kIndex, *position,
                 "the index says that it is wanted, which no later disclosure and no hole calls for");
      }
    }
    for (const OpenedLater& wanted : state.verdict.wanted) {
      if (std::binary_search(listed.begin(), listed.end(), wanted.position)) continue;
      const auto held = log::FindHeld(engine_, state.scan.number, wanted.position);
      if (held.ok() && held->leaf && (wanted.sections - held->opened).empty()) continue;
      sink.Add(ProblemKind::kIndex, wanted.position,
               "it was opened to this agency later and is not held, and the index does not say so");
    }
  }

  // 'x': holes that no erasure explains. What of our running numbers is missing was told; holes of a mirror show in no
  // entry.
  void CheckHoleIndex(const LogState& state) {
    const Sink sink = SinkFor(state.scan.origin);
    const auto entries = ReadLogIndex(state, 'x');
    if (!entries) return;
    for (const auto& [key, value] : *entries) {
      const std::optional<Position> before = log::ParseLogIndexKey(key);
      Position after;
      uint64_t missing = 0;
      if (!before || !log::ParseHoleIndexValue(value, after, missing)) {
        sink.Add(ProblemKind::kIndex, before, "a malformed index entry of a hole");
        continue;
      }
      if (CountBetween(state.verdict.gone_leaves, after, *before) >= missing && !IsGrown(state)) {
        sink.Add(ProblemKind::kIndex, *before,
                 "the index has a hole before it that an erasure explains");
      }
    }
  }

  // The nodes that must be there were compared one by one; here those that must not be there.
  void CheckNodeCount(const LogState& state) {
    const Sink sink = SinkFor(state.scan.origin);
    std::string prefix = log::NodeIndexKey(state.scan.number, 0, 0).substr(0, 5);
    const auto cursor = engine_.IndexScan(prefix);
    uint64_t within = 0;
    while (true) {
      const auto next = cursor->Next();
      if (!next.ok()) {
        sink.Add(ProblemKind::kUnreadable, std::nullopt,
                 Str("the index cannot be read: ", ToStd(next.status().message())));
        return;
      }
      if (!next->has_value()) break;
      const std::string& key = (*next)->first;
      const uint8_t level = key.size() == 14 ? static_cast<uint8_t>(key[5]) : 0;
      const uint64_t index = key.size() == 14 ? ReadBigEndian64(key.data() + 6) : 0;
      const bool possible = level >= proof::kStoredLevel && level < 63 &&
                            index < (uint64_t{1} << (63 - level)) && (*next)->second.size() == 32;
      const uint64_t end = possible ? (index + 1) << level : 0;
      if (possible && end <= state.scan.size.value()) {
        ++within;
        continue;
      }
      const auto now = SizeNow(state.scan.number);
      if (possible && now && end <= now->value()) continue;
      sink.Add(ProblemKind::kIndex, std::nullopt, "the index has a tree node that the log cannot have");
    }
    if (state.tree->clean() && within > state.tree->nodes_seen()) {
      sink.Add(ProblemKind::kIndex, std::nullopt,
               Str("the index has ", within - state.tree->nodes_seen(), " tree nodes too many"));
    }
  }

  // By log as they are listed, those of a log as a whole first, then by position.
  void Sort() {
    const auto rank = [&](const Problem& problem) {
      size_t log = 0;
      for (; log < report_.logs.size(); ++log) {
        if (report_.logs[log].origin == problem.origin) break;
      }
      if (problem.origin.empty()) log = 0;
      return std::pair(log, problem.position ? problem.position->value() + 1 : 0);
    };
    std::stable_sort(report_.problems.begin(), report_.problems.end(),
                     [&](const Problem& a, const Problem& b) { return rank(a) < rank(b); });
  }

  log::Engine& engine_;
  const VerifyOptions& options_;
  const size_t threads_;
  Report report_;
  std::vector<LogState> logs_;
  std::unique_ptr<IndexCheck> index_;
  std::optional<proof::Checkpoint> high_water_;  // as it says
  std::string own_agency_;
  std::vector<ErasureAnswer> answers_;  // in the order in which they were given
  uint64_t total_ = 0;
};

}  // namespace

std::string_view ProblemName(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kUnreadable: return "unreadable";
    case ProblemKind::kGap: return "gap";
    case ProblemKind::kMalformedEntry: return "malformed-entry";
    case ProblemKind::kOrder: return "order";
    case ProblemKind::kRevision: return "revision";
    case ProblemKind::kDisclosureNumber: return "disclosure-number";
    case ProblemKind::kGenesis: return "genesis";
    case ProblemKind::kRoot: return "root";
    case ProblemKind::kCheckpoint: return "checkpoint";
    case ProblemKind::kMissingCheckpoint: return "missing-checkpoint";
    case ProblemKind::kHead: return "head";
    case ProblemKind::kSection: return "section";
    case ProblemKind::kMissingSection: return "missing-section";
    case ProblemKind::kMissingEntry: return "missing-entry";
    case ProblemKind::kErasure: return "erasure";
    case ProblemKind::kNotErased: return "not-erased";
    case ProblemKind::kStraySection: return "stray-section";
    case ProblemKind::kIndex: return "index";
    case ProblemKind::kCosignature: return "cosignature";
    case ProblemKind::kFork: return "fork";
    case ProblemKind::kRollback: return "rollback";
    case ProblemKind::kTile: return "tile";
    case ProblemKind::kBundle: return "bundle";
    case ProblemKind::kInclusion: return "inclusion";
    case ProblemKind::kCause: return "cause";
    case ProblemKind::kSchema: return "schema";
    case ProblemKind::kKnownTo: return "known-to";
    case ProblemKind::kHighWater: return "high-water";
  }
  return "unknown";
}

std::string_view ProblemRemedy(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kUnreadable:
      return "the disk or file system lost bytes: stop the service, move the directory away, restore its newest "
             "backup, `polku verify` it and start; the own log's tail comes back with `polku recover`, and what a "
             "replica lacks is fetched from its origin by itself. Without a backup: `polku recover` into an empty "
             "data directory";
    case ProblemKind::kGap:
      return "entries were removed: keep the directory as evidence, and restore a backup in its place or "
             "`polku recover` into an empty one; what a replica lacks is then fetched from its origin by itself";
    case ProblemKind::kMalformedEntry:
    case ProblemKind::kOrder:
    case ProblemKind::kRevision:
    case ProblemKind::kDisclosureNumber:
      return "no version of Polku writes this: keep the directory as evidence and restore from a backup "
             "or a mirror";
    case ProblemKind::kGenesis:
      return "compare the origin and its signing key with what the agency published; the directory may "
             "be another service's";
    case ProblemKind::kRoot:
      return "a stored entry was changed after it was signed: keep the directory as evidence and compare "
             "with a replica of another agency";
    case ProblemKind::kCheckpoint:
      return "a checkpoint was changed or replaced, or the key given is not the origin's: check the key "
             "first";
    case ProblemKind::kMissingCheckpoint:
      return "the end of the log is not signed: keep the directory, restore from a backup or a mirror";
    case ProblemKind::kHead:
      return "the head does not belong to the entries: keep the directory, restore from a backup or a "
             "mirror";
    case ProblemKind::kSection:
      return "the sealed content was changed or exchanged, or the keystore is not the log's: check the "
             "keystore, then restore from a backup or a mirror";
    case ProblemKind::kMissingSection:
      return "content is gone and no erasure explains it: restore from a backup or a mirror";
    case ProblemKind::kMissingEntry:
      return "an entry was removed and no erasure explains it: keep the directory as evidence, restore from a backup "
             "or a mirror";
    case ProblemKind::kErasure:
      return "no version of Polku writes such an erasure: ask the log's agency what it erased, and compare with a "
             "replica of another agency";
    case ProblemKind::kNotErased:
      return "the service has not applied the erasure yet, or an old copy was put back: start the service, which "
             "applies it, and verify again";
    case ProblemKind::kStraySection:
      return "something was stored that nobody signed: keep the directory as evidence and find out who "
             "wrote it";
    case ProblemKind::kIndex:
      return "stop the service and run `polku reindex`; entries are not concerned";
    case ProblemKind::kCosignature:
      return "the kept cosignature was changed, or the witness saw another history: ask the witness for "
             "its copy";
    case ProblemKind::kFork:
      return "`polku status --evidence DIR` writes the proof; give it to the agencies concerned";
    case ProblemKind::kRollback:
      return "the log was put back to an older state: `polku recover` from a mirror, or `polku new-epoch`";
    case ProblemKind::kHighWater:
      return "the mark in the keys directory is damaged or another key's; the log is not accused by it: compare the "
             "log with its witnesses and a mirror (`polku status`), then move the file away; the service writes a "
             "new one";
    case ProblemKind::kTile:
      return "the export was changed or is not complete: export again from the log";
    case ProblemKind::kInclusion:
      return "the entry or the proof is not the right one, or one of them was changed on its way: ask for both "
             "again";
    case ProblemKind::kBundle:
    case ProblemKind::kSchema:
      return "the bundle was changed, or badly made: ask its maker for it again";
    case ProblemKind::kCause:
      return "the origin showed different entries to different agencies, or the author errs: compare both "
             "logs with `polku verify`";
    case ProblemKind::kKnownTo:
      return "what the bundle says the agency knew is not shown: ask its maker for a bundle of that time";
  }
  return "";
}

absl::StatusOr<Report> VerifyStore(log::Engine& engine, const VerifyOptions& options) {
  return Verifier(engine, options).Run();
}

}  // namespace polku::evidence
