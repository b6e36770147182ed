#include "adapters/cli/render.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/money.h"
#include "eventstore/base/status.h"
#include "google/protobuf/descriptor.h"
#include "services/core/message_cast.h"

namespace polku::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool EndsWith(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

class Renderer {
 public:
  Renderer(const Names& names, Language language) : names_(names), language_(language) {}

  std::string Field(const Message& message, const FieldDescriptor& field) const {
    if (!field.is_repeated()) return Value(message, field, -1);
    std::string text;
    const int count = message.GetReflection()->FieldSize(message, &field);
    for (int i = 0; i < count; ++i) {
      const std::string value = Value(message, field, i);
      text += Str(i == 0                                                 ? ""
                  : field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE ? "; "
                                                                         : ", ",
                  value);
    }
    return text;
  }

 private:
  // `index` -1: the field is not repeated.
  std::string Value(const Message& message, const FieldDescriptor& field, int index) const {
    const Reflection& reflection = *message.GetReflection();
    const bool one = index < 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int number = one ? reflection.GetEnumValue(message, &field)
                               : reflection.GetRepeatedEnumValue(message, &field, index);
        const auto* value = field.enum_type()->FindValueByNumber(number);
        return value == nullptr ? std::to_string(number) : CodeLabel(*value, language_);
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        return std::string(Label((one ? reflection.GetBool(message, &field)
                                      : reflection.GetRepeatedBool(message, &field, index))
                                     ? Word::kYes
                                     : Word::kNo,
                                 language_));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Nested(one ? reflection.GetMessage(message, &field)
                          : reflection.GetRepeatedMessage(message, &field, index));
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string text = one ? reflection.GetString(message, &field)
                               : reflection.GetRepeatedString(message, &field, index);
        if (field.type() == FieldDescriptor::TYPE_BYTES) {
          if (const auto case_id = CaseId::FromBytes(text);
              case_id && EndsWith(field.name(), "case_id")) {
            return FormatCaseId(*case_id);
          }
          const auto id = EventId::FromBytes(text);
          return id ? FormatEventId(*id) : ToHex(text);
        }
        if (EndsWith(field.name(), "agency") || EndsWith(field.name(), "agencies")) {
          text = AgencyLabel(names_.agreement, text, language_);
        }
        if (field.name() == "month") return MonthText(text, language_);
        if (field.name() == "language") return Plain(SpokenLanguage(text, language_));
        return DayText(text, language_);
      }
      case FieldDescriptor::CPPTYPE_INT64:
        return Number(field.name(), one ? reflection.GetInt64(message, &field)
                                        : reflection.GetRepeatedInt64(message, &field, index));
      case FieldDescriptor::CPPTYPE_INT32:
        return Number(field.name(), one ? reflection.GetInt32(message, &field)
                                        : reflection.GetRepeatedInt32(message, &field, index));
      case FieldDescriptor::CPPTYPE_UINT32:
        return Number(field.name(), one ? reflection.GetUInt32(message, &field)
                                        : reflection.GetRepeatedUInt32(message, &field, index));
      case FieldDescriptor::CPPTYPE_UINT64:
        return std::to_string(one ? reflection.GetUInt64(message, &field)
                                  : reflection.GetRepeatedUInt64(message, &field, index));
      default:
        return "";
    }
  }

  std::string Number(std::string_view name, int64_t value) const {
    if (EndsWith(name, "cents")) return Str(MoneyText(Cents(value), language_), " €");
    if (name.find("minutes") != std::string_view::npos) {
      if (value < 60) return Str(value, " min");
      return value % 60 == 0 ? Str(value / 60, " h") : Str(value / 60, " h ", value % 60, " min");
    }
    return std::to_string(value);
  }

  std::string Nested(const Message& message) const {
    if (const auto* rule = service::As<event::v1::RuleRef>(message)) {
      return Plain(RuleLabel(names_.profile, *rule, language_));
    }
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    std::string text;
    for (const FieldDescriptor* field : fields) {
      text += Str(text.empty() ? "" : ", ", FieldLabel(*field, language_), ": ",
                  Field(message, *field));
    }
    return text;
  }

  const Names& names_;
  const Language language_;
};

// " (24.3.2025–6.4.2025)" of an event that is about more days than one; "" of others.
std::string CoveredDays(const Message& event, Language language) {
  const auto text = [&](const char* name) {
    const FieldDescriptor* field = event.GetDescriptor()->FindFieldByName(name);
    return field == nullptr ? std::string() : event.GetReflection()->GetString(event, field);
  };
  for (const auto& [from, until] : {std::pair("covers_from", "covers_until"),
                                    std::pair("travelled_from", "travelled_until")}) {
    const std::string first = text(from), last = text(until);
    if (first.empty() || last.empty() || first == last) continue;
    return Str(" (", DayText(first, language), "–", DayText(last, language), ")");
  }
  return "";
}

template <typename Map>
std::string CountsOf(const Map& counts, Language language) {
  std::string text;
  for (const auto& [kind, count] : counts) {
    text += Str(text.empty() ? "" : ", ", CodeLabel(kind, language), " ", count);
  }
  return text.empty() ? "-" : text;
}

template <typename Set>
void AppendNames(std::string& text, const Set& kinds, Language language) {
  for (const auto kind : kinds) text += Str(text.empty() ? "" : ", ", CodeLabel(kind, language));
}

Word StageWord(audit::ServiceStage stage) {
  switch (stage) {
    case audit::ServiceStage::kNotStarted:
      return Word::kNotStarted;
    case audit::ServiceStage::kRunning:
      return Word::kRunning;
    case audit::ServiceStage::kInterrupted:
      return Word::kInterrupted;
    case audit::ServiceStage::kEnded:
      return Word::kEnded;
    case audit::ServiceStage::kClosed:
      break;
  }
  return Word::kClosed;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> RenderFields(
    const Message& message, const Names& names, Language language) {
  const Renderer renderer(names, language);
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::vector<std::pair<std::string, std::string>> lines;
  lines.reserve(fields.size());
  for (const FieldDescriptor* field : fields) {
    lines.emplace_back(FieldLabel(*field, language), renderer.Field(message, *field));
  }
  return lines;
}

// The merged order is for machines; a person is told the day, the step and who.
void PrintEvent(const audit::Event& event, const Names& names, Language language, bool brief,
                Io& io) {
  constexpr size_t kLabelWidth = 28;  // FieldLabel is no longer: tests/cli/labels_test.cc
  constexpr size_t kDayWidth = 10;    // "31.12.2025", "2025-12-31"
  std::optional<absl::CivilDay> valid;
  std::string covers;
  if (event.body != nullptr && !event.control()) {
    valid = audit::ValidDay(*event.body);
    covers = CoveredDays(*event.body, language);
  }
  const std::string day = DayText(valid.value_or(FinnishDay(event.recorded_at())), language);
  io.out << PadTo(day, kDayWidth) << "  " << Plain(EventLabel(event.header.type(), language)) << covers
         << "  ·  " << Plain(AgencyLabel(names.agreement, event.header.author_agency(), language));
  if (!event.header.author_official().empty()) {
    io.out << ", " << Label(Word::kOfficial, language) << " "
           << Plain(event.header.author_official());
  }
  io.out << "  (" << Label(Word::kRecorded, language) << " " << TimeText(event.recorded_at(), language)
         << ")" << (brief ? "" : "\n");
  if (event.body != nullptr && !brief) {
    for (const auto& [name, value] : RenderFields(*event.body, names, language)) {
      io.out << kEventIndent << PadTo(name, kLabelWidth) << " " << value << "\n";
    }
  }
  const auto kinds = [&](SectionSet sections) {
    std::string text;
    for (SectionKind kind : kAllSectionKinds) {
      if (sections.has(kind)) text += Str(text.empty() ? "" : ", ", SectionLabel(kind, language));
    }
    return text;
  };
  const std::string_view indent = brief ? std::string_view("  ") : kEventIndent;
  if (!event.sealed.empty()) {
    io.out << indent
           << (event.opened.empty() ? Label(Word::kHeaderOnly, language)
                                    : Label(Word::kSealed, language))
           << ": " << kinds(event.sealed) << (brief ? "" : "\n");
  }
  if (event.erasure != nullptr) {
    io.out << indent << Label(Word::kErasedOn, language) << " " << DayText(event.erasure->on, language)
           << " (" << Plain(event.erasure->legal_basis) << "): " << kinds(event.erased)
           << (brief ? "" : "\n");
  }
}

std::string RenderMoney(const audit::Money& money, Language language) {
  const std::string_view sealed = Label(Word::kSealed, language);
  if (money.visible == 0) return money.sealed == 0 ? "-" : std::string(sealed);
  std::string text = Str(MoneyText(money.sum, language), " €");
  if (money.sealed > 0) text += Str(" + ", money.sealed, " ", sealed);
  return text;
}

std::string RenderTravel(const audit::CaseSummary& summary, Language language) {
  const std::string in_kind = Str(summary.travel_in_kind, " ", Label(Word::kInKind, language));
  const bool money = summary.travel.sum != Cents(0) || summary.travel.visible == 0 ||
                     summary.travel.sealed > 0 || summary.travel_in_kind == 0;
  if (!money) return in_kind;
  const std::string sum = RenderMoney(summary.travel, language);
  return summary.travel_in_kind == 0 ? sum : Str(sum, " + ", in_kind);
}

std::string RenderPerks(const audit::CaseSummary& summary, Language language) {
  return CountsOf(summary.perks, language);
}

std::string RenderAssessed(const audit::CaseSummary& summary, Language language) {
  std::string text = CountsOf(summary.assessed, language);
  if (summary.feedback_given > 0) {
    text = Str(text == "-" ? "" : Str(text, ", "), Label(Word::kFeedback, language), " ",
               summary.feedback_given);
  }
  return text;
}

std::vector<std::string> RenderDues(const audit::CaseSummary& summary, absl::CivilDay today, Language language) {
  std::vector<std::string> lines;
  for (const audit::OpenDue& due : summary.due) {
    const bool feedback = due.kind == event::v1::ASSESSMENT_KIND_UNSPECIFIED;
    lines.push_back(Str(
        feedback ? Str(Label(Word::kFeedback, language), " (", CodeLabel(due.giver, language), ")")
                 : CodeLabel(due.kind, language),
        due.round > 1 ? Str(" ", due.round) : "", " ", DayText(due.due_on, language),
        IsOverdue(due, today) ? Str(" ", Label(Word::kOverdue, language)) : ""));
  }
  return lines;
}

std::string CountDues(const audit::CaseSummary& summary, absl::CivilDay today, Language language) {
  if (summary.due.empty()) return "-";
  const auto overdue = std::count_if(summary.due.begin(), summary.due.end(),
                                     [&](const audit::OpenDue& due) { return IsOverdue(due, today); });
  return overdue == 0 ? std::to_string(summary.due.size())
                      : Str(summary.due.size(), " (", overdue, " ", Label(Word::kOverdue, language), ")");
}

std::vector<std::string> RenderCommitments(const audit::CaseSummary& summary, absl::CivilDay today,
                                           const config::v1::Agreement& agreement, Language language) {
  std::vector<std::string> lines;
  for (const audit::OpenCommitment& one : summary.commitments) {
    std::string line = Str(Plain(one.meeting_id), " #", one.number, ": ", CodeLabel(one.member, language));
    if (!one.agency.empty()) line += Str(", ", Plain(AgencyLabel(agreement, one.agency, language)));
    if (!one.due_on.empty()) line += Str(" ", DayText(one.due_on, language));
    if (const auto last = ParseDay(one.due_on); last && *last < today) {
      line += Str(" ", Label(Word::kOverdue, language));
    }
    if (!one.committed) line += Str(", ", Label(Word::kNotCommitted, language));
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string RenderCaseManagers(const audit::CaseSummary& summary, const config::v1::Agreement& agreement,
                               Language language) {
  std::string text;
  for (const audit::CaseManager& manager : summary.case_managers) {
    const std::string& who = manager.name.empty() ? manager.official : manager.name;
    text += Str(text.empty() ? "" : "; ", Plain(who), " (", CodeLabel(manager.side, language), ", ",
                Plain(AgencyLabel(agreement, manager.agency, language)), ")");
  }
  if (!text.empty()) return text;
  return summary.no_case_manager ? std::string(Label(Word::kNobodyNamed, language)) : "-";
}

std::string RenderPlace(const audit::CaseSummary& summary, const config::v1::Agreement& agreement, Language language) {
  if (summary.provider_agency.empty() && summary.place_code.empty()) return "-";
  const std::string provider =
      summary.provider_agency.empty() ? "" : Plain(AgencyLabel(agreement, summary.provider_agency, language));
  return Str(Plain(summary.place_code), summary.place_code.empty() || provider.empty() ? "" : ", ", provider);
}

std::string RenderPeriod(const audit::CaseSummary& summary, Language language) {
  if (summary.period_from.empty()) return "-";
  const std::string& until = summary.ended_on.empty() ? summary.agreed_until : summary.ended_on;
  return Str(DayText(summary.period_from, language), "–", DayText(until, language));
}

std::vector<std::string> RenderAlerts(const audit::CaseSummary& summary, Language language) {
  std::vector<std::string> lines;
  for (const audit::OpenAlert& alert : summary.alerts) {
    lines.push_back(Str(CodeLabel(alert.kind, language), " ", DayText(alert.date, language)));
  }
  return lines;
}

bool IsOverdue(const audit::OpenDue& due, absl::CivilDay today) {
  const auto last = ParseDay(due.due_on);
  return last && *last < today;
}

std::vector<std::string> RenderScores(const audit::CaseSummary& summary, Language language) {
  std::vector<std::string> lines;
  for (const audit::ScoreChange& score : summary.scores) {
    using Rating = audit::ScoreChange::Rating;
    std::string line = score.rating == Rating::kWorkAbility
                           ? std::string(Label(Word::kWorkAbilityRating, language))
                       : score.rating == Rating::kFunctioning
                           ? std::string(Label(Word::kFunctioningRating, language))
                           : CodeLabel(score.scale, language);
    line += Str(" ", score.first, "/", score.first_of);
    if (score.last_round != score.first_round) {
      line += Str(" → ", score.last, "/", score.last_of);
      // Scores of as many items can be compared by their points.
      const int64_t change = int64_t{score.last} - int64_t{score.first};
      if (score.first_of == score.last_of) line += Str(" (", change > 0 ? "+" : "", change, ")");
    }
    lines.push_back(std::move(line));
  }
  if (summary.scores_sealed > 0) {
    lines.push_back(Str(summary.scores_sealed, " ", Label(Word::kSealed, language)));
  }
  return lines;
}

std::string RenderStatus(const audit::CaseSummary& summary, absl::CivilDay today, Language language) {
  std::string text(Label(StageWord(summary.stage), language));
  const bool runs = summary.stage == audit::ServiceStage::kRunning || summary.stage == audit::ServiceStage::kInterrupted;
  if (const auto last = ParseDay(summary.agreed_until); runs && last && *last < today) {
    text += Str(", ", Label(Word::kTimeOver, language), " (", DayText(*last, language), ")");
  }
  if (summary.stage == audit::ServiceStage::kNotStarted &&
      summary.referral != referral::v1::REFERRAL_STATUS_UNSPECIFIED) {
    text +=
        Str(", ", Label(Word::kReferral, language), ": ", CodeLabel(summary.referral, language));
  }
  if (!summary.ended_on.empty()) text += Str(" ", DayText(summary.ended_on, language));
  if (summary.exit_code != event::v1::EXIT_CODE_UNSPECIFIED) {
    text += Str(", ", CodeLabel(summary.exit_code, language));
  } else if (summary.exit_group != event::v1::EXIT_GROUP_UNSPECIFIED) {
    text += Str(", ", CodeLabel(summary.exit_group, language));
  }
  return text;
}

std::string RenderAbsences(const audit::CaseSummary& summary, Language language) {
  std::string text = CountsOf(summary.absences, language);
  if (summary.absences_sealed > 0) {
    text = Str(text == "-" ? "" : Str(text, ", "), summary.absences_sealed, " ",
               Label(Word::kSealed, language));
  }
  return text;
}

std::string RenderBenefits(const audit::CaseSummary& summary, Language language) {
  std::string text;
  AppendNames(text, summary.benefits, language);
  return text.empty() ? "-" : text;
}

std::string RenderParallel(const audit::CaseSummary& summary, Language language) {
  std::string text;
  AppendNames(text, summary.social_services, language);
  AppendNames(text, summary.health_services, language);
  if (summary.parallel_sealed > 0) {
    text +=
        Str(text.empty() ? "" : ", ", summary.parallel_sealed, " ", Label(Word::kSealed, language));
  }
  return text.empty() ? "-" : text;
}

std::string RenderContradiction(const audit::Contradiction& contradiction,
                                const config::v1::Agreement& agreement, Language language) {
  const auto act = [&](referral::v1::ReferralStatus status, const std::string& agency) {
    return Str(CodeLabel(status, language), " (", Plain(AgencyLabel(agreement, agency, language)), ")");
  };
  return Str(Plain(contradiction.referral_id), ": ",
             act(contradiction.overruled, contradiction.overruled_agency), " ",
             Label(Word::kOverruledBy, language), " ",
             act(contradiction.kept, contradiction.kept_agency));
}

}  // namespace polku::cli
