#include "services/host/profile_check.h"

#include <algorithm>
#include <set>

#include "eventstore/base/status.h"

namespace polku::host {
namespace {

using config::v1::Profile;

bool IsMunicipalityCode(const std::string& code) {
  return code.size() == 3 && code.find_first_not_of("0123456789") == std::string::npos;
}

bool IsLanguage(const std::string& language) {
  return language == "fi" || language == "sv" || language == "en";
}

// A problem of one rule, or "".
std::string TooManyDays(std::string_view field, uint32_t days) {
  return days <= kMaxRuleDays ? std::string() : Str(field, ": at most ", kMaxRuleDays, " days");
}

std::string BadCents(std::string_view field, int64_t cents) {
  return 0 <= cents && cents <= kMaxRuleCents
             ? std::string()
             : Str(field, ": 0 to ", kMaxRuleCents, " cents; what is taken back the services reverse by themselves");
}

std::string Problem(const config::v1::PlanRule& rule) {
  if (rule.kind() == event::v1::PLAN_KIND_UNSPECIFIED) return "";  // no plan is needed
  if (rule.signers().empty()) return "signers: name who signs this plan; without one anybody's draft would do";
  std::set<int> signers(rule.signers().begin(), rule.signers().end());
  if (signers.contains(event::v1::ACTOR_ROLE_UNSPECIFIED) ||
      static_cast<int>(signers.size()) != rule.signers_size()) {
    return "signers: each role once, none unspecified";
  }
  return "";
}

std::string Problem(const config::v1::AgreementRule& rule) {
  for (const uint32_t months : {rule.first_months(), rule.min_months(), rule.max_months(), rule.long_max_months(),
                                rule.long_after_years() * 12}) {
    if (months > kMaxRuleMonths || rule.long_after_years() > kMaxRuleMonths) {
      return Str("months: at most ", kMaxRuleMonths);
    }
  }
  const auto over = [](uint32_t small, uint32_t large) { return large != 0 && small > large; };
  if (over(rule.min_months(), rule.max_months())) return "min_months: more than max_months";
  if (rule.first_months() != 0 &&
      (rule.first_months() < rule.min_months() || over(rule.first_months(), rule.max_months()))) {
    return "first_months: not between min_months and max_months, so no first agreement could be made";
  }
  if ((rule.long_after_years() == 0) != (rule.long_max_months() == 0)) {
    return "long_after_years and long_max_months go together";
  }
  if (over(rule.long_max_months(), rule.max_months()) || over(rule.min_months(), rule.long_max_months())) {
    return "long_max_months: not between min_months and max_months";
  }
  return "";
}

std::string Problem(const config::v1::IntensityRule& rule) {
  const auto over = [](uint32_t small, uint32_t large) { return large != 0 && small > large; };
  if (rule.max_days_per_week() > 7 || rule.min_days_per_week() > 7) return "days_per_week: a week has 7 days";
  if (over(rule.min_days_per_week(), rule.max_days_per_week())) return "min_days_per_week: more than max_days_per_week";
  if (rule.max_minutes_per_day() > 1440 || rule.min_minutes_per_day() > 1440) {
    return "minutes_per_day: a day has 1,440 minutes";
  }
  if (over(rule.min_minutes_per_day(), rule.max_minutes_per_day())) {
    return "min_minutes_per_day: more than max_minutes_per_day";
  }
  if (rule.max_minutes_per_week() > 7 * 1440) return "max_minutes_per_week: a week has 10,080 minutes";
  if (over(rule.min_minutes_per_day(), rule.max_minutes_per_week())) {
    return "max_minutes_per_week: less than one day's least";
  }
  return "";
}

std::string Problem(const config::v1::RateRule& rule) {
  if (rule.kind() == event::v1::ALLOWANCE_KIND_UNSPECIFIED) return "kind is missing; it says what the rate is of";
  if (rule.cents_per_day() == 0) return "cents_per_day is missing; leave the rule out where nothing is paid";
  return BadCents("cents_per_day", rule.cents_per_day());
}

std::string Problem(const config::v1::TravelRule& rule) {
  using event::v1::TravelMode;
  const TravelMode mode = rule.mode();
  if (mode == event::v1::TRAVEL_MODE_UNSPECIFIED) return "mode is missing; it says how travel is paid";
  if (auto bad = BadCents("cents", rule.cents()); !bad.empty()) return bad;
  if (auto bad = BadCents("cents_per_kilometre", rule.cents_per_kilometre()); !bad.empty()) return bad;
  if (rule.cents_per_kilometre() != 0 && (mode != event::v1::TRAVEL_MODE_PER_DAY || rule.cents() != 0)) {
    return "cents_per_kilometre: goes with TRAVEL_MODE_PER_DAY, and without cents";
  }
  if (mode == event::v1::TRAVEL_MODE_PER_DAY && rule.means() == event::v1::TRAVEL_MEANS_OWN_CAR &&
      rule.cents() == 0 && rule.cents_per_kilometre() == 0) {
    return "cents_per_kilometre: give it, or cents; a way by car is not paid in kind";
  }
  if (mode == event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS && rule.cents() != 0) {
    return "cents: actual costs are paid by claim; leave it out";
  }
  if (rule.card_days() != 0 && mode != event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD) {
    return "card_days: goes with TRAVEL_MODE_MONTHLY_BUS_CARD";
  }
  if (rule.card_days() > 366) return "card_days: at most 366";
  std::set<std::string> codes;
  for (const std::string& code : rule.municipality_codes()) {
    if (!IsMunicipalityCode(code)) return Str("municipality_codes: '", code, "' is not of three digits, as 049");
    if (!codes.insert(code).second) return Str("municipality_codes: ", code, " is there twice");
  }
  return TooManyDays("claim_within_days", rule.claim_within_days());
}

std::string Problem(const config::v1::PerkRule& rule) {
  if (rule.kind() == event::v1::PERK_KIND_UNSPECIFIED) return "kind is missing; it says what is given";
  if (rule.occasion() == config::v1::PERK_OCCASION_UNSPECIFIED) return "occasion is missing; it says when it is given";
  return TooManyDays("lasts_days", rule.lasts_days());
}

std::string Problem(const config::v1::AbsenceClassRule& rule) {
  if (rule.attendance_class() == event::v1::ATTENDANCE_CLASS_UNSPECIFIED) return "attendance_class is missing";
  if (rule.outcome() == event::v1::DAY_OUTCOME_UNSPECIFIED) return "outcome is missing; it says what a day leads to";
  const bool accepted = rule.outcome() == event::v1::DAY_OUTCOME_ABSENT_ACCEPTED;
  if (!accepted && (rule.max_days() != 0 || rule.certificate_after_days() != 0)) {
    return "max_days, certificate_after_days: of DAY_OUTCOME_ABSENT_ACCEPTED alone";
  }
  if (auto bad = TooManyDays("max_days", rule.max_days()); !bad.empty()) return bad;
  return TooManyDays("certificate_after_days", rule.certificate_after_days());
}

template <typename Rule>
std::string BadRecipient(const Rule& rule) {
  return rule.recipient() == event::v1::ACTOR_ROLE_BENEFIT_PAYER ||
                 rule.recipient() == event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY
             ? ""
             : "recipient: ACTOR_ROLE_BENEFIT_PAYER or ACTOR_ROLE_EMPLOYMENT_AUTHORITY";
}

std::string Problem(const config::v1::AbsenceNoticeRule& rule) {
  if (rule.notice() != event::v1::NOTICE_KIND_ABSENCES &&
      rule.notice() != event::v1::NOTICE_KIND_ABSENCES_MAY_END_SERVICE) {
    return "notice: NOTICE_KIND_ABSENCES or NOTICE_KIND_ABSENCES_MAY_END_SERVICE";
  }
  if (auto bad = BadRecipient(rule); !bad.empty()) return bad;
  if (auto bad = TooManyDays("interval_days", rule.interval_days()); !bad.empty()) return bad;
  return TooManyDays("after_absent_days", rule.after_absent_days());
}

std::string Problem(const config::v1::NoticeRule& rule) {
  if (rule.notice() != event::v1::NOTICE_KIND_START || rule.recipient() != event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY) {
    return "notice: the start, to the employment authority (NOTICE_KIND_START, ACTOR_ROLE_EMPLOYMENT_AUTHORITY); "
           "nothing follows from others yet, and absences stand in absence_notices";
  }
  return TooManyDays("within_days", rule.within_days());
}

std::string Problem(const config::v1::AssessmentRule& rule) {
  if (rule.kind() == event::v1::ASSESSMENT_KIND_UNSPECIFIED) return "kind is missing; it says what is assessed";
  if (rule.anchor() == config::v1::ANCHOR_UNSPECIFIED) return "anchor is missing; it says from when months count";
  if (!rule.optional() && rule.months().empty()) return "months: give at least one, or say optional: true";
  for (int i = 0; i < rule.months_size(); ++i) {
    if (rule.months(i) > kMaxRuleMonths) return Str("months: at most ", kMaxRuleMonths);
    if (i > 0 && rule.months(i) <= rule.months(i - 1)) return "months: ascending, each once; they number the rounds";
  }
  if (auto bad = TooManyDays("grace_days", rule.grace_days()); !bad.empty()) return bad;
  return TooManyDays("raised_days_before", rule.raised_days_before());
}

std::string Problem(const config::v1::FeedbackRule& rule) {
  if (rule.giver() != event::v1::ACTOR_ROLE_CLIENT && rule.giver() != event::v1::ACTOR_ROLE_PROVIDER) {
    return "giver: ACTOR_ROLE_CLIENT or ACTOR_ROLE_PROVIDER; nobody else's feedback is taken";
  }
  return TooManyDays("days_after_end", rule.days_after_end());
}

std::string Problem(const config::v1::ExitRule& rule) {
  if (rule.codes().empty()) return "codes: name the exit codes in use";
  return std::find(rule.codes().begin(), rule.codes().end(), 0) == rule.codes().end() ? "" : "codes: none unspecified";
}

std::string Problem(const config::v1::CaseManagerRule& rule) {
  return rule.side() == event::v1::CASE_MANAGER_SIDE_UNSPECIFIED ? "side is missing; it says whose worker" : "";
}

std::string Problem(const config::v1::RetentionRule& rule) {
  if (rule.kind() == config::v1::RECORD_KIND_UNSPECIFIED) return "kind is missing; it says of which records";
  return 1 <= rule.years() && rule.years() <= 200 ? "" : "years: 1 to 200";
}

std::string Problem(const config::v1::AlertRule& rule) {
  using event::v1::AlertKind;
  const AlertKind kind = rule.kind();
  if (kind == event::v1::ALERT_KIND_UNSPECIFIED) return "kind is missing; it says what is warned of";
  if (kind == event::v1::ALERT_KIND_START_NOT_NOTIFIED) return "kind: that alert follows from a rule in notices";
  const bool before = kind == event::v1::ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON;
  if (before && rule.after_days() != 0) return "after_days: this kind warns beforehand; use days_before";
  if (!before && rule.days_before() != 0) return "days_before: this kind warns afterwards; use after_days";
  if (before && rule.days_before() == 0) return "days_before is missing; it says how long beforehand";
  if (auto bad = TooManyDays("days_before", rule.days_before()); !bad.empty()) return bad;
  return TooManyDays("after_days", rule.after_days());
}

template <typename Names>
std::string BadNames(std::string_view field, const Names& names) {
  std::set<std::string> languages;
  for (const auto& name : names) {
    if (!IsLanguage(name.language())) return Str(field, ": language '", name.language(), "': fi, sv or en");
    if (!languages.insert(name.language()).second) return Str(field, ": ", name.language(), " is there twice");
    if (name.text().empty()) return Str(field, ": the text in ", name.language(), " is missing");
  }
  return "";
}

std::string Problem(const config::v1::BenefitRule& rule) { return BadNames("display_names", rule.display_names()); }

std::string Problem(const config::v1::ActorRule& rule) {
  if (rule.office() == config::v1::OFFICE_UNSPECIFIED) return "office is missing; it says who is named";
  return BadNames("holder", rule.holder());
}

// Each mark is one of three, and the first stands in front.
std::string BadSource(const std::string& source) {
  for (const std::string_view mark : {"[s] ", "[p] ", "[k] "}) {
    if (source.starts_with(mark)) return "";
  }
  return "source: begin with where it is from: [s] a seed, [p] a public page, [k] general knowledge or an assumption";
}

template <typename List>
std::optional<RuleProblem> First(const char* name, const List& rules) {
  for (int i = 0; i < rules.size(); ++i) {
    std::string what = BadSource(rules[i].source());
    if constexpr (requires { Problem(rules[i]); }) {
      if (what.empty()) what = Problem(rules[i]);
    }
    if (!what.empty()) return RuleProblem{name, i, std::move(what)};
  }
  return std::nullopt;
}

// By one means in one place on one day one rule alone may pay; which of several means, the client chooses.
std::optional<RuleProblem> SameTravelTwice(const Profile& profile) {
  const auto meet = [](const std::string& from_a, const std::string& until_a, const std::string& from_b,
                       const std::string& until_b) {
    return (until_a.empty() || from_b <= until_a) && (until_b.empty() || from_a <= until_b);
  };
  for (int i = 0; i < profile.travel_size(); ++i) {
    const auto& rule = profile.travel(i);
    for (int j = 0; j < i; ++j) {
      const auto& other = profile.travel(j);
      const auto& codes = other.municipality_codes();
      const bool same_place =
          rule.municipality_codes().empty() ? codes.empty()
                                            : std::any_of(rule.municipality_codes().begin(), rule.municipality_codes().end(),
                                                          [&](const std::string& code) {
                                                            return std::find(codes.begin(), codes.end(), code) != codes.end();
                                                          });
      if (same_place && rule.means() == other.means() && rule.id() != other.id() &&
          meet(rule.valid_from(), rule.valid_until(), other.valid_from(), other.valid_until()) &&
          meet(rule.started_from(), rule.started_until(), other.started_from(), other.started_until())) {
        return RuleProblem{"travel", i,
                           Str("means: ", rule.id(), " and ", other.id(),
                               " pay the same means in the same place on the same days; no choice of the client's decides "
                               "between them")};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<RuleProblem> CheckRuleValues(const Profile& profile) {
  if (auto bad = BadNames("display_names", profile.display_names()); !bad.empty()) return RuleProblem{"", 0, bad};
  std::set<std::string> codes;
  for (const std::string& code : profile.municipality_codes()) {
    if (!IsMunicipalityCode(code)) {
      return RuleProblem{"", 0, Str("municipality_codes: '", code, "' is not of three digits, as 049")};
    }
    if (!codes.insert(code).second) return RuleProblem{"", 0, Str("municipality_codes: ", code, " is there twice")};
  }
  std::optional<RuleProblem> found;
  const auto check = [&](const char* name, const auto& rules) {
    if (!found) found = First(name, rules);
  };
  check("actors", profile.actors());
  check("plans", profile.plans());
  check("variants", profile.variants());
  check("agreements", profile.agreements());
  check("intensities", profile.intensities());
  check("rates", profile.rates());
  check("benefits", profile.benefits());
  check("travel", profile.travel());
  check("perks", profile.perks());
  check("absence_classes", profile.absence_classes());
  check("absence_notices", profile.absence_notices());
  check("notices", profile.notices());
  check("assessments", profile.assessments());
  check("feedback", profile.feedback());
  check("exits", profile.exits());
  check("case_managers", profile.case_managers());
  check("retention", profile.retention());
  check("alerts", profile.alerts());
  return found ? found : SameTravelTwice(profile);
}

}  // namespace polku::host
