#include "adapters/csv/sheet.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "adapters/cli/command.h"
#include "adapters/cli/event_input.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/network.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/sheet_blank.h"
#include "adapters/cli/text_file.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "services/audit/event_json.h"
#include "services/host/config.h"

namespace polku::cli {
namespace {

constexpr size_t kMaxSheetBytes = 4 << 20;
constexpr size_t kMaxShownProblems = 100;

using csv::Fill;
using csv::SheetLanguage;

constexpr Texts kMore = {"ja {} muuta", "och {} till", "and {} more"};
constexpr Texts kNothingRecorded = {"lomakkeesta ei kirjattu mitään", "inget av blanketten antecknades",
                                    "nothing of the sheet was recorded"};
constexpr Texts kRecorded = {"{}: päiviä {}, asiakkaita {}; nyt kirjattu {}, aiemmin kirjattu {}",
                             "{}: dagar {}, klienter {}; antecknade nu {}, tidigare {}",
                             "{}: {} days of {} clients, {} recorded, {} recorded before"};
constexpr Texts kProposed = {
    "vahvistettujen kuukausien korjaukset on ehdotettu: mikään ei muutu ennen kuin toinen virkailija ratkaisee ne "
    "(DayCorrectionDecided)",
    "rättelser av bekräftade månader är föreslagna: inget ändras förrän en annan tjänsteman avgör dem "
    "(DayCorrectionDecided)",
    "of confirmed months, proposed: nothing changes until another official decides (DayCorrectionDecided)"};
constexpr Texts kProposal = {"  rivi {}, {}: asia {}, proposal_event_id {}", "  rad {}, {}: ärende {}, proposal_event_id {}",
                             "  line {}, {}: case {}, proposal_event_id {}"};
constexpr Texts kChecked = {"{}: päiviä {}, asiakkaita {}; mitään ei lähetetty", "{}: dagar {}, klienter {}; inget skickades",
                            "{}: {} days of {} clients; nothing was sent"};

ExitCode ShowProblems(const std::string& path, const std::vector<csv::Problem>& problems,
                      SheetLanguage language, const Args& args, Io& io) {
  if (args.json()) {
    io.out << "{\"file\":" << audit::JsonString(path) << ",\"problems\":[";
    for (size_t i = 0; i < problems.size(); ++i) {
      io.out << (i > 0 ? "," : "") << "{\"line\":" << problems[i].line
             << ",\"column\":" << problems[i].column
             << ",\"what\":" << audit::JsonString(problems[i].what) << "}";
    }
    io.out << "]}\n";
  }
  for (size_t i = 0; i < problems.size() && i < kMaxShownProblems; ++i) {
    io.err << "polku: " << path << ": " << csv::FormatProblem(problems[i], language) << "\n";
  }
  if (problems.size() > kMaxShownProblems) {
    io.err << "polku: " << Fill(kMore, language, {Str(problems.size() - kMaxShownProblems)}) << "\n";
  }
  io.err << "polku: " << Fill(kNothingRecorded, language) << "\n";
  return kExitBadInput;
}

// "6" or "5,5" → minutes.
absl::StatusOr<uint32_t> PlannedMinutes(std::string text) {
  for (char& c : text) {
    if (c == ',') c = '.';
  }
  char* end = nullptr;
  const double hours = std::strtod(text.c_str(), &end);
  const double minutes = hours * 60;
  if (text.empty() || *end != '\0' || !(minutes >= 1 && minutes <= 24 * 60) ||
      std::abs(minutes - std::round(minutes)) > 1e-6) {
    return absl::InvalidArgumentError("--planned-hours is not hours such as 6 or 5,5");
  }
  return static_cast<uint32_t>(std::lround(minutes));
}

exchange::v1::Offer MakeOffer(const csv::Sheet& sheet, const std::string& official) {
  exchange::v1::Offer offer;
  for (const csv::SheetEvent& event : sheet.events) {
    auto* offered = offer.add_events();
    offered->set_event_id(std::string(event.id.view()));
    offered->set_case_id(std::string(event.case_id.view()));
    offered->set_type(event.message->GetDescriptor()->full_name());
    event.message->SerializeToString(offered->mutable_body());
    offered->set_official(official);
  }
  return offer;
}

// A month that its provider confirmed changes by proposals alone. Whether it has one is the service's to know: it refuses
// the whole sheet at the first such day, and records nothing. Makes proposals of the corrections of that client's month
// and period; false where the refused day is none.
bool ProposeMonthOf(size_t refused, const std::string& agency, csv::Sheet& sheet, std::vector<size_t>& proposed) {
  const auto month_of = [](const csv::SheetEvent& event) {
    const auto* corrected = dynamic_cast<const attendance::v1::DayCorrected*>(event.message.get());
    return corrected == nullptr ? std::string() : event.date.substr(0, 7) + corrected->period_id();
  };
  const std::string month = month_of(sheet.events[refused]);
  const CaseId case_id = sheet.events[refused].case_id;
  if (month.empty()) return false;
  for (size_t i = 0; i < sheet.events.size(); ++i) {
    csv::SheetEvent& event = sheet.events[i];
    if (event.case_id != case_id || month_of(event) != month) continue;
    csv::ProposeCorrection(event, agency);
    proposed.push_back(i);
  }
  return true;
}

ExitCode Send(csv::Sheet sheet, const Target& target, const std::string& path, SheetLanguage language,
              const Args& args, Io& io) {
  const auto client = client::Client::Connect(target.options);
  if (!client.ok()) return Fail(io, client.status());
  std::vector<size_t> proposed;
  auto answer = (*client)->Publish(MakeOffer(sheet, target.official));
  while (answer.ok() && answer->has_refusal() && answer->refusal().code() == "month_confirmed" &&
         answer->refusal().event_index() < sheet.events.size() &&
         ProposeMonthOf(answer->refusal().event_index(), target.agency, sheet, proposed)) {
    answer = (*client)->Publish(MakeOffer(sheet, target.official));
  }
  if (!answer.ok()) return Fail(io, answer.status());
  if (answer->has_refusal()) {
    const auto& refusal = answer->refusal();
    csv::Problem problem{0, 0, RefusalText(refusal)};
    if (refusal.event_index() < sheet.events.size()) {
      const csv::SheetEvent& event = sheet.events[refusal.event_index()];
      problem = {event.line, event.column, Str(DayText(event.date, static_cast<Language>(language)), ": ", problem.what)};
    }
    if (args.json()) {
      io.out << "{\"file\":" << audit::JsonString(path) << ",\"line\":" << problem.line
             << ",\"column\":" << problem.column << ",\"refusal\":" << RefusalJson(refusal)
             << "}\n";
    }
    io.err << "polku: " << path << ": " << csv::FormatProblem(problem, language) << "\n"
           << "polku: " << Fill(kNothingRecorded, language) << "\n";
    return ExitCodeFor(refusal);
  }
  size_t repeated = 0;
  for (const auto& receipt : answer->receipts()) repeated += receipt.repeated_offer() ? 1 : 0;
  const size_t added = static_cast<size_t>(answer->receipts_size()) - repeated;
  std::sort(proposed.begin(), proposed.end());
  if (args.json()) {
    io.out << "{\"file\":" << audit::JsonString(path) << ",\"clients\":" << sheet.clients
           << ",\"days\":" << sheet.events.size() << ",\"recorded\":" << added
           << ",\"repeated\":" << repeated << ",\"proposed\":[";
    for (size_t i = 0; i < proposed.size(); ++i) {
      const csv::SheetEvent& event = sheet.events[proposed[i]];
      io.out << (i > 0 ? "," : "") << "{\"line\":" << event.line << ",\"case\":\""
             << FormatCaseId(event.case_id) << "\",\"date\":\"" << event.date << "\",\"event\":\""
             << FormatEventId(event.id) << "\"}";
    }
    io.out << "]}\n";
    return kExitOk;
  }
  io.out << Fill(kRecorded, language,
                 {path, Str(sheet.events.size()), Str(sheet.clients), Str(added), Str(repeated)})
         << "\n";
  if (proposed.empty()) return kExitOk;
  io.out << Fill(kProposed, language) << "\n";
  for (const size_t i : proposed) {
    const csv::SheetEvent& event = sheet.events[i];
    io.out << Fill(kProposal, language,
                   {Str(event.line), DayText(event.date, static_cast<Language>(language)),
                    FormatCaseId(event.case_id), FormatEventId(event.id)})
           << "\n";
  }
  return kExitOk;
}

// The flags of the forms that record and of the one that reads. Both have --official: who does it.
std::vector<Flag> SheetFlags(std::vector<Flag> more) {
  std::vector<Flag> flags = NetworkFlags(std::move(more));
  for (const Flag& flag : RecordedReadingFlags(
           {{"group", "CODE", "blank: the group"},
            {"week", "WEEK", "blank: an ISO week, such as 2025-W10"},
            {"month", "MONTH", "blank: a month, such as 2025-03"},
            {"lang", "fi|sv|en", "language of what is said, and of a blank sheet's headings; fi"}})) {
    if (flag.name != "official") flags.push_back(flag);
  }
  return flags;
}

ExitCode RunSheet(const Args& args, Io& io) {
  const std::string path = args.operands()[0];
  if (path == "blank") return RunBlankSheet(args, io);
  const bool dry = args.Has("print") || args.Has("check");
  const auto spoken = ParseLanguage(args.GetOr("lang", "fi"));
  if (!spoken) return FailUsage(io, "--lang is fi, sv or en");
  // What a machine reads is English, whatever the language.
  const auto language = args.json() ? SheetLanguage::kEnglish : static_cast<SheetLanguage>(*spoken);
  csv::SheetOptions options;
  options.table.language = language;
  options.table.allow_missing_line_break = args.Has("no-final-line-break");
  options.period_id = args.Get("period");
  options.place_code = args.Get("place");
  if (args.Has("planned-hours")) {
    const auto minutes = PlannedMinutes(args.Get("planned-hours"));
    if (!minutes.ok()) return FailUsage(io, ToStd(minutes.status().message()));
    options.planned_minutes = *minutes;
  }
  if (!args.Has("clients")) {
    return FailUsage(io, "give --clients FILE: a CSV file with the columns asiakas and tapaus");
  }
  Target target;
  if (dry) {
    target.agency = args.Get("agency");
    target.official = args.Get("official");
  }
  if (!dry || args.Has("as")) {
    auto found = FindTarget(args);
    if (!found.ok()) return Fail(io, found.status());
    target = *std::move(found);
  }
  if (target.agency.empty()) {
    return FailUsage(io,
                     "the ids of the events are derived from the provider's agency; give --agency");
  }
  options.author_agency = target.agency;
  config::v1::Profile profile;
  if (args.Has("profile")) {
    auto read = host::LoadProfile(absl::StrSplit(args.Get("profile"), ','));
    if (!read.ok()) return Fail(io, read.status());
    profile = *std::move(read);
    options.profile = &profile;
  }

  const auto clients_text = ReadFile(args.Get("clients"), kMaxSheetBytes);
  if (!clients_text.ok()) return Fail(io, clients_text.status());
  std::vector<csv::Problem> problems;
  const csv::Clients clients = csv::ParseClients(*clients_text, options.table, problems);
  if (!problems.empty()) return ShowProblems(args.Get("clients"), problems, language, args, io);
  const auto text = ReadInput(path, kMaxSheetBytes, io);
  if (!text.ok()) return Fail(io, text.status());
  csv::Sheet sheet = csv::ParseSheet(*text, clients, options);
  if (!sheet.problems.empty()) return ShowProblems(path, sheet.problems, language, args, io);

  if (args.Has("print")) {
    const exchange::v1::Offer offer = MakeOffer(sheet, target.official);
    for (const auto& event : offer.events()) {
      const auto json = OfferedEventJson(event);
      if (!json.ok()) return Fail(io, json.status());
      io.out << *json << "\n";
    }
    return kExitOk;
  }
  if (args.Has("check")) {
    if (args.json()) {
      io.out << "{\"file\":" << audit::JsonString(path) << ",\"clients\":" << sheet.clients
             << ",\"days\":" << sheet.events.size() << "}\n";
    } else {
      io.out << Fill(kChecked, language, {path, Str(sheet.events.size()), Str(sheet.clients)}) << "\n";
    }
    return kExitOk;
  }
  return Send(std::move(sheet), target, path, language, args, io);
}

}  // namespace

Command SheetCommand() {
  return {
      {.name = "sheet",
       .summary = "record an association's attendance sheet (CSV), whole or not at all; print a blank one",
       .operands = "FILE|blank",
       .min_operands = 1,
       .max_operands = 1,
       .flags = SheetFlags(
           {{"clients", "FILE",
             "CSV: asiakas;tapaus, the provider's reference of each client and its case"},
            {"period", "LABEL", "service period, where the sheet says none"},
            {"place", "CODE", "code of the place, where the sheet says none"},
            {"planned-hours", "HOURS", "planned hours a day, where the sheet says none"},
            {"profile", "FILE[,FILE]",
             "the profile, its files in their order: outcomes by its absence_classes"},
            {"no-final-line-break", "", "the last line may end without a line break"},
            {"check", "", "find all problems, send nothing"},
            {"print", "", "print the events as `polku import` takes them, send nothing"}}),
       .details =
           "Wide form: a row a client, a column a day; cells are hours (6, 5,5 or planned/actual "
           "7/5,5) or a code:\n"
           "L läsnä, V vaihdettu päivä, E ei järjestetty, S oma sairaus, LS lapsen sairaus, T "
           "työhaastattelu,\n"
           "LT luottamustoimi, P muu poissaolo; + after it: certificate seen. Long form: a row a "
           "day, also for\n"
           "corrections. adapters/csv/SHEETS.md has all of it. All problems are listed with line "
           "and column; nothing\n"
           "is recorded until there is none, and the same sheet again records nothing twice. A correction of a\n"
           "month that was confirmed is proposed instead, for another official to decide; its event id is printed.\n\n"
           "`sheet blank` prints the shared sheet of a group: a row a member of that time, a column a day on "
           "which\nsomebody is expected. Filled in, `sheet` takes it as it is. Rows are named by "
           "--clients, else by case id.\nIt is a recorded read (--config, --official, --purpose, "
           "--basis). Exit code 1: the group has nobody then.",
       .examples = "polku sheet --as association.textproto --clients clients.csv maaliskuu.csv\n"
                   "polku sheet --agency FI/COM/0187690-1/yhdistys --clients clients.csv --check "
                   "maaliskuu.csv\n"
                   "polku sheet blank --group puu-a --week 2025-W10 --clients clients.csv --config "
                   "association.textproto \\\n  --official ohjaaja-1 --purpose case-handling "
                   "--basis 'laki 189/2001' > viikko10.csv"},
      RunSheet};
}

}  // namespace polku::cli
