// What must hold of any legal history (issue 5, Evidence), asked of whole made-up regions: what each client is due is
// computed here day by day from what the reader holds, with nothing of the services' own folds.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "eventstore/base/status.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/assessment/assessment.h"
#include "services/attendance/attendance.h"
#include "services/audit/history.h"
#include "services/audit/store.h"
#include "services/compensation/compensation.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"
#include "services/generate/generate.h"
#include "services/generate/region.h"
#include "services/host/config.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::generate {
namespace {

namespace av = attendance::v1;
namespace cv = compensation::v1;
namespace rv = referral::v1;
using absl::CivilDay;
using service::As;
using service::ParseDate;

// A story that these histories do not have would be missed without anybody noticing.
constexpr size_t kClients = 14;

std::string Source(std::string_view path) {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  return Str(root == nullptr ? "." : root, "/", path);
}

std::vector<std::string> Regions() {
  std::vector<std::string> regions;
  for (const auto& file : std::filesystem::directory_iterator(Source("deploy/profiles"))) {
    const std::string region = file.path().stem().string();
    // The one is no region, of the other's clients nobody is known.
    if (file.path().extension() == ".textproto" && region != "suomi" && region != "espoo-open") {
      regions.push_back(region);
    }
  }
  std::sort(regions.begin(), regions.end());
  return regions;
}

// What the reader holds of one case, in merged order.
struct Told {
  struct Benefit {
    event::v1::BenefitKind kind;
    std::optional<CivilDay> from;
  };
  struct Span {
    CivilDay from;
    std::optional<CivilDay> until;  // last day
    std::optional<CivilDay> ended;
    CivilDay first_started;
    std::vector<std::pair<CivilDay, std::optional<CivilDay>>> pauses;  // until: first day with service again
    bool Covers(CivilDay day) const {
      const auto last = ended ? ended : until;
      if (day < from || (last && *last < day)) return false;
      for (const auto& [begun, over] : pauses) {
        if (begun <= day && (!over || day < *over)) return false;
      }
      return true;
    }
  };
  struct Posting {
    std::string author;
    CivilDay date;
    int64_t cents = 0;
    bool allowance = false;
    bool reversed = false;
  };
  struct Payment {
    std::string proposer;
    int64_t total = 0, taken_back = 0;
    std::vector<std::pair<std::string, int64_t>> lines;  // event id, cents
    bool approved = false, paid = false, rejected = false;
  };
  std::map<std::pair<CivilDay, std::string>, bool> days;  // by day and period: there, as it stands
  std::map<std::string, Span> periods;
  std::vector<Benefit> benefits;
  std::map<std::string, Posting> postings;  // by event id
  std::map<std::pair<std::string, std::string>, Payment> payments;  // by agency and id
};

class Reader {
 public:
  absl::Status Read(const std::string& directory, const Instance& instance) {
    POLKU_ASSIGN_OR_RETURN(const auto config, host::LoadConfig(ConfigPath(directory, instance), instance.service));
    profile_ = config.profile;
    POLKU_ASSIGN_OR_RETURN(const auto store, audit::Store::Open(config));
    audit::History history(*store);
    return history.Replay({}, [&](const audit::Event& event) {
      if (!event.control() && event.body != nullptr) Take(event, cases_[event.case_id]);
      return absl::OkStatus();
    });
  }
  const std::map<CaseId, Told>& cases() const { return cases_; }

  // Who owes how many cents for which day.
  using Due = std::map<std::pair<CivilDay, std::string>, int64_t>;
  Due Expected(const Told& told) const {
    Due due;
    std::map<CivilDay, int> of_week;  // by its Monday: days that count
    std::set<CivilDay> counted;
    for (const auto& [key, there] : told.days) {
      const auto& [day, period_id] = key;
      const auto period = told.periods.find(period_id);
      if (!there || period == told.periods.end() || !period->second.Covers(day)) continue;
      const CivilDay started = period->second.first_started;
      const CivilDay monday = absl::PrevWeekday(day + 1, absl::Weekday::monday);
      if (counted.insert(day).second) ++of_week[monday];
      const auto* week = RuleOf(profile_.intensities(), day, started, [](const auto&) { return true; });
      if (week != nullptr && week->max_days_per_week() > 0 &&
          of_week[monday] > static_cast<int>(week->max_days_per_week())) {
        continue;
      }
      const auto kind = AllowanceOn(told, day, started);
      if (kind == event::v1::ALLOWANCE_KIND_UNSPECIFIED) continue;
      const auto* rate = RuleOf(profile_.rates(), day, started, [&](const auto& r) { return r.kind() == kind; });
      if (rate == nullptr || rate->cents_per_day() == 0) continue;
      const auto payer = kind == event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE ? kKela : kWellbeing;
      due[{day, std::string(payer)}] = rate->cents_per_day();
    }
    return due;
  }

 private:
  template <typename List, typename Fits>
  static auto RuleOf(const List& rules, CivilDay day, CivilDay started, Fits fits) -> decltype(&*rules.begin()) {
    const auto within = [](CivilDay one, const std::string& from, const std::string& until) {
      return (from.empty() || *ParseDate(from) <= one) && (until.empty() || one <= *ParseDate(until));
    };
    for (const auto& rule : rules) {
      if (fits(rule) && within(day, rule.valid_from(), rule.valid_until()) &&
          within(started, rule.started_from(), rule.started_until())) {
        return &rule;
      }
    }
    return nullptr;
  }

  event::v1::AllowanceKind AllowanceOn(const Told& told, CivilDay day, CivilDay started) const {
    auto best = event::v1::ALLOWANCE_KIND_UNSPECIFIED;
    const auto consider = [&](event::v1::BenefitKind kind) {
      const auto* rule = RuleOf(profile_.benefits(), day, started, [&](const auto& r) { return r.kind() == kind; });
      if (rule == nullptr || rule->allowance() == event::v1::ALLOWANCE_KIND_UNSPECIFIED) return;
      if (best == event::v1::ALLOWANCE_KIND_UNSPECIFIED || rule->allowance() < best) best = rule->allowance();
    };
    for (const auto& benefit : told.benefits) {
      if (!benefit.from || *benefit.from <= day) consider(benefit.kind);
    }
    if (best == event::v1::ALLOWANCE_KIND_UNSPECIFIED) consider(event::v1::BENEFIT_KIND_UNSPECIFIED);
    return best;
  }

  static void Take(const audit::Event& event, Told& told) {
    const google::protobuf::Message& body = *event.body;
    const auto day = [&](const auto& record, bool withdrawn) {
      told.days[{*ParseDate(record.date()), record.period_id()}] =
          !withdrawn && record.outcome() == event::v1::DAY_OUTCOME_ATTENDED;
    };
    const std::string id(event.id.view());
    const std::string author = event.header.author_agency();
    const auto payment = [&](const std::string& label) -> Told::Payment& {
      const auto found = told.payments.find({author, label});
      EXPECT_NE(found, told.payments.end());
      return found->second;
    };
    if (const auto* recorded = As<av::DayRecorded>(body)) {
      day(*recorded, false);
    } else if (const auto* corrected = As<av::DayCorrected>(body)) {
      day(*corrected, corrected->withdrawn());
    } else if (const auto* started = As<rv::ServiceStarted>(body)) {
      const CivilDay from = *ParseDate(started->starts_on());
      told.periods[started->period_id()] = {from, ParseDate(started->ends_on()), std::nullopt,
                                            ParseDate(started->first_started_on()).value_or(from), {}};
    } else if (const auto* extended = As<rv::ServiceExtended>(body)) {
      told.periods.at(extended->period_id()).until = ParseDate(extended->ends_on());
    } else if (const auto* ended = As<rv::ServiceEnded>(body)) {
      told.periods.at(ended->period_id()).ended = ParseDate(ended->ended_on());
    } else if (const auto* paused = As<rv::ServiceInterrupted>(body)) {
      told.periods.at(paused->period_id()).pauses.push_back({*ParseDate(paused->interrupted_from()), std::nullopt});
    } else if (const auto* resumed = As<rv::ServiceResumed>(body)) {
      told.periods.at(resumed->period_id()).pauses.back().second = ParseDate(resumed->resumed_on());
    } else if (const auto* benefit = As<rv::BenefitRecorded>(body)) {
      told.benefits.push_back({benefit->kind(), ParseDate(benefit->valid_from())});
    } else if (const auto* accrued = As<cv::AllowanceAccrued>(body)) {
      told.postings[id] = {author, *ParseDate(accrued->date()), accrued->amount_cents(), true, false};
    } else if (const auto* taken = As<cv::AllowanceReversed>(body)) {
      told.postings.at(taken->reversed_event_id()).reversed = true;
      told.postings[id] = {author, *ParseDate(taken->date()), -taken->amount_cents(), false, false};
    } else if (const auto* granted = As<cv::TravelGranted>(body)) {
      told.postings[id] = {author, *ParseDate(granted->covers_from()), granted->amount_cents(), false, false};
    } else if (const auto* back = As<cv::TravelReversed>(body)) {
      told.postings[id] = {author, *ParseDate(back->covers_from()), -back->amount_cents(), false, false};
    } else if (const auto* proposed = As<cv::PaymentProposed>(body)) {
      Told::Payment& made = told.payments[{author, proposed->payment_id()}];
      EXPECT_TRUE(made.lines.empty()) << "one label twice";
      made.proposer = event.header.author_official();
      made.total = proposed->total_cents();
      for (const auto& line : proposed->lines()) made.lines.emplace_back(line.event_id(), line.amount_cents());
    } else if (const auto* approved = As<cv::PaymentApproved>(body)) {
      EXPECT_NE(payment(approved->payment_id()).proposer, event.header.author_official());
      payment(approved->payment_id()).approved = true;
    } else if (const auto* paid = As<cv::PaymentPaid>(body)) {
      EXPECT_TRUE(payment(paid->payment_id()).approved);
      payment(paid->payment_id()).paid = true;
    } else if (const auto* rejected = As<cv::PaymentRejected>(body)) {
      EXPECT_FALSE(payment(rejected->payment_id()).paid);
      payment(rejected->payment_id()).rejected = true;
    } else if (const auto* recovered = As<cv::PaymentReversed>(body)) {
      EXPECT_TRUE(payment(recovered->payment_id()).paid);
      payment(recovered->payment_id()).taken_back += recovered->amount_cents();
    }
  }

  config::v1::Profile profile_;
  std::map<CaseId, Told> cases_;
};

// Each day by itself: nothing without an attended day, no day twice, and neither too little.
void ExpectTheMoneyIsRight(const Reader& reader, std::map<std::string, int>& seen) {
  for (const auto& [case_id, told] : reader.cases()) {
    Reader::Due standing;
    for (const auto& [id, posting] : told.postings) {
      if (!posting.allowance || posting.reversed) continue;
      EXPECT_TRUE(standing.emplace(std::pair(posting.date, posting.author), posting.cents).second)
          << FormatCaseId(case_id) << " has two allowances of " << posting.date;
      seen["accrued"] += 1;
    }
    EXPECT_EQ(standing, reader.Expected(told)) << FormatCaseId(case_id);

    std::map<std::string, int> settled;  // by event id: in how many payments that stand
    for (const auto& [key, payment] : told.payments) {
      int64_t sum = 0;
      for (const auto& [id, cents] : payment.lines) {
        sum += cents;
        const auto posting = told.postings.find(id);
        ASSERT_NE(posting, told.postings.end());
        EXPECT_EQ(posting->second.cents, cents);
        EXPECT_EQ(posting->second.author, key.first) << "one payer pays what another one owes";
        if (cents < 0) seen["netted"] += 1;
        const bool stands = !payment.rejected && payment.taken_back < payment.total;
        if (stands) {
          EXPECT_EQ(++settled[id], 1) << "settled twice";
        }
      }
      EXPECT_EQ(sum, payment.total);
      EXPECT_GT(payment.total, 0);
      EXPECT_LE(payment.taken_back, payment.total);
      seen["paid"] += payment.paid ? 1 : 0;
      seen["rejected"] += payment.rejected ? 1 : 0;
      seen["recovered"] += payment.taken_back > 0 ? 1 : 0;
    }
  }
}

// The service, folding what its store holds from nothing, calls for nothing that it has not said.
void ExpectReplayEqualsLive(const std::string& directory, const Instance& instance, CivilDay today,
                            std::map<std::string, int>& seen) {
  SCOPED_TRACE(instance.name);
  ASSERT_OK_AND_ASSIGN(const auto config, host::LoadConfig(ConfigPath(directory, instance), instance.service));
  ASSERT_OK_AND_ASSIGN(const auto store, audit::Store::Open(config));
  const std::unique_ptr<service::Service> made = instance.service == "attendance"     ? MakeAttendanceService()
                                                 : instance.service == "compensation" ? MakeCompensationService()
                                                                                      : assessment::MakeAssessmentService();
  std::map<CaseId, std::unique_ptr<service::CaseState>> cases;
  audit::History history(*store);
  ASSERT_OK(history.Replay({}, [&](const audit::Event& event) {
    if (event.control() || event.body == nullptr) return absl::OkStatus();
    auto& state = cases[event.case_id];
    if (state == nullptr) state = made->NewState(event.case_id);
    made->Evolve(*state, event.fact());
    return absl::OkStatus();
  }));
  const service::Rules rules{config.profile, config.agreement, instance.agency};
  for (const auto& [case_id, state] : cases) {
    for (const auto& duty : made->Due(*state, rules, today)) {
      ADD_FAILURE() << FormatCaseId(case_id) << " is still due " << duty.key << " #" << duty.generation;
    }
  }
  seen[std::string(instance.service)] += static_cast<int>(cases.size());
}

Options RegionOptions(const std::string& directory, std::string_view region, uint64_t seed) {
  auto profiles = host::ProfileFiles(Source(Str("deploy/profiles/", region, ".textproto")));
  EXPECT_OK(profiles);
  return {.profiles = *std::move(profiles),
          .work_division = {Source("deploy/agreements/taulukko-1.textproto"),
                            Source("deploy/agreements/osapuolet.textproto")},
          .directory = directory,
          .clients = kClients,
          .seed = seed,
          .from = CivilDay(2025, 1, 1),
          .until = CivilDay(2025, 12, 31),
          .first_port = 7600,
          .payers_hear_every = 1,
          .progress = {}};
}

void ExpectAllHolds(const Options& options, std::map<std::string, int>& seen) {
  ASSERT_OK(Generate(options));
  Reader reader;
  ASSERT_OK(reader.Read(options.directory, Instances()[kReader]));
  ExpectTheMoneyIsRight(reader, seen);
  for (size_t i = kFirstAttendance; i < kReader; ++i) {
    ExpectReplayEqualsLive(options.directory, Instances()[i], options.until, seen);
  }
}

TEST(GeneratedHistories, OfEachRegionOweWhatEachDaySaysAndReplayAsTheyWereLived) {
  std::map<std::string, int> seen;
  for (const std::string& region : Regions()) {
    SCOPED_TRACE(region);
    rocks::TempDirectory directory;
    ExpectAllHolds(RegionOptions(directory.path() + "/region", region, 5), seen);
  }
  for (const char* what : {"accrued", "netted", "paid", "rejected", "recovered", "attendance", "compensation",
                           "assessment"}) {
    EXPECT_GT(seen[what], 0) << what;
  }
}

// Whatever a payer hears late, and of whom first: what it owes in the end is the same.
TEST(GeneratedHistories, OweTheSameInWhateverOrderThePayersHearOfThem) {
  std::map<CaseId, Reader::Due> timely;
  for (const size_t every : {1, 2, 5}) {
    SCOPED_TRACE(every);
    rocks::TempDirectory directory;
    Options options = RegionOptions(directory.path() + "/region", "oulu", 5);
    options.payers_hear_every = every;
    std::map<std::string, int> seen;
    ExpectAllHolds(options, seen);
    Reader reader;
    ASSERT_OK(reader.Read(options.directory, Instances()[kReader]));
    std::map<CaseId, Reader::Due> due;
    for (const auto& [case_id, told] : reader.cases()) due[case_id] = reader.Expected(told);
    if (every == 1) timely = due;
    EXPECT_EQ(due, timely);
    EXPECT_GT(seen["accrued"], 100);
  }
}

// A region and a seed of the day's own, printed: POLKU_TEST_SEED repeats it.
TEST(GeneratedHistories, OfAnySeedHoldTheSame) {
  const uint64_t seed = testing::TestSeed();
  const std::vector<std::string> regions = Regions();
  const std::string region = regions[seed % regions.size()];
  SCOPED_TRACE(Str(region, ", POLKU_TEST_SEED=", seed));
  rocks::TempDirectory directory;
  std::map<std::string, int> seen;
  Options options = RegionOptions(directory.path() + "/region", region, seed);
  options.payers_hear_every = 1 + seed / 97 % 3;
  ExpectAllHolds(options, seen);
}

}  // namespace
}  // namespace polku::generate
