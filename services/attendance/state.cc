#include "services/attendance/state.h"

#include <algorithm>

#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"

namespace polku::attendance {
namespace {

using service::As;
using service::ParseDate;

void FoldNotice(State& state, const std::string& author, const v1::AbsenceNoticeSent& sent) {
  const auto from = ParseDate(sent.covers_from());
  const auto until = ParseDate(sent.covers_until());
  if (!from || !until) return;
  Notice notice{sent.rule().id(), sent.period_id(), sent.recipient_agency(), *from,
                *until,           sent.revision(),  sent.absent_days(),      {}};
  for (const auto& day : sent.days()) {
    if (const auto date = ParseDate(day.date())) notice.days[*date].outcome = day.outcome();
  }
  for (const auto& day : sent.reasons()) {
    const auto date = ParseDate(day.date());
    if (!date) continue;
    notice.days[*date].attendance_class = day.attendance_class();
    notice.days[*date].certificate_seen = day.certificate_seen();
  }
  auto& notices = state.notices[author];
  const auto same = std::find_if(notices.begin(), notices.end(), [&](const Notice& known) {
    return known.rule_id == notice.rule_id && known.period_id == notice.period_id &&
           known.from == notice.from;
  });
  if (same == notices.end()) {
    notices.push_back(std::move(notice));
  } else if (same->revision < notice.revision) {
    *same = std::move(notice);
  }
}

// A log of that agency's own: what it decides at its own service no other log's word makes or unmakes.
bool StandsWith(std::string_view agency, const service::Fact& fact) {
  return AgencyOfName(fact.origin) == agency;
}

void FoldProposed(State& state, const service::Fact& fact,
                  const v1::DayCorrectionProposed& proposed) {
  const auto date = ParseDate(proposed.date());
  if (!date || !StandsWith(fact.author_agency, fact)) return;
  Proposal& proposal = state.proposals.emplace_back();
  proposal.id = fact.id;
  proposal.author = fact.author_agency;
  proposal.official = fact.author_official;
  proposal.date = *date;
  proposal.content = proposed;
  proposal.records_before = state.days.records();
}

void FoldDecided(State& state, const service::Fact& fact,
                 const v1::DayCorrectionDecided& decided) {
  for (Proposal& proposal : state.proposals) {
    if (decided.proposal_event_id() != proposal.id.view() || proposal.decision) continue;
    if (!StandsWith(proposal.author, fact)) continue;
    proposal.decision = fact.id;
    proposal.approved = decided.approved();
  }
}

void FoldCleared(State& state, const std::string& author, const v1::AlertCleared& cleared) {
  for (auto& [said, alert] : state.alerts) {
    if (said.first != author || !alert.standing) continue;
    if (cleared.raised_event_id() != alert.standing->view()) continue;
    alert.standing.reset();
  }
}

}  // namespace

void Fold(State& state, const service::Fact& fact) {
  state.sort.Fold(fact);
  state.periods.Fold(fact);
  state.days.Fold(fact);
  state.plans.Fold(fact);
  state.groups.Fold(fact);
  const std::string author(fact.author_agency);
  if (const auto* opened = As<v1::PeriodOpened>(fact.body)) {
    Said& said = state.said[{author, opened->period_id()}];
    ++said.openings;
    said.open = true;
    said.newest_opening = *opened;
  } else if (const auto* closed = As<v1::PeriodClosed>(fact.body)) {
    Said& said = state.said[{author, closed->period_id()}];
    ++said.closings;
    said.open = false;
    said.closed_on = ParseDate(closed->closed_on());
  } else if (const auto* flagged = As<v1::RuleBreachFlagged>(fact.body)) {
    if (const auto date = ParseDate(flagged->date())) {
      Flag& flag = state.flags[{author, {flagged->period_id(), *date, flagged->breach()}}];
      ++flag.flagged;
      flag.standing = fact.id;
    }
  } else if (const auto* cleared = As<v1::RuleBreachCleared>(fact.body)) {
    if (const auto date = ParseDate(cleared->date())) {
      Flag& flag = state.flags[{author, {cleared->period_id(), *date, cleared->breach()}}];
      ++flag.cleared;
      if (flag.standing && cleared->flagged_event_id() == flag.standing->view()) {
        flag.standing.reset();
      }
    }
  } else if (const auto* counted = As<v1::VisitorsCounted>(fact.body)) {
    if (const auto date = ParseDate(counted->date())) {
      state.counts[{author, counted->place_code(), *date}] = fact.id;
    }
  } else if (const auto* notice = As<v1::AbsenceNoticeSent>(fact.body)) {
    FoldNotice(state, author, *notice);
  } else if (const auto* month = As<v1::MonthConfirmed>(fact.body)) {
    if (const auto confirmed = service::ParseMonth(month->month());
        confirmed && StandsWith(author, fact)) {
      state.confirmed_months.insert({author, month->period_id(), *confirmed});
    }
  } else if (const auto* proposed = As<v1::DayCorrectionProposed>(fact.body)) {
    FoldProposed(state, fact, *proposed);
  } else if (const auto* decided = As<v1::DayCorrectionDecided>(fact.body)) {
    FoldDecided(state, fact, *decided);
  } else if (const auto* corrected = As<v1::DayCorrected>(fact.body)) {
    for (Proposal& proposal : state.proposals) {
      if (proposal.decision && corrected->cause_event_id() == proposal.decision->view()) {
        proposal.carried_out = true;
      }
    }
  } else if (const auto* raised = As<v1::AlertRaised>(fact.body)) {
    if (const auto date = ParseDate(raised->date())) {
      RaisedAlert& alert =
          state.alerts[{author, {raised->rule().id(), raised->period_id(), *date}}];
      ++alert.raised;
      alert.kind = raised->alert();
      alert.standing = fact.id;
    }
  } else if (const auto* over = As<v1::AlertCleared>(fact.body)) {
    FoldCleared(state, author, *over);
  } else if (const auto* plan = As<referral::v1::PlanDrafted>(fact.body)) {
    if (plan->kind() == event::v1::PLAN_KIND_FOLLOW_ON) state.follow_on_plan = true;
  } else if (As<referral::v1::ServiceStarted>(fact.body) != nullptr ||
             As<referral::v1::ServiceExtended>(fact.body) != nullptr) {
    state.follow_on_plan = false;
  } else if (const auto* benefit = As<referral::v1::BenefitRecorded>(fact.body)) {
    // Nobody pays: BENEFIT_KIND_NONE, which ends every kind. Its kind is hidden from a provider, that it names no payer
    // is not; a record that can be read no more says as little.
    if (benefit->payer_agency().empty()) {
      state.benefit_payers.clear();
    } else {
      state.benefit_payers.push_back(benefit->payer_agency());
    }
  } else if (const auto* notified = As<referral::v1::AuthorityNotified>(fact.body)) {
    if (!notified->authority_agency().empty()) {
      state.employment_authority = notified->authority_agency();
    }
    if (notified->notice() == event::v1::NOTICE_KIND_START) {
      state.starts_notified.insert(notified->period_id());
    }
  }
}

}  // namespace polku::attendance
