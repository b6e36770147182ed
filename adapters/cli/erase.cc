#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "adapters/cli/command.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "polku/access/v1/access.pb.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"
#include "services/audit/event_json.h"
#include "services/audit/history.h"
#include "services/audit/retention.h"
#include "services/audit/store.h"
#include "services/host/config.h"
#include "services/host/erased.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using audit::SectionsJson;

// ---- What `polku erase` and `polku erasure` both need ----

absl::CivilDay Today(const host::Config& config) {
  return config.business_date ? *config.business_date : FinnishDay(absl::Now());
}

// When the last backup of the keystore that can open what went on `erased_on` has expired; none: how long
// backups are kept is not configured.
std::optional<absl::CivilDay> FinalOn(const host::Config& config, absl::CivilDay erased_on) {
  if (config.keystore_backup_days == 0) return std::nullopt;
  return erased_on + config.keystore_backup_days;
}

std::string FinalText(std::optional<absl::CivilDay> final_on) {
  return final_on ? FormatDay(*final_on)
                  : "the day on which your last backup of the keystore of before it goes: "
                    "keystore_backup_days is not set in the service's configuration";
}

constexpr std::string_view kNotClosed =
    "WARNING: by what is held here the case is not closed: other agencies may still work on it";

absl::StatusOr<CaseId> ReadCase(const Args& args) {
  const auto case_id = ParseCaseId(args.Get("case"));
  if (!case_id || case_id->is_zero()) {
    return absl::InvalidArgumentError("give --case with the case's 32 hexadecimal digits");
  }
  return *case_id;
}

std::string SectionsText(SectionSet sections) {
  std::string text;
  for (const SectionKind kind : kAllSectionKinds) {
    if (sections.has(kind)) text += Str(text.empty() ? "" : ", ", SectionKindName(kind));
  }
  return text.empty() ? "header alone" : text;
}

std::string DayJson(std::optional<absl::CivilDay> day) {
  return day ? JsonString(FormatDay(*day)) : "null";
}

std::string_view TierName(event::v1::ErasureTier tier) {
  return tier == event::v1::ERASURE_TIER_ENTRIES ? "entries" : "sections";
}

// ---- Requests on record ----

struct OpenRequest {
  EventId id;
  absl::CivilDay requested_on;
  access::CaseAccess::Erasure erasure;
};

// Requests in the own log that are neither confirmed nor cancelled, in order; of one case, or of all. Opens nothing
// but these acts, which are about no person.
absl::StatusOr<std::vector<OpenRequest>> OpenRequests(audit::Store& store, const host::Config& config,
                                                      std::optional<CaseId> of_case) {
  const access::Policy policy(config.agreement);
  const std::string& own = config.origin.text();
  std::map<CaseId, access::CaseAccess> streams;
  std::vector<std::pair<EventId, absl::CivilDay>> requested;
  std::map<EventId, CaseId> stream_of;
  const auto take = [&](const audit::Event& event) {
    if (event.body == nullptr || event.origin != own) return absl::OkStatus();
    const bool request = event.header.type() == access::v1::ErasureRequested::descriptor()->full_name();
    if (request) {
      requested.emplace_back(event.id, FinnishDay(event.recorded_at()));
      stream_of[event.id] = event.case_id;
    }
    streams[event.case_id].Evolve(event.fact(), policy, own);
    return absl::OkStatus();
  };
  audit::History history(store);
  const audit::Filter filter{.origin = own, .type = "polku.access.v1.Erasure*"};
  const absl::Status read =
      of_case ? history.Timeline(access::AccessStreamOf(*of_case), filter, take)
              : history.Replay(filter, take);
  if (!read.ok() && !absl::IsNotFound(read)) return read;
  std::vector<OpenRequest> open;
  for (const auto& [id, day] : requested) {
    const auto* erasures = streams[stream_of[id]].erasures(own);
    if (erasures == nullptr || !erasures->contains(id)) continue;
    const access::CaseAccess::Erasure& erasure = erasures->at(id);
    if (!erasure.confirmed && !erasure.cancelled) open.push_back({id, day, erasure});
  }
  return open;
}

void PrintRequest(const OpenRequest& request, Io& io) {
  io.out << "erasure " << FormatEventId(request.id) << " ASKED FOR on "
         << FormatDay(request.requested_on) << " and not confirmed\n  case     "
         << FormatCaseId(request.erasure.case_id) << "\n  tier     " << TierName(request.erasure.tier)
         << "\n  basis    " << Plain(request.erasure.legal_basis) << "\n  asked    "
         << Plain(request.erasure.requested_by) << "\n";
}

std::string RequestJson(const OpenRequest& request) {
  return Str("{\"erasure\":\"", FormatEventId(request.id), "\",\"case\":\"",
             FormatCaseId(request.erasure.case_id), "\",\"tier\":\"", TierName(request.erasure.tier),
             "\",\"legal_basis\":", JsonString(request.erasure.legal_basis), ",\"requested_by\":",
             JsonString(request.erasure.requested_by), ",\"requested_on\":",
             DayJson(request.requested_on), "}");
}

// ---- polku erase: the acts of the officials ----

absl::StatusOr<event::v1::ErasureTier> ReadTier(const Args& args) {
  const std::string tier = args.GetOr("tier", "sections");
  if (tier == "sections") return event::v1::ERASURE_TIER_SECTIONS;
  if (tier == "entries") return event::v1::ERASURE_TIER_ENTRIES;
  return absl::InvalidArgumentError(
      "--tier is sections (contents and keys go, headers stay) or entries (headers go as well)");
}

template <typename Body>
exchange::v1::Offer OfferOf(const CaseId& case_id, const EventId& id, const Target& target,
                            Body body) {
  exchange::v1::Offer offer;
  auto* event = offer.add_events();
  event->set_event_id(std::string(id.view()));
  event->set_case_id(std::string(access::AccessStreamOf(case_id).view()));
  event->set_type(Body::descriptor()->full_name());
  event->set_official(target.official);
  body.set_case_id(std::string(case_id.view()));
  event->set_body(body.SerializeAsString());
  return offer;
}

// Offers it and says what came of it. `done` is what to say when it is on record.
ExitCode Send(const Args& args, const Target& target, const exchange::v1::Offer& offer,
              const EventId& id, std::string_view done, Io& io) {
  const auto client = client::Client::Connect(target.options);
  if (!client.ok()) return Fail(io, client.status());
  const auto answer = (*client)->Publish(offer);
  if (!answer.ok()) {
    const ExitCode code = Fail(io, answer.status());
    if (absl::IsUnavailable(answer.status()) || absl::IsDeadlineExceeded(answer.status())) {
      io.err << "polku: whether it is recorded is not known; the same command with --id "
             << FormatEventId(id) << " records nothing twice\n";
    }
    return code;
  }
  if (answer->has_refusal()) {
    if (args.json()) {
      io.out << "{\"refusal\":" << RefusalJson(answer->refusal()) << "}\n";
    } else {
      io.err << "polku: " << RefusalText(answer->refusal()) << "\n";
    }
    return ExitCodeFor(answer->refusal());
  }
  if (answer->receipts().empty()) return Fail(io, absl::DataLossError("an answer without a receipt"));
  const auto& receipt = answer->receipts(0);
  if (args.json()) {
    io.out << "{\"receipt\":" << ReceiptJson(receipt) << "}\n";
  } else {
    io.out << (receipt.repeated_offer() ? "was recorded before" : "recorded") << " at position "
           << receipt.position() << " of " << Plain(receipt.origin()) << "\n"
           << done;
  }
  return kExitOk;
}

absl::StatusOr<EventId> ReadOrMakeId(const Args& args) {
  if (!args.Has("id")) return NewEventId(SystemRandom());
  const auto id = ParseEventId(args.Get("id"));
  if (!id || id->is_zero()) return absl::InvalidArgumentError("--id is no UUID");
  return *id;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// What the service's own stores say: that the case is open, is told. Whether a rule is due the service judges.
ExitCode TellOpen(const Args& args, const CaseId& case_id, Io& io) {
  const auto config = host::LoadConfig(args.Get("config"), "");
  if (!config.ok()) return Fail(io, config.status());
  const auto store = audit::Store::Open(*config);
  if (!store.ok()) return Fail(io, store.status());
  const auto closed = audit::IsClosed((*store)->engine(), case_id);
  if (!closed.ok()) return Fail(io, closed.status());
  if (!*closed && !args.Has("rule")) io.err << "polku: " << kNotClosed << "\n";
  return kExitOk;
}

ExitCode Request(const Args& args, const CaseId& case_id, Io& io) {
  if (IsBlank(args.Get("basis"))) {
    return FailUsage(io, "give --basis: the law, or the retention rule, that this rests on");
  }
  const auto tier = ReadTier(args);
  if (!tier.ok()) return FailUsage(io, ToStd(tier.status().message()));
  const auto id = ReadOrMakeId(args);
  if (!id.ok()) return FailUsage(io, ToStd(id.status().message()));
  if (args.Has("config")) {
    if (const ExitCode no = TellOpen(args, case_id, io); no != kExitOk) return no;
  }
  const auto target = FindTarget(args);
  if (!target.ok()) return Fail(io, target.status());
  access::v1::ErasureRequested body;
  body.set_tier(*tier);
  body.set_legal_basis(args.Get("basis"));
  if (args.Has("rule")) {
    const std::string rule = args.Get("rule");
    const size_t colon = rule.find(':');
    body.mutable_rule()->set_id(rule.substr(0, colon));
    if (colon != std::string::npos) body.mutable_rule()->set_version(rule.substr(colon + 1));
  }
  // Before sending: should this program be ended now, the id is what the request can be said again by.
  io.err << "polku: offering erasure " << FormatEventId(*id) << "\n" << std::flush;
  return Send(args, *target, OfferOf(case_id, *id, *target, std::move(body)), *id,
              Str("nothing is erased yet. Another official looks at it and says:\n  polku erase confirm ",
                  FormatEventId(*id), " --case ", FormatCaseId(case_id), " --as FILE\n"),
              io);
}

// `polku erase confirm ID` and `cancel ID`.
template <typename Body>
ExitCode Answer(const Args& args, const CaseId& case_id, std::string_view done, Io& io) {
  const auto request = ParseEventId(args.operands()[1]);
  if (!request || request->is_zero()) {
    return FailUsage(io, "the erasure's id, as `polku erase` printed it, is a UUID");
  }
  const auto id = ReadOrMakeId(args);
  if (!id.ok()) return FailUsage(io, ToStd(id.status().message()));
  const auto target = FindTarget(args);
  if (!target.ok()) return Fail(io, target.status());
  Body body;
  body.set_request_event_id(std::string(request->view()));
  return Send(args, *target, OfferOf(case_id, *id, *target, std::move(body)), *id, done, io);
}

ExitCode DryRun(const Args& args, const CaseId& case_id, Io& io) {
  if (!args.Has("config")) {
    return FailUsage(io, "--dry-run looks into the service's own directories; give --config");
  }
  const auto tier = ReadTier(args);
  if (!tier.ok()) return FailUsage(io, ToStd(tier.status().message()));
  const auto config = host::LoadConfig(args.Get("config"), "");
  if (!config.ok()) return Fail(io, config.status());
  const auto store = audit::Store::Open(*config);
  if (!store.ok()) return Fail(io, store.status());
  const access::Policy policy(config->agreement);
  const absl::CivilDay today = Today(*config);
  const auto plan =
      host::PlanErasure((*store)->engine(), config->origin, case_id, *tier, policy, today);
  if (!plan.ok()) return Fail(io, plan.status());
  if (plan->parts.empty()) {
    return Fail(io, Error(absl::StatusCode::kNotFound, "the log of ", config->origin.text(),
                          " holds nothing of case ", FormatCaseId(case_id), " that could be erased ",
                          "by this tier"));
  }
  const auto closed = audit::IsClosed((*store)->engine(), case_id);
  if (!closed.ok()) return Fail(io, closed.status());
  std::vector<std::string> logs;
  for (const auto& [number, parts] : plan->parts) {
    logs.push_back((*store)->FindLog(number)->head.origin);
  }
  // The log goes by the clock, whatever day the rules are asked for.
  const auto final_on = FinalOn(*config, FinnishDay(absl::Now()));
  if (args.json()) {
    std::string receivers;
    for (const auto& [agency, got] : plan->receivers) {
      receivers += Str(receivers.empty() ? "" : ",", "{\"agency\":", JsonString(agency),
                       ",\"sections\":", SectionsJson(got.sections), ",\"retained_until\":",
                       got.kept ? DayJson(got.kept->until) : "null", ",\"legal_basis\":",
                       got.kept ? JsonString(got.kept->legal_basis) : "null", "}");
    }
    std::string of;
    for (const std::string& log : logs) of += Str(of.empty() ? "" : ",", JsonString(log));
    io.out << Str("{\"origin\":", JsonString(config->origin.text()), ",\"of\":[", of, "],\"case\":\"",
                  FormatCaseId(case_id), "\",\"tier\":\"", TierName(*tier), "\",\"entries\":",
                  plan->entries, ",\"sections\":", plan->sections, ",\"receivers\":[", receivers,
                  "],\"final_on\":", DayJson(final_on), ",\"closed\":",
                  *closed ? "true" : "false", "}\n");
    return kExitOk;
  }
  std::string of;
  for (const std::string& log : logs) of += Str(of.empty() ? "" : " and ", log);
  io.out << "would be erased from the log of " << of << ": "
         << plan->sections << " sections with their keys, "
         << (*tier == event::v1::ERASURE_TIER_ENTRIES
                 ? Str(plan->entries, " entries as well (their hashes stay)")
                 : std::string("the entries' headers stay"))
         << "\nfinal on " << FinalText(final_on)
         << (final_on ? Str(", when the last backup of the keystore from today has expired (",
                            config->keystore_backup_days, " days)")
                      : std::string())
         << "\n";
  if (!*closed) io.out << kNotClosed << "\n";
  if (plan->receivers.empty()) {
    io.out << "no other agency had got anything of it\n";
    return kExitOk;
  }
  io.out << "\n";
  TextTable table({"receiver", "had got", "keeps until", "on the basis of"});
  for (const auto& [agency, got] : plan->receivers) {
    table.Add({Plain(agency), SectionsText(got.sections),
               got.kept ? FormatDay(got.kept->until) : "nothing",
               got.kept ? Plain(got.kept->legal_basis) : ""});
  }
  table.Print(io.out);
  return kExitOk;
}

// To the error stream, before the answer is offered: what it is about.
ExitCode ShowRequest(const Args& args, const CaseId& case_id, Io& io) {
  const auto config = host::LoadConfig(args.Get("config"), "");
  if (!config.ok()) return Fail(io, config.status());
  const auto store = audit::Store::Open(*config);
  if (!store.ok()) return Fail(io, store.status());
  const auto open = OpenRequests(**store, *config, case_id);
  if (!open.ok()) return Fail(io, open.status());
  Io shown{.in = io.in, .out = io.err, .err = io.err};
  for (const OpenRequest& request : *open) {
    if (ParseEventId(args.operands()[1]) != request.id) continue;
    PrintRequest(request, shown);
    const auto plan =
        host::PlanErasure((*store)->engine(), config->origin, case_id, request.erasure.tier,
                          access::Policy(config->agreement), Today(*config));
    if (!plan.ok()) return Fail(io, plan.status());
    io.err << "  takes    " << plan->sections << " sections, " << plan->entries << " entries\n";
    const auto closed = audit::IsClosed((*store)->engine(), case_id);
    if (!closed.ok()) return Fail(io, closed.status());
    if (!*closed) io.err << kNotClosed << "\n";
    return kExitOk;
  }
  io.err << "polku: no such request of this case stands open in the log of " << config->origin.text()
         << "; `polku erasure status` shows those that do\n";
  return kExitOk;  // the service answers, also where this was said before
}

ExitCode RunErase(const Args& args, Io& io) {
  const auto case_id = ReadCase(args);
  if (!case_id.ok()) return FailUsage(io, ToStd(case_id.status().message()));
  if (args.operands().empty()) {
    return args.Has("dry-run") ? DryRun(args, *case_id, io) : Request(args, *case_id, io);
  }
  const std::string& act = args.operands()[0];
  if (act != "confirm" && act != "cancel") {
    return FailUsage(io, Str("there is no polku erase ", act, "; it is confirm or cancel"));
  }
  if (args.operands().size() != 2) {
    return FailUsage(io, Str("polku erase ", act, " needs the erasure's id"));
  }
  for (const std::string_view flag : {"basis", "tier", "rule", "dry-run"}) {
    if (args.Has(flag)) return FailUsage(io, Str("--", flag, " is for the request, not for ", act));
  }
  if (args.Has("config")) {
    if (const ExitCode no = ShowRequest(args, *case_id, io); no != kExitOk) return no;
  } else {
    io.err << "polku: what is asked for is in `polku erasure status`; with --config it is shown here\n";
  }
  if (act == "confirm") {
    return Answer<access::v1::ErasureConfirmed>(
        args, *case_id,
        "the service erases it now, on every disk of its own, and tells every receiver;\n"
        "`polku erasure status --config FILE` shows who has answered\n",
        io);
  }
  return Answer<access::v1::ErasureCancelled>(args, *case_id, "nothing is erased\n", io);
}

// ---- polku erasure status ----

struct Erasure {
  std::vector<host::ErasedEntry> parts;
  size_t entries = 0;
  size_t sections = 0;
  bool under_way = false;
  std::set<std::string> receivers;
  absl::CivilDay erased_on;
  const event::v1::Erased& head() const { return parts.front().erased; }
  // Whose entries: of the log that it stands in, of earlier epochs.
  std::set<std::string> logs() const {
    std::set<std::string> logs;
    for (const auto& part : parts) logs.insert(part.of);
    return logs;
  }
};

enum class Outcome { kErased, kRetained, kNotAnswered, kNotFollowed };
std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kErased:
      return "erased";
    case Outcome::kRetained:
      return "retained";
    case Outcome::kNotAnswered:
      return "not_answered";
    case Outcome::kNotFollowed:
      return "not_followed";
  }
  return "";
}

struct Row {
  std::string agency;
  std::string origin;  // of the service that answered; empty: none did
  Outcome outcome = Outcome::kNotAnswered;
  std::string legal_basis;
  std::string retained_until;
};

// Where an Erased stands, and what was answered to it.
using Answers = std::map<std::pair<std::string, Position>, event::v1::ErasureAnswered>;

// The answers in one log, the newest to each Erased.
absl::StatusOr<Answers> AnswersIn(log::Engine& engine, const log::HeldLog& held) {
  Answers answers;
  POLKU_ASSIGN_OR_RETURN(const auto controls,
                         log::ControlEntries(engine, held.number,
                                             event::v1::ErasureAnswered::descriptor()->full_name()));
  log::EntryFetcher fetcher(engine);
  for (const auto& control : controls) {
    POLKU_ASSIGN_OR_RETURN(const auto entry,
                           fetcher.Fetch(held.number, control.position, /*with_blobs=*/false));
    event::v1::ErasureAnswered answer;
    if (!answer.ParseFromString(entry.header->control())) continue;
    std::pair place(answer.origin(), Position(answer.position()));
    answers[std::move(place)] = std::move(answer);
  }
  return answers;
}

// What one service says of all parts of an erasure; nullopt: it has said nothing.
std::optional<Row> RowOf(const log::HeldLog& held, const Erasure& erasure,
                         const Answers& answers) {
  Row row{.agency = std::string(AgencyOfName(held.head.origin)),
          .origin = held.head.origin,
          .outcome = Outcome::kErased,
          .legal_basis = {},
          .retained_until = {}};
  size_t said = 0;
  for (const auto& part : erasure.parts) {
    const auto found = answers.find({part.origin, part.position});
    if (found == answers.end()) continue;
    ++said;
    if (found->second.outcome() != event::v1::ERASURE_OUTCOME_RETAINED) continue;
    row.outcome = Outcome::kRetained;
    // Days of one form: their text order is their order in time.
    if (row.retained_until < found->second.retained_until()) {
      row.retained_until = found->second.retained_until();
      row.legal_basis = found->second.legal_basis();
    }
  }
  if (said == 0) return std::nullopt;
  if (said < erasure.parts.size()) row.outcome = Outcome::kNotAnswered;
  return row;
}

// Of the own log and of earlier epochs, the oldest first.
absl::StatusOr<std::vector<Erasure>> OwnErasures(log::Engine& engine,
                                                 const std::vector<log::HeldLog>& logs,
                                                 const OriginName& own, std::optional<Hash> fence) {
  std::vector<host::ErasedEntry> entries;
  std::vector<log::HeldLog> epochs = log::EarlierEpochs(logs, own);
  std::copy_if(logs.begin(), logs.end(), std::back_inserter(epochs),
               [](const log::HeldLog& held) { return held.number == kOwnLog; });
  for (const log::HeldLog& epoch : epochs) {
    POLKU_ASSIGN_OR_RETURN(auto more, host::ErasedEntries(engine, epoch));
    std::move(more.begin(), more.end(), std::back_inserter(entries));
  }
  std::map<EventId, size_t> by_id;
  std::vector<Erasure> erasures;
  for (auto& entry : entries) {
    if (fence && entry.fence != *fence) continue;
    const auto [at, added] = by_id.try_emplace(entry.erasure_id, erasures.size());
    if (added) erasures.emplace_back();
    Erasure& erasure = erasures[at->second];
    POLKU_ASSIGN_OR_RETURN(const auto applied,
                           host::FindApplied(engine, entry.log, entry.position));
    erasure.under_way = erasure.under_way || !applied ||
                        applied->state != host::Applied::State::kDone;
    if (applied) erasure.receivers.insert(applied->receivers.begin(), applied->receivers.end());
    for (const auto& part : entry.parts) {
      erasure.entries += part.leaf ? 1 : 0;
      for (const SectionKind kind : kAllSectionKinds) {
        erasure.sections += part.sections.has(kind) ? 1 : 0;
      }
    }
    erasure.erased_on = entry.recorded_on;
    erasure.parts.push_back(std::move(entry));
  }
  return erasures;
}

std::vector<Row> RowsOf(const Erasure& erasure, const std::vector<log::HeldLog>& logs,
                        const std::map<std::string, Answers>& answers) {
  std::vector<Row> rows;
  std::set<std::string> silent = erasure.receivers;
  for (const auto& held : logs) {
    const auto of_log = answers.find(held.head.origin);
    if (of_log == answers.end()) continue;
    if (auto row = RowOf(held, erasure, of_log->second)) {
      silent.erase(row->agency);
      rows.push_back(*std::move(row));
    }
  }
  for (const std::string& agency : silent) {
    const bool followed = std::any_of(logs.begin(), logs.end(), [&](const log::HeldLog& held) {
      return AgencyOfName(held.head.origin) == agency;
    });
    rows.push_back({.agency = agency,
                    .origin = {},
                    .outcome = followed ? Outcome::kNotAnswered : Outcome::kNotFollowed,
                    .legal_basis = {},
                    .retained_until = {}});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::pair(a.agency, a.origin) < std::pair(b.agency, b.origin);
  });
  return rows;
}

std::string ErasureJson(const Erasure& erasure, const std::vector<Row>& rows,
                        std::optional<absl::CivilDay> final_on, bool complete) {
  std::string answers;
  for (const Row& row : rows) {
    answers += Str(answers.empty() ? "" : ",", "{\"agency\":", JsonString(row.agency), ",\"origin\":",
                   row.origin.empty() ? "null" : JsonString(row.origin), ",\"outcome\":\"",
                   OutcomeName(row.outcome), "\"",
                   row.outcome == Outcome::kRetained
                       ? Str(",\"legal_basis\":", JsonString(row.legal_basis), ",\"retained_until\":",
                             JsonString(row.retained_until))
                       : std::string(),
                   "}");
  }
  std::string positions;
  for (const auto& part : erasure.parts) {
    positions += Str(positions.empty() ? "" : ",", part.position.value());
  }
  std::string logs;
  for (const std::string& log : erasure.logs()) {
    logs += Str(logs.empty() ? "" : ",", JsonString(log));
  }
  return Str("{\"erasure\":\"", FormatEventId(erasure.parts.front().erasure_id), "\",\"origin\":",
             JsonString(erasure.parts.front().origin), ",\"positions\":[", positions, "],\"of\":[",
             logs, "],\"tier\":\"", TierName(erasure.head().tier()), "\",\"entries\":",
             erasure.entries, ",\"sections\":", erasure.sections, ",\"legal_basis\":",
             JsonString(erasure.head().legal_basis()), ",\"requested_by\":",
             JsonString(erasure.head().requested_by()), ",\"confirmed_by\":",
             JsonString(erasure.head().confirmed_by())) +
         Str(",\"erased_on\":", DayJson(erasure.erased_on), ",\"under_way\":",
             erasure.under_way ? "true" : "false", ",\"complete\":", complete ? "true" : "false",
             ",\"final_on\":", DayJson(final_on), ",\"receivers\":[", answers, "]}");
}

void PrintErasure(const Erasure& erasure, const std::vector<Row>& rows,
                  std::optional<absl::CivilDay> final_on, Io& io) {
  io.out << "erasure " << FormatEventId(erasure.parts.front().erasure_id) << " of "
         << FormatDay(erasure.erased_on) << " at position "
         << erasure.parts.front().position.value() << " of "
         << Plain(erasure.parts.front().origin) << ": " << erasure.sections << " sections, "
         << erasure.entries << " entries\n";
  for (const std::string& log : erasure.logs()) io.out << "  of       " << Plain(log) << "\n";
  io.out << "  basis    " << Plain(erasure.head().legal_basis())
         << "\n  asked    " << Plain(erasure.head().requested_by()) << ", confirmed "
         << Plain(erasure.head().confirmed_by()) << "\n  here     "
         << (erasure.under_way ? "under way: bytes are still on this service's disks"
                               : "gone from this service's disks")
         << "\n  final on " << FinalText(final_on) << "\n";
  if (rows.empty()) {
    io.out << "  no other agency had got anything of it, and nobody has answered\n";
    return;
  }
  TextTable table({"agency", "service", "says", "until", "on the basis of"});
  for (const Row& row : rows) {
    std::string says;
    switch (row.outcome) {
      case Outcome::kErased:
        says = "erased";
        break;
      case Outcome::kRetained:
        says = "keeps a part";
        break;
      case Outcome::kNotAnswered:
        says = "NOT ANSWERED";
        break;
      case Outcome::kNotFollowed:
        says = "unknown: its log is not followed here";
        break;
    }
    table.Add({Plain(row.agency), Plain(row.origin), says, Plain(row.retained_until),
               Plain(row.legal_basis)});
  }
  table.Print(io.out);
}

ExitCode RunErasure(const Args& args, Io& io) {
  if (args.operands()[0] != "status") {
    return FailUsage(io, Str("there is no polku erasure ", args.operands()[0], "; it is status"));
  }
  if (!args.Has("config")) {
    return FailUsage(io, "whose erasures? give --config with the service's configuration file");
  }
  std::optional<Hash> fence;
  std::optional<CaseId> of_case;
  if (args.Has("case")) {
    const auto case_id = ReadCase(args);
    if (!case_id.ok()) return FailUsage(io, ToStd(case_id.status().message()));
    fence = FenceOf(*case_id);
    of_case = *case_id;
  }
  const auto config = host::LoadConfig(args.Get("config"), "");
  if (!config.ok()) return Fail(io, config.status());
  const auto store = audit::Store::Open(*config);
  if (!store.ok()) return Fail(io, store.status());
  if ((*store)->FindLog(kOwnLog) == nullptr) {
    return Fail(io, absl::NotFoundError("the service has stored nothing yet"));
  }
  const auto erasures = OwnErasures((*store)->engine(), (*store)->logs(), config->origin, fence);
  if (!erasures.ok()) return Fail(io, erasures.status());
  std::map<std::string, Answers> answers;
  for (const auto& held : (*store)->logs()) {
    auto in_log = AnswersIn((*store)->engine(), held);
    if (!in_log.ok()) return Fail(io, in_log.status());
    answers[held.head.origin] = *std::move(in_log);
  }
  const auto requests = OpenRequests(**store, *config, of_case);
  if (!requests.ok()) return Fail(io, requests.status());
  std::string asked;
  for (const OpenRequest& request : *requests) {
    if (args.json()) {
      asked += Str(asked.empty() ? "" : ",", RequestJson(request));
    } else {
      PrintRequest(request, io);
      io.out << "\n";
    }
  }
  bool all_complete = true;
  std::string json;
  for (const Erasure& erasure : *erasures) {
    const std::vector<Row> rows = RowsOf(erasure, (*store)->logs(), answers);
    const auto final_on = FinalOn(*config, erasure.erased_on);
    const bool complete =
        !erasure.under_way && std::all_of(rows.begin(), rows.end(), [](const Row& row) {
          return row.outcome == Outcome::kErased || row.outcome == Outcome::kRetained;
        });
    all_complete = all_complete && complete;
    if (args.json()) {
      json += Str(json.empty() ? "" : ",", ErasureJson(erasure, rows, final_on, complete));
    } else {
      if (&erasure != &erasures->front()) io.out << "\n";
      PrintErasure(erasure, rows, final_on, io);
    }
  }
  if (args.json()) {
    io.out << "{\"origin\":" << JsonString(config->origin.text()) << ",\"erasures\":[" << json
           << "],\"requests\":[" << asked << "]}\n";
  } else if (erasures->empty()) {
    io.out << "nothing was erased from the log of " << config->origin.text()
           << (fence ? " of that case" : "") << "\n";
  }
  return all_complete ? kExitOk : kExitRefused;
}

}  // namespace

Command EraseCommand() {
  return {
      {.name = "erase",
       .summary = "have what a service's log holds of a case erased: one official asks, another confirms",
       .operands = "[confirm|cancel ID]",
       .min_operands = 0,
       .max_operands = 2,
       .flags = NetworkFlags(
           {{"case", "CASE", "the case, 32 hexadecimal digits"},
            {"basis", "TEXT", "the law or retention rule that this rests on; no personal data"},
            {"tier", "TIER",
             "sections: contents and their keys, headers stay (default); entries: headers as well"},
            {"rule", "ID:VERSION", "the profile's retention rule, when that is the reason"},
            {"id", "UUID", "of this act, to say it again after a lost answer; made up otherwise"},
            {"dry-run", "", "show what would go, and who keeps what; with --config, sends nothing"},
            {"config", "FILE",
             "the service's own configuration: what is asked for or confirmed is looked up there and shown"}}),
       .details =
           "Erases what the service's own log, earlier epochs included, holds of the case; each service that recorded parts of it is "
           "asked\nfor itself. The key needs RIGHT_ERASE and must be bound to one official under the "
           "service's principals;\nthe one who confirms is another. Once confirmed it cannot be called "
           "back: keys, contents and, with\n--tier entries, headers go from the service's disks and from "
           "those of every receiver that follows its\nlog; their hashes stay, and every proof with them. "
           "The case takes no more events at that service.\nThe dry run opens no section and records no "
           "read.",
       .examples = "polku erase --dry-run --config oulu-referral.textproto --case CASE --tier entries\n"
                   "polku erase --as virkailija-1.textproto --case CASE --basis \"laki 703/2023 27 §\" "
                   "--rule social_care_records:1\n"
                   "polku erase confirm ID --as virkailija-2.textproto --case CASE\n"
                   "polku erase cancel ID --as virkailija-2.textproto --case CASE"},
      RunErase};
}

Command ErasureCommand() {
  return {
      {.name = "erasure",
       .summary = "what was asked to be erased, what was erased from a service's log, and which receivers have answered",
       .operands = "status",
       .min_operands = 1,
       .max_operands = 1,
       .flags = {{"config", "FILE", "the service's configuration (paths and keys)"},
                 {"case", "CASE", "of one case alone; it is known by its fence, not by its entries"}},
       .details = "Requests that nobody has confirmed yet, and each erasure of the own log, earlier epochs included, with what every receiver says: erased, or which part it keeps, on "
                  "what basis\nand until when. An agency whose log is not followed here may have answered: "
                  "look where it is. \"final on\"\nis the day on which the last backup of this service's "
                  "keystore that could open it has expired.\nOpens nothing but the requests, which are about no "
                  "person. Exit code 1 while bytes are "
                  "still on this service's disks or a receiver is silent.",
       .examples = "polku erasure status --config oulu-referral.textproto\n"
                   "polku erasure status --config oulu-referral.textproto --case CASE --json"},
      RunErasure};
}

}  // namespace polku::cli
