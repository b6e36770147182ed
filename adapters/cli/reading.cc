#include "adapters/cli/reading.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "services/access/case_access.h"

namespace polku::cli {
namespace {

absl::Status BadBound(std::string_view flag, bool position_too) {
  return Error(absl::StatusCode::kInvalidArgument, "--", flag, " is not ",
               position_too ? "a position (123), " : "",
               "a day (2025-03-31) or a time (2025-03-31T12:00:00Z)");
}

std::optional<Position> ParsePosition(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Position(value);
}

// The filters of a bulk read, as given.
std::string ScopeOf(const Args& args) {
  std::string scope;
  for (const char* flag : {"origin", "from", "until", "type", "as-of", "valid-on", "on", "group", "week",
                           "month", "municipality"}) {
    if (args.Has(flag)) scope += Str(scope.empty() ? "" : " ", "--", flag, " ", args.Get(flag));
  }
  return scope;
}

// Cases with an entry here; their access streams are no cases.
absl::StatusOr<uint64_t> CasesHeld(log::Engine& engine) {
  std::set<CaseId> ids;
  const std::string prefix = log::CaseIndexPrefix(CaseId()).substr(0, 1);  // of every case
  auto cursor = engine.IndexScan(prefix);
  for (;;) {
    POLKU_ASSIGN_OR_RETURN(const auto entry, cursor->NextView());
    if (!entry) break;
    const std::string_view id = entry->key.substr(prefix.size(), CaseId::kBytes);
    if (const auto case_id = CaseId::FromBytes(id)) ids.insert(*case_id);
  }
  uint64_t streams = ids.contains(access::AccessStreamOf(CaseId())) ? 1 : 0;
  for (const CaseId& id : ids) streams += ids.contains(access::AccessStreamOf(id)) ? 1 : 0;
  return ids.size() - streams;
}

// Of a case, in any log held here. NotFound: nothing is held, nor a record of reads.
absl::StatusOr<SectionSet> SectionsHeld(audit::Store& store, const CaseId& case_id) {
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(store.engine(), case_id));
  if (refs.empty()) {
    POLKU_ASSIGN_OR_RETURN(const auto reads,
                           log::CaseEntries(store.engine(), access::AccessStreamOf(case_id)));
    if (reads.empty()) return audit::NothingHeld(case_id);
  }
  SectionSet sections;
  log::EntryFetcher fetcher(store.engine());
  for (const auto& ref : refs) {
    POLKU_ASSIGN_OR_RETURN(const auto entry, fetcher.Fetch(ref.log, ref.position, /*with_blobs=*/true));
    for (const log::BlobView& blob : entry.blobs) sections.add(blob.kind);
  }
  return sections;
}

}  // namespace

absl::StatusOr<Reading> OpenReading(const Args& args) {
  if (!args.Has("config")) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "whose history? give --config with the service's configuration file");
  }
  POLKU_ASSIGN_OR_RETURN(host::Config config, host::LoadConfig(args.Get("config"), ""));
  POLKU_ASSIGN_OR_RETURN(auto store, audit::Store::Open(config));
  return Reading{std::move(config), std::move(store)};
}

absl::Status RecordLook(const Reading& reading, const Args& args, const AccessClaim& claim,
                        const Look& look) {
  access::v1::AccessRecorded access;
  access.set_purpose(claim.purpose);
  access.set_legal_basis(claim.legal_basis);
  access.set_command(std::string(look.command));
  SectionSet sections = look.sections;
  if (look.case_id.is_zero()) {
    access.set_scope(ScopeOf(args));
    POLKU_ASSIGN_OR_RETURN(const uint64_t cases, CasesHeld(reading.store->engine()));
    access.set_cases(cases);
  } else {
    access.set_case_id(std::string(look.case_id.view()));
    POLKU_ASSIGN_OR_RETURN(const SectionSet held, SectionsHeld(*reading.store, look.case_id));
    sections = sections & held;
  }
  for (const SectionKind kind : kAllSectionKinds) {
    if (sections.has(kind)) access.add_sections(static_cast<event::v1::SectionKind>(kind));
  }
  return RecordAccess(reading.config, claim.official, claim.stopped, reading.store->engine(),
                      access);
}

absl::StatusOr<Reading> OpenRecorded(const Args& args, const AccessClaim& claim, const Look& look) {
  POLKU_ASSIGN_OR_RETURN(Reading reading, OpenReading(args));
  POLKU_RETURN_IF_ERROR(RecordLook(reading, args, claim, look));
  return reading;
}

std::vector<Flag> RecordedReadingFlags(std::vector<Flag> more) {
  return ReadingFlags(AccessFlags(std::move(more)));
}

std::vector<Flag> ReadingFlags(std::vector<Flag> more) {
  std::vector<Flag> flags = {{"config", "FILE", "the service's configuration (paths and keys)"}};
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

absl::StatusOr<absl::Time> ParseEnd(std::string_view flag, std::string_view text) {
  if (const auto day = ParseDay(text)) return audit::StartOfDay(*day + 1);
  if (const auto time = ParseTime(text)) return *time + absl::Microseconds(1);
  return BadBound(flag, false);
}

absl::CivilDay JudgedOn(const host::Config& config, const audit::Filter& filter) {
  if (filter.valid_on) return *filter.valid_on;
  if (filter.as_of) return FinnishDay(*filter.as_of - absl::Microseconds(1));
  return config.business_date ? *config.business_date : FinnishDay(absl::Now());
}

absl::StatusOr<audit::Filter> ReadFilter(const Args& args) {
  audit::Filter filter;
  filter.origin = args.Get("origin");
  filter.type = args.Get("type");
  if (args.Has("from")) {
    const std::string text = args.Get("from");
    if (const auto position = ParsePosition(text)) {
      filter.from_position = position;
    } else if (const auto day = ParseDay(text)) {
      filter.from_time = audit::StartOfDay(*day);
    } else if (const auto time = ParseTime(text)) {
      filter.from_time = time;
    } else {
      return BadBound("from", true);
    }
  }
  if (args.Has("until")) {
    const std::string text = args.Get("until");
    if (const auto position = ParsePosition(text)) {
      filter.until_position = position;
    } else if (auto end = ParseEnd("until", text); end.ok()) {
      filter.until_time = *end;
    } else {
      return BadBound("until", true);
    }
  }
  if (args.Has("as-of")) {
    POLKU_ASSIGN_OR_RETURN(filter.as_of, ParseEnd("as-of", args.Get("as-of")));
  }
  if (args.Has("valid-on")) {
    filter.valid_on = ParseDay(args.Get("valid-on"));
    if (!filter.valid_on) {
      return Error(absl::StatusCode::kInvalidArgument, "--valid-on is not a day (2025-03-31)");
    }
  }
  return filter;
}

}  // namespace polku::cli
