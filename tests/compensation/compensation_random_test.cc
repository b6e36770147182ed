// Facts in any order of arrival, with payer and organiser running side by side: what both have said
// at the end, accrued less reversed, is what one who reads the finished history computes by hand.
#include <algorithm>
#include <map>
#include <set>

#include "tests/compensation/compensation_lab.h"
#include "tests/support/random.h"

namespace polku {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

struct Planned {
  uint64_t order;
  std::string author;
  std::shared_ptr<google::protobuf::Message> body;
};

// The finished history, as plain data.
struct Truth {
  std::map<absl::CivilDay, bool> there;  // by the newest record; withdrawn and absent: false
  absl::CivilDay last = D("2015-09-30");
  std::optional<std::pair<absl::CivilDay, absl::CivilDay>> pause;
  absl::CivilDay benefit_from = D("2015-06-01");
  absl::CivilDay benefit_until = absl::CivilDay::max();
};

std::vector<Planned> MakePlan(SeededGenerator& random, Truth& truth) {
  std::vector<Planned> plan;
  uint64_t order = 1000;
  const auto add = [&](std::string author, auto message) {
    plan.push_back(
        {++order, std::move(author), std::make_shared<decltype(message)>(std::move(message))});
  };
  // Over the change of 1.7.2015: both weekly maxima are met.
  add(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                         "starts_on: '2015-06-01' ends_on: '2015-08-31'"));
  add(kSocial, Text<ref::ServiceExtended>("period_id: 'p1' ends_on: '2015-09-30'"));
  add(kKela,
      Text<ref::BenefitRecorded>("payer_agency: 'FI/GOV/0246246-0/kela' valid_from: '2015-06-01' "
                                 "kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY"));
  if (random.Below(3) == 0) {
    add(kKela,
        Text<ref::BenefitRecorded>("payer_agency: 'FI/GOV/0246246-0/kela' valid_from: '2015-06-01' "
                                   "valid_until: '2015-08-07' "
                                   "kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY"));
    truth.benefit_until = D("2015-08-07");
  }
  for (int i = 0; i < 70; ++i) {
    const absl::CivilDay date = D("2015-05-30") + static_cast<int>(random.Below(95));
    const bool known = truth.there.contains(date);
    const bool withdraw = known && random.Below(5) == 0;
    const bool there = !withdraw && random.Below(4) != 0;
    const auto fill = [&](auto& day) {
      day.set_date(service::FormatDate(date));
      if (withdraw) return;
      day.set_outcome(there ? event::v1::DAY_OUTCOME_ATTENDED
                            : static_cast<event::v1::DayOutcome>(2 + random.Below(3)));
      day.set_actual_minutes(there ? 300 : 0);
    };
    if (known) {
      av::DayCorrected day;
      fill(day);
      day.set_withdrawn(withdraw);
      add(kPaja, day);
    } else {
      av::DayRecorded day;
      fill(day);
      add(kPaja, day);
    }
    truth.there[date] = there;
  }
  if (random.Below(2) == 0) {
    add(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2015-08-14'"));
    truth.last = D("2015-08-14");
  }
  if (random.Below(2) == 0) {
    add(kPaja, Text<ref::ServiceResumed>("period_id: 'p1' resumed_on: '2015-07-20'"));
    add(kPaja, Text<ref::ServiceInterrupted>("period_id: 'p1' interrupted_from: '2015-07-13'"));
    truth.pause = {D("2015-07-13"), D("2015-07-19")};
  }
  return plan;
}

std::set<absl::CivilDay> CountedByHand(const Truth& truth) {
  std::set<absl::CivilDay> counted;
  std::map<absl::CivilDay, int> in_week;
  for (const auto& [date, there] : truth.there) {
    if (!there || date < D("2015-06-01") || truth.last < date) continue;
    if (truth.pause && truth.pause->first <= date && date <= truth.pause->second) continue;
    const absl::CivilDay monday = date - static_cast<int>(absl::GetWeekday(date));  // 0 is Monday
    const int most = date <= D("2015-06-30") ? 5 : 4;
    if (++in_week[monday] <= most) counted.insert(date);
  }
  return counted;
}

TEST(CompensationRandomTest, AnyOrderOfArrivalEndsInTheSameMoney) {
  const uint64_t seed = TestSeed();
  for (int round = 0; round < 80; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    SeededGenerator random(seed + static_cast<uint64_t>(round));
    Truth truth;
    auto plan = MakePlan(random, truth);
    const bool per_day = random.Below(2) == 0;
    auto profile = OuluProfile();
    if (per_day) {
      profile.clear_travel();
      *profile.add_travel() =
          Text<config::v1::TravelRule>("id: 't' version: '1' mode: TRAVEL_MODE_PER_DAY cents: 350");
    }
    ServiceLab kela(MakeCompensationService(), profile, OuluAgreement(), kKela);
    ServiceLab social(MakeCompensationService(), profile, OuluAgreement(), kSocial);
    std::shuffle(plan.begin(), plan.end(), random);
    absl::CivilDay today = D("2015-05-25");
    for (const Planned& planned : plan) {
      kela.TellAt(planned.order, planned.author, *planned.body);
      social.TellAt(planned.order, planned.author, *planned.body);
      today += static_cast<int>(random.Below(4));
      if (random.Below(3) != 0) kela.Run(today);
      if (random.Below(3) != 0) social.Run(today);
    }
    const absl::CivilDay end = D("2015-12-01");
    kela.Run(end);
    social.Run(end);
    EXPECT_TRUE(kela.Run(end + 1).empty());
    EXPECT_TRUE(social.Run(end + 1).empty());
    // A clock that was set back takes nothing back.
    EXPECT_TRUE(kela.Run(D("2015-07-10")).empty());
    EXPECT_TRUE(social.Run(D("2015-07-10")).empty());
    kela.Next(end);
    social.Next(D("2015-05-25"));

    const auto counted = CountedByHand(truth);
    std::map<std::string, int64_t> allowance, travel, said_allowance, said_travel;
    for (const absl::CivilDay date : counted) {
      if (date >= truth.benefit_from && date <= truth.benefit_until) {
        allowance[service::FormatDate(date)] = 900;
      }
      if (per_day) {
        travel[service::FormatDate(date)] = 1;
      } else {
        travel[service::FormatDate(D("2015-06-01") + (date - D("2015-06-01")) / 30 * 30)] = 1;
      }
    }
    for (const auto* event : kela.All<cv::AllowanceAccrued>())
      said_allowance[event->date()] += event->amount_cents();
    for (const auto* event : kela.All<cv::AllowanceReversed>())
      said_allowance[event->date()] -= event->amount_cents();
    for (const auto* event : social.All<cv::TravelGranted>()) ++said_travel[event->covers_from()];
    for (const auto* event : social.All<cv::TravelReversed>()) --said_travel[event->covers_from()];
    const auto nothing = [](const auto& day) { return day.second == 0; };
    std::erase_if(said_allowance, nothing);
    std::erase_if(said_travel, nothing);
    EXPECT_EQ(said_allowance, allowance);
    EXPECT_EQ(said_travel, travel);
    EXPECT_EQ(social.All<cv::PerkGiven>().size(), 2u);
    // Every reversal names an accrual of the same day that nobody reversed before.
    std::map<std::string, std::string> accrued;
    for (const auto& entry : kela.entries()) {
      if (const auto* event = service::As<cv::AllowanceAccrued>(*entry.body)) {
        accrued[std::string(entry.id.view())] = event->date();
        EXPECT_EQ(event->cause_event_id().size(), 16u);
      } else if (const auto* reversal = service::As<cv::AllowanceReversed>(*entry.body)) {
        const auto it = accrued.find(reversal->reversed_event_id());
        ASSERT_NE(it, accrued.end());
        EXPECT_EQ(it->second, reversal->date());
        EXPECT_EQ(reversal->cause_event_id().size(), 16u);
        accrued.erase(it);
      }
    }
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace polku
