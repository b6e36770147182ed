#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/json_text.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/render.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/money.h"
#include "eventstore/base/status.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "services/access/policy.h"
#include "services/audit/event_json.h"
#include "services/audit/payment_trail.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using audit::LineTrail;
using audit::PaymentTrail;
using audit::TrailStep;

constexpr Texts kPayment = {"Maksu", "Betalning", "Payment"};
constexpr Texts kNotPaidYet = {"Ei vielä missään maksussa", "Ännu inte i någon betalning",
                               "In no payment yet"};
constexpr Texts kSeeAbove = {"ks. edellä", "se ovan", "see above"};
constexpr Texts kMissing = {"puuttuu täältä", "finns inte här", "not held here"};
constexpr Texts kSealedHere = {"sinetöity täällä", "förseglat här", "sealed here"};
constexpr Texts kLines = {"riviä", "rader", "lines"};
constexpr Texts kLine = {"rivi", "rad", "line"};
constexpr Texts kGaveNothing = {"Läsnäolopäivät, joilta ei ole korvausta", "Närvarodagar utan ersättning",
                                "Attended days without an allowance"};
constexpr Texts kOutside = {"jakson ulkopuolella tai keskeytyksen aikana", "utanför perioden eller under ett avbrott",
                            "outside the period, or while it was interrupted"};
constexpr Texts kNoBenefit = {"ei etuutta, johon korvaus kuuluisi", "ingen förmån som ersättningen hör till",
                              "no benefit that an allowance belongs to"};
constexpr Texts kNotEntitled = {"lausunnon mukaan ei oikeutta etuuteen", "enligt utlåtandet ingen rätt till förmånen",
                                "by the statement not entitled to the benefit"};
constexpr Texts kNotSeen = {"syy ei näy täällä olevista merkinnöistä", "orsaken syns inte i det som finns här",
                            "what is held here does not say why"};
constexpr Texts kTakenBack = {"palautettu", "återfört", "taken back"};
constexpr Texts kStands = {"jää", "kvar", "stands"};
constexpr Texts kNoMoney = {"ei rahana maksettavaa", "inget att betala i pengar", "no money"};
constexpr Texts kDiffers = {"rivit yhteensä", "raderna totalt", "the lines add up to"};

// What a gap's name means.
struct GapTexts {
  std::string_view gap;
  Texts texts;
};
constexpr std::array kGaps = {
    GapTexts{"posting", {"kertymä tai myöntö", "intjänandet eller beviljandet", "the accrual or grant"}},
    GapTexts{"rule", {"sääntö lokin profiilissa", "regeln i loggens profil", "the rule in the log's profile"}},
    GapTexts{"day", {"päivämerkintä", "daganteckningen", "the record of the day"}},
    GapTexts{"benefit", {"etuus", "förmånen", "the benefit"}},
    GapTexts{"agreement", {"sopimus", "avtalet", "the agreement"}},
    GapTexts{"decision", {"päätös", "beslutet", "the decision"}},
};

std::string GapText(const std::string& gap, Language language) {
  constexpr std::string_view kSealed = "sealed:";
  if (gap.starts_with(kSealed)) {
    return Str(Plain(EventLabel(gap.substr(kSealed.size()), language)), ": ", Say(kSealedHere, language));
  }
  for (const GapTexts& entry : kGaps) {
    if (entry.gap == gap) return Str(Say(entry.texts, language), ": ", Say(kMissing, language));
  }
  return gap;
}

// Which of a line's events go into the answer, in the order of reasoning.
std::vector<const TrailStep*> StepsOf(const LineTrail& line) {
  std::vector<const TrailStep*> steps = {line.posting, line.cause, line.reversed, line.claim,
                                         line.means};
  steps.insert(steps.end(), line.days.begin(), line.days.end());
  for (const TrailStep* step : {line.benefit, line.statement, line.agreement, line.decision}) {
    steps.push_back(step);
  }
  std::erase(steps, nullptr);
  std::vector<const TrailStep*> unique;
  for (const TrailStep* step : steps) {
    if (std::find(unique.begin(), unique.end(), step) == unique.end()) unique.push_back(step);
  }
  return unique;
}

class TextAnswer {
 public:
  TextAnswer(const Names& names, Language language, Io& io)
      : names_(names), language_(language), io_(io) {}

  // The sum first, then what it is made of; what was given without a price stands by itself at the end.
  void Print(const PaymentTrail& trail) {
    const std::string payer = Plain(AgencyLabel(names_.agreement, trail.agency, language_));
    if (trail.payment_id.empty()) {
      io_.out << Say(kNotPaidYet, language_) << "  ·  " << payer;
    } else {
      io_.out << Say(kPayment, language_) << " " << Plain(trail.payment_id) << "  ·  " << payer;
      if (!trail.payment.batch_id.empty()) {
        io_.out << "  ·  " << Label(Word::kBatch, language_) << " " << Plain(trail.payment.batch_id);
      }
    }
    const auto in_kind = static_cast<size_t>(
        std::count_if(trail.lines.begin(), trail.lines.end(), [](const auto& line) { return line.in_kind(); }));
    const size_t priced = trail.lines.size() - in_kind;
    if (trail.payment_id.empty() && priced == 0) {
      io_.out << "  ·  " << Say(kNoMoney, language_);
    } else {
      io_.out << "  ·  " << Euros(trail.payment.total_cents) << "  ·  " << priced << " "
              << Say(priced == 1 ? kLine : kLines, language_);
      if (trail.payment.reversed_cents != 0) {
        io_.out << "  ·  " << Say(kTakenBack, language_) << " " << Euros(trail.payment.reversed_cents) << ", "
                << Say(kStands, language_) << " " << Euros(trail.payment.total_cents - trail.payment.reversed_cents);
      }
    }
    if (in_kind > 0) io_.out << "  ·  " << Label(Word::kInKind, language_) << ": " << in_kind;
    io_.out << "\n";
    int64_t sum = 0;
    for (const LineTrail& line : trail.lines) sum += line.cents;
    if (sum != trail.payment.total_cents) {
      io_.out << "  ! " << Say(kDiffers, language_) << " " << Euros(sum) << "\n";
    }
    for (const TrailStep* step : trail.steps) Print(*step, "  ");
    std::vector<const LineTrail*> lines;
    for (const LineTrail& line : trail.lines) lines.push_back(&line);
    std::stable_sort(lines.begin(), lines.end(), [](const LineTrail* a, const LineTrail* b) {
      return std::pair(a->in_kind(), a->date) < std::pair(b->in_kind(), b->date);
    });
    for (const LineTrail* line : lines) {
      Print(*line, line->in_kind() ? std::string(Label(Word::kInKind, language_)) : Euros(line->cents));
    }
    io_.out << "\n";
  }

  // Why a day that was attended gave nothing.
  void Print(const std::vector<audit::UnpaidDay>& unpaid) {
    if (unpaid.empty()) return;
    io_.out << Say(kGaveNothing, language_) << "  ·  " << unpaid.size() << "\n";
    for (const audit::UnpaidDay& day : unpaid) {
      std::string why;
      const auto add = [&](const std::string& reason) { why += Str(why.empty() ? "" : "; ", reason); };
      for (const auto breach : day.breaches) add(CodeLabel(breach, language_));
      if (day.outside_period) add(Say(kOutside, language_));
      if (day.no_benefit) add(Say(kNoBenefit, language_));
      if (day.not_entitled) add(Say(kNotEntitled, language_));
      io_.out << "  " << DayText(day.date, language_) << "  " << (why.empty() ? Say(kNotSeen, language_) : why) << "\n";
    }
    io_.out << "\n";
  }

 private:
  std::string Euros(int64_t cents) const { return Str(MoneyText(Cents(cents), language_), " €"); }

  void Print(const LineTrail& line, const std::string& what) {
    io_.out << "  " << (line.date.empty() ? FormatEventId(line.id) : DayText(line.date, language_)) << "  " << what
            << "\n";
    for (const TrailStep* step : StepsOf(line)) Print(*step, "    ");
    if (!line.rule_source.empty()) {
      io_.out << "    " << Label(Word::kRule, language_) << ": "
              << Plain(RuleLabel(names_.profile, line.rule, language_));
      if (line.rule_cents != 0) io_.out << ", " << Euros(line.rule_cents);
      io_.out << "\n      " << Label(Word::kRuleSource, language_) << ": " << Plain(line.rule_source) << "\n";
    }
    for (const std::string& gap : line.gaps) io_.out << "    ! " << GapText(gap, language_) << "\n";
  }

  // What it says in full the first time, then where it stands.
  void Print(const TrailStep& step, std::string_view indent) {
    const auto name = OriginName::Parse(step.origin);
    io_.out << indent << Plain(EventLabel(step.type, language_)) << "  ·  "
            << Plain(AgencyLabel(names_.agreement, step.author, language_));
    if (!step.official.empty()) {
      io_.out << ", " << Label(Word::kOfficial, language_) << " " << Plain(step.official);
    }
    io_.out << "  (" << (name.ok() ? ServiceLabel(name->service(), language_) : Plain(step.origin)) << " #"
            << step.position.value() << ", " << TimeText(step.recorded_at, language_) << ")";
    if (!shown_.insert(step.id).second) {
      io_.out << "  " << Say(kSeeAbove, language_) << "\n";
      return;
    }
    io_.out << "\n";
    std::string text;
    std::unique_ptr<google::protobuf::Message> body(step.body->New());
    body->CopyFrom(*step.body);
    // Its lines stand below, each with what it rests on.
    if (auto* proposed = dynamic_cast<compensation::v1::PaymentProposed*>(body.get())) proposed->clear_lines();
    for (const auto& [label, value] : RenderFields(*body, names_, language_)) {
      text += Str(text.empty() ? "" : "; ", label, ": ", value);
    }
    if (!text.empty()) io_.out << indent << "  " << text << "\n";
    if (!step.sealed.empty()) {
      std::string kinds;
      for (const SectionKind kind : kAllSectionKinds) {
        if (step.sealed.has(kind)) kinds += Str(kinds.empty() ? "" : ", ", SectionLabel(kind, language_));
      }
      io_.out << indent << "  " << Label(Word::kSealed, language_) << ": " << kinds << "\n";
    }
  }

  const Names& names_;
  const Language language_;
  Io& io_;
  std::set<EventId> shown_;
};

std::string IdJson(const TrailStep* step) {
  return step == nullptr ? "null" : Str("\"", FormatEventId(step->id), "\"");
}

template <typename List>
std::string IdsJson(const List& steps) {
  std::string json = "[";
  for (const TrailStep* step : steps) json += Str(json.size() > 1 ? "," : "", IdJson(step));
  return json + "]";
}

std::string LineJson(const LineTrail& line) {
  std::string gaps = "[";
  for (const std::string& gap : line.gaps) gaps += Str(gaps.size() > 1 ? "," : "", JsonString(gap));
  return Str(Str("{\"event\":\"", FormatEventId(line.id), "\",\"date\":", JsonString(line.date),
                 ",\"amount_cents\":", line.cents, ",\"reverses\":", IdJson(line.reversed),
                 ",\"taken_away_by\":", IdJson(line.cause), ",\"claim\":", IdJson(line.claim), ",\"means\":", IdJson(line.means),
                 ",\"rule\":{\"id\":", JsonString(line.rule.id()), ",\"version\":",
                 JsonString(line.rule.version()), ",\"cents\":", line.rule_cents, ",\"source\":",
                 JsonString(line.rule_source), "}"),
             ",\"days\":", IdsJson(line.days), ",\"benefit\":", IdJson(line.benefit),
             ",\"statement\":", IdJson(line.statement), ",\"agreement\":", IdJson(line.agreement),
             ",\"decision\":", IdJson(line.decision), ",\"in_kind\":", line.in_kind() ? "true" : "false", ",\"gaps\":", gaps, "]}");
}

absl::StatusOr<std::string> StepJson(const TrailStep& step) {
  POLKU_ASSIGN_OR_RETURN(const std::string body, audit::MessageJson(*step.body));
  std::string sealed = "[";
  for (const SectionKind kind : kAllSectionKinds) {
    if (step.sealed.has(kind)) {
      sealed += Str(sealed.size() > 1 ? "," : "", JsonString(SectionLabel(kind, Language::kEnglish)));
    }
  }
  return Str("{\"type\":", JsonString(step.type), ",\"origin\":", JsonString(step.origin),
             ",\"position\":", step.position.value(), ",\"author\":", JsonString(step.author),
             ",\"official\":", JsonString(step.official), ",\"recorded_at\":\"",
             polku::FormatTime(step.recorded_at), "\",\"sealed\":", sealed, "],\"event\":", body, "}");
}

std::string UnpaidJson(const std::vector<audit::UnpaidDay>& unpaid) {
  std::string json = "[";
  for (const audit::UnpaidDay& day : unpaid) {
    std::string breaches;
    for (const auto breach : day.breaches) breaches += Str(breaches.empty() ? "" : ",", CodeJson(breach));
    json += Str(json.size() > 1 ? "," : "", "{\"date\":\"", FormatDay(day.date), "\",\"period_id\":",
                JsonString(day.period_id), ",\"breaches\":[", breaches, "],\"outside_period\":",
                day.outside_period ? "true" : "false", ",\"no_benefit\":", day.no_benefit ? "true" : "false",
                ",\"not_entitled\":", day.not_entitled ? "true" : "false", "}");
  }
  return json + "]";
}

absl::Status PrintJson(const CaseId& case_id, const std::vector<PaymentTrail>& trails,
                       const std::vector<audit::UnpaidDay>& unpaid, Io& io) {
  std::vector<const TrailStep*> used;
  std::string payments;
  for (const PaymentTrail& trail : trails) {
    std::string lines;
    used.insert(used.end(), trail.steps.begin(), trail.steps.end());
    for (const LineTrail& line : trail.lines) {
      lines += Str(lines.empty() ? "" : ",", LineJson(line));
      const auto steps = StepsOf(line);
      used.insert(used.end(), steps.begin(), steps.end());
    }
    payments += Str(payments.empty() ? "" : ",", "{\"agency\":", JsonString(trail.agency), ",\"payment_id\":",
                    trail.payment_id.empty() ? "null" : JsonString(trail.payment_id), ",\"batch\":",
                    JsonString(trail.payment.batch_id), ",\"total_cents\":", trail.payment.total_cents,
                    ",\"reversed_cents\":", trail.payment.reversed_cents, ",\"steps\":", IdsJson(trail.steps),
                    ",\"lines\":[", lines, "]}");
  }
  std::string events;
  std::set<EventId> told;
  for (const TrailStep* step : used) {
    if (!told.insert(step->id).second) continue;
    POLKU_ASSIGN_OR_RETURN(const std::string json, StepJson(*step));
    events += Str(events.empty() ? "" : ",", "\"", FormatEventId(step->id), "\":", json);
  }
  io.out << "{\"case\":\"" << FormatCaseId(case_id) << "\",\"payments\":[" << payments
         << "],\"attended_without_allowance\":" << UnpaidJson(unpaid) << ",\"events\":{" << events << "}}\n";
  return absl::OkStatus();
}

ExitCode RunExplainPayment(const Args& args, Io& io) {
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  const auto case_id = ParseCaseId(args.operands()[0]);
  if (!case_id) return FailUsage(io, "the case is not 32 hexadecimal digits");
  const std::string payment_id = args.operands().size() == 2 ? args.operands()[1] : "";
  auto filter = ReadFilter(args);
  if (!filter.ok()) return FailUsage(io, ToStd(filter.status().message()));
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const auto reading = OpenRecorded(
      args, *claim, {.command = "explain-payment", .case_id = *case_id, .sections = AllSections()});
  if (!reading.ok()) return Fail(io, reading.status());
  audit::PaymentTrailFold fold;
  audit::History history(*reading->store);
  // The rules as the logs recorded them: the decision names a version, the log has its text.
  audit::Filter rules;
  rules.type = event::v1::RulesChanged::descriptor()->full_name();
  absl::Status status = history.Replay(rules, [&](const audit::Event& event) {
    fold.AddRules(event);
    return absl::OkStatus();
  });
  if (status.ok()) {
    const access::Policy policy(reading->config.agreement);
    filter->policy = &policy;
    status = history.Timeline(*case_id, *filter, [&](const audit::Event& event) {
      fold.Add(event);
      return absl::OkStatus();
    });
  }
  if (!status.ok()) return Fail(io, status);
  const auto trails = fold.Finish(payment_id);
  if (trails.empty()) {
    return Fail(io, payment_id.empty()
                        ? Error(absl::StatusCode::kNotFound, "no money of that case is held here")
                        : Error(absl::StatusCode::kNotFound, "no payment ", Plain(payment_id),
                                " of that case is readable here; without its name all are listed"));
  }
  // Of the case, not of one payment.
  const std::vector<audit::UnpaidDay> unpaid =
      payment_id.empty() ? fold.Unpaid(reading->config.profile) : std::vector<audit::UnpaidDay>();
  if (args.json()) {
    const absl::Status printed = PrintJson(*case_id, trails, unpaid, io);
    return printed.ok() ? kExitOk : Fail(io, printed);
  }
  const Names names{reading->config.agreement, reading->config.profile};
  TextAnswer answer(names, *language, io);
  for (const PaymentTrail& trail : trails) answer.Print(trail);
  answer.Print(unpaid);
  return kExitOk;
}

}  // namespace

Command ExplainPaymentCommand() {
  return {
      {.name = "explain-payment",
       .summary = "each cent of a case's payments, back to day, rule, decision and officials",
       .operands = "CASE [PAYMENT]",
       .min_operands = 1,
       .max_operands = 2,
       .flags = RecordedReadingFlags(
           {{"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"lang", "fi|sv|en", "language of labels and codes; fi"}}),
       .details =
           "Goes back from each payment (or the one named), and from what is in no payment yet, to what it rests on:\n"
           "the accrual or grant and the rule it cites, as the log recorded that rule; the records and corrections\n"
           "of the day; claim, benefit, the authority's statement, agreement and decision; who proposed, approved\n"
           "and paid; then the days that were attended and gave nothing, and why. What this agency does not hold or may not open is said with a !, never guessed.",
       .examples =
           "polku explain-payment CASE --config kela.textproto --official etuus-3 --purpose payment \\\n"
           "  --basis \"laki 189/2001\"\n"
           "polku explain-payment CASE maalis-2025 --lang en --json --config tarkastaja.textproto \\\n"
           "  --official t-1 --purpose supervision --basis \"laki 611/2021\""},
      RunExplainPayment};
}

}  // namespace polku::cli
