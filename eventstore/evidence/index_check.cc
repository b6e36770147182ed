#include "eventstore/evidence/index_check.h"

#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/in_order.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/log/index.h"

namespace polku::evidence {
namespace {

constexpr size_t kCaseKeyBytes = 1 + CaseId::kBytes + 4 + 8;
constexpr size_t kMinEventKeyBytes = 1 + EventId::kBytes + 1;
// Runs compared entry by entry: what one pass holds in memory, some ten bytes a position.
constexpr size_t kMaxRunsExplained = 64;
// From so many positions on, each index is read by the first byte of the id, on all cores. Below that, and on one
// core, it is read at one go: every reading costs some, in a live engine also a sort of the newest events
// (rocksdb_engine.cc).
constexpr uint64_t kSplitFrom = 1'000'000;
constexpr size_t kParts = 256;
constexpr uint64_t kEntriesAStop = 1'024;  // between looks at whether to stop
constexpr size_t kMaxBreaks = 100;  // of revisions, a prefix

void AppendCase(std::string& out, std::string_view case_id, LogNumber log, Position position,
                uint64_t order, uint64_t revision) {
  out.push_back('c');
  out.append(case_id);
  AppendBigEndian32(out, static_cast<uint32_t>(log.value()));
  AppendBigEndian64(out, position.value());
  AppendBigEndian64(out, order);
  AppendVarint(out, revision);
}

void AppendEvent(std::string& out, std::string_view id, std::string_view author, LogNumber log,
                 Position position, uint64_t revision) {
  out.push_back('e');
  out.append(id);
  out.append(author);
  AppendBigEndian64(out, position.value());
  AppendVarint(out, revision);
  if (log != kOwnLog) AppendBigEndian32(out, static_cast<uint32_t>(log.value()));
}

void AppendControl(std::string& out, LogNumber log, Position position, std::string_view type) {
  out.push_back('k');
  AppendBigEndian32(out, static_cast<uint32_t>(log.value()));
  AppendBigEndian64(out, position.value());
  out.append(type);
}

// What an index entry says it belongs to.
struct Place {
  LogNumber log;
  Position position;
  Revision revision;
};

std::optional<Place> PlaceOfCase(std::string_view key, std::string_view value) {
  Place place;
  Order order;
  if (key.size() != kCaseKeyBytes || !log::ParseCaseIndexValue(value, order, place.revision)) {
    return std::nullopt;
  }
  place.log = LogNumber(ReadBigEndian32(key.data() + 1 + CaseId::kBytes));
  place.position = Position(ReadBigEndian64(key.data() + 1 + CaseId::kBytes + 4));
  return place;
}

std::optional<Place> PlaceOfEvent(std::string_view key, std::string_view value) {
  Place place;
  if (key.size() < kMinEventKeyBytes ||
      !log::ParseEventIndexValue(value, place.position, place.revision, place.log)) {
    return std::nullopt;
  }
  return place;
}

std::optional<Place> PlaceOfControl(std::string_view key) {
  const std::optional<Position> position = log::ParseLogIndexKey(key);
  if (!position) return std::nullopt;
  return Place{LogNumber(ReadBigEndian32(key.data() + 1)), *position, Revision()};
}

std::optional<Place> PlaceOf(std::string_view key, std::string_view value) {
  return key[0] == 'c'   ? PlaceOfCase(key, value)
         : key[0] == 'e' ? PlaceOfEvent(key, value)
                         : PlaceOfControl(key);
}

// An index entry in words: ids are random, so they may be told.
std::string Describe(std::string_view key) {
  if (key[0] == 'k') return "a control entry";
  const std::string_view id = key.substr(1, std::min<size_t>(16, key.size() - 1));
  return Str(key[0] == 'c' ? "case " : "event ", ToHex(id));
}

}  // namespace

struct IndexCheck::Scan {
  std::vector<Problem> problems;
  // A case's revisions that do not follow each other: reported unless the index itself is wrong there.
  struct Break {
    LogNumber log;
    Position before;
    Position position;
    uint64_t missing;  // 0: it does not ascend
    std::string what;
  };
  std::vector<Break> breaks;
  bool readable = true;
};

IndexCheck::IndexCheck(log::Engine& engine, std::vector<IndexedLog> logs, const RandomBytes& random)
    : engine_(engine) {
  random(secret_.data(), secret_.size());
  for (IndexedLog& log : logs) {
    State state;
    state.runs = static_cast<size_t>(log.size.value() / log.run + 1);
    state.cells[kCases] = std::make_unique<std::atomic<uint64_t>[]>(state.runs);
    state.cells[kControls] = std::make_unique<std::atomic<uint64_t>[]>(state.runs);
    if (log.events) state.cells[kEvents] = std::make_unique<std::atomic<uint64_t>[]>(state.runs);
    state.log = std::move(log);
    states_.push_back(std::move(state));
  }
}

IndexCheck::State* IndexCheck::Find(LogNumber log) {
  for (State& state : states_) {
    if (state.log.number == log) return &state;
  }
  return nullptr;
}

bool IndexCheck::IsLeftOut(const State& state, Position position) const {
  return std::any_of(state.left_out.begin(), state.left_out.end(), [&](const auto& range) {
    return position >= range.first && position < range.second;
  });
}

void IndexCheck::LeaveOut(LogNumber log, Position from, Position to) {
  if (State* state = Find(log); state != nullptr) state->left_out.emplace_back(from, to);
}

void IndexCheck::Add(State& state, Kind kind, Position position, std::string_view bytes,
                     bool stored) {
  const uint64_t hash =
      XXH3_64bits_withSecret(bytes.data(), bytes.size(), secret_.data(), secret_.size());
  state.cells[kind][static_cast<size_t>(position.value() / state.log.run)].fetch_add(
      stored ? uint64_t{0} - hash : hash, std::memory_order_relaxed);
}

void IndexCheck::Expect(LogNumber log, Position position, const event::v1::Header& header,
                        std::string& scratch) {
  State* state = Find(log);
  if (state == nullptr || position >= state->log.size) return;
  if (!header.case_id().empty()) {
    scratch.clear();
    AppendCase(scratch, header.case_id(), log, position, header.order(), header.case_revision());
    Add(*state, kCases, position, scratch, false);
  } else {
    scratch.clear();
    AppendControl(scratch, log, position, header.type());
    Add(*state, kControls, position, scratch, false);
  }
  if (state->log.events) {
    scratch.clear();
    AppendEvent(scratch, header.event_id(), header.author_agency(), log, position,
                header.case_revision());
    Add(*state, kEvents, position, scratch, false);
  }
}

bool IndexCheck::Held(LogNumber log) {
  const auto bytes = engine_.ReadHead(log);
  return !bytes.ok() || bytes->has_value();
}

// Whether the log has grown to that position since it was looked at.
bool IndexCheck::Beyond(LogNumber log, Position position) {
  const auto bytes = engine_.ReadHead(log);
  if (!bytes.ok() || !bytes->has_value()) return false;
  const auto head = log::LogHead::Parse(**bytes);
  return head.ok() && position < head->frontier.size();
}

IndexCheck::Scan IndexCheck::ScanPrefix(Kind kind, const std::string& prefix) {
  Scan scan;
  const auto cursor = engine_.IndexScan(prefix);
  std::string bytes;
  uint64_t read = 0;
  std::string last_case;  // 'c', case and log of the entry before
  Place last;
  while (true) {
    if (++read % kEntriesAStop == 0 && stop_.load(std::memory_order_relaxed)) return scan;
    const auto next = cursor->NextView();
    if (!next.ok()) {
      scan.readable = false;
      scan.problems.push_back({ProblemKind::kUnreadable, "", std::nullopt,
                               Str("the ", kind == kCases    ? "case"
                                           : kind == kEvents ? "event"
                                                             : "control",
                                   " index cannot be read: ", ToStd(next.status().message()))});
      return scan;
    }
    if (!next->has_value()) return scan;
    const auto& [key, value] = **next;
    const std::optional<Place> place = PlaceOf(key, value);
    if (!place) {
      if (scan.problems.size() < kMaxProblems) {
        scan.problems.push_back({ProblemKind::kIndex, "", std::nullopt,
                                 Str("a malformed index entry for ", Describe(key))});
      }
      continue;
    }
    State* state = Find(place->log);
    if (state == nullptr || state->cells[kind] == nullptr || place->position >= state->log.size) {
      // Logs that are not looked at, and what came since, are let be.
      if (state == nullptr ? Held(place->log) : Beyond(place->log, place->position)) continue;
      if (scan.problems.size() < kMaxProblems) {
        scan.problems.push_back(
            {ProblemKind::kIndex, state == nullptr ? "" : state->log.origin, place->position,
             Str("the index has ", Describe(key), " at a position of ",
                 state == nullptr ? Str("log ", place->log.value(), ", which is not held")
                                  : std::string("this log that cannot have it"))});
      }
      continue;
    }
    bytes.assign(key).append(value);
    Add(*state, kind, place->position, bytes, true);
    if (kind != kCases) continue;
    const std::string_view same(key.data(), kCaseKeyBytes - 8);
    const bool follows = same == last_case;
    const uint64_t before = follows ? last.revision.value() : 0;
    const uint64_t now = place->revision.value();
    if (state->log.own ? now != before + 1 : now <= before) {
      if (scan.breaks.size() < kMaxBreaks) {
        scan.breaks.push_back(
            {place->log, follows ? last.position : Position(), place->position,
             now > before ? now - before - 1 : 0,
             Str("revision ", now, " of ", Describe(key),
                 before == 0 ? Str(" is the first here")
                             : Str(" follows revision ", before, " (position ",
                                   last.position.value(), ")"))});
      }
    }
    last_case.assign(same);
    last = *place;
  }
}

IndexCheck::Findings IndexCheck::Compare(
    size_t threads, const ErasedFn& erased,
    const std::function<bool(size_t done, size_t total)>& tick) {
  Findings findings;
  for (State& state : states_) std::sort(state.left_out.begin(), state.left_out.end());
  std::array<bool, kKinds> readable = {true, true, true};
  std::vector<Scan::Break> breaks;
  size_t done = 0;
  uint64_t positions = 0;
  for (const State& state : states_) positions += state.log.size.value();
  const size_t parts = threads > 1 && positions >= kSplitFrom ? kParts : 1;
  // Control entries are few: one reading.
  const size_t tasks = 2 * parts + 1;
  const auto kind_of = [parts](size_t task) {
    return task < parts ? kEvents : task < 2 * parts ? kCases : kControls;
  };
  const bool finished = InOrder<Scan>(
      tasks, threads,
      [&](size_t task) {
        const Kind kind = kind_of(task);
        std::string prefix = kind == kEvents ? "e" : kind == kCases ? "c" : "k";
        if (parts > 1 && kind != kControls) prefix.push_back(static_cast<char>(task % parts));
        return ScanPrefix(kind, prefix);
      },
      [&](size_t task, Scan scan) {
        done = task + 1;
        const Kind kind = kind_of(task);
        // One damaged block fails every scan that needs it: told once.
        if (scan.readable || readable[kind]) {
          std::move(scan.problems.begin(), scan.problems.end(),
                    std::back_inserter(findings.problems));
        }
        readable[kind] = readable[kind] && scan.readable;
        std::move(scan.breaks.begin(), scan.breaks.end(), std::back_inserter(breaks));
      },
      [&] {
        const bool go_on = tick(done, tasks);
        if (!go_on) stop_ = true;
        return go_on;
      },
      tasks);
  if (!finished) {
    findings.stopped = true;
    return findings;
  }

  Selected selected;
  size_t runs = 0;
  for (State& state : states_) {
    for (const Kind kind : {kCases, kEvents, kControls}) {
      if (state.cells[kind] == nullptr || !readable[kind]) continue;
      auto& wrong = selected[kind][state.log.number];
      wrong.resize(state.runs);
      for (size_t run = 0; run < state.runs; ++run) {
        wrong[run] = state.cells[kind][run] != 0;
        if (!wrong[run]) continue;
        if (++runs > kMaxRunsExplained) {
          wrong[run] = false;
          if (runs == kMaxRunsExplained + 1) {
            findings.problems.push_back({ProblemKind::kIndex, state.log.origin,
                                         Position(run * state.log.run),
                                         "the index is wrong from here on too; not listed one by one"});
          }
        }
      }
    }
  }
  if (runs > 0) Explain(selected, findings.problems);

  for (const Scan::Break& found : breaks) {
    const State& state = *Find(found.log);
    const auto wrong = [&](Position position) {
      return selected[kCases][found.log][static_cast<size_t>(position.value() / state.log.run)];
    };
    if (found.missing > 0 && erased(found.before, found.position) >= found.missing) continue;
    // Where entries are missing from the index or the log, revisions cannot follow each other.
    if (!readable[kCases] || !state.left_out.empty() || wrong(found.before) || wrong(found.position)) {
      continue;
    }
    findings.problems.push_back(
        {ProblemKind::kRevision, state.log.origin, found.position, found.what});
  }
  return findings;
}

void IndexCheck::Explain(const Selected& selected, std::vector<Problem>& problems) {
  const auto is_selected = [&](Kind kind, LogNumber log, Position position, const State& state) {
    const auto found = selected[kind].find(log);
    return found != selected[kind].end() && position < state.log.size &&
           found->second[static_cast<size_t>(position.value() / state.log.run)];
  };
  struct Wanted {
    LogNumber log;
    Position position;
    std::string value;
  };
  std::map<std::string, Wanted> wanted;
  const auto add = [&](Problem problem) {
    if (problems.size() < kMaxProblems) problems.push_back(std::move(problem));
  };

  event::v1::Header header;
  for (State& state : states_) {
    const LogNumber number = state.log.number;
    for (size_t run = 0; run < state.runs; ++run) {
      const Position from(run * state.log.run);
      const Position to(std::min(from.value() + state.log.run, state.log.size.value()));
      if (!is_selected(kCases, number, from, state) && !is_selected(kEvents, number, from, state) &&
          !is_selected(kControls, number, from, state)) {
        continue;
      }
      // The group that holds `from` may start before it; where that cannot be told, the run's own are read.
      Position start = from;
      if (const auto group = engine_.ReadGroup(number, from, false); group.ok()) start = group->first;
      const auto cursor = engine_.ScanStored(number, log::StoredPart::kEntries, start, to);
      while (true) {
        const auto value = cursor->Next();
        if (!value.ok() || !value->has_value()) break;
        const auto view = log::GroupView::Parse((*value)->bytes, {});
        if (!view.ok()) continue;
        for (const log::GroupItem& item : view->items()) {
          const Position position((*value)->key.value() + item.offset);
          if (item.leaf.empty() || position < from || position >= to ||
              !log::ParseHeader(item.leaf, header).ok() || IsLeftOut(state, position)) {
            continue;
          }
          const Revision revision(header.case_revision());
          if (!header.case_id().empty() && is_selected(kCases, number, position, state)) {
            wanted[log::CaseIndexKey(*CaseId::FromBytes(header.case_id()), number, position)] = {
                number, position, log::CaseIndexValue(Order(header.order()), revision)};
          }
          if (header.case_id().empty() && is_selected(kControls, number, position, state)) {
            wanted[log::ControlIndexKey(number, position)] = {number, position, header.type()};
          }
          if (state.log.events && is_selected(kEvents, number, position, state)) {
            const auto [it, added] = wanted.try_emplace(
                log::EventIndexKey(*EventId::FromBytes(header.event_id()), header.author_agency()),
                Wanted{number, position, log::EventIndexValue(position, revision, number)});
            if (!added && it->second.log != number) {
              // An event that was appended again in a later epoch: that one counts.
              if (Find(it->second.log)->log.epoch < state.log.epoch) {
                it->second = {number, position, log::EventIndexValue(position, revision, number)};
              }
            } else if (!added) {
              add({ProblemKind::kIndex, state.log.origin, position,
                   Str("the event of position ", it->second.position.value(), " again")});
            }
          }
        }
      }
    }
  }

  for (const Kind kind : {kCases, kEvents, kControls}) {
    const auto cursor = engine_.IndexScan(kind == kCases ? "c" : kind == kEvents ? "e" : "k");
    while (true) {
      auto next = cursor->Next();
      if (!next.ok() || !next->has_value()) break;
      const auto& [key, value] = **next;
      if (const auto found = wanted.find(key); found != wanted.end()) {
        const std::optional<Place> newer = kind == kEvents ? PlaceOfEvent(key, value) : std::nullopt;
        const State* other = newer && newer->log != found->second.log ? Find(newer->log) : nullptr;
        const bool later_epoch = other != nullptr && other->log.events &&
                                 other->log.epoch > Find(found->second.log)->log.epoch;
        if (found->second.value != value && !later_epoch) {
          add({ProblemKind::kIndex, Find(found->second.log)->log.origin, found->second.position,
               Str("the index entry for ", Describe(key), " is wrong")});
        }
        wanted.erase(found);
        continue;
      }
      const std::optional<Place> place = PlaceOf(key, value);
      const State* state = place ? Find(place->log) : nullptr;
      if (state == nullptr || !is_selected(kind, place->log, place->position, *state) ||
          IsLeftOut(*state, place->position)) {
        continue;
      }
      add({ProblemKind::kIndex, state->log.origin, place->position,
           Str("the index has an entry too many here: ", Describe(key))});
    }
  }
  for (const auto& [key, entry] : wanted) {
    add({ProblemKind::kIndex, Find(entry.log)->log.origin, entry.position,
         Str("the index entry for ", Describe(key), " is missing")});
  }
}

}  // namespace polku::evidence
