#include "services/audit/summary.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/json_text.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/references.h"
#include "adapters/cli/render.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "services/access/policy.h"
#include "services/audit/visitors.h"

namespace polku::cli {
namespace {

using audit::CaseSummary;
using audit::JsonString;
using audit::LogSummary;

template <typename Map>
std::string CountsJson(const Map& counts) {
  std::string json = "{";
  for (const auto& [kind, count] : counts) {
    json += Str(json.size() > 1 ? "," : "", JsonString(EnumLabel(kind)), ":", count);
  }
  return json + "}";
}

template <typename Set>
std::string NamesJson(const Set& kinds) {
  std::string json = "[";
  for (const auto kind : kinds)
    json += Str(json.size() > 1 ? "," : "", JsonString(EnumLabel(kind)));
  return json + "]";
}

std::string MoneyJson(const audit::Money& money) {
  return Str("{\"cents\":", money.sum.value(), ",\"visible\":", money.visible,
             ",\"sealed\":", money.sealed, "}");
}

std::string NameOf(const References& references, const CaseId& case_id) {
  return Plain(references.Of(case_id));
}

std::string ScoresJson(const CaseSummary& c) {
  std::string json = "[";
  for (const audit::ScoreChange& score : c.scores) {
    using Rating = audit::ScoreChange::Rating;
    const std::string name = score.rating == Rating::kWorkAbility   ? "work ability"
                             : score.rating == Rating::kFunctioning ? "functioning"
                                                                    : EnumLabel(score.scale);
    json += Str(json.size() > 1 ? "," : "", "{\"scale\":", JsonString(name), ",\"first_round\":",
                score.first_round, ",\"first\":", score.first, ",\"first_of\":", score.first_of,
                ",\"last_round\":", score.last_round, ",\"last\":", score.last, ",\"last_of\":",
                score.last_of, "}");
  }
  return json + "]";
}

std::string FormsJson(const std::map<std::string, audit::ProviderForms>& forms) {
  std::string json = "[";
  for (const auto& [agency, of] : forms) {
    json += Str(json.size() > 1 ? "," : "", "{\"provider\":", JsonString(agency), ",\"periods_ended\":",
                of.periods_ended, ",\"closing_feedback\":", of.closing_feedback, ",\"forms\":", of.forms,
                ",\"parts\":", 4 * of.forms, ",\"parts_filled\":", of.parts_filled, ",\"parts_sealed\":",
                of.parts_sealed, ",\"due\":", of.due, "}");
  }
  return json + "]";
}

std::string AlertsJson(const CaseSummary& c) {
  std::string json = "[";
  for (const audit::OpenAlert& alert : c.alerts) {
    json += Str(json.size() > 1 ? "," : "", "{\"alert\":", CodeJson(alert.kind), ",\"period_id\":",
                JsonString(alert.period_id), ",\"date\":", JsonString(alert.date), "}");
  }
  return json + "]";
}

std::string CommitmentsJson(const CaseSummary& c, absl::CivilDay today) {
  std::string json = "[";
  for (const audit::OpenCommitment& one : c.commitments) {
    const auto last = ParseDay(one.due_on);
    json += Str(json.size() > 1 ? "," : "", "{\"meeting_id\":", JsonString(one.meeting_id), ",\"number\":", one.number,
                ",\"member\":", CodeJson(one.member), ",\"agency\":", JsonString(one.agency), ",\"due_on\":",
                JsonString(one.due_on), ",\"committed\":", one.committed ? "true" : "false", ",\"overdue\":",
                last && *last < today ? "true" : "false", "}");
  }
  return json + "]";
}

std::string CaseJson(const CaseSummary& c, const References& references, absl::CivilDay today) {
  std::string due = "[";
  for (const audit::OpenDue& open : c.due) {
    due +=
        Str(due.size() > 1 ? "," : "", "{\"kind\":",
            open.kind == event::v1::ASSESSMENT_KIND_UNSPECIFIED ? "\"feedback\""
                                                                : JsonString(EnumLabel(open.kind)),
            ",\"giver\":", CodeJson(open.giver), ",\"round\":", open.round,
            ",\"due_on\":", JsonString(open.due_on), ",\"overdue\":", IsOverdue(open, today) ? "true" : "false",
            "}");
  }
  due += "]";
  std::string contradictions, linked;
  for (const audit::Contradiction& one : c.contradictions) {
    contradictions += Str(contradictions.empty() ? "" : ",", "{\"referral_id\":",
                          JsonString(one.referral_id), ",\"kept\":", CodeJson(one.kept),
                          ",\"kept_by\":", JsonString(one.kept_agency), ",\"overruled\":",
                          CodeJson(one.overruled), ",\"overruled_by\":",
                          JsonString(one.overruled_agency), "}");
  }
  for (const CaseId& other : c.linked) {
    linked += Str(linked.empty() ? "" : ",", "\"", FormatCaseId(other), "\"");
  }
  return Str(
      Str("{\"case\":\"", FormatCaseId(c.case_id), "\"",
          references.Find(c.case_id) != nullptr
              ? Str(",\"client\":", JsonString(*references.Find(c.case_id)))
              : "",
          ",\"events\":", c.events, ",\"attended\":", c.attended, ",\"not_held\":", c.not_held,
          ",\"absent_accepted\":", c.absent_accepted, ",\"absent_other\":", c.absent_other,
          ",\"unknown_days\":", c.unknown_days, ",\"absences\":", CountsJson(c.absences),
          ",\"absences_sealed\":", c.absences_sealed, ",\"open_breaches\":", c.open_breaches,
          ",\"alerts\":", AlertsJson(c), ",\"open_commitments\":", CommitmentsJson(c, today)),
      Str(",\"allowance\":", MoneyJson(c.allowance), ",\"allowance_days\":", c.allowance_days,
          ",\"travel\":", MoneyJson(c.travel), ",\"travel_grants\":", c.travel_grants,
          ",\"travel_in_kind\":", c.travel_in_kind,
          ",\"perks\":", CountsJson(c.perks), ",\"assessed\":", CountsJson(c.assessed),
          ",\"feedback_given\":", c.feedback_given, ",\"due\":", due, ",\"kykyviisari\":", ScoresJson(c),
          ",\"kykyviisari_sealed\":", c.scores_sealed),
      Str(",\"referral\":", CodeJson(c.referral), ",\"stage\":\"", audit::ServiceStageName(c.stage),
          "\",\"started_on\":", JsonString(c.started_on), ",\"ended_on\":", JsonString(c.ended_on),
          ",\"agreed_until\":", JsonString(c.agreed_until), ",\"provider\":", JsonString(c.provider_agency),
          ",\"place\":", JsonString(c.place_code),
          ",\"exit_group\":", CodeJson(c.exit_group), ",\"exit_code\":", CodeJson(c.exit_code)),
      Str(",\"benefits\":", NamesJson(c.benefits), ",\"social_services\":",
          NamesJson(c.social_services), ",\"health_services\":", NamesJson(c.health_services),
          ",\"parallel_sealed\":", c.parallel_sealed,
          ",\"follow_on_plan\":", c.follow_on_plan ? "true" : "false", ",\"contradictions\":[",
          contradictions, "],\"linked_cases\":[", linked, "]}"));
}

std::string LogJson(const LogSummary& log) {
  std::string types = "{";
  for (const auto& [type, count] : log.by_type) {
    types += Str(types.size() > 1 ? "," : "", JsonString(type), ":", count);
  }
  return Str("{\"origin\":", JsonString(log.origin), ",\"own\":", log.own ? "true" : "false",
             ",\"size\":", log.size, ",\"held\":", log.held, ",\"withheld\":", log.withheld,
             ",\"control\":", log.control, ",\"with_sealed_sections\":", log.sealed,
             ",\"cases\":", log.cases, ",\"types\":", types, "}}");
}

void PrintCases(const std::vector<CaseSummary>& cases, const References& references,
                const config::v1::Agreement& agreement, absl::CivilDay today, Language language,
                Io& io) {
  const auto word = [&](Word w) { return std::string(Label(w, language)); };
  TextTable table({word(references.empty() ? Word::kCaseColumn : Word::kClient), word(Word::kAttended),
                   word(Word::kNotHeld), word(Word::kAbsences), word(Word::kAllowance),
                   word(Word::kTravel), word(Word::kPerks), word(Word::kAssessed), word(Word::kDue),
                   word(Word::kStatus)});
  uint64_t attended = 0;
  audit::Money allowance, travel;
  const auto add = [](audit::Money& total, const audit::Money& part) {
    if (auto sum = total.sum.Plus(part.sum)) total.sum = *sum;
    total.visible += part.visible;
    total.sealed += part.sealed;
  };
  for (const CaseSummary& c : cases) {
    table.Add({NameOf(references, c.case_id), std::to_string(c.attended),
               std::to_string(c.not_held), RenderAbsences(c, language),
               RenderMoney(c.allowance, language), RenderTravel(c, language),
               RenderPerks(c, language), RenderAssessed(c, language), CountDues(c, today, language),
               RenderStatus(c, today, language)});
    attended += c.attended;
    add(allowance, c.allowance);
    add(travel, c.travel);
  }
  table.Print(io.out);
  io.out << word(Word::kCases) << " " << cases.size() << ", " << word(Word::kAttended) << " "
         << attended << ", " << word(Word::kAllowance) << " " << RenderMoney(allowance, language)
         << ", " << word(Word::kTravel) << " " << RenderMoney(travel, language) << "\n";
  // What somebody has to do, a line each, by kind.
  const auto lines = [&](Word kind, const auto& of) {
    for (const CaseSummary& c : cases) {
      for (const std::string& text : of(c)) {
        io.out << word(kind) << ": " << NameOf(references, c.case_id) << "  " << text << "\n";
      }
    }
  };
  lines(Word::kDue, [&](const CaseSummary& c) { return RenderDues(c, today, language); });
  lines(Word::kAlerts, [&](const CaseSummary& c) { return RenderAlerts(c, language); });
  lines(Word::kCommitments, [&](const CaseSummary& c) { return RenderCommitments(c, today, agreement, language); });
  lines(Word::kOpenBreaches, [&](const CaseSummary& c) {
    return c.open_breaches == 0 ? std::vector<std::string>() : std::vector<std::string>{std::to_string(c.open_breaches)};
  });
  for (const CaseSummary& c : cases) {
    for (const audit::Contradiction& one : c.contradictions) {
      io.out << word(Word::kContradictory) << ": " << NameOf(references, c.case_id) << "  "
             << RenderContradiction(one, agreement, language) << "\n";
    }
  }
}

// How the clients' own scores changed, a scale a line, and how much of their forms the providers have filled.
void PrintAssessments(const audit::Summary& summary, const References& references,
                      const config::v1::Agreement& agreement, Language language, Io& io) {
  const auto word = [&](Word w) { return std::string(Label(w, language)); };
  TextTable scores({word(references.empty() ? Word::kCaseColumn : Word::kClient), word(Word::kKykyviisari)});
  bool any = false;
  for (const CaseSummary& c : summary.cases) {
    for (const std::string& line : RenderScores(c, language)) {
      scores.Add({NameOf(references, c.case_id), line});
      any = true;
    }
  }
  if (any) {
    io.out << "\n";
    scores.Print(io.out);
  }
  if (summary.forms.empty()) return;
  TextTable forms({word(Word::kProvider), word(Word::kPeriodsEnded), word(Word::kClosingFeedback),
                   word(Word::kForms), word(Word::kPartsFilled), word(Word::kDue)});
  for (const auto& [agency, of] : summary.forms) {
    forms.Add({Plain(AgencyLabel(agreement, agency, language)), std::to_string(of.periods_ended),
               std::to_string(of.closing_feedback), std::to_string(of.forms),
               Str(of.parts_filled, "/", 4 * of.forms,
                   of.parts_sealed > 0 ? Str(" (", of.parts_sealed, " ", word(Word::kSealed), ")") : ""),
               std::to_string(of.due)});
  }
  io.out << "\n";
  forms.Print(io.out);
}

void PrintLogs(const std::vector<LogSummary>& logs, Language language, Io& io) {
  const auto word = [&](Word w) { return std::string(Label(w, language)); };
  TextTable table({word(Word::kLog), word(Word::kEntries), word(Word::kHeld), word(Word::kWithheld),
                   word(Word::kSealedInPart), word(Word::kCases)});
  for (const LogSummary& log : logs) {
    table.Add({log.own ? Str(Plain(log.origin), " (", word(Word::kOwn), ")") : Plain(log.origin),
               std::to_string(log.size), std::to_string(log.held), std::to_string(log.withheld),
               std::to_string(log.sealed), std::to_string(log.cases)});
  }
  table.Print(io.out);
  for (const LogSummary& log : logs) {
    if (log.by_type.empty()) continue;
    io.out << "\n" << Plain(log.origin) << "\n";
    TextTable types({word(Word::kEventType), word(Word::kEntries)});
    for (const auto& [type, count] : log.by_type) {
      types.Add({Plain(EventLabel(type, language)), std::to_string(count)});
    }
    types.Print(io.out);
  }
}

std::string VisitorsJson(const audit::VisitorCount& count) {
  return Str("\"visitors\":", count.visitors, ",\"children\":", count.children,
             ",\"service_clients\":", count.service_clients);
}

// Days, then the month of each place, then all.
void PrintVisitors(const audit::VisitorsFold& fold, const config::v1::Agreement& agreement,
                   Language language, bool json, Io& io) {
  using Month = std::tuple<std::string, std::string, std::string>;  // agency, place, "2025-03"
  std::map<Month, audit::VisitorCount> months;
  audit::VisitorCount total;
  for (const auto& [day, count] : fold.days()) {
    audit::VisitorCount& month = months[{day.agency, day.place_code, FormatDay(day.date).substr(0, 7)}];
    month = month + count;
    total = total + count;
  }
  if (json) {
    std::string list;
    for (const auto& [day, count] : fold.days()) {
      list += Str(list.empty() ? "" : ",", "{\"agency\":", JsonString(day.agency), ",\"place\":",
                  JsonString(day.place_code), ",\"date\":\"", FormatDay(day.date), "\",",
                  VisitorsJson(count), "}");
    }
    io.out << "{\"days\":[" << list << "],\"months\":[";
    list.clear();
    for (const auto& [month, count] : months) {
      list += Str(list.empty() ? "" : ",", "{\"agency\":", JsonString(std::get<0>(month)),
                  ",\"place\":", JsonString(std::get<1>(month)), ",\"month\":\"", std::get<2>(month),
                  "\",", VisitorsJson(count), "}");
    }
    io.out << list << "],\"total\":{" << VisitorsJson(total) << "}}\n";
    return;
  }
  const auto word = [&](Word w) { return std::string(Label(w, language)); };
  TextTable table({word(Word::kPlace), word(Word::kDay), word(Word::kVisitors), word(Word::kChildren),
                   word(Word::kServiceClients)});
  const auto row = [&](std::string place, std::string day, const audit::VisitorCount& count) {
    table.Add({std::move(place), std::move(day), std::to_string(count.visitors),
               std::to_string(count.children), std::to_string(count.service_clients)});
  };
  const auto place = [&](const std::string& agency, const std::string& code) {
    return Str(Plain(code), ", ", Plain(AgencyLabel(agreement, agency, language)));
  };
  for (const auto& [day, count] : fold.days()) {
    row(place(day.agency, day.place_code), DayText(day.date, language), count);
  }
  for (const auto& [month, count] : months) {
    row(place(std::get<0>(month), std::get<1>(month)), MonthText(std::get<2>(month), language), count);
  }
  row(word(Word::kTotal), "", total);
  table.Print(io.out);
  io.out << "\n" << word(Word::kOtherPlacesNotSeen) << "\n";
}

ExitCode RunSummary(const Args& args, Io& io) {
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  std::optional<CaseId> only;
  if (args.Has("case")) {
    only = ParseCaseId(args.Get("case"));
    if (!only) return FailUsage(io, "--case is not 32 hexadecimal digits");
  }
  auto filter = ReadFilter(args);
  if (!filter.ok()) return FailUsage(io, ToStd(filter.status().message()));
  const auto references = References::Read(args.Get("clients"), *language);
  if (!references.ok()) return Fail(io, references.status());
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const auto reading = OpenRecorded(
      args, *claim,
      {.command = "summary", .case_id = only.value_or(CaseId()), .sections = AllSections()});
  if (!reading.ok()) return Fail(io, reading.status());
  audit::History history(*reading->store);
  audit::SummaryFold fold(reading->config.profile, reading->store->logs());
  audit::VisitorsFold visitors;
  ProgressLine progress(io, args.Has("progress"));
  uint64_t entries = 0;
  const auto visit = [&](const audit::Event& event) {
    if (++entries % 4096 == 0) progress.Show(Str(entries, " entries"));
    fold.Add(event);
    visitors.Add(event);
    return absl::OkStatus();
  };
  const access::Policy policy(reading->config.agreement);
  filter->policy = &policy;
  const absl::Status status =
      only ? history.Timeline(*only, *filter, visit) : history.Replay(*filter, visit);
  progress.Clear();
  if (!status.ok()) return Fail(io, status);
  if (args.Has("visitors")) {
    PrintVisitors(visitors, reading->config.agreement, *language, args.json(), io);
    return kExitOk;
  }
  audit::Summary summary = fold.Finish();
  if (!references->empty()) {
    std::stable_sort(summary.cases.begin(), summary.cases.end(),
                     [&](const CaseSummary& a, const CaseSummary& b) {
                       return NameOf(*references, a.case_id) < NameOf(*references, b.case_id);
                     });
  }
  const bool show_cases = !args.Has("logs");
  // What a log withholds is known only where all of it was read.
  const bool show_logs = !args.Has("cases") && !only && !filter->as_of && !filter->valid_on;
  const absl::CivilDay today = JudgedOn(reading->config, *filter);
  if (args.json()) {
    io.out << "{\"agency\":" << JsonString(reading->config.origin.agency());
    if (show_cases) {
      io.out << ",\"cases\":[";
      for (size_t i = 0; i < summary.cases.size(); ++i) {
        io.out << (i > 0 ? "," : "") << CaseJson(summary.cases[i], *references, today);
      }
      io.out << "],\"providers\":" << FormsJson(summary.forms);
    }
    if (show_logs) {
      io.out << ",\"logs\":[";
      for (size_t i = 0; i < summary.logs.size(); ++i) {
        io.out << (i > 0 ? "," : "") << LogJson(summary.logs[i]);
      }
      io.out << "]";
    }
    io.out << "}\n";
    return kExitOk;
  }
  if (show_cases) {
    PrintCases(summary.cases, *references, reading->config.agreement, today, *language, io);
    PrintAssessments(summary, *references, reading->config.agreement, *language, io);
  }
  if (show_cases && show_logs) io.out << "\n";
  if (show_logs) PrintLogs(summary.logs, *language, io);
  return kExitOk;
}

}  // namespace

Command SummaryCommand() {
  return {
      {.name = "summary",
       .summary =
           "a line a case and a line a log: what this agency holds, days, money, assessments",
       .flags = RecordedReadingFlags(
           {{"cases", "", "the cases alone"},
            {"logs", "", "the logs alone"},
            {"visitors", "", "visitors of open activities, counted without persons: a line a place and day, months, all"},
            {"case", "ID", "one case"},
            {"clients", "FILE", "CSV: asiakas;tapaus; names the cases by the provider's reference"},
            {"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"valid-on", "DAY", "what had become true in the world by the end of that day"},
            {"lang", "fi|sv|en", "language of headings and codes; fi"},
            {"progress", "", "show progress even when the error stream is no terminal"}}),
       .details = "Attended days and absences as they stand after corrections, allowance and "
                  "travel net of reversals,\n"
                  "assessments done and still due, alerts that stand, status and exit; how the clients' own scores (Kykyviisari) changed and\n"
                  "how much of their forms the providers have filled; then each held log with what "
                  "was disclosed to this\n"
                  "agency and what was withheld. Only what this agency may read counts; the rest "
                  "is said to be sealed.",
       .examples =
           "polku summary --config kela.textproto --official etuus-3 --purpose payment --basis 'laki 189/2001'\n"
           "polku summary --config oulu-referral.textproto --cases --as-of 2025-03-31 --json \\\n"
           "  --official oma-1 --purpose case-handling --basis 'laki 189/2001'"},
      RunSummary};
}

}  // namespace polku::cli
