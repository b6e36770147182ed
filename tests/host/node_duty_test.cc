// Duties: each takes effect exactly once, whatever happens in between.
#include "eventstore/log/index.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "services/assessment/assessment.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"
#include "tests/host/stub_service.h"

namespace polku::host {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;

constexpr std::string_view kAssessmentDue = "polku.assessment.v1.AssessmentDue";
constexpr std::string_view kFeedbackDue = "polku.assessment.v1.FeedbackDue";
constexpr std::string_view kCancelled = "polku.assessment.v1.DueCancelled";

// Oulu's referral log, and the assessment service of wellbeing services that follows it.
class DutyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    assessment_.Follow(referral_);
    referral_.Open();
    assessment_.Open();
  }
  // The path up to the start on 2025-03-03, or another part, as a case of that number.
  void Publish(uint64_t case_number, int first = 1, int last = 7) {
    for (const auto& event : ClientPath(case_number, 0, first, last)) {
      if (event.service != "referral") continue;
      const auto answer = referral_.Offer(event.agency, {event.event});
      ASSERT_FALSE(answer.has_refusal()) << event.event.type() << answer.ShortDebugString();
    }
  }
  void MoveTo(std::string_view date) {
    referral_.now = Noon(date);
    assessment_.now = Noon(date);
  }
  // The duties in the log, by their ids: these follow from key and generation.
  static std::multiset<std::string> DutyIds(TestNode& node) {
    std::multiset<std::string> ids;
    for (const auto& entry : node.Entries()) {
      if (entry.header.control().empty()) ids.insert(entry.header.event_id());
    }
    return ids;
  }

  const std::unique_ptr<service::Service> referral_service_ = referral::MakeReferralService();
  WatchedService assessment_service_{assessment::MakeAssessmentService()};
  TestNode referral_{kOulu, *referral_service_, 1};
  TestNode assessment_{kWellbeing, assessment_service_, 2};
};

// By hand from deploy/profiles/oulu.textproto: started 2025-03-03, last day 2025-06-02.
struct Milestone {
  std::string_view before;  // nothing yet on this day
  std::string_view on;
  size_t assessments;
  size_t feedback;
};
constexpr Milestone kMilestones[] = {
    {"2025-03-10", "2025-03-10", 1, 0},  // Kykyviisari at the start
    {"2025-05-03", "2025-05-04", 2, 0},  // network meeting at 3 months, raised 30 days before
    {"2025-06-01", "2025-06-02", 3, 2},  // final evaluation and feedback of client and provider
    {"2025-06-02", "2025-06-03", 4, 2},  // Kykyviisari at 3 months
    {"2025-09-01", "2025-09-02", 5, 2},  // follow-up at 3 months
    {"2025-12-01", "2025-12-02", 6, 2},  // and at 6
};

enum class Between { kNothing, kReopening, kKill, kReindexing };

class TimerTest : public DutyTest, public ::testing::WithParamInterface<Between> {};

std::string BetweenName(const ::testing::TestParamInfo<Between>& param) {
  switch (param.param) {
    case Between::kNothing:
      return "StayingOpen";
    case Between::kReopening:
      return "Reopening";
    case Between::kKill:
      return "Kill";
    case Between::kReindexing:
      return "Reindexing";
  }
  return "";
}
INSTANTIATE_TEST_SUITE_P(Between, TimerTest,
                         ::testing::Values(Between::kNothing, Between::kReopening, Between::kKill,
                                           Between::kReindexing),
                         BetweenName);

TEST_P(TimerTest, ADutyOfAFutureDayIsRaisedOnThatDayAndNotBefore) {
  Publish(1);
  Replicate(referral_, assessment_, 0);
  assessment_.WorkAll();
  size_t assessments = 1, feedback = 0;
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), assessments);
  for (const Milestone& milestone : kMilestones) {
    for (const auto& [date, due] :
         {std::pair(milestone.before, false), std::pair(milestone.on, true)}) {
      switch (GetParam()) {
        case Between::kNothing:
          break;
        case Between::kReopening:
          assessment_.Reopen();
          break;
        case Between::kKill:
          assessment_.Crash(0);
          break;
        case Between::kReindexing:
          assessment_.Reindex();
          break;
      }
      MoveTo(date);
      for (int i = 0; i < 3; ++i) assessment_.WorkAll();
      if (due) {
        assessments = milestone.assessments;
        feedback = milestone.feedback;
      }
      EXPECT_EQ(assessment_.CountOf(kAssessmentDue), assessments) << date;
      EXPECT_EQ(assessment_.CountOf(kFeedbackDue), feedback) << date;
    }
  }
  EXPECT_EQ(assessment_.CountOf(kCancelled), 0u);
  EXPECT_EQ(assessment_->health(), "ok");
}

TEST_F(DutyTest, NextWorkTellsWhenThereIsSomethingToDo) {
  EXPECT_EQ(assessment_->NextWork(), absl::InfiniteFuture());
  Publish(1);
  Replicate(referral_, assessment_, 0);
  EXPECT_LE(assessment_->NextWork(), assessment_.now);
  assessment_.WorkAll();
  EXPECT_EQ(assessment_->NextWork(), assessment_.now + absl::Minutes(1));  // a timer is set
}

TEST_F(DutyTest, AnEvaluatedCaseIsNotEvaluatedAgainWithoutCause) {
  Publish(1);
  Publish(2);
  Replicate(referral_, assessment_, 0);
  assessment_.WorkAll();
  const size_t evaluations = assessment_service_.evaluations;
  assessment_.WorkAll();
  assessment_.Reopen();
  assessment_.WorkAll();
  EXPECT_EQ(assessment_service_.evaluations, evaluations);
  MoveTo("2025-05-04");
  assessment_.WorkAll();
  EXPECT_GT(assessment_service_.evaluations, evaluations);
  // A timer that has fired is gone.
  const size_t after = assessment_service_.evaluations;
  assessment_.Reopen();
  assessment_.WorkAll();
  EXPECT_EQ(assessment_service_.evaluations, after);
}

TEST_F(DutyTest, TheDayIsTheFinnishOneAndABusinessDateReplacesIt) {
  Publish(1);
  Replicate(referral_, assessment_, 0);
  // 21:59 UTC is 00:59 of the next day in Finland in summer.
  assessment_.now = *ParseTime("2025-05-03T20:59:00Z");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 1u);
  assessment_.now = *ParseTime("2025-05-03T21:00:00Z");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 2u);
  assessment_.config.business_date = absl::CivilDay(2025, 9, 2);
  assessment_.Reopen();
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 5u);
  EXPECT_EQ(assessment_.Entries().back().header.recorded_at_us(),
            absl::ToUnixMicros(assessment_.now));
}

TEST_F(DutyTest, ChangedRulesApplyToCasesThatNothingElseTouches) {
  Publish(1);
  Replicate(referral_, assessment_, 0);
  assessment_.WorkAll();
  ASSERT_EQ(assessment_.CountOf(kAssessmentDue), 1u);
  assessment_.Close();
  *assessment_.config.profile.add_assessments() = ParseText<config::v1::AssessmentRule>(
      "id: 'interim' version: '1' source: '[k] test' kind: ASSESSMENT_KIND_INTERIM_EVALUATION "
      "anchor: ANCHOR_START months: 0 grace_days: 14");
  assessment_.Open();
  // Killed before the evaluation: the next start must still know.
  assessment_.Crash(0);
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 2u);
}

TEST_F(DutyTest, ALateEntryThatTakesADutyAwayCancelsItOnceAndItMayComeBack) {
  Publish(1);
  Replicate(referral_, assessment_, 0);
  MoveTo("2025-05-04");
  assessment_.WorkAll();
  ASSERT_EQ(assessment_.CountOf(kAssessmentDue), 2u);
  // Interrupted since April: the round at three months waits.
  const auto interrupted = ParseText<referral::v1::ServiceInterrupted>(
      "period_id: 't01-s1' interrupted_from: '2025-04-20' reason: STATUS_REASON_CLIENT_SITUATION");
  ASSERT_FALSE(referral_.Offer(kWellbeing, {Event(NamedEvent("stop"), NumberedCase(1), interrupted)})
                   .has_refusal());
  for (int i = 0; i < 3; ++i) {
    Replicate(referral_, assessment_, 0);
    assessment_.WorkAll();
    assessment_.Crash(i % 2);
    assessment_.WorkAll();
  }
  const size_t cancelled = assessment_.CountOf(kCancelled);
  EXPECT_EQ(cancelled, 1u);
  const auto resumed =
      ParseText<referral::v1::ServiceResumed>("period_id: 't01-s1' resumed_on: '2025-05-04'");
  ASSERT_FALSE(referral_.Offer(kWellbeing, {Event(NamedEvent("go"), NumberedCase(1), resumed)})
                   .has_refusal());
  Replicate(referral_, assessment_, 0);
  assessment_.WorkAll();
  assessment_.Reindex();
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 3u);  // the second generation
  EXPECT_EQ(assessment_.CountOf(kCancelled), 1u);
  EXPECT_EQ(assessment_->health(), "ok");
}

// ---- Faults at every place ----

TEST_F(DutyTest, EveryDutyIsThereOnceWhicheverWriteFailsAndWhateverAKillLeaves) {
  for (uint64_t n = 1; n <= 3; ++n) Publish(n);
  const auto run = [&](TestNode& node, const std::function<void()>& disturb) {
    node.now = Noon("2025-03-10");
    node.Follow(referral_);
    node.Open();
    disturb();
    // As a process would: it works on until something stops it, and is started again.
    for (const std::string_view day : {"2025-03-10", "2025-05-04", "2025-06-03"}) {
      node.now = Noon(day);
      for (int attempt = 0; attempt < 4; ++attempt) {
        Replicate(referral_, node, 0, 2'000, attempt == 0 ? 3 : 1'000'000);
        node->Work();
        node.now += absl::Minutes(1);
        if (node->health() != "ok" && attempt == 1) node.Crash(node.engine.unsynced() / 2);
      }
      node.WorkAll();
      EXPECT_EQ(node->health(), "ok");
    }
    node.Reindex();
    node.WorkAll();
    return DutyIds(node);
  };
  TestNode calm(kWellbeing, assessment_service_, 5);
  const auto expected = run(calm, [] {});
  ASSERT_EQ(expected.size(), 3u * 6);
  const int commits = calm.engine.commits();
  ASSERT_GT(commits, 5);

  for (int at = 0; at < commits; ++at) {
    for (const auto& [status, applied] :
         {std::pair(absl::ResourceExhaustedError("full"), false),
          std::pair(absl::InternalError("I/O"), false), std::pair(absl::InternalError("I/O"), true)}) {
      TestNode node(kWellbeing, assessment_service_, 6);
      const auto ids = run(node, [&, at = at, s = status, a = applied] {
        node.engine.FailCommit(at, s, a);
      });
      EXPECT_EQ(ids, expected) << "commit " << at << " fails with " << status
                               << (applied ? ", applied" : "");
      if (HasFailure()) return;
    }
  }
}

TEST_F(DutyTest, AKillAtAnyIndexWriteLosesNoDutyAndNoTimer) {
  Publish(1);
  for (size_t kept = 0; kept < 4; ++kept) {
    TestNode node(kWellbeing, assessment_service_, 6);
    node.Follow(referral_);
    node.Open();
    Replicate(referral_, node, 0);
    node->Work();
    node.Crash(kept);
    // The day comes; the process may have been away for months.
    node.now = Noon("2025-09-02");
    node.WorkAll();
    EXPECT_EQ(node.CountOf(kAssessmentDue), 5u) << kept;
    node.Crash(kept);
    node.WorkAll();
    EXPECT_EQ(node.CountOf(kAssessmentDue), 5u) << kept;
  }
}

TEST_F(DutyTest, ATimerThatCouldNotBeWrittenIsWrittenLater) {
  Publish(1);
  Publish(2, 1, 3);
  Replicate(referral_, assessment_, 0);
  assessment_.engine.FailWriteIndex(absl::ResourceExhaustedError("full"));
  assessment_->Work();
  EXPECT_NE(assessment_->health(), "ok");
  assessment_.engine.FailWriteIndex(absl::OkStatus());
  // Another case's work moves the marks past everything.
  Publish(2, 4, 7);
  Replicate(referral_, assessment_, 0);
  assessment_.WorkAll();
  assessment_.Reopen();
  MoveTo("2025-05-04");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 2u * 2);
}

TEST_F(DutyTest, AFullDiskHoldsDutiesBackForASecondAndTheHealthTellsIt) {
  Publish(1);
  Replicate(referral_, assessment_, 0);
  assessment_.engine.FailCommit(0, absl::ResourceExhaustedError("no space left"));
  assessment_->Work();
  EXPECT_THAT(assessment_->health(), HasSubstr("no space left"));
  EXPECT_EQ(assessment_->NextWork(), assessment_.now + absl::Seconds(1));
  const int commits = assessment_.engine.commits();
  assessment_->Work();  // too early: it must not spin
  EXPECT_EQ(assessment_.engine.commits(), commits);
  assessment_.now += absl::Seconds(1);
  assessment_->Work();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 1u);
  EXPECT_EQ(assessment_->health(), "ok");
}

// ---- Entries ahead of the clock ----

TEST_F(DutyTest, AnEntryFarAheadIsStoredAndActedOnWhenTheClockIsThere) {
  referral_.now = Noon("2025-03-12");  // two days ahead of wellbeing services
  Publish(1);
  Replicate(referral_, assessment_, 0);
  EXPECT_EQ(assessment_->replica(0).size(), referral_->size());
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 0u);
  EXPECT_EQ(assessment_->NextWork(), assessment_.now + absl::Minutes(1));
  for (const bool reindex : {false, true}) {
    if (reindex) {
      assessment_.Reindex();
    } else {
      assessment_.Crash(assessment_.engine.unsynced());
    }
    assessment_.now += absl::Hours(20);
    assessment_.WorkAll();
    EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 0u);
  }
  assessment_.now = Noon("2025-03-12") - absl::Minutes(2);
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 0u);
  EXPECT_LE(assessment_->NextWork(), Noon("2025-03-12"));
  assessment_.now = Noon("2025-03-12");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 1u);
}

TEST_F(DutyTest, AnEntryAheadIsActedOnUnderABusinessDateToo) {
  assessment_.config.business_date = absl::CivilDay(2025, 3, 5);
  assessment_.Reopen();
  referral_.now = Noon("2025-03-12");
  Publish(1);
  Replicate(referral_, assessment_, 0);
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 0u);
  assessment_.Reopen();
  assessment_.WorkAll();
  assessment_.now = Noon("2025-03-12");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 1u);
}

TEST_F(DutyTest, AClockThatIsSetBackTakesNothingBack) {
  Publish(1);
  Replicate(referral_, assessment_, 0);
  // The duty is recorded two days after its cause; then the clock is mended.
  assessment_.now = Noon("2025-03-12");
  assessment_.WorkAll();
  ASSERT_EQ(assessment_.CountOf(kAssessmentDue), 1u);
  assessment_.now = Noon("2025-03-10") + absl::Hours(1);
  for (int i = 0; i < 2; ++i) {
    assessment_.Reindex();
    assessment_.WorkAll();
    EXPECT_EQ(assessment_.CountOf(kAssessmentDue), 1u);
    EXPECT_EQ(assessment_.CountOf(kCancelled), 0u);
    EXPECT_EQ(assessment_->health(), "ok");
  }
  // Decisions still rest on all that is in the own log, and orders still ascend.
  referral_.now -= absl::Hours(30);
  referral_.Reopen();
  auto path = ClientPath(1, 0, 2, 2);
  const auto noted = std::find_if(path.begin(), path.end(), [](const auto& event) {
    return event.event.type() == "polku.referral.v1.SocialServiceNoted";
  });
  ASSERT_NE(noted, path.end());
  noted->event.set_event_id(std::string(NamedEvent("once more").view()));
  const auto answer = referral_.Offer(noted->agency, {noted->event});
  EXPECT_FALSE(answer.has_refusal()) << answer.ShortDebugString();
  Replicate(referral_, assessment_, 0);  // the subscriber holds orders to ascending
}

// ---- Epochs ----

// The next epoch of a service on a machine whose clock is an hour behind the old log.
class EpochTest : public ::testing::TestWithParam<absl::Duration> {
 protected:
  static void MakeNext(const TestNode& old, TestNode& next) {
    next.config.origin = *OriginName::Make(old.config.origin.agency(),
                                           old.config.origin.service(), 2);
    next.keys.signer =
        proof::Signer::Generate(next.config.origin.text(), proof::KeyUse::kCheckpoint);
  }
};
INSTANTIATE_TEST_SUITE_P(Clock, EpochTest,
                         ::testing::Values(absl::ZeroDuration(), absl::Hours(1)),
                         [](const auto& clock) {
                           return clock.param > absl::ZeroDuration() ? "AnHourBehind" : "Right";
                         });

TEST_P(EpochTest, WhatTheOldEpochTookIsNotTakenAgainUnderNewIds) {
  const std::unique_ptr<service::Service> referral = referral::MakeReferralService();
  TestNode old{kOulu, *referral, 1}, next{kOulu, *referral, 2};
  MakeNext(old, next);
  const size_t peer = next.Follow(old);
  old.now = Noon("2025-03-11");
  next.now = old.now - GetParam();
  old.Open();
  next.Open();
  std::vector<AuthoredEvent> taken;
  for (auto& event : ClientPath(1, 0, 1, 7)) {
    if (event.service != "referral") continue;
    if (!old.Offer(event.agency, {event.event}).has_refusal()) taken.push_back(event);
  }
  ASSERT_GT(taken.size(), 5u);
  Replicate(old, next, peer);
  const auto repeat = [&](std::string_view name) {
    std::vector<std::string> answers;
    for (AuthoredEvent event : taken) {
      event.event.set_event_id(
          std::string(NamedEvent(Str(name, " ", event.event.type(), answers.size())).view()));
      const auto answer = old.Offer(event.agency, {event.event});
      const auto again = next.Offer(event.agency, {event.event});
      EXPECT_EQ(again.has_refusal(), answer.has_refusal()) << event.event.type();
      EXPECT_EQ(again.refusal().code(), answer.refusal().code()) << event.event.type();
      answers.push_back(again.refusal().code());
    }
    EXPECT_GT(std::count_if(answers.begin(), answers.end(),
                            [](const auto& code) { return !code.empty(); }),
              4);
  };
  repeat("live");
  next.Reindex();  // all folded anew, from the heads alone
  repeat("refolded");
}

TEST_P(EpochTest, ADutyIsNotSaidAgain) {
  const std::unique_ptr<service::Service> referral = referral::MakeReferralService();
  const std::unique_ptr<service::Service> assessment = assessment::MakeAssessmentService();
  TestNode author{kOulu, *referral, 1};
  TestNode old{kWellbeing, *assessment, 2}, next{kWellbeing, *assessment, 3};
  MakeNext(old, next);
  const size_t to_old = old.Follow(author);
  const size_t of_author = next.Follow(author);
  const size_t of_old = next.Follow(old);
  author.Open();
  old.Open();
  for (const auto& event : ClientPath(1, 0, 1, 7)) {
    if (event.service == "referral") author.Offer(event.agency, {event.event});
  }
  Replicate(author, old, to_old);
  old.now = Noon("2025-03-12");
  old.WorkAll();
  const size_t said = old.CountOf(kAssessmentDue);
  ASSERT_GT(said, 0u);
  next.now = old.now - GetParam();
  next.Open();
  Replicate(old, next, of_old);
  Replicate(author, next, of_author);
  for (int i = 0; i < 2; ++i) {
    next.WorkAll();
    EXPECT_EQ(next.CountOf(kAssessmentDue), 0u);
    EXPECT_EQ(next.CountOf(kCancelled), 0u);
    EXPECT_EQ(next->health(), "ok");
    next.Reindex();
  }
}

// ---- Services that misbehave ----

service::Duty PlanDuty(std::string key, std::string plan_id, uint32_t generation = 1) {
  auto plan = std::make_unique<referral::v1::PlanDrafted>();
  plan->set_plan_id(plan_id);
  return {std::move(key), generation, std::move(plan)};
}

class StubDutyTest : public ::testing::Test {
 protected:
  exchange::v1::OfferedEvent Need(std::string_view id, uint64_t case_number) {
    return Event(NamedEvent(id), NumberedCase(case_number),
                 ParseText<referral::v1::NeedIdentified>("identified_on: '2025-01-07'"));
  }
  StubService stub_;
  TestNode node_{kOulu, stub_, 3};
};

TEST_F(StubDutyTest, RulesThatNeverRestAreStoppedAndTold) {
  stub_.due = [](const WatchedState& state, absl::CivilDay) {
    std::vector<service::Duty> duties;
    duties.push_back(PlanDuty(Str("endless/", state.facts.size()), "p"));
    return duties;
  };
  node_.Open();
  ASSERT_FALSE(node_.Offer(kOulu, {Need("a", 1)}).has_refusal());
  node_->Work();
  EXPECT_THAT(node_->health(), HasSubstr("contradict"));
  EXPECT_EQ(node_->size(), Position(5 + 1 + 16));
  node_->Work();
  EXPECT_EQ(node_->size(), Position(5 + 1 + 16));
  EXPECT_GT(node_->NextWork(), node_.now);
}

TEST_F(StubDutyTest, ADutyThatContradictsWhatItSaidBeforeHurtsItsOwnCaseAlone) {
  std::string plan_id = "first";
  stub_.due = [&](const WatchedState& state, absl::CivilDay) {
    std::vector<service::Duty> duties;
    // Deaf to its own history: the same key with other content for case 1.
    if (state.case_id == NumberedCase(1) || state.facts.size() == 1) {
      duties.push_back(PlanDuty("plan", plan_id));
    }
    return duties;
  };
  node_.Open();
  ASSERT_FALSE(node_.Offer(kOulu, {Need("a", 1)}).has_refusal());
  node_->Work();
  plan_id = "second";
  ASSERT_FALSE(node_.Offer(kOulu, {Need("b", 2), Need("c", 1), Need("d", 3)}).has_refusal());
  node_->Work();
  EXPECT_THAT(node_->health(), HasSubstr(FormatCaseId(NumberedCase(1))));
  EXPECT_EQ(node_.CountOf("polku.referral.v1.PlanDrafted"), 3u);  // one a case
  EXPECT_GT(node_->NextWork(), node_.now);
  EXPECT_FALSE(node_.Offer(kOulu, {Need("e", 4)}).has_refusal());
  node_->Work();
  EXPECT_EQ(node_.CountOf("polku.referral.v1.PlanDrafted"), 4u);
}

TEST_F(StubDutyTest, MoreDutiesThanAnAppendTakesAreAllAppendedOnce) {
  constexpr size_t kDuties = 2 * log::kMaxEntriesPerAppend + 7;
  stub_.due = [](const WatchedState& state, absl::CivilDay) {
    std::vector<service::Duty> duties;
    for (size_t i = state.facts.size() - 1; i < kDuties; ++i) {
      duties.push_back(PlanDuty(Str("plan/", i), Str("p", i)));
    }
    return duties;
  };
  node_.Open();
  ASSERT_FALSE(node_.Offer(kOulu, {Need("a", 1)}).has_refusal());
  node_.WorkAll();
  EXPECT_EQ(node_.CountOf("polku.referral.v1.PlanDrafted"), kDuties);
  EXPECT_EQ(node_->health(), "ok");
}

TEST_F(StubDutyTest, NoMoreCasesStayInMemoryThanConfigured) {
  node_.config.cached_cases = 10;
  node_.Open();
  for (uint64_t i = 0; i < 100; ++i) {
    ASSERT_FALSE(node_.Offer(kOulu, {Need(Str(i), i)}).has_refusal());
    EXPECT_LE(stub_.states, 10);
  }
  node_.WorkAll();
  EXPECT_LE(stub_.states, 10);
  node_.Reindex();  // all are evaluated
  node_.WorkAll();
  EXPECT_LE(stub_.states, 10);
  EXPECT_GT(stub_.states, 0);
}

TEST_F(StubDutyTest, ManyCasesAreEvaluatedPieceByPieceAndAKillBetweenLosesNone) {
  constexpr uint64_t kCases = 2'500;
  stub_.due = [](const WatchedState& state, absl::CivilDay) {
    std::vector<service::Duty> duties;
    if (state.facts.size() == 1) duties.push_back(PlanDuty("plan", "p"));
    return duties;
  };
  node_.config.cached_cases = 10;
  node_.Open();
  std::vector<exchange::v1::OfferedEvent> events;
  for (uint64_t i = 0; i < kCases; ++i) {
    events.push_back(Need(Str(i), i));
    if (events.size() == 1'000 || i + 1 == kCases) {
      ASSERT_FALSE(node_.Offer(kOulu, std::move(events)).has_refusal());
      events.clear();
    }
  }
  node_->Work();
  const size_t after_one = node_.CountOf("polku.referral.v1.PlanDrafted");
  EXPECT_GT(after_one, 0u);
  EXPECT_LT(after_one, kCases);
  EXPECT_LE(node_->NextWork(), node_.now);
  node_.Crash(node_.engine.unsynced());
  node_.WorkAll();
  EXPECT_EQ(node_.CountOf("polku.referral.v1.PlanDrafted"), kCases);
  EXPECT_EQ(node_->health(), "ok");
}

}  // namespace
}  // namespace polku::host
