#include "adapters/cli/bundle.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/render.h"
#include "adapters/cli/trust.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/bundle.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/reader.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "services/audit/event_json.h"
#include "services/audit/history.h"
#include "services/core/codec.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using google::protobuf::Message;

constexpr unsigned kBundleMode = 0600;  // it may hold a client's data

// ---- Make ----

std::vector<std::string> SplitList(const std::string& list) {
  std::vector<std::string> items;
  size_t start = 0;
  while (start <= list.size()) {
    const size_t end = std::min(list.find(',', start), list.size());
    items.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return items;
}

absl::StatusOr<SectionSet> ReadSections(const std::string& list) {
  SectionSet sections;
  if (list == "none") return sections;
  for (const std::string& name : SplitList(list)) {
    const auto kind = ParseSectionKind(name);
    if (!kind) {
      return Error(
          absl::StatusCode::kInvalidArgument,
          "--open takes none, or of service, identity, social, health and payment those that the "
          "reader is to see, with commas between");
    }
    sections.add(*kind);
  }
  return sections;
}

std::string SectionNames(SectionSet sections) {
  std::string names;
  for (const SectionKind kind : kAllSectionKinds) {
    if (sections.has(kind)) names += Str(names.empty() ? "" : ", ", SectionKindName(kind));
  }
  return names;
}

struct Choice {
  CaseId case_id;
  std::set<EventId> events;  // empty: all
  std::string type;
  std::string origin;
};

absl::StatusOr<std::vector<evidence::BundleEntry>> Choose(audit::Store& store,
                                                          const Choice& choice) {
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(store.engine(), choice.case_id));
  // All of it may be erased: then the erasures are what there is to show.
  const bool whole = choice.events.empty() && choice.type.empty() && choice.origin.empty();
  if (refs.empty() && whole) return std::vector<evidence::BundleEntry>();
  if (refs.empty()) {
    return Error(absl::StatusCode::kNotFound, "nothing of case ", FormatCaseId(choice.case_id),
                 " is held here");
  }
  std::vector<evidence::BundleEntry> entries;
  std::set<EventId> missing = choice.events;
  log::EntryFetcher fetcher(store.engine());
  for (const auto& ref : refs) {
    const log::HeldLog* held = store.FindLog(ref.log);
    if (held == nullptr) {
      return Error(absl::StatusCode::kDataLoss, "the case index names log ", ref.log.value(),
                   ", which is not held; run `polku reindex`");
    }
    if (!choice.origin.empty() && held->head.origin != choice.origin) continue;
    POLKU_ASSIGN_OR_RETURN(const auto entry, fetcher.Fetch(ref.log, ref.position, false));
    const auto id = EventId::FromBytes(entry.header->event_id());
    if (!choice.events.empty() && (!id || !choice.events.contains(*id))) continue;
    if (!choice.type.empty() && !audit::TypeMatches(choice.type, entry.header->type())) continue;
    if (id) missing.erase(*id);
    entries.push_back({ref.log, ref.position});
  }
  if (!missing.empty()) {
    return Error(
        absl::StatusCode::kNotFound, "event ", FormatEventId(*missing.begin()),
        " of that case is not held here: not recorded in the logs followed, or withheld from this "
        "agency");
  }
  if (entries.empty()) {
    return absl::NotFoundError("none of the case's events passes the filter");
  }
  return entries;
}

std::string SizeText(size_t bytes) {
  return bytes < (1 << 20) ? Str((bytes + 1'023) >> 10, " KiB")
                           : Str((bytes + (1 << 20) - 1) >> 20, " MiB");
}

absl::Status Make(const Args& args, const AccessClaim& claim, const Choice& choice, SectionSet open,
                  std::optional<absl::Time> known_at, Io& io) {
  POLKU_ASSIGN_OR_RETURN(
      const Reading reading,
      OpenRecorded(args, claim, {.command = "bundle", .case_id = choice.case_id, .sections = open}));
  POLKU_ASSIGN_OR_RETURN(const Trust trust, LoadTrust(reading.config, reading.store->engine()));
  audit::Store& store = *reading.store;
  POLKU_RETURN_IF_ERROR(CheckOwnKey(store.engine(), trust));
  POLKU_ASSIGN_OR_RETURN(auto entries, Choose(store, choice));
  evidence::BundleOptions options;
  options.engine = &store.engine();
  options.made_by = store.own_origin();
  options.made_at = absl::Now();
  options.case_id = choice.case_id;
  options.entries = std::move(entries);
  options.open = open;
  options.secret = SecretsOf(store.opener());
  options.keys = trust.keys;
  options.witnesses = trust.witnesses;
  options.known_to = args.Get("known-to");
  options.known_at = known_at;
  options.all_erasures = choice.events.empty() && choice.type.empty() && choice.origin.empty();
  const auto made = evidence::MakeBundle(options);
  if (absl::IsNotFound(made.status()) && options.entries.empty()) {
    return Error(absl::StatusCode::kNotFound, "nothing of case ", FormatCaseId(choice.case_id),
                 " is held here");
  }
  if (!made.ok()) return made.status();
  const evidence::v1::Bundle& bundle = *made;
  // What does not verify here would not verify at its reader either.
  POLKU_ASSIGN_OR_RETURN(const auto report, evidence::VerifyBundle(bundle, nullptr));
  if (!report.problems.empty()) {
    const auto& problem = report.problems.front();
    return Error(absl::StatusCode::kDataLoss,
                 "what is stored does not make a bundle that verifies: ", problem.origin, ": ",
                 problem.what, "; run `polku verify`");
  }
  const std::string json = evidence::FormatBundle(bundle);
  if (json.size() > evidence::kMaxBundleBytes) {
    return absl::InvalidArgumentError(
        "the bundle is larger than a bundle may be; choose fewer events");
  }
  POLKU_RETURN_IF_ERROR(WriteNewFile(args.Get("out"), json, kBundleMode));

  const SectionSet opened = evidence::OpenedIn(bundle);
  if (args.json()) {
    std::string names = SectionNames(opened);
    io.out << "{\"file\":" << JsonString(args.Get("out")) << ",\"bytes\":" << json.size()
           << ",\"events\":" << report.events << ",\"logs\":" << report.logs.size()
           << ",\"sections\":" << report.sections << ",\"open\":" << JsonString(names) << "}\n";
  } else {
    io.out << args.Get("out") << ": " << Counted(report.events, "event") << " of "
           << Counted(report.logs.size(), "log") << ", " << SizeText(json.size()) << "\n";
    for (const auto& log : report.logs) {
      io.out << "  " << Plain(log.origin) << "  checkpoint of " << log.checkpoint.size.value()
             << " entries\n";
      for (const auto& one : log.cosigned) {
        io.out << "    cosigned  " << CosignedText(one.name, one.time, one.size) << "\n";
      }
    }
    if (opened.empty()) io.out << "  every section is sealed: the file shows who did what when\n";
  }
  if (!opened.empty()) {
    io.err << "polku: WARNING: the file holds in clear: " << SectionNames(opened) << " ("
           << report.sections << " sections); whoever gets it reads them\n";
  }
  return absl::OkStatus();
}

ExitCode RunMake(const Args& args, Io& io) {
  for (const char* flag : {"policy", "lang"}) {
    if (args.Has(flag)) return FailUsage(io, Str("--", flag, " belongs to bundle show and verify"));
  }
  if (!args.Has("case")) return FailUsage(io, "of which case? give --case");
  if (!args.Has("out")) return FailUsage(io, "where to? give --out with the file to be written");
  const auto case_id = ParseCaseId(args.Get("case"));
  if (!case_id) return FailUsage(io, "--case is not 32 hexadecimal digits");
  if (case_id->is_zero()) return FailUsage(io, "--case is all zeros: that is no case");
  Choice choice{
      .case_id = *case_id, .events = {}, .type = args.Get("type"), .origin = args.Get("origin")};
  if (args.Has("event")) {
    for (const std::string& text : SplitList(args.Get("event"))) {
      const auto id = ParseEventId(text);
      if (!id) return FailUsage(io, "--event takes UUIDs with commas between");
      choice.events.insert(*id);
    }
  }
  const auto open = ReadSections(args.GetOr("open", "none"));
  if (!open.ok()) return FailUsage(io, ToStd(open.status().message()));
  if (args.Has("known-to") != args.Has("at")) {
    return FailUsage(io, "--known-to and --at go together: which agency, and when");
  }
  std::optional<absl::Time> at;
  if (args.Has("at")) {
    const auto valid = ValidateAgencyName(args.Get("known-to"));
    if (!valid.ok()) return FailUsage(io, Str("--known-to: ", ToStd(valid.message())));
    const auto end = ParseEnd("at", args.Get("at"));
    if (!end.ok()) return FailUsage(io, ToStd(end.status().message()));
    at = *end - absl::Microseconds(1);
  }
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const absl::Status status = Make(args, *claim, choice, *open, at, io);
  return status.ok() ? kExitOk : Fail(io, status);
}

// ---- Read ----

absl::StatusOr<evidence::v1::Bundle> ReadBundle(const std::string& path) {
  POLKU_ASSIGN_OR_RETURN(const std::string json, ReadFile(path, evidence::kMaxBundleBytes));
  auto bundle = evidence::ParseBundle(json);
  if (!bundle.ok()) return Annotate(bundle.status(), path);
  return bundle;
}

std::string KeyIdText(const proof::VerifierKey& key) {
  std::string hex(8, '0');
  for (int i = 0; i < 8; ++i) hex[i] = "0123456789abcdef"[key.key_id() >> (28 - 4 * i) & 15];
  return hex;
}

std::string KeysJson(const proof::Policy& policy) {
  std::string json = "[";
  const auto add = [&](std::string_view use, const proof::VerifierKey& key) {
    json +=
        Str(json.size() > 1 ? "," : "", "{\"use\":\"", use, "\",\"name\":", JsonString(key.name()),
            ",\"key_id\":\"", KeyIdText(key), "\",\"key\":", JsonString(key.Format()), "}");
  };
  for (const auto& key : policy.logs()) add("log", key);
  for (const auto& witness : policy.witnesses()) add("witness", witness.key);
  return json + "]";
}

std::string ErasureJson(const evidence::BundleReport::Erasure& erasure) {
  return Str("{\"origin\":", JsonString(erasure.origin), ",\"position\":", erasure.position.value(),
             ",\"of\":", JsonString(erasure.of), ",\"entries\":", erasure.entries, ",\"sections\":", erasure.sections,
             ",\"legal_basis\":", JsonString(erasure.legal_basis),
             ",\"requested_by\":", JsonString(erasure.requested_by),
             ",\"confirmed_by\":", JsonString(erasure.confirmed_by), "}");
}

std::string ReportJson(const evidence::BundleReport& report, const evidence::v1::Bundle& bundle) {
  std::string json =
      Str("{\"verified\":", report.problems.empty() ? "true" : "false",
          ",\"own_policy\":", report.own_policy ? "true" : "false", ",\"events\":", report.events,
          ",\"sections\":", report.sections, ",\"case\":", JsonString(bundle.case_id()));
  if (bundle.has_known_to()) {
    json += Str(",\"known_to\":", JsonString(bundle.known_to().agency()),
                ",\"at\":", JsonString(bundle.known_to().at()));
  }
  json += ",\"logs\":[";
  for (size_t i = 0; i < report.logs.size(); ++i) {
    const auto& log = report.logs[i];
    json += Str(i > 0 ? "," : "", "{\"origin\":", JsonString(log.origin),
                ",\"size\":", log.checkpoint.size.value(), ",\"root\":\"",
                ToHex(log.checkpoint.root.view()), "\",\"quorum\":", log.quorum ? "true" : "false",
                ",\"cosigned\":[");
    for (size_t j = 0; j < log.cosigned.size(); ++j) {
      const auto& one = log.cosigned[j];
      json += Str(j > 0 ? "," : "", "{\"name\":", JsonString(one.name), ",\"time\":\"",
                  polku::FormatTime(one.time), "\",\"size\":", one.size.value(), "}");
    }
    json += "]}";
  }
  json += "]";
  if (const auto policy = proof::Policy::Parse(bundle.policy()); policy.ok()) {
    json += Str(",\"keys\":", KeysJson(*policy));
  }
  if (!report.erasures.empty()) {
    json += ",\"erasures\":[";
    for (size_t i = 0; i < report.erasures.size(); ++i) {
      json += Str(i > 0 ? "," : "", ErasureJson(report.erasures[i]));
    }
    json += "]";
  }
  json += ",\"problems\":[";
  for (size_t i = 0; i < report.problems.size(); ++i) {
    const auto& problem = report.problems[i];
    json +=
        Str(i > 0 ? "," : "", "{\"kind\":\"", evidence::ProblemName(problem.kind),
            "\",\"origin\":", JsonString(problem.origin),
            ",\"position\":", problem.position ? std::to_string(problem.position->value()) : "null",
            ",\"what\":", JsonString(problem.what), "}");
  }
  return Str(json, "],\"problems_left_out\":", report.problems_left_out, "}");
}

void PrintProblems(const evidence::BundleReport& report, Io& io) {
  for (const auto& problem : report.problems) {
    io.out << "  PROBLEM " << evidence::ProblemName(problem.kind) << "  " << Plain(problem.origin);
    if (problem.position) io.out << " " << problem.position->value();
    io.out << ": " << Plain(problem.what) << "\n";
  }
  if (report.problems_left_out > 0) {
    io.out << "  and " << report.problems_left_out << " more\n";
  }
}

void PrintLogs(const evidence::BundleReport& report, Io& io) {
  for (const auto& log : report.logs) {
    io.out << "  " << Plain(log.origin) << "  checkpoint of " << log.checkpoint.size.value()
           << " entries\n";
    for (const auto& one : log.cosigned) {
      io.out << "    cosigned  " << CosignedText(one.name, one.time, one.size) << "\n";
    }
    if (log.cosigned.empty())
      io.out << "    cosigned by nobody: it rests on the origin's own signature\n";
  }
}

void PrintErasures(const evidence::BundleReport& report, Io& io) {
  for (const auto& erasure : report.erasures) {
    io.out << "  erased: " << Counted(erasure.entries, "entry", "entries") << " and "
           << Counted(erasure.sections, "section") << " of others of " << Plain(erasure.of)
           << ", by entry "
           << erasure.position.value() << " of " << Plain(erasure.origin) << "; basis "
           << Plain(erasure.legal_basis) << ", asked for by " << Plain(erasure.requested_by)
           << ", confirmed by " << Plain(erasure.confirmed_by) << "\n";
  }
}

// A bundle cannot vouch for its own keys.
void PrintOwnKeys(const evidence::v1::Bundle& bundle, Io& io) {
  const auto policy = proof::Policy::Parse(bundle.policy());
  if (!policy.ok()) return;
  io.out << "verified with the keys in the bundle itself: compare these with what the agencies "
            "publish, or "
            "give --policy\n";
  for (const auto& key : policy->logs()) {
    io.out << "  log      " << KeyIdText(key) << "  " << Plain(key.name()) << "\n";
  }
  for (const auto& witness : policy->witnesses()) {
    io.out << "  witness  " << KeyIdText(witness.key) << "  " << Plain(witness.key.name()) << "\n";
  }
}

struct Judged {
  evidence::v1::Bundle bundle;
  evidence::BundleReport report;
};
absl::StatusOr<Judged> Judge(const std::string& path, const proof::Policy* policy) {
  Judged judged;
  POLKU_ASSIGN_OR_RETURN(judged.bundle, ReadBundle(path));
  POLKU_ASSIGN_OR_RETURN(judged.report, evidence::VerifyBundle(judged.bundle, policy));
  return judged;
}
absl::StatusOr<Judged> Judge(const Args& args) {
  std::optional<proof::Policy> policy;
  if (args.Has("policy")) {
    POLKU_ASSIGN_OR_RETURN(policy, LoadPolicy(args.Get("policy")));
  }
  return Judge(args.operands()[1], policy ? &*policy : nullptr);
}

ExitCode PrintVerified(const std::string& path, const absl::StatusOr<Judged>& judged, bool as_json,
                       Io& io) {
  if (!judged.ok()) return Fail(io, judged.status());
  const auto& [bundle, report] = *judged;
  const ExitCode code = report.problems.empty() ? kExitOk : kExitCorrupt;
  if (as_json) {
    io.out << ReportJson(report, bundle) << "\n";
    return code;
  }
  io.out << path << ": " << (report.problems.empty() ? "verified: " : "DOES NOT VERIFY: ")
         << Counted(report.events, "event") << " of " << Counted(report.logs.size(), "log") << ", "
         << Counted(report.sections, "opened section") << "\n";
  PrintProblems(report, io);
  PrintLogs(report, io);
  PrintErasures(report, io);
  if (bundle.has_known_to() && report.problems.empty()) {
    io.out << "shown to have been received by " << Plain(bundle.known_to().agency()) << " by "
           << Plain(bundle.known_to().at()) << "; of its own logs: recorded by it\n";
  }
  if (!report.own_policy) PrintOwnKeys(bundle, io);
  return code;
}

ExitCode RunVerify(const Args& args, Io& io) {
  return PrintVerified(args.operands()[1], Judge(args), args.json(), io);
}

// ---- Show ----

// Decodes with the bundle's own schemas, so that a bundle reads the same in ten years.
class BundleDecoder {
 public:
  explicit BundleDecoder(const evidence::v1::Bundle& bundle) {
    for (const auto& schema : bundle.schemas()) {
      google::protobuf::FileDescriptorSet files;
      if (!files.ParseFromString(schema.file_descriptor_set())) continue;
      auto& place = schemas_[std::string(Sha256(schema.file_descriptor_set()).view())];
      if (place != nullptr) continue;
      place = std::make_unique<Schema>();
      Silent silent;
      for (const auto& file : files.file()) {
        if (place->pool.FindFileByName(file.name()) == nullptr) {
          place->pool.BuildFileCollectingErrors(file, &silent);
        }
      }
    }
  }

  // Null: no schema here knows it, or the bytes are not of it.
  std::unique_ptr<Message> Decode(const event::v1::Header& header, std::string_view bytes) {
    const auto schema = schemas_.find(header.schema_hash());
    const google::protobuf::Descriptor* type =
        schema == schemas_.end() ? nullptr
                                 : schema->second->pool.FindMessageTypeByName(header.type());
    std::unique_ptr<Message> message;
    if (type != nullptr) {
      message.reset(schema->second->factory.GetPrototype(type)->New());
    } else if (const auto* known = service::FindEventType(header.type());
               known != nullptr && bytes.empty()) {
      return service::EmptyEvent(*known);
    }
    return Parsed(std::move(message), bytes);
  }
  static std::unique_ptr<Message> DecodeControl(const event::v1::Header& header) {
    const auto* type =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(header.type());
    if (type == nullptr || type->file() != event::v1::Header::descriptor()->file()) return nullptr;
    return Parsed(
        std::unique_ptr<Message>(
            google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New()),
        header.control());
  }

 private:
  // What a bundle brings need not build; nothing of it is printed.
  class Silent : public google::protobuf::DescriptorPool::ErrorCollector {
   public:
    void AddError(const std::string&, const std::string&, const Message*, ErrorLocation,
                  const std::string&) override {}
  };
  struct Schema {
    google::protobuf::DescriptorPool pool;
    google::protobuf::DynamicMessageFactory factory{&pool};
  };

  static std::unique_ptr<Message> Parsed(std::unique_ptr<Message> message, std::string_view bytes) {
    if (message == nullptr || bytes.size() > INT32_MAX ||
        !message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return nullptr;
    }
    return message;
  }

  std::map<std::string, std::unique_ptr<Schema>> schemas_;
};

struct Shown {
  const evidence::v1::LogEvidence* log;
  const evidence::v1::Event* event;
  event::v1::Header header;

  auto Key() const { return std::tuple(header.order(), log->origin(), event->position()); }
};

ExitCode RunShow(const Args& args, Io& io) {
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  const auto judged = Judge(args);
  if (!judged.ok()) return Fail(io, judged.status());
  const auto& [bundle, report] = *judged;

  std::vector<Shown> events;
  for (const auto& log : bundle.logs()) {
    for (const auto& event : log.events()) {
      Shown shown{&log, &event, {}};
      // One that does not parse is among the problems.
      if (log::ParseHeader(event.leaf(), shown.header).ok()) events.push_back(std::move(shown));
    }
  }
  std::sort(events.begin(), events.end(),
            [](const Shown& a, const Shown& b) { return a.Key() < b.Key(); });
  if (!report.problems.empty()) {
    io.err << "polku: WARNING: this bundle does not verify; what it shows proves nothing\n";
  }
  // A bundle is read without any configuration: names are those in it.
  const config::v1::Agreement no_agreement;
  const config::v1::Profile no_profile;
  const Names no_names{no_agreement, no_profile};
  if (!args.json()) {
    if (!bundle.case_id().empty()) {
      io.out << Label(Word::kCase, *language) << " " << Plain(bundle.case_id());
    }
    if (bundle.has_known_to()) {
      io.out << (bundle.case_id().empty() ? "" : ", ") << Label(Word::kKnownTo, *language) << " "
             << Plain(bundle.known_to().agency()) << " " << Plain(bundle.known_to().at());
    }
    io.out << "\n\n";
  }
  BundleDecoder decoder(bundle);
  for (const Shown& shown : events) {
    audit::Event event{.log = LogNumber(),
                       .origin = shown.log->origin(),
                       .position = Position(shown.event->position()),
                       .header = shown.header,
                       .id = EventId::FromBytes(shown.header.event_id()).value_or(EventId()),
                       .case_id = CaseId::FromBytes(shown.header.case_id()).value_or(CaseId()),
                       .opened = {},
                       .sealed = {},
                       .body = nullptr,
                       .bytes = {}};
    std::string bytes;
    for (const auto& opened : shown.event->opened()) {
      if (opened.kind() > 255) continue;
      event.opened.add(static_cast<SectionKind>(opened.kind()));
      bytes += opened.plaintext();
    }
    for (const auto& committed : shown.header.commitments()) {
      const auto kind = static_cast<SectionKind>(committed.kind());
      if (!event.opened.has(kind)) event.sealed.add(kind);
    }
    const auto body = event.control() ? BundleDecoder::DecodeControl(shown.header)
                                      : decoder.Decode(shown.header, bytes);
    event.body = body.get();
    event.bytes = event.control() ? std::string_view(shown.header.control()) : bytes;
    if (args.json()) {
      const auto json = audit::EventJson(event);
      if (!json.ok()) return Fail(io, json.status());
      io.out << *json << "\n";
      continue;
    }
    PrintEvent(event, no_names, *language, /*brief=*/false, io);
    io.out << kEventIndent << Plain(event.origin) << " #" << event.position.value() << "\n";
  }
  if (args.json()) {
    io.out << "{\"bundle\":" << ReportJson(report, bundle) << "}\n";
  } else {
    io.out << "\n";
    PrintProblems(report, io);
    PrintLogs(report, io);
    PrintErasures(report, io);
    if (!report.own_policy) PrintOwnKeys(bundle, io);
  }
  return report.problems.empty() ? kExitOk : kExitCorrupt;
}

ExitCode RunBundle(const Args& args, Io& io) {
  if (args.operands().empty()) return RunMake(args, io);
  const std::string& what = args.operands()[0];
  if (what != "show" && what != "verify") {
    return FailUsage(io, "bundle takes show FILE or verify FILE, or nothing to make one");
  }
  if (args.operands().size() < 2) return FailUsage(io, Str("bundle ", what, " needs a FILE"));
  for (const char* flag :
       {"config", "case", "event", "type", "origin", "open", "known-to", "at", "out", "official", "purpose",
        "basis"}) {
    if (args.Has(flag)) {
      return FailUsage(io, Str("--", flag, " is for making a bundle, not for bundle ", what));
    }
  }
  if (what == "show") return RunShow(args, io);
  if (args.Has("lang")) return FailUsage(io, "--lang belongs to bundle show");
  return RunVerify(args, io);
}

}  // namespace

ExitCode VerifyBundleFile(const std::string& path, const proof::Policy* policy, bool json, Io& io) {
  return PrintVerified(path, Judge(path, policy), json, io);
}

Command BundleCommand() {
  return {
      {.name = "bundle",
       .summary = "one file of evidence: events with proofs, keys and what is opened; show, verify",
       .operands = "[show|verify FILE]",
       .min_operands = 0,
       .max_operands = 2,
       .flags = RecordedReadingFlags(
           {{"case", "CASE", "make: of this case"},
            {"event", "UUID,…", "make: these of its events; all that are held"},
            {"type", "TYPE", "make: only events of that type; DayRecorded, or polku.attendance.*"},
            {"origin", "ORIGIN", "make: only from that log"},
            {"open", "KINDS",
             "make: sections put in in clear, of service,identity,social,health,payment; none"},
            {"known-to", "AGENCY", "make: only what that agency is shown to have received at --at"},
            {"at", "TIME", "make: that time, or the end of that day"},
            {"out", "FILE", "make: the file, which must not exist"},
            {"policy", "FILE", "show, verify: whom you trust (C2SP tlog-policy)"},
            {"lang", "fi|sv|en", "show: language of steps and labels; fi"}}),
       .details = "Without an operand: makes a bundle from the service's data and keys; run it as "
                  "the service's "
                  "user. Whoever gets\n"
                  "the file can verify it offline, with `polku bundle verify` or without Polku "
                  "(eventstore/proof/README.md \"Bundles\").\n"
                  "No section is opened that --open does not name: content stays sealed, and the "
                  "events show who "
                  "did what when.\n"
                  "A bundle says nothing of what was left out of it.\n"
                  "`bundle show FILE` prints the events as `polku case` does, by the bundle's own "
                  "schemas; `bundle "
                  "verify FILE` says\n"
                  "everything that is wrong, exit code 5. Without --policy the bundle's own keys "
                  "are used, and "
                  "listed, to be compared.",
       .examples =
           "polku bundle --config oulu-referral.textproto --case 0123456789abcdef0123456789abcdef --out case.json \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku bundle --config oulu-referral.textproto --case 0123456789abcdef0123456789abcdef --type NeedIdentified \\\n"
           "  --open service,social --out need.json --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku bundle --config oulu-referral.textproto --case 0123456789abcdef0123456789abcdef --known-to FI/GOV/0246246-0/kela \\\n"
           "  --at 2025-03-31 --out kela-knew.json --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku bundle show case.json --lang en\n"
           "polku bundle verify case.json --policy agencies.policy --json"},
      RunBundle};
}

}  // namespace polku::cli
