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

}  // namespace

void Fold(State& state, const service::Fact& fact) {
  state.sort.Fold(fact);
  state.periods.Fold(fact);
  state.days.Fold(fact);
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
  } else if (const auto* benefit = As<referral::v1::BenefitRecorded>(fact.body)) {
    if (!benefit->payer_agency().empty()) state.benefit_payers.push_back(benefit->payer_agency());
  } else if (const auto* notified = As<referral::v1::AuthorityNotified>(fact.body)) {
    if (!notified->authority_agency().empty()) {
      state.employment_authority = notified->authority_agency();
    }
  }
}

}  // namespace polku::attendance
