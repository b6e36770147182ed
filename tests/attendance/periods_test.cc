#include "services/core/periods.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/support/service_lab.h"

namespace polku::service {
namespace {

using polku::testing::D;
using polku::testing::Text;
namespace ref = referral::v1;

constexpr char kSocial[] = "FI/MUN/0187690-1/hyvinvointi";
constexpr char kPaja[] = "FI/ASS/0187690-1/paja";

struct Book {
  PeriodBook book;
  uint64_t order = 0;
  template <typename T>
  EventId Tell(std::string_view author, const std::string& text) {
    const T message = Text<T>(text);
    ++order;
    const EventId id = DerivedEventId(std::to_string(order));
    book.Fold({id, CaseId(), "origin", Position(order), Order(order), absl::UnixEpoch(), author, "",
               message});
    return id;
  }
  Period Only() {
    const auto periods = book.Periods();
    EXPECT_EQ(periods.size(), 1u);
    return periods.empty() ? Period() : periods[0];
  }
};

constexpr char kStart[] =
    "period_id: 'p1' referral_id: 'r1' provider_agency: 'FI/ASS/0187690-1/paja' "
    "starts_on: '2025-03-03' ends_on: '2025-06-02' place_code: 'puu' schedule { days_per_week: 4 }";

TEST(PeriodsTest, AStartedServiceCoversItsFirstAndLastDay) {
  Book b;
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  const Period period = b.Only();
  EXPECT_FALSE(period.Covers(D("2025-03-02")));
  EXPECT_TRUE(period.Covers(D("2025-03-03")));
  EXPECT_TRUE(period.Covers(D("2025-06-02")));
  EXPECT_FALSE(period.Covers(D("2025-06-03")));
  EXPECT_EQ(period.first_started_on, D("2025-03-03"));
}

TEST(PeriodsTest, NothingHasStartedBeforeServiceStartedIsKnown) {
  Book b;
  b.Tell<ref::AgreementMade>(kSocial,
                             "period_id: 'p1' starts_on: '2025-03-03' ends_on: '2025-06-02'");
  b.Tell<ref::ServiceExtended>(kSocial, "period_id: 'p1' ends_on: '2025-09-02'");
  b.Tell<ref::ServiceEnded>(kSocial, "period_id: 'p1' ended_on: '2025-04-02'");
  EXPECT_TRUE(b.book.Periods().empty());
  EXPECT_TRUE(b.book.client_case());
}

constexpr char kHandedOver[] =
    "from_agency: 'FI/ASS/0187690-1/paja' to_agency: 'FI/ASS/0187690-1/toinen' "
    "effective_on: '2025-04-01' reason: TRANSFER_REASON_REORGANISED";

TEST(PeriodsTest, ASuccessorTakesTheProvidersPlaceFromItsDayOn) {
  Book b;
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  const EventId transfer = b.Tell<ref::OrganiserTransferred>(kPaja, kHandedOver);
  const Period period = b.Only();
  ASSERT_EQ(period.stretches.size(), 2u);
  EXPECT_EQ(period.On(D("2025-03-31")).provider_agency, kPaja);
  EXPECT_EQ(period.On(D("2025-04-01")).provider_agency, "FI/ASS/0187690-1/toinen");
  EXPECT_EQ(period.On(D("2025-04-01")).cause, transfer);
  EXPECT_EQ(period.On(D("2025-04-01")).place_code, "puu");
  EXPECT_EQ(period.On(D("2025-04-01")).schedule.days_per_week(), 4u);
  // Days before: their own provider, and once it has taken over its successor, which has the papers.
  EXPECT_TRUE(period.ServedBy(kPaja, D("2025-03-31"), D("2025-04-02")));
  EXPECT_TRUE(period.ServedBy("FI/ASS/0187690-1/toinen", D("2025-03-31"), D("2025-04-01")));
  EXPECT_FALSE(period.ServedBy("FI/ASS/0187690-1/toinen", D("2025-03-31"), D("2025-03-31")));
  EXPECT_FALSE(period.ServedBy(kPaja, D("2025-04-01")));
  EXPECT_FALSE(period.ServedBy(kSocial, D("2025-03-31")));
}

TEST(PeriodsTest, AChangeThatStillNamesThePredecessorMeansItsSuccessor) {
  Book b;
  b.Tell<ref::OrganiserTransferred>(kPaja, kHandedOver);
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  b.Tell<ref::ServiceChanged>(kSocial,
                              "period_id: 'p1' changed_from: '2025-05-01' place_code: 'metalli' "
                              "provider_agency: 'FI/ASS/0187690-1/paja'");
  const Period period = b.Only();
  ASSERT_EQ(period.stretches.size(), 3u);
  EXPECT_EQ(period.On(D("2025-05-01")).provider_agency, "FI/ASS/0187690-1/toinen");
  EXPECT_EQ(period.On(D("2025-05-01")).place_code, "metalli");
  EXPECT_EQ(period.On(D("2025-04-30")).place_code, "puu");
}

TEST(PeriodsTest, AHandOverAfterTheEndLetsTheSuccessorSpeakOfThePeriod) {
  Book b;
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  b.Tell<ref::ServiceEnded>(kPaja, "period_id: 'p1' ended_on: '2025-03-20'");
  b.Tell<ref::OrganiserTransferred>(kPaja, kHandedOver);
  EXPECT_TRUE(b.Only().ServedBy("FI/ASS/0187690-1/toinen", D("2025-03-19"), D("2025-04-01")));
  EXPECT_EQ(b.Only().ended_on, D("2025-03-20"));
  // The successor's word weighs as the provider's own: the organiser's stands above it.
  b.Tell<ref::ServiceEnded>(kSocial, "period_id: 'p1' ended_on: '2025-03-21'");
  b.Tell<ref::ServiceEnded>("FI/ASS/0187690-1/toinen", "period_id: 'p1' ended_on: '2025-03-22'");
  EXPECT_EQ(b.Only().ended_on, D("2025-03-21"));
}

TEST(PeriodsTest, MalformedFactsTellNothingAndBreakNothing) {
  Book b;
  for (const char* text : {"", "period_id: 'p1'", "period_id: 'p1' starts_on: '2025-02-30'",
                           "starts_on: '2025-03-03'"}) {
    b.Tell<ref::ServiceStarted>(kSocial, text);
  }
  EXPECT_TRUE(b.book.Periods().empty());
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  b.Tell<ref::ServiceExtended>(kSocial, "period_id: 'p1' ends_on: 'later'");
  b.Tell<ref::ServiceEnded>(kSocial, "period_id: 'p1'");
  b.Tell<ref::ServiceInterrupted>(kSocial, "period_id: 'p1' interrupted_from: '31.3.2025'");
  b.Tell<ref::ServiceResumed>(kSocial, "period_id: 'p1' resumed_on: ''");
  b.Tell<ref::ServiceChanged>(kSocial, "period_id: 'p1' changed_from: 'x'");
  const Period period = b.Only();
  EXPECT_EQ(period.LastDay(), D("2025-06-02"));
  EXPECT_TRUE(period.interruptions.empty());
  EXPECT_EQ(period.stretches.size(), 1u);
}

TEST(PeriodsTest, AnExtensionMovesTheLastDay) {
  Book b;
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  b.Tell<ref::ServiceExtended>(
      kSocial, "period_id: 'p1' ends_on: '2025-09-02' schedule { days_per_week: 3 }");
  const Period period = b.Only();
  EXPECT_EQ(period.LastDay(), D("2025-09-02"));
  EXPECT_EQ(period.On(D("2025-06-02")).schedule.days_per_week(), 4u);
  EXPECT_EQ(period.On(D("2025-06-03")).schedule.days_per_week(), 3u);
  EXPECT_EQ(period.On(D("2025-06-03")).provider_agency, kPaja);
}

TEST(PeriodsTest, AnEndBeatsAnExtensionInEitherOrder) {
  for (const bool end_first : {true, false}) {
    Book b;
    b.Tell<ref::ServiceStarted>(kSocial, kStart);
    const std::vector<std::function<void()>> acts = {
        [&] { b.Tell<ref::ServiceExtended>(kSocial, "period_id: 'p1' ends_on: '2025-09-02'"); },
        [&] { b.Tell<ref::ServiceEnded>(kPaja, "period_id: 'p1' ended_on: '2025-05-02'"); }};
    acts[end_first ? 1 : 0]();
    acts[end_first ? 0 : 1]();
    EXPECT_EQ(b.Only().LastDay(), D("2025-05-02"));
  }
}

TEST(PeriodsTest, TheOrganisersWordGoesBeforeTheProvidersInEitherOrder) {
  for (const bool provider_first : {true, false}) {
    Book b;
    const std::string by_provider =
        "period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: '2025-03-04'";
    if (provider_first) b.Tell<ref::ServiceStarted>(kPaja, by_provider);
    b.Tell<ref::ServiceStarted>(kSocial, kStart);
    if (!provider_first) b.Tell<ref::ServiceStarted>(kPaja, by_provider);
    b.Tell<ref::ServiceEnded>(provider_first ? kPaja : kSocial,
                              provider_first ? "period_id: 'p1' ended_on: '2025-05-09'"
                                             : "period_id: 'p1' ended_on: '2025-05-02'");
    b.Tell<ref::ServiceEnded>(provider_first ? kSocial : kPaja,
                              provider_first ? "period_id: 'p1' ended_on: '2025-05-02'"
                                             : "period_id: 'p1' ended_on: '2025-05-09'");
    EXPECT_EQ(b.Only().starts_on, D("2025-03-03"));
    EXPECT_EQ(b.Only().LastDay(), D("2025-05-02"));
  }
}

TEST(PeriodsTest, TheProviderComesFromTheAgreementOrTheReferralWhereTheStartNamesNone) {
  constexpr char kBare[] = "period_id: 'p1' referral_id: 'r1' starts_on: '2025-03-03'";
  {
    Book b;
    b.Tell<ref::ServiceStarted>(kSocial, kBare);
    EXPECT_EQ(b.Only().On(D("2025-03-03")).provider_agency, "");
  }
  {
    Book b;
    b.Tell<ref::ReferralMade>(kSocial, "referral_id: 'r1' target_agency: 'FI/ASS/0187690-1/paja'");
    b.Tell<ref::ServiceStarted>(kSocial, kBare);
    EXPECT_EQ(b.Only().On(D("2025-03-03")).provider_agency, kPaja);
  }
  {
    Book b;
    b.Tell<ref::ServiceStarted>(kSocial, kBare);
    b.Tell<ref::AgreementMade>(kSocial,
                               "period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                               "ends_on: '2025-06-02' place_code: 'puu'");
    EXPECT_EQ(b.Only().On(D("2025-03-03")).provider_agency, kPaja);
    EXPECT_EQ(b.Only().On(D("2025-03-03")).place_code, "puu");
    EXPECT_EQ(b.Only().LastDay(), D("2025-06-02"));
    EXPECT_EQ(b.book.DeciderOf("p1"), kSocial);
  }
}

TEST(PeriodsTest, AnInterruptionLastsUntilTheFirstResumptionWhateverWasRecordedFirst) {
  polku::testing::SeededGenerator random(polku::testing::TestSeed());
  for (int round = 0; round < 50; ++round) {
    Book b;
    b.Tell<ref::ServiceStarted>(kSocial, kStart);
    std::vector<std::function<void()>> acts = {
        [&] {
          b.Tell<ref::ServiceInterrupted>(kPaja, "period_id: 'p1' interrupted_from: '2025-03-10'");
        },
        [&] { b.Tell<ref::ServiceResumed>(kPaja, "period_id: 'p1' resumed_on: '2025-03-17'"); },
        [&] {
          b.Tell<ref::ServiceInterrupted>(kPaja, "period_id: 'p1' interrupted_from: '2025-05-01'");
        },
        [&] { b.Tell<ref::ServiceResumed>(kPaja, "period_id: 'p1' resumed_on: '2025-05-05'"); }};
    std::shuffle(acts.begin(), acts.end(), random);
    for (const auto& act : acts) act();
    const Period period = b.Only();
    EXPECT_TRUE(period.Covers(D("2025-03-09")));
    EXPECT_FALSE(period.Covers(D("2025-03-10")));
    EXPECT_FALSE(period.Covers(D("2025-03-16")));
    EXPECT_TRUE(period.Covers(D("2025-03-17")));
    EXPECT_TRUE(period.Covers(D("2025-04-30")));
    EXPECT_FALSE(period.Covers(D("2025-05-04")));
    EXPECT_TRUE(period.Covers(D("2025-05-05")));
    EXPECT_TRUE(period.Spans(D("2025-05-04")));
  }
}

TEST(PeriodsTest, AnExpectedReturnIsNoReturn) {
  Book b;
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  const EventId cause = b.Tell<ref::ServiceInterrupted>(
      kPaja, "period_id: 'p1' interrupted_from: '2025-03-10' expected_until: '2025-03-14'");
  EXPECT_FALSE(b.Only().Covers(D("2025-03-17")));
  EXPECT_EQ(b.Only().WhyOutside(D("2025-03-17")), cause);
}

TEST(PeriodsTest, AChangeHoldsFromItsOwnDay) {
  Book b;
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  b.Tell<ref::ServiceChanged>(
      kSocial,
      "period_id: 'p1' changed_from: '2025-04-01' provider_agency: 'FI/ASS/1/toinen' "
      "place_code: 'metalli' schedule { days_per_week: 2 }");
  const Period period = b.Only();
  EXPECT_EQ(period.On(D("2025-03-31")).provider_agency, kPaja);
  EXPECT_EQ(period.On(D("2025-04-01")).provider_agency, "FI/ASS/1/toinen");
  EXPECT_EQ(period.On(D("2025-04-01")).place_code, "metalli");
}

TEST(PeriodsTest, ARecordWithoutAPeriodBelongsToItsAuthorsOwn) {
  Book b;
  b.Tell<ref::ServiceStarted>(kSocial, kStart);
  b.Tell<ref::ServiceStarted>(kSocial,
                              "period_id: 'p2' provider_agency: 'FI/ASS/1/toinen' "
                              "starts_on: '2025-04-01' ends_on: '2025-06-30'");
  const auto periods = b.book.Periods();
  EXPECT_EQ(PeriodFor(periods, kPaja, "", D("2025-04-10"))->id, "p1");
  EXPECT_EQ(PeriodFor(periods, "FI/ASS/1/toinen", "", D("2025-04-10"))->id, "p2");
  EXPECT_EQ(PeriodFor(periods, "FI/ASS/1/toinen", "", D("2025-03-10")), nullptr);
  EXPECT_EQ(PeriodFor(periods, "FI/ASS/1/kolmas", "", D("2025-04-10")), nullptr);
  EXPECT_EQ(PeriodFor(periods, kPaja, "", D("2025-06-20"))->id,
            "p1");  // after its end, but no other
  EXPECT_EQ(PeriodFor(periods, kPaja, "p9", D("2025-04-10")), nullptr);
}

}  // namespace
}  // namespace polku::service
