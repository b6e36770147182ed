// Any legal history, with restarts, kills and faults at random: replay equals live.
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "services/assessment/assessment.h"
#include "services/attendance/attendance.h"
#include "services/compensation/compensation.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"
#include "tests/host/stub_service.h"

namespace polku::host {
namespace {

// Five services of four agencies, everyone following everyone.
class Cluster {
 public:
  explicit Cluster(uint64_t seed, size_t cached_cases = 20'000) : random_(seed) {
    Add(kOulu, referral::MakeReferralService());
    Add(kWellbeing, assessment::MakeAssessmentService());
    Add(kProvider, MakeAttendanceService());
    Add(kKela, MakeCompensationService());
    Add(kWellbeing, MakeCompensationService());
    for (auto& node : nodes_) {
      node->config.cached_cases = cached_cases;
      for (auto& other : nodes_) {
        if (other != node) node->Follow(*other);
      }
    }
    for (auto& node : nodes_) node->Open();
  }

  TestNode& node(size_t i) { return *nodes_[i]; }
  WatchedService& service(size_t i) { return *services_[i]; }
  size_t size() const { return nodes_.size(); }
  testing::SeededGenerator& random() { return random_; }

  void SetTime(absl::Time now) {
    for (auto& node : nodes_) node->now = std::max(node->now, now);
  }

  // `to` takes in what it lacks of one other; one in batches of random size.
  void Carry(size_t from, size_t to, int max_batches = 1'000'000) {
    size_t peer = from < to ? from : from - 1;
    Replicate(*nodes_[from], *nodes_[to], peer, 500 + random_.Below(20'000), max_batches);
  }

  // Until nobody has anything new for anybody.
  void Settle() {
    for (int round = 0; round < 50; ++round) {
      bool quiet = true;
      for (size_t to = 0; to < size(); ++to) {
        for (size_t from = 0; from < size(); ++from) {
          if (from == to) continue;
          Carry(from, to);
          if (::testing::Test::HasFatalFailure()) return;
        }
        const Position before = node(to)->size();
        node(to).WorkAll();
        quiet = quiet && node(to)->size() == before;
      }
      if (quiet) return;
    }
    ADD_FAILURE() << "the services never come to rest";
  }

 private:
  void Add(std::string_view agency, std::unique_ptr<service::Service> service) {
    services_.push_back(std::make_unique<WatchedService>(std::move(service)));
    nodes_.push_back(std::make_unique<TestNode>(agency, *services_.back(), random_()));
    nodes_.back()->now = Noon("2025-01-07");
  }
  testing::SeededGenerator random_;
  std::vector<std::unique_ptr<WatchedService>> services_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

size_t NodeFor(const AuthoredEvent& event) {
  if (event.service == "referral") return 0;
  if (event.service == "assessment") return 1;
  return 2;
}

// The paths of several clients, with days at the provider once the service has started: two
// attended, one away, and one that is taken back.
std::vector<std::vector<AuthoredEvent>> Paths(size_t clients) {
  std::vector<std::vector<AuthoredEvent>> paths;
  for (size_t i = 0; i < clients; ++i) {
    auto path = ClientPath(i, i, 1, 7);
    std::string period;
    for (const auto& event : path) {
      referral::v1::ServiceStarted started;
      if (event.event.type() != "polku.referral.v1.ServiceStarted") continue;
      EXPECT_TRUE(started.ParseFromString(event.event.body()));
      period = started.period_id();
    }
    const auto add = [&](const google::protobuf::Message& body, std::string_view name) {
      path.push_back({std::string(kProvider), "attendance",
                      Event(NamedEvent(Str(name, i)), NumberedCase(i), body, "ohjaaja-1")});
    };
    for (const auto& [date, attended] :
         {std::pair("2025-03-03", true), std::pair("2025-03-04", false), std::pair("2025-03-05", true)}) {
      attendance::v1::DayRecorded day;
      day.set_period_id(period);
      day.set_date(date);
      day.set_planned_minutes(240);
      day.set_actual_minutes(attended ? 240 : 0);
      day.set_outcome(attended ? event::v1::DAY_OUTCOME_ATTENDED
                               : event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
      day.set_attendance_class(attended ? event::v1::ATTENDANCE_CLASS_ATTENDED
                                        : event::v1::ATTENDANCE_CLASS_OWN_ILLNESS);
      add(day, date);
    }
    attendance::v1::DayCorrected gone;
    gone.set_period_id(period);
    gone.set_date("2025-03-05");
    gone.set_reason(attendance::v1::CORRECTION_REASON_WRONG_CLIENT);
    gone.set_withdrawn(true);
    add(gone, "gone");
    for (auto& event : ClientPath(i, i, 8, 14)) path.push_back(std::move(event));
    paths.push_back(std::move(path));
  }
  return paths;
}

struct Outcome {
  std::vector<std::vector<std::string>> logs;  // of each node: type and id of each entry, in order
  std::vector<std::string> answers;
};

std::string EntryText(const StoredEntry& entry) {
  return Str(entry.header.type(), " ", ToHex(entry.header.event_id()), " ",
             entry.header.case_revision());
}

// `disturb`: restarts, kills and failing commits, too. `in_doubt`: a commit that failed may be on disk
// nevertheless. What a node answers between that and its restart hangs on what it has read since; it
// can append nothing.
Outcome Live(Cluster& cluster, size_t clients, bool disturb, bool in_doubt = true) {
  auto paths = Paths(clients);
  std::vector<size_t> next(paths.size(), 0);
  auto& random = cluster.random();
  Outcome outcome;
  absl::Time now = Noon("2025-01-07");
  size_t left = 0;
  for (const auto& path : paths) left += path.size();
  const size_t total = left;
  int refused_in_a_row = 0;
  while (left > 0 && refused_in_a_row < 400) {
    // Time runs so that it reaches the autumn with the last events; faster while none may come yet.
    now = std::max(now, Noon("2025-01-07") +
                            absl::Hours(24) * static_cast<int>(200 * (total - left) / total)) +
          absl::Hours(refused_in_a_row);
    cluster.SetTime(now + absl::Seconds(static_cast<int64_t>(random.Below(20))));
    const size_t p = random.Below(paths.size());
    if (next[p] < paths[p].size()) {
      const AuthoredEvent& event = paths[p][next[p]];
      TestNode& node = cluster.node(NodeFor(event));
      const auto answer = node.Offer(event.agency, {event.event});
      outcome.answers.push_back(
          Str(event.event.type(), " ", answer.refusal().code(), " ",
              answer.receipts().empty() ? 0 : answer.receipts(0).position()));
      if (!answer.has_refusal()) {
        ++next[p];
        --left;
        refused_in_a_row = 0;
      } else {
        ++refused_in_a_row;  // what it rests on has not come yet, or the disk is full
      }
    }
    const size_t from = random.Below(cluster.size());
    const size_t to = random.Below(cluster.size());
    if (from != to) cluster.Carry(from, to, random.Below(2) == 0 ? 2 : 1'000'000);
    TestNode& someone = cluster.node(random.Below(cluster.size()));
    if (random.Below(3) == 0) someone->Work();
    if (disturb) {
      switch (random.Below(12)) {
        case 0:
          someone.engine.FailCommit(static_cast<int>(random.Below(3)),
                                    absl::ResourceExhaustedError("full"));
          break;
        case 1:
          someone.engine.FailCommit(static_cast<int>(random.Below(2)), absl::InternalError("I/O"),
                                    in_doubt && random.Below(2) == 0);
          break;
        case 2:
          someone.Crash(random.Below(someone.engine.unsynced() + 1));
          break;
        case 3:
          if (random.Below(4) == 0) someone.Reindex();
          break;
        default:
          if (someone->health() != "ok") someone.Crash(random.Below(someone.engine.unsynced() + 1));
      }
    }
    if (::testing::Test::HasFailure()) return outcome;
  }
  EXPECT_EQ(left, 0u) << "the paths did not come to their end";
  if (disturb) {
    for (size_t i = 0; i < cluster.size(); ++i) cluster.node(i).Crash(0);
  }
  cluster.SetTime(Noon("2025-12-31"));
  cluster.Settle();
  for (size_t i = 0; i < cluster.size(); ++i) {
    EXPECT_EQ(cluster.node(i)->health(), "ok") << cluster.node(i).origin();
    auto& texts = outcome.logs.emplace_back();
    for (const auto& entry : cluster.node(i).Entries()) texts.push_back(EntryText(entry));
  }
  return outcome;
}

void ExpectSame(const std::vector<std::string>& a, const std::vector<std::string>& b,
                std::string_view what) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (x == a.end() && y == b.end()) return;
  ADD_FAILURE() << what << " differ at " << x - a.begin() << ": "
                << (x == a.end() ? "nothing" : *x) << " and " << (y == b.end() ? "nothing" : *y);
}

TEST(NodeHistory, AColdReplayOfAnyHistorySeesTheSameFactsAndCallsForNothingMore) {
  const uint64_t seed = testing::TestSeed();
  for (const bool disturb : {false, true}) {
    Cluster cluster(seed + (disturb ? 1 : 0));
    Live(cluster, 3, disturb);
    ASSERT_FALSE(HasFailure()) << (disturb ? "disturbed" : "calm");
    for (size_t i = 0; i < cluster.size(); ++i) {
      TestNode& node = cluster.node(i);
      const Position size = node->size();
      const std::string checkpoint = node->checkpoint();
      const auto live = cluster.service(i).seen;
      cluster.service(i).seen.clear();
      node.Reindex();
      node.WorkAll();
      EXPECT_EQ(node->size(), size) << node.origin();
      EXPECT_EQ(node->checkpoint(), checkpoint) << node.origin();
      EXPECT_EQ(cluster.service(i).seen.size(), 3u);
      EXPECT_EQ(cluster.service(i).seen, live) << node.origin();
    }
    // Every service had something to say of its own accord.
    EXPECT_GT(cluster.node(1).CountOf("polku.assessment.v1.AssessmentDue"), 0u);
    EXPECT_GT(cluster.node(2).CountOf("polku.attendance.v1.PeriodOpened"), 0u);
    EXPECT_GT(cluster.node(3).CountOf("polku.compensation.v1.AllowanceAccrued"), 0u);
  }
}

TEST(NodeHistory, NoEntryStandsTwiceAndEveryDutyThatHoldsIsThereOnce) {
  const uint64_t seed = testing::TestSeed();
  for (uint64_t round = 0; round < 3; ++round) {
    Cluster cluster(seed + round);
    Live(cluster, 2, /*disturb=*/true);
    ASSERT_FALSE(HasFailure()) << "round " << round;
    for (size_t i = 0; i < cluster.size(); ++i) {
      std::set<std::string> ids;
      std::map<std::string, uint64_t> revisions;
      uint64_t order = 0;
      for (const auto& entry : cluster.node(i).Entries()) {
        EXPECT_TRUE(ids.insert(entry.header.event_id() + entry.header.author_agency()).second);
        EXPECT_GT(entry.header.order(), order);
        order = entry.header.order();
        if (entry.header.case_id().empty()) continue;
        EXPECT_EQ(entry.header.case_revision(), ++revisions[entry.header.case_id()]);
      }
    }
    // Assessment duties that were not cancelled: one a case, kind and round.
    std::map<std::string, int> live;
    std::map<std::string, std::string> key_of;
    for (const auto& entry : cluster.node(1).Entries()) {
      const std::string case_id = ToHex(entry.header.case_id());
      if (entry.header.type() == "polku.assessment.v1.AssessmentDue") {
        const auto& due = static_cast<const assessment::v1::AssessmentDue&>(*entry.body);
        const std::string key = Str(case_id, due.period_id(), static_cast<int>(due.kind()), "/", due.round());
        key_of[entry.header.event_id()] = key;
        EXPECT_EQ(++live[key], 1) << key;
      } else if (entry.header.type() == "polku.assessment.v1.DueCancelled") {
        const auto& gone = static_cast<const assessment::v1::DueCancelled&>(*entry.body);
        const auto key = key_of.find(gone.due_event_id());
        if (key != key_of.end()) --live[key->second];
      }
    }
    // Kykyviisari twice, network meeting, final evaluation, follow-up twice.
    int count = 0;
    for (const auto& [key, n] : live) count += n;
    EXPECT_GE(count, 2 * 5);
    // The allowance of the day that was taken back was never accrued or is reversed: a day a client.
    std::map<std::string, int> days;
    for (const auto& entry : cluster.node(3).Entries()) {
      if (entry.header.type() == "polku.compensation.v1.AllowanceAccrued") {
        ++days[entry.header.case_id()];
      } else if (entry.header.type() == "polku.compensation.v1.AllowanceReversed") {
        --days[entry.header.case_id()];
      }
    }
    EXPECT_EQ(days.size(), 2u);
    for (const auto& [case_id, n] : days) EXPECT_EQ(n, 1) << ToHex(case_id);
  }
}

TEST(NodeHistory, ACacheOfOneCaseGivesTheSameLogsAsALargeOne) {
  const uint64_t seed = testing::TestSeed();
  for (const bool disturb : {false, true}) {
    Cluster large(seed);
    Cluster small(seed, /*cached_cases=*/1);
    const Outcome a = Live(large, 3, disturb, /*in_doubt=*/false);
    const Outcome b = Live(small, 3, disturb, /*in_doubt=*/false);
    ASSERT_FALSE(HasFailure());
    ExpectSame(a.answers, b.answers, "answers");
    for (size_t i = 0; i < a.logs.size(); ++i) {
      ExpectSame(a.logs[i], b.logs[i], large.node(i).origin());
    }
  }
}

TEST(NodeHistory, ProvisionalFactsAreExactlyThoseThatTheLogThenHolds) {
  // Many events of few cases in one turn, with refusals and repeats between; no flush in between.
  const uint64_t seed = testing::TestSeed();
  testing::SeededGenerator random(seed);
  StubService stub;
  std::map<CaseId, std::vector<std::string>> seen;
  stub.decide = [&](const WatchedState&, const service::Offer& offer) {
    std::optional<service::Refusal> refusal;
    if (offer.author_official == "refuse") refusal = {"refused", "as asked"};
    return refusal;
  };
  stub.due = [&](const WatchedState& state, absl::CivilDay) {
    seen[state.case_id] = state.facts;
    return std::vector<service::Duty>();
  };
  TestNode node(kOulu, stub, seed);
  node.Open();
  uint64_t id = 0;
  for (int turn = 0; turn < 40; ++turn) {
    node.now += absl::Nanoseconds(static_cast<int64_t>(random.Below(3'000'000'000)));
    std::vector<std::vector<AuthoredEvent>> offers;
    for (uint64_t o = 0; o < 1 + random.Below(6); ++o) {
      auto& offer = offers.emplace_back();
      for (uint64_t e = 0; e < 1 + random.Below(4); ++e) {
        // Now and then an id of before, which is a repeat: the content hangs on the id alone.
        const uint64_t n = random.Below(6) == 0 && id > 0 ? random.Below(id) : id++;
        const bool twice = std::any_of(offer.begin(), offer.end(), [&](const auto& other) {
          return other.event.event_id() == NamedEvent(Str(n)).view();
        });
        if (twice) continue;
        referral::v1::NeedIdentified need;
        need.set_identified_on(Str("day ", n));
        offer.push_back({std::string(kOulu), "referral",
                         Event(NamedEvent(Str(n)), NumberedCase(n % 4), need,
                               n % 7 == 3 ? "refuse" : "oma-1")});
      }
      if (offer.empty()) offers.pop_back();
    }
    node.OfferTogether(offers);
    node.WorkAll();
  }
  const auto live = seen;
  ASSERT_EQ(live.size(), 4u);
  seen.clear();
  node.Reindex();
  node.WorkAll();
  EXPECT_EQ(seen, live);
}

}  // namespace
}  // namespace polku::host
