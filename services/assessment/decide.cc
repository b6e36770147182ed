#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/base/status.h"
#include "services/assessment/state.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/offer_checks.h"

namespace polku::assessment {
namespace {

using absl::CivilDay;
using config::v1::AgencyRole;
using event::v1::ActorRole;
using service::FindRule;
using service::ParseDate;
using service::Period;
using service::Refusal;

using Answer = std::optional<Refusal>;

constexpr AgencyRole kEmploymentServices = config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES;
constexpr AgencyRole kEmploymentAuthority = config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY;
constexpr AgencyRole kSocialServices = config::v1::AGENCY_ROLE_SOCIAL_SERVICES;
constexpr AgencyRole kProvider = config::v1::AGENCY_ROLE_PROVIDER;
constexpr AgencyRole kHealthCare = config::v1::AGENCY_ROLE_HEALTH_CARE;

constexpr uint32_t kMaxSelfRating = 10;   // work ability and functioning, DOMAIN "Data"
constexpr uint32_t kMaxSatisfaction = 4;  // seed 003
constexpr uint32_t kMaxRound = 100;       // a period has no more; a higher one is a slip

// Items of the Kykyviisari summary scales (DOMAIN "Data"); 0: no such scale.
uint32_t ItemsOf(v1::KykyviisariScale scale) {
  switch (scale) {
    case v1::KYKYVIISARI_SCALE_INCLUSION:
      return 12;
    case v1::KYKYVIISARI_SCALE_MIND:
      return 9;
    case v1::KYKYVIISARI_SCALE_EVERYDAY:
      return 11;
    case v1::KYKYVIISARI_SCALE_SKILLS:
      return 10;
    case v1::KYKYVIISARI_SCALE_BODY:
      return 2;
    default:
      return 0;
  }
}

std::optional<AgencyRole> AgencyRoleOf(ActorRole role) {
  switch (role) {
    case event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY:
      return kEmploymentAuthority;
    case event::v1::ACTOR_ROLE_EMPLOYMENT_SERVICES:
      return kEmploymentServices;
    case event::v1::ACTOR_ROLE_SOCIAL_SERVICES:
      return kSocialServices;
    case event::v1::ACTOR_ROLE_PROVIDER:
      return kProvider;
    case event::v1::ACTOR_ROLE_BENEFIT_PAYER:
      return config::v1::AGENCY_ROLE_BENEFIT_PAYER;
    case event::v1::ACTOR_ROLE_HEALTH_CARE:
      return kHealthCare;
    default:
      return std::nullopt;
  }
}

Refusal Refuse(std::string_view code, std::string_view message) {
  return {std::string(code), std::string(message)};
}

Refusal Missing(std::string_view field) {
  return Refuse("missing_field", Str("fill in field ", field));
}

class Decider {
 public:
  Decider(const State& state, const service::Offer& offer, const service::Rules& rules,
          CivilDay today)
      : state_(state),
        author_(offer.author_agency),
        rules_(rules),
        today_(today),
        periods_(state.book.Periods()) {}

  // What the rules call for is not for an author to say.
  Answer On(const v1::AssessmentDue&) { return DutyOnly(); }
  Answer On(const v1::FeedbackDue&) { return DutyOnly(); }
  Answer On(const v1::DueCancelled&) { return DutyOnly(); }

  Answer On(const v1::KykyviisariRecorded& e) {
    // "The agency with whose worker the client filled it".
    if (auto no = AuthorWorksWithClient()) return no;
    const Period* period = nullptr;
    if (auto no = FindPeriod(e.period_id(), period)) return no;
    if (auto no = DuringOrAfter(*period, "filled_on", e.filled_on())) return no;
    if (auto no = RoundFits("kykyviisari", e.period_id(), e.round(), e.filled_on(),
                            state_.kykyviisari)) {
      return no;
    }
    if (e.scores().empty() && !e.has_work_ability() && !e.has_functioning()) {
      return Missing("scores, work_ability or functioning");
    }
    int previous = 0;
    for (const auto& score : e.scores()) {
      const uint32_t items = ItemsOf(score.scale());
      if (items == 0) return Missing("scores.scale");
      if (score.scale() <= previous) {
        return Refuse("bad_score", "field scores: scales ascending, each once");
      }
      previous = score.scale();
      if (score.items_answered() == 0 || score.items_answered() > items) {
        return Refuse("bad_score",
                      Str(v1::KykyviisariScale_Name(score.scale()), " has ", items,
                          " items; leave a scale out of which none was answered"));
      }
      if (score.max_points() == 0 || score.points() > score.max_points()) {
        return Refuse("bad_score", Str(v1::KykyviisariScale_Name(score.scale()),
                                       ": points are at most max_points, which is over 0"));
      }
    }
    if (e.work_ability() > kMaxSelfRating || e.functioning() > kMaxSelfRating) {
      return Refuse("bad_score", "work_ability and functioning are 0 to 10");
    }
    return std::nullopt;
  }

  Answer On(const v1::InterimEvaluationMade& e) {
    const Period* period = nullptr;
    if (auto no = FindPeriod(e.period_id(), period)) return no;
    if (auto no = AuthorIsProviderOf(*period)) return no;
    if (auto no = DuringOrAfter(*period, "evaluated_on", e.evaluated_on())) return no;
    if (period->ended_on && *ParseDate(e.evaluated_on()) > *period->ended_on) {
      return Refuse("after_end", "the period has ended; what follows is the final evaluation");
    }
    if (auto no = RoundFits("interim evaluation", e.period_id(), e.round(), e.evaluated_on(),
                            state_.interim)) {
      return no;
    }
    if (auto no = InOrder("evaluated_on", e.evaluated_on(), "next_evaluation_on",
                          e.next_evaluation_on())) {
      return no;
    }
    if (e.goals().empty()) return Missing("goals");
    return GoalsFit(e.goals());
  }

  Answer On(const v1::FinalEvaluationMade& e) {
    const Period* period = nullptr;
    if (auto no = FindPeriod(e.period_id(), period)) return no;
    if (auto no = AuthorIsProviderOf(*period)) return no;
    if (auto no = DuringOrAfter(*period, "evaluated_on", e.evaluated_on())) return no;
    if (state_.final_evaluations.contains(e.period_id())) {
      return Refuse("duplicate", "the final evaluation of that period is already recorded");
    }
    if (e.recommended() != event::v1::EXIT_CODE_UNSPECIFIED) {
      const auto* rule =
          FindRule(rules_.profile.exits(), *ParseDate(e.evaluated_on()), period->first_started_on,
                   [](const auto&) { return true; });
      if (rule != nullptr && std::find(rule->codes().begin(), rule->codes().end(),
                                       e.recommended()) == rule->codes().end()) {
        return Refuse("exit_code_not_in_profile",
                      "field recommended: the region's profile does not have that exit code");
      }
    }
    return GoalsFit(e.goals());
  }

  Answer On(const v1::WorkAbilityAssessed& e) {
    if (auto no = AuthorIs({kSocialServices, kProvider})) return no;
    const Period* period = nullptr;
    if (auto no = FindPeriod(e.period_id(), period)) return no;
    if (!Is(kSocialServices)) {
      if (auto no = AuthorIsProviderOf(*period)) return no;
    }
    if (auto no = DuringOrAfter(*period, "assessed_on", e.assessed_on())) return no;
    if (!e.given_to_client_on().empty()) {
      if (auto no = Happened("given_to_client_on", e.given_to_client_on())) return no;
      if (auto no = InOrder("assessed_on", e.assessed_on(), "given_to_client_on",
                            e.given_to_client_on())) {
        return no;
      }
    }
    if (state_.work_ability.contains({e.period_id(), e.assessed_on()})) {
      return Refuse("duplicate", "a work-ability assessment of that day is already recorded");
    }
    for (const std::string& bytes : e.kykyviisari_event_ids()) {
      const auto id = EventId::FromBytes(bytes);
      if (!id || !state_.kykyviisari_events.contains(*id)) {
        return Refuse("unknown_kykyviisari",
                      "field kykyviisari_event_ids names a self-assessment that is not known in "
                      "this case");
      }
    }
    if (e.strengths().empty() && e.to_develop().empty() && e.support().empty() &&
        e.summary().empty()) {
      return Missing("strengths, to_develop, support or summary");
    }
    return std::nullopt;
  }

  Answer On(const v1::FeedbackGiven& e) {
    const Period* period = nullptr;
    if (auto no = FindPeriod(e.period_id(), period)) return no;
    switch (e.giver()) {
      case event::v1::ACTOR_ROLE_PROVIDER:
        if (auto no = AuthorIsProviderOf(*period)) return no;
        break;
      case event::v1::ACTOR_ROLE_CLIENT:
        if (auto no = AuthorWorksWithClient()) return no;
        break;
      case event::v1::ACTOR_ROLE_UNSPECIFIED:
        return Missing("giver");
      default:
        return Refuse("bad_value", "field giver: feedback is the client's or the provider's");
    }
    if (auto no = DuringOrAfter(*period, "given_on", e.given_on())) return no;
    if (e.satisfaction() > kMaxSatisfaction) {
      return Refuse("bad_score", "satisfaction is 1 to 4; leave it out when it was not asked");
    }
    if (e.satisfaction() == 0 && e.text().empty()) return Missing("satisfaction or text");
    if (state_.feedback.contains({e.period_id(), e.giver(), e.given_on()})) {
      return Refuse("duplicate", "feedback of that giver and day is already recorded");
    }
    return std::nullopt;
  }

  Answer On(const v1::CompetenceRecognised& e) {
    const Period* period = nullptr;
    if (auto no = FindPeriod(e.period_id(), period)) return no;
    // The provider, or the school that says so itself (seed 001, opinnollistaminen). Agreements have
    // no role for schools; being named in the agreement is enough.
    const bool is_school = !e.institution_agency().empty() && e.institution_agency() == author_ &&
                           InAgreement(author_) && !Is(config::v1::AGENCY_ROLE_AUDITOR);
    if (!is_school) {
      if (auto no = AuthorIsProviderOf(*period)) return no;
    }
    if (auto no = DuringOrAfter(*period, "recognised_on", e.recognised_on())) return no;
    if (e.qualification_code().empty() && e.competences().empty()) {
      return Missing("qualification_code or competences");
    }
    if (e.competence_points() != 0 && e.qualification_code().empty()) {
      return Missing("qualification_code");  // points are of a unit, not of experience at large
    }
    return std::nullopt;
  }

 private:
  static Answer DutyOnly() {
    return Refuse("duty_only",
                  "the service appends this by itself from the history and the profile");
  }

  // ---- who ----

  bool Is(AgencyRole role) const { return rules_.HasRole(author_, role); }

  bool InAgreement(std::string_view agency) const {
    return std::any_of(rules_.agreement.agencies().begin(), rules_.agreement.agencies().end(),
                       [&](const auto& known) { return known.name() == agency; });
  }

  Answer AuthorIs(std::initializer_list<AgencyRole> roles) const {
    if (std::any_of(roles.begin(), roles.end(), [this](AgencyRole role) { return Is(role); })) {
      return std::nullopt;
    }
    std::string wanted;
    for (AgencyRole role : roles) {
      wanted += Str(wanted.empty() ? "" : ", ", config::v1::AgencyRole_Name(role));
    }
    return Refuse("wrong_actor", Str("by the agreement the author has none of the roles ", wanted));
  }

  Answer AuthorWorksWithClient() const {
    return AuthorIs({kSocialServices, kEmploymentServices, kEmploymentAuthority, kProvider,
                     kHealthCare});
  }

  // A provider that has or had the period: an evaluation may be written after the client moved on.
  Answer AuthorIsProviderOf(const Period& period) const {
    if (auto no = AuthorIs({kProvider})) return no;
    for (const Period::Stretch& stretch : period.stretches) {
      if (stretch.provider_agency.empty() || stretch.provider_agency == author_) {
        return std::nullopt;
      }
    }
    return Refuse("wrong_actor", "only the period's own provider may say that");
  }

  // ---- when ----

  Answer Happened(std::string_view field, std::string_view date) const {
    if (date.empty()) return Missing(field);
    const auto day = ParseDate(date);
    if (!day) return Refuse("bad_date", Str("field ", field, ": write an existing day as YYYY-MM-DD"));
    if (*day > today_) {
      return Refuse("future_date",
                    Str("field ", field, " is in the future; record it when it has happened"));
    }
    return std::nullopt;
  }

  // On or after the first day of service.
  Answer DuringOrAfter(const Period& period, std::string_view field,
                       std::string_view date) const {
    if (auto no = Happened(field, date)) return no;
    if (*ParseDate(date) < period.starts_on) {
      return Refuse("before_start", Str("field ", field, " is before the service started"));
    }
    return std::nullopt;
  }

  static Answer InOrder(std::string_view early_field, std::string_view early,
                        std::string_view late_field, std::string_view late) {
    const auto from = ParseDate(early);
    const auto until = ParseDate(late);
    if (!from || !until || *from <= *until) return std::nullopt;
    return Refuse("dates_out_of_order", Str(late_field, " is before ", early_field));
  }

  // ---- what is known ----

  Answer FindPeriod(const std::string& id, const Period*& found) const {
    if (id.empty()) return Missing("period_id");
    for (const Period& period : periods_) {
      if (period.id != id) continue;
      if (state_.VoidedBy(id)) {
        return Refuse("period_void", "the referral behind that period was entered in error");
      }
      found = &period;
      return std::nullopt;
    }
    return Refuse("unknown_period",
                  "no start of that service period is known here; it is recorded with "
                  "ServiceStarted at the referral service");
  }

  // A round of its own, whose day is in line with the rounds before and after it.
  static Answer RoundFits(std::string_view what, const std::string& period_id, uint32_t round,
                          std::string_view date,
                          const std::map<std::pair<std::string, uint32_t>, std::string>& recorded) {
    if (round == 0) return Missing("round");
    if (round > kMaxRound) return Refuse("bad_value", Str("field round: 1 to ", kMaxRound));
    for (const auto& [key, other_date] : recorded) {
      const auto& [other_period, other_round] = key;
      if (other_period != period_id) continue;
      if (other_round == round) {
        return Refuse("duplicate", Str("round ", round, " of the ", what, " is already recorded"));
      }
      if ((other_round < round) != (std::string_view(other_date) < date)) {
        return Refuse("dates_out_of_order",
                      Str("round ", round, " is not in line with the day of round ", other_round));
      }
    }
    return std::nullopt;
  }

  // "The named authority that helps with each" (DOMAIN step 10): who is still working towards a goal
  // does not do it alone.
  template <typename Goals>
  Answer GoalsFit(const Goals& goals) const {
    for (const auto& goal : goals) {
      if (goal.goal().empty()) return Missing("goals.goal");
      if (goal.state() == event::v1::GOAL_STATE_UNSPECIFIED) return Missing("goals.state");
      const bool open = goal.state() == event::v1::GOAL_STATE_OPEN ||
                        goal.state() == event::v1::GOAL_STATE_PARTLY_REACHED;
      if (goal.helper() == event::v1::ACTOR_ROLE_UNSPECIFIED) {
        if (open) {
          return Refuse("helper_missing", "goals.helper: name the authority that helps with the goal");
        }
        continue;
      }
      if (goal.helper() == event::v1::ACTOR_ROLE_CLIENT ||
          goal.helper() == event::v1::ACTOR_ROLE_RELATIVE) {
        return Refuse("helper_missing",
                      "goals.helper: name an authority; the client and relatives are none");
      }
      const auto role = AgencyRoleOf(goal.helper());
      if (!goal.helper_agency().empty() && role && InAgreement(goal.helper_agency()) &&
          !rules_.HasRole(goal.helper_agency(), *role)) {
        return Refuse("wrong_agency",
                      Str("goals.helper_agency: by the agreement that agency is no ",
                          config::v1::AgencyRole_Name(*role)));
      }
    }
    return std::nullopt;
  }

  const State& state_;
  const std::string_view author_;
  const service::Rules& rules_;
  const CivilDay today_;
  const std::vector<Period> periods_;
};

const AssessmentEvents<Decider, Answer>& Deciders() {
  static const auto* const deciders = new AssessmentEvents<Decider, Answer>();
  return *deciders;
}

}  // namespace

std::optional<Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                   const service::Rules& rules, CivilDay today) {
  if (!Deciders().Knows(offer.body)) {
    return Refuse("unknown_type", "this service takes events of polku.assessment.v1 alone");
  }
  if (auto refusal = service::CheckConventions(offer.body)) return refusal;
  if (!state.book.client_case()) {
    return Refuse("unknown_case",
                  "no event of this case is known here; a case opens at the referral service");
  }
  Decider decider(state, offer, rules, today);
  return Deciders().Visit(decider, offer.body);
}

}  // namespace polku::assessment
