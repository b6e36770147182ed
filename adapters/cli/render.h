// An event's content as lines a person reads.
#ifndef POLKU_ADAPTERS_CLI_RENDER_H_
#define POLKU_ADAPTERS_CLI_RENDER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "google/protobuf/message.h"
#include "polku/config/v1/agreement.pb.h"
#include "services/audit/history.h"
#include "services/audit/summary.h"

namespace polku::cli {

// Label and value of each field that is set, in the order of the schema. Codes become words, cents
// euros, minutes hours, days the language's own, agencies and rules their names; a part of an event
// reads "label: value, …". Text that people wrote stays as it is.
std::vector<std::pair<std::string, std::string>> RenderFields(
    const google::protobuf::Message& message, const Names& names, Language language);

// What stands under an event's first line is set in by this.
inline constexpr std::string_view kEventIndent = "            ";
// The event as a timeline shows it: day, step, the days that it covers, and who; its content unless
// `brief`; what is sealed of it. A brief one's line is not ended.
void PrintEvent(const audit::Event& event, const Names& names, Language language, bool brief,
                Io& io);

// "9,00 €", with what is sealed: "9,00 € + 2 ei nähtävissä", "ei nähtävissä", "-".
std::string RenderMoney(const audit::Money& money, Language language);
// Travel given without a price is counted: "4 in kind".
std::string RenderTravel(const audit::CaseSummary& summary, Language language);
std::string RenderPerks(const audit::CaseSummary& summary, Language language);
std::string RenderAssessed(const audit::CaseSummary& summary, Language language);
// Its last day was before `today`.
bool IsOverdue(const audit::OpenDue& due, absl::CivilDay today);
// An alert that stands a line: what it is and the day it is about.
std::vector<std::string> RenderAlerts(const audit::CaseSummary& summary, Language language);
// A line each; those whose last day was before `today` are said to be overdue.
std::vector<std::string> RenderDues(const audit::CaseSummary& summary, absl::CivilDay today, Language language);
// How many, and how many of them are overdue: "3 (1 myöhässä)".
std::string CountDues(const audit::CaseSummary& summary, absl::CivilDay today, Language language);
// What members of network meetings took on and nobody has ended, a line each.
std::vector<std::string> RenderCommitments(const audit::CaseSummary& summary, absl::CivilDay today,
                                           const config::v1::Agreement& agreement, Language language);
// Who is the client's case manager, of which side; "ei nimetty" where explicitly nobody is, "-" where nothing is said.
std::string RenderCaseManagers(const audit::CaseSummary& summary, const config::v1::Agreement& agreement,
                               Language language);
// "paja, Toimintatupa ry", and the first and last day of the newest period; "-": no period.
std::string RenderPlace(const audit::CaseSummary& summary, const config::v1::Agreement& agreement, Language language);
std::string RenderPeriod(const audit::CaseSummary& summary, Language language);
// A scale or rating a line, "osallisuus 20/48 → 25/48 (+5)"; what is sealed is counted.
std::vector<std::string> RenderScores(const audit::CaseSummary& summary, Language language);
// Stage, last day and exit, e.g. "päättynyt 2.6.2025, opiskelu"; of a service that runs past its agreed last day that no
// end was recorded.
std::string RenderStatus(const audit::CaseSummary& summary, absl::CivilDay today, Language language);
std::string RenderAbsences(const audit::CaseSummary& summary, Language language);
std::string RenderBenefits(const audit::CaseSummary& summary, Language language);
std::string RenderParallel(const audit::CaseSummary& summary, Language language);
// "r1: accepted (Toimintatupa ry) gives way to: cancelled (Oulu)".
std::string RenderContradiction(const audit::Contradiction& contradiction,
                                const config::v1::Agreement& agreement, Language language);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_RENDER_H_
