// An erasure from the officials' acts to the last receiver's answer, over real nodes; and a kill at every write.
#include "services/host/erasing.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/index.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "polku/access/v1/access.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/assessment/assessment.h"
#include "services/host/fence.h"
#include "services/host/keys.h"
#include "services/host/new_epoch.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::host {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::StatusIs;
using event::v1::ERASURE_TIER_ENTRIES;
using event::v1::ERASURE_TIER_SECTIONS;

// Writes, of the store and of the keystore, until it is told to die: the write at which it does is on disk or not, and
// all later ones are not. (A kill before the keystore's write is one after the fence's.)
struct KillSwitch {
  int writes = 0;
  std::optional<int> at;  // the write that is the last
  bool applied = false;   // that one is on disk
  bool dead = false;
  int case_scans = 0;  // of the whole case index

  absl::Status Write(const std::function<absl::Status()>& write) {
    const absl::Status killed = absl::InternalError("killed");
    if (dead) return killed;
    if (at != writes++) return write();
    dead = true;
    if (applied) {
      EXPECT_OK(write());
    }
    return killed;
  }
};

class KillEngine final : public testing::ForwardingEngine {
 public:
  KillEngine(log::Engine& disk, KillSwitch& kill) : ForwardingEngine(disk), kill_(kill) {}

  absl::Status Commit(const log::CommitBatch& batch) override {
    return Write([&] { return inner().Commit(batch); });
  }
  absl::Status Rewrite(const log::RewriteBatch& batch) override {
    return Write([&] { return inner().Rewrite(batch); });
  }
  absl::Status WriteIndex(std::span<const log::KeyValue> puts,
                          std::span<const std::string> deletes) override {
    return Write([&] { return inner().WriteIndex(puts, deletes); });
  }
  std::unique_ptr<log::IndexCursor> IndexScan(std::string_view prefix) override {
    if (prefix == "c") ++kill_.case_scans;
    return inner().IndexScan(prefix);
  }
  absl::Status WriteRecords(std::span<const log::KeyValue> puts, bool sync) override {
    return Write([&] { return inner().WriteRecords(puts, sync); });
  }

 private:
  absl::Status Write(const std::function<absl::Status()>& write) { return kill_.Write(write); }

  KillSwitch& kill_;
};

// The directories of a service whose stores are on a real disk.
struct Home {
  uint32_t epoch = 1;
  std::string data, keystore, keys;
};

// A node with its erasing, as the host wires them.
class Service {
 public:
  // Without a home all but the fence is in memory.
  Service(std::string_view agency, const service::Service& domain, uint64_t seed,
          const std::optional<Home>& home = std::nullopt)
      : disk_(home ? OpenDisk(*home) : log::MakeMemoryEngine()),
        node_(agency, domain, seed,
              [this] { return std::make_unique<KillEngine>(*disk_, kill); }) {
    node_.key_disk.around_write = [this](const auto& write) { return kill.Write(write); };
    node_.config.keys_directory = keys_.path();
    if (home) MoveInto(*home);
    node_.make_erasures =
        [this](vault::KeyStore& keystore) -> absl::StatusOr<std::unique_ptr<ErasureHooks>> {
      POLKU_ASSIGN_OR_RETURN(fence_, Fence::Open(node_.config.keys_directory));
      POLKU_ASSIGN_OR_RETURN(auto erasing, Erasing::Open({.config = node_.config,
                                                          .engine = node_.engine,
                                                          .keystore = keystore,
                                                          .fence = *fence_,
                                                          .clock = [this] { return node_.now; }}));
      return erasing;
    };
  }

  absl::Status TryOpen() {
    POLKU_RETURN_IF_ERROR(node_.TryOpen());
    erasing().Attach(*node_);
    return absl::OkStatus();
  }
  void Open() { ASSERT_OK(TryOpen()); }
  void Restart() {
    Stop();
    Open();
  }
  void Stop() {
    node_.Close();
    node_.engine.Restart();
  }
  // The process is gone; what it had on disk is there.
  void Kill() {
    Stop();
    kill = KillSwitch();
    node_.keystore_fails = false;
  }

  // As the host's turns, until nothing is under way.
  void WorkAll() {
    for (int i = 0; i < 2'000; ++i) {
      node_->Work();
      erasing().Work();
      if (node_->NextWork() > node_.now && erasing().under_way() == 0) return;
      if (erasing().under_way() > 0) absl::SleepFor(absl::Milliseconds(1));  // its thread purges
    }
    ADD_FAILURE() << "work is never done: " << node_->health() << " " << erasing().health();
  }
  // The same, where the store may die under it.
  void WorkToDeath() {
    for (int i = 0; i < 200 && !kill.dead; ++i) {
      node_->Work();
      erasing().Work();
      if (!kill.dead && node_->NextWork() > node_.now && erasing().under_way() == 0) return;
      absl::SleepFor(absl::Microseconds(200));
    }
  }

  Erasing& erasing() { return static_cast<Erasing&>(*node_.erasures()); }
  Fence& fence() { return *fence_; }
  TestNode& node() { return node_; }
  TestNode* operator->() { return &node_; }
  const std::string& keys_directory() const { return node_.config.keys_directory; }

  exchange::v1::OfferAnswer OfferAct(std::string_view official, const EventId& id,
                                     const CaseId& case_id, const google::protobuf::Message& body) {
    return node_.OfferAs({.agency = std::string(node_.config.origin.agency()),
                          .may_publish = true,
                          .may_operate = true,
                          .may_erase = true,
                          .official = std::string(official),
                          .types = {}},
                         {Event(id, access::AccessStreamOf(case_id), body, official)});
  }
  exchange::v1::OfferAnswer TryRequest(std::string_view name, const CaseId& case_id,
                                       event::v1::ErasureTier tier) {
    access::v1::ErasureRequested body;
    body.set_case_id(std::string(case_id.view()));
    body.set_tier(tier);
    body.set_legal_basis("laki 703/2023 27 §");
    return OfferAct("virkailija-1", NamedEvent(name), case_id, body);
  }
  void Request(std::string_view name, const CaseId& case_id, event::v1::ErasureTier tier) {
    const auto answer = TryRequest(name, case_id, tier);
    ASSERT_FALSE(answer.has_refusal()) << answer.ShortDebugString();
  }
  exchange::v1::OfferAnswer TryConfirm(std::string_view official, std::string_view name,
                                       const CaseId& case_id) {
    access::v1::ErasureConfirmed body;
    body.set_case_id(std::string(case_id.view()));
    body.set_request_event_id(std::string(NamedEvent(name).view()));
    return OfferAct(official, NamedEvent(Str(name, " confirmed by ", official)), case_id, body);
  }
  void Confirm(std::string_view name, const CaseId& case_id) {
    const auto answer = TryConfirm("virkailija-2", name, case_id);
    ASSERT_FALSE(answer.has_refusal()) << answer.ShortDebugString();
  }
  void Erase(std::string_view name, const CaseId& case_id, event::v1::ErasureTier tier) {
    Request(name, case_id, tier);
    Confirm(name, case_id);
    WorkAll();
  }

  template <typename Control>
  std::vector<Control> Controls(LogNumber log = kOwnLog) {
    std::vector<Control> found;
    const auto entries =
        log::ControlEntries(node_.engine, log, Control::descriptor()->full_name());
    EXPECT_OK(entries);
    log::EntryFetcher fetcher(node_.engine);
    for (const auto& entry : *entries) {
      const auto view = fetcher.Fetch(log, entry.position, false);
      EXPECT_OK(view);
      EXPECT_TRUE(found.emplace_back().ParseFromString(view->header->control()));
    }
    return found;
  }
  std::vector<event::v1::Erased> Erased() { return Controls<event::v1::Erased>(); }
  std::vector<event::v1::ErasureAnswered> Answers() {
    return Controls<event::v1::ErasureAnswered>();
  }

  struct Held {
    size_t leaves = 0;
    size_t blobs = 0;
    friend bool operator==(const Held&, const Held&) = default;
  };
  // Of the positions in that log.
  Held HeldOf(const std::string& origin, const std::set<Position>& positions) {
    Held held;
    const LogNumber log = origin == node_.origin() ? kOwnLog : node_.NumberOf(origin);
    for (const Position position : positions) {
      const auto one = log::FindHeld(node_.engine, log, position);
      EXPECT_OK(one);
      held.leaves += one->leaf ? 1 : 0;
      for (const SectionKind kind : kAllSectionKinds) held.blobs += one->sections.has(kind) ? 1 : 0;
    }
    return held;
  }
  std::set<Position> PositionsOf(const CaseId& case_id, LogNumber log = kOwnLog) {
    std::set<Position> positions;
    const auto refs = log::CaseEntries(node_.engine, case_id);
    EXPECT_OK(refs);
    for (const auto& ref : *refs) {
      if (ref.log == log) positions.insert(ref.position);
    }
    return positions;
  }
  std::set<std::string> KeyOrigins(const CaseId& case_id) {
    std::set<std::string> origins;
    EXPECT_OK(node_.keystore().ForEachName([&](const vault::KeyName& name) {
      if (name.case_id == case_id) origins.insert(name.origin.empty() ? "own" : name.origin);
      return absl::OkStatus();
    }));
    return origins;
  }
  // What opens now, in all logs: (origin, position) with the sections.
  std::map<std::pair<std::string, Position>, SectionSet> Opened(const CaseId& case_id) {
    std::map<std::pair<std::string, Position>, SectionSet> opened;
    const auto held = log::HeldLogs(node_.engine);
    std::map<LogNumber, std::string> origins;
    for (const auto& one : *held) origins[one.number] = one.head.origin;
    log::EntryFetcher fetcher(node_.engine);
    const auto refs = log::CaseEntries(node_.engine, case_id);
    for (const auto& ref : *refs) {
      const auto entry = fetcher.Fetch(ref.log, ref.position, true);
      EXPECT_OK(entry);
      const auto event = node_->opener().Open(*entry, origins[ref.log]);
      EXPECT_OK(event);
      if (event.ok() && !event->opened.empty()) {
        opened[{origins[ref.log], ref.position}] = event->opened;
      }
    }
    return opened;
  }
  std::vector<std::string> Problems(const std::vector<TestNode*>& others) {
    evidence::VerifyOptions options{.own_origin = node_.origin()};
    options.keys.emplace(node_.origin(), node_.keys.signer->verifier());
    for (TestNode* other : others) {
      options.keys.emplace(other->origin(), other->keys.signer->verifier());
    }
    for (const auto& key : earlier_keys) options.keys.emplace(key.name(), key);
    options.threads = 1;
    const auto report = evidence::VerifyStore(node_.engine, options);
    EXPECT_OK(report);
    std::vector<std::string> problems;
    for (const auto& problem : report->problems) {
      problems.push_back(Str(evidence::ProblemName(problem.kind), " ", problem.origin, " ",
                             problem.position ? problem.position->value() : 0, " ", problem.what));
    }
    return problems;
  }

  KillSwitch kill;
  std::vector<proof::VerifierKey> earlier_keys;  // of closed logs

 private:
  static std::unique_ptr<log::Engine> OpenDisk(const Home& home) {
    auto engine = rocks::OpenEngine({.directory = home.data});
    EXPECT_OK(engine);
    return engine.ok() ? *std::move(engine) : nullptr;
  }
  // Its keys are those that lie there, or are made there.
  void MoveInto(const Home& home) {
    Config& config = node_.config;
    config.origin = *OriginName::Make(config.origin.agency(), config.origin.service(), home.epoch);
    config.data_directory = home.data;
    config.keystore_directory = home.keystore;
    config.keys_directory = home.keys;
    if (!std::filesystem::exists(home.keys)) {
      ASSERT_OK(WriteNewKeys(home.keys, config.origin.text(), SystemRandom()));
    }
    auto keys = LoadServiceKeys(home.keys, config.origin.text());
    ASSERT_OK(keys);
    node_.keys = *std::move(keys);
    node_.open_keys = [directory = home.keystore] {
      return rocks::OpenKeyStorage(directory, rocks::OpenMode::kReadWrite);
    };
  }

  rocks::TempDirectory keys_;
  std::unique_ptr<log::Engine> disk_;
  std::unique_ptr<Fence> fence_;
  TestNode node_;
};

// The part of a client's path that the referral service takes.
void PublishAt(Service& oulu, uint64_t case_number, int first_part = 1, int last_part = 7) {
  for (const auto& event : ClientPath(case_number, 0, first_part, last_part)) {
    if (event.service != "referral") continue;
    const auto answer = oulu->Offer(event.agency, {event.event});
    ASSERT_FALSE(answer.has_refusal()) << event.event.type() << answer.ShortDebugString();
  }
}
void ExchangeBetween(Service& oulu, Service& assessment) {
  for (int i = 0; i < 3; ++i) {
    oulu.WorkAll();
    Replicate(oulu.node(), assessment.node(), 0);
    assessment.WorkAll();
    Replicate(assessment.node(), oulu.node(), 0);
  }
  oulu.WorkAll();
}

// Two agencies that follow each other.
struct Pair {
  void Open() {
    assessment_->Follow(oulu_.node());
    oulu_->Follow(assessment_.node());
    oulu_.Open();
    assessment_.Open();
  }
  void Publish(uint64_t case_number) { PublishAt(oulu_, case_number); }
  void Exchange() { ExchangeBetween(oulu_, assessment_); }
  // One case that goes and one that stays, known to both.
  void Begin() {
    Publish(1);
    Publish(2);
    Exchange();
    gone_ = NumberedCase(1);
    positions_ = oulu_.PositionsOf(gone_);
    others_ = oulu_.PositionsOf(NumberedCase(2));
    ASSERT_FALSE(positions_.empty());
    before_ = oulu_.HeldOf(oulu_->origin(), positions_);
    ASSERT_GT(before_.blobs, positions_.size());
    ASSERT_GT(assessment_.HeldOf(oulu_->origin(), positions_).blobs, 0u);
  }
  void ExpectSound() {
    EXPECT_THAT(oulu_.Problems({&assessment_.node()}), IsEmpty());
    EXPECT_THAT(assessment_.Problems({&oulu_.node()}), IsEmpty());
    EXPECT_EQ(oulu_->operator->()->health(), "ok");
    EXPECT_EQ(oulu_.erasing().health(), "");
    EXPECT_EQ(assessment_.erasing().health(), "");
  }

  const std::unique_ptr<service::Service> referral_service_ = referral::MakeReferralService();
  const std::unique_ptr<service::Service> assessment_service_ =
      assessment::MakeAssessmentService();
  Service oulu_{kOulu, *referral_service_, 1};
  Service assessment_{kWellbeing, *assessment_service_, 3};
  CaseId gone_;
  std::set<Position> positions_;  // of it, in Oulu's log
  std::set<Position> others_;     // of the other case
  Service::Held before_;
};

class ErasingTest : public ::testing::Test, protected Pair {
 protected:
  void SetUp() override { Open(); }
};

TEST_F(ErasingTest, AConfirmedErasureTakesSectionsAndKeysAndLeavesHeadersAndOtherCases) {
  Begin();
  const Service::Held other = oulu_.HeldOf(oulu_->origin(), others_);
  oulu_.Erase("one", gone_, ERASURE_TIER_SECTIONS);
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_), (Service::Held{positions_.size(), 0}));
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), others_), other);
  EXPECT_FALSE(oulu_.KeyOrigins(gone_).contains("own"));
  EXPECT_TRUE(oulu_.KeyOrigins(gone_).contains(assessment_->origin())) << "another log's part stays";
  const auto erased = oulu_.Erased();
  ASSERT_THAT(erased, SizeIs(1));
  EXPECT_EQ(erased[0].tier(), ERASURE_TIER_SECTIONS);
  EXPECT_EQ(erased[0].requested_by(), "virkailija-1");
  EXPECT_EQ(erased[0].confirmed_by(), "virkailija-2");
  EXPECT_EQ(erased[0].legal_basis(), "laki 703/2023 27 §");
  EXPECT_EQ(erased[0].fence(), FenceOf(gone_).view());
  EXPECT_EQ(oulu_.fence().lines().size(), 1u);
  EXPECT_GT(oulu_->key_disk.purges, 0);
  Exchange();
  ExpectSound();
}

TEST_F(ErasingTest, TheTierOfEntriesTakesTheLeavesToo) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  EXPECT_THAT(oulu_.PositionsOf(gone_), IsEmpty());
  Exchange();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  ExpectSound();
}

TEST_F(ErasingTest, HeadersThatWereLeftCanGoLater) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_SECTIONS);
  Exchange();
  oulu_.Erase("two", gone_, ERASURE_TIER_ENTRIES);
  Exchange();
  const auto erased = oulu_.Erased();
  ASSERT_THAT(erased, SizeIs(2));
  for (const auto& entry : erased[1].entries()) {
    EXPECT_TRUE(entry.leaf());
    EXPECT_THAT(entry.sections(), IsEmpty()) << "each hole has one Erased";
  }
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  ExpectSound();
}

TEST_F(ErasingTest, TheReceiverErasesItsCopyAndAnswersInItsOwnLog) {
  Begin();
  const std::set<std::string> keys = assessment_.KeyOrigins(gone_);
  ASSERT_TRUE(keys.contains(oulu_->origin()));
  const std::set<Position> own_positions = assessment_.PositionsOf(gone_);
  const auto own = assessment_.HeldOf(assessment_->origin(), own_positions);
  oulu_.Erase("one", gone_, ERASURE_TIER_SECTIONS);
  Exchange();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_).blobs, 0u);
  EXPECT_FALSE(assessment_.KeyOrigins(gone_).contains(oulu_->origin()));
  EXPECT_EQ(assessment_.HeldOf(assessment_->origin(), own_positions), own)
      << "each origin erases its own";
  const auto answers = assessment_.Answers();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].outcome(), event::v1::ERASURE_OUTCOME_ERASED);
  EXPECT_EQ(answers[0].origin(), oulu_->origin());
  // And it comes to the origin.
  EXPECT_THAT(oulu_.Controls<event::v1::ErasureAnswered>(oulu_->NumberOf(assessment_->origin())),
              SizeIs(1));
  assessment_.Restart();
  assessment_.WorkAll();
  EXPECT_THAT(assessment_.Answers(), SizeIs(1)) << "said once";
}

TEST_F(ErasingTest, TheOriginRemembersWhoHadGotSomethingWhenTheHeadersAreGone) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  const auto held = log::HeldLogs(oulu_->engine);
  const auto erased = ErasedEntries(oulu_->engine, held->front());
  ASSERT_OK(erased);
  ASSERT_THAT(*erased, SizeIs(1));
  const auto applied = FindApplied(oulu_->engine, kOwnLog, erased->front().position);
  ASSERT_OK(applied);
  ASSERT_TRUE(applied->has_value());
  EXPECT_EQ((*applied)->state, Applied::State::kDone);
  EXPECT_THAT((*applied)->receivers, ::testing::Contains(std::string(kWellbeing)));
  EXPECT_THAT((*applied)->receivers, Not(::testing::Contains(std::string(kOulu))));
}

TEST_F(ErasingTest, NothingGoesBeforeASecondOfficialAgrees) {
  Begin();
  oulu_.Request("one", gone_, ERASURE_TIER_ENTRIES);
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_), before_);
  EXPECT_EQ(oulu_.TryConfirm("virkailija-1", "one", gone_).refusal().code(), "same_official");
  oulu_.WorkAll();
  oulu_.Restart();
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_), before_);
  EXPECT_THAT(oulu_.Erased(), IsEmpty());
  access::v1::ErasureCancelled cancelled;
  cancelled.set_case_id(std::string(gone_.view()));
  cancelled.set_request_event_id(std::string(NamedEvent("one").view()));
  ASSERT_FALSE(oulu_.OfferAct("virkailija-2", NamedEvent("no"), gone_, cancelled).has_refusal());
  EXPECT_TRUE(oulu_.TryConfirm("virkailija-2", "one", gone_).has_refusal());
  oulu_.WorkAll();
  EXPECT_THAT(oulu_.Erased(), IsEmpty());
}

TEST_F(ErasingTest, OfNothingIsNotAskedForNorConfirmed) {
  Begin();
  EXPECT_EQ(oulu_.TryRequest("of nothing", NumberedCase(77), ERASURE_TIER_ENTRIES).refusal().code(),
            "nothing_to_erase");
  // Asked twice, and gone when the second is confirmed.
  oulu_.Request("one", gone_, ERASURE_TIER_SECTIONS);
  oulu_.Request("two", gone_, ERASURE_TIER_SECTIONS);
  oulu_.Request("headers", gone_, ERASURE_TIER_ENTRIES);
  oulu_.Confirm("one", gone_);
  oulu_.WorkAll();
  const auto again = oulu_.TryConfirm("virkailija-2", "two", gone_);
  EXPECT_EQ(again.refusal().code(), "nothing_to_erase");
  EXPECT_THAT(again.refusal().message(), HasSubstr("headers go with the tier of entries"));
  oulu_.Confirm("headers", gone_);
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  EXPECT_THAT(oulu_.Erased(), SizeIs(2));
}

TEST_F(ErasingTest, TheOriginJudgesWhetherARetentionRuleIsDue) {
  const CaseId case_id = NumberedCase(9);
  const auto say = [&](std::string_view name, const google::protobuf::Message& body) {
    const auto answer = oulu_->Offer(kWellbeing, {Event(NamedEvent(name), case_id, body)});
    EXPECT_FALSE(answer.has_refusal()) << answer.ShortDebugString();
  };
  const auto need = ParseText<referral::v1::NeedIdentified>(
      "identified_on: '2025-01-07' source: NEED_SOURCE_SOCIAL_SERVICES municipality_code: '564'");
  const auto closed = ParseText<referral::v1::CaseClosed>("closed_on: '2025-03-01'");
  const auto ask = [&](std::string_view name, std::string_view rule = "social_care_records") {
    access::v1::ErasureRequested body;
    body.set_case_id(std::string(case_id.view()));
    body.set_tier(ERASURE_TIER_SECTIONS);
    body.set_legal_basis("laki 703/2023 27 §");
    body.mutable_rule()->set_id(std::string(rule));
    body.mutable_rule()->set_version("1");
    return oulu_.OfferAct("virkailija-1", NamedEvent(name), case_id, body).refusal().code();
  };
  say("need", need);
  EXPECT_EQ(ask("open"), "rule_not_due");
  say("closed", closed);
  EXPECT_EQ(ask("closed now"), "rule_not_due") << "ten years are not over";
  EXPECT_EQ(ask("no rule", "no_such_rule"), "unknown_rule");
  oulu_->now = Noon("2035-03-01");
  EXPECT_EQ(ask("last day"), "rule_not_due") << "the last day is inclusive";
  oulu_->now = Noon("2035-03-02");
  EXPECT_EQ(ask("due"), "");
  oulu_.Restart();
  EXPECT_EQ(ask("due by what is on disk"), "");
  say("need again", need);
  EXPECT_EQ(ask("open again"), "rule_not_due") << "any later event opens it again";
  oulu_.Request("by law alone", case_id, ERASURE_TIER_SECTIONS);
}

TEST_F(ErasingTest, TakesOnlyWhatWasOnRecordWhenItWasConfirmed) {
  // As a log of before 2026-11-22 may have it: confirmed when nothing of the case was held.
  const auto fact = [&](std::string_view name, uint64_t order, std::string_view official,
                        const google::protobuf::Message& body) {
    return service::Fact{.id = NamedEvent(name),
                         .case_id = access::AccessStreamOf(NumberedCase(1)),
                         .origin = "FI/MUN/0187690-1/oulu/referral/1",
                         .position = Position(order),
                         .order = Order(order),
                         .recorded_at = oulu_->now,
                         .author_agency = kOulu,
                         .author_official = official,
                         .body = body};
  };
  ASSERT_EQ(oulu_->origin(), "FI/MUN/0187690-1/oulu/referral/1");
  const access::Policy policy(oulu_->config.agreement);
  access::v1::ErasureRequested request;
  request.set_case_id(std::string(NumberedCase(1).view()));
  request.set_tier(ERASURE_TIER_ENTRIES);
  access::v1::ErasureConfirmed confirmed;
  confirmed.set_case_id(request.case_id());
  confirmed.set_request_event_id(std::string(NamedEvent("old").view()));
  access::CaseAccess access;
  access.Evolve(fact("old", 1, "virkailija-1", request), policy, oulu_->origin());
  access.Evolve(fact("old confirmed", 2, "virkailija-2", confirmed), policy, oulu_->origin());
  Begin();
  for (int start = 0; start < 2; ++start) {
    ASSERT_OK(oulu_.erasing().Touched(access::AccessStreamOf(gone_), access));
    oulu_.WorkAll();
    EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_), before_) << "recorded later";
    EXPECT_THAT(oulu_.Erased(), IsEmpty());
    EXPECT_FALSE(oulu_.erasing().IsErased(gone_, oulu_->origin()));
    oulu_.Restart();
  }
  ExpectSound();
}

TEST_F(ErasingTest, FromTheConfirmationOnNothingMoreOfTheCaseIsRecorded) {
  Begin();
  const auto need = ParseText<referral::v1::NeedIdentified>(
      "identified_on: '2025-01-07' source: NEED_SOURCE_SOCIAL_SERVICES municipality_code: '564'");
  const auto code = [&](std::string_view name) {
    return oulu_->Offer(kOulu, {Event(NamedEvent(name), gone_, need)}).refusal().code();
  };
  oulu_.Request("one", gone_, ERASURE_TIER_SECTIONS);
  EXPECT_NE(code("before"), "case_erased");
  positions_ = oulu_.PositionsOf(gone_);
  oulu_.Confirm("one", gone_);
  EXPECT_EQ(code("between"), "case_erased") << "it is not begun yet";
  oulu_.Kill();
  oulu_.Open();
  EXPECT_THAT(oulu_.Erased(), IsEmpty());
  EXPECT_EQ(code("after the kill"), "case_erased");
  oulu_.WorkAll();
  EXPECT_EQ(code("after it"), "case_erased");
  EXPECT_EQ(oulu_.PositionsOf(gone_), positions_);
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_).blobs, 0u);
  ExpectSound();
}

TEST_F(ErasingTest, PartiesThatOnlyTheErasedLogNamedAreCarriedOver) {
  Begin();
  const auto parties = [&] {
    const auto access = assessment_->operator->()->Access(gone_);
    EXPECT_OK(access);
    return (*access)->parties();
  };
  const auto added = [&] { return assessment_->CountOf("polku.access.v1.PartyAdded"); };
  const access::Parties before = parties();
  const size_t entries = added();
  ASSERT_TRUE(before.contains(kOulu));
  ASSERT_TRUE(before.contains(kWellbeing));
  ASSERT_THAT(assessment_.PositionsOf(gone_), Not(IsEmpty()));
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  Exchange();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  EXPECT_EQ(parties(), before);
  EXPECT_EQ(added(), entries + before.size());
  assessment_.Restart();
  Exchange();
  EXPECT_EQ(parties(), before) << "by its own log alone";
  EXPECT_EQ(added(), entries + before.size()) << "once";
  // Nobody is told of a case by a service that recorded nothing of it.
  for (const auto& entry : assessment_->Entries()) {
    if (entry.header.type() == "polku.access.v1.PartyAdded") {
      EXPECT_EQ(entry.header.case_id(), gone_.view());
    }
  }
  ExpectSound();
}

TEST_F(ErasingTest, AnErasedCaseTakesNoMoreEventsAndHasNoDuties) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_SECTIONS);
  const Position size = oulu_->operator->()->size();
  const auto need = ParseText<referral::v1::NeedIdentified>(
      "identified_on: '2025-01-07' source: NEED_SOURCE_SOCIAL_SERVICES municipality_code: '564'");
  const auto answer = oulu_->Offer(kOulu, {Event(NamedEvent("new"), gone_, need)});
  ASSERT_TRUE(answer.has_refusal());
  EXPECT_EQ(answer.refusal().code(), "case_erased");
  EXPECT_THAT(answer.refusal().message(), HasSubstr("case"));
  oulu_->now += absl::Hours(24 * 400);
  oulu_.WorkAll();
  for (const auto& entry : oulu_->Entries()) {
    if (entry.position < size) continue;
    EXPECT_NE(entry.header.case_id(), gone_.view()) << entry.header.type();
  }
  oulu_.Restart();
  EXPECT_TRUE(oulu_->Offer(kOulu, {Event(NamedEvent("new"), gone_, need)}).has_refusal());
}

TEST_F(ErasingTest, WhatALawOfTheReceiversOwnKeepsGoesOnTheDayAfter) {
  auto* kept = assessment_->config.agreement.add_retentions();
  kept->add_agencies(std::string(kWellbeing));
  kept->add_types("polku.referral.v1.DecisionMade");
  kept->add_sections(event::v1::SECTION_KIND_SERVICE);
  kept->set_months(6);
  kept->set_legal_basis("kirjanpitolaki 1336/1997 2:10");
  assessment_.Restart();
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  Exchange();
  const auto held = assessment_.HeldOf(oulu_->origin(), positions_);
  EXPECT_EQ(held, (Service::Held{1, 1}));
  auto answers = assessment_.Answers();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].outcome(), event::v1::ERASURE_OUTCOME_RETAINED);
  EXPECT_EQ(answers[0].legal_basis(), "kirjanpitolaki 1336/1997 2:10");
  EXPECT_EQ(answers[0].retained_until(), "2025-09-10");
  // What is kept can be read, now and after a restart.
  EXPECT_THAT(assessment_.Opened(gone_), SizeIs(::testing::Ge(1u)));
  assessment_.Restart();
  const auto opened = assessment_.Opened(gone_);
  size_t of_oulu = 0;
  for (const auto& [place, sections] : opened) of_oulu += place.first == oulu_->origin() ? 1 : 0;
  EXPECT_EQ(of_oulu, 1u);
  EXPECT_THAT(assessment_.Problems({&oulu_.node()}), IsEmpty());

  // Whoever reads while the service is stopped is shown it until then, and no longer.
  const auto hidden_on = [&](std::string_view day) {
    const auto parts = FencedParts(assessment_->engine, assessment_->config.origin,
                                   assessment_.fence(), *ParseDay(day));
    EXPECT_OK(parts);
    return parts->contains({FenceOf(gone_), oulu_->origin()});
  };
  EXPECT_FALSE(hidden_on("2025-09-10"));
  EXPECT_TRUE(hidden_on("2025-09-11"));

  assessment_->now = Noon("2025-09-10");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), held) << "the last day is inclusive";
  assessment_->now = Noon("2025-09-11");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  EXPECT_FALSE(assessment_.KeyOrigins(gone_).contains(oulu_->origin()));
  answers = assessment_.Answers();
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[1].outcome(), event::v1::ERASURE_OUTCOME_ERASED);
  EXPECT_FALSE(assessment_.fence().lines().begin()->second.retained_until.has_value());
  EXPECT_THAT(assessment_.Problems({&oulu_.node()}), IsEmpty());
}

TEST_F(ErasingTest, AReceiverThatWasStoppedErasesWhenItIsBack) {
  Begin();
  assessment_.Stop();
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  assessment_.Open();
  EXPECT_GT(assessment_.HeldOf(oulu_->origin(), positions_).blobs, 0u) << "it does not know yet";
  Exchange();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  EXPECT_THAT(assessment_.Answers(), SizeIs(1));
  ExpectSound();
}

TEST_F(ErasingTest, WhatWasToldAndNotCarriedOutIsFoundAtTheStart) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  Replicate(oulu_.node(), assessment_.node(), 0);  // stored; and killed before the next turn
  assessment_.Kill();
  assessment_.Open();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}))
      << "before anything is served";
  assessment_.WorkAll();
  EXPECT_THAT(assessment_.Answers(), SizeIs(1));
}

TEST_F(ErasingTest, AKeystoreThatIsPutBackLosesTheErasedKeysBeforeAnythingIsServed) {
  Begin();
  const auto oulu_keys = oulu_->key_disk.records;
  const auto assessment_keys = assessment_->key_disk.records;
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  Exchange();
  oulu_.Stop();
  assessment_.Stop();
  const auto clean = oulu_->key_disk.records;
  oulu_->key_disk.records = oulu_keys;
  assessment_->key_disk.records = assessment_keys;
  oulu_.Open();
  assessment_.Open();
  EXPECT_FALSE(oulu_.KeyOrigins(gone_).contains("own"));
  EXPECT_FALSE(assessment_.KeyOrigins(gone_).contains(oulu_->origin()));
  EXPECT_TRUE(oulu_.KeyOrigins(NumberedCase(2)).contains("own")) << "others are not touched";
  EXPECT_THAT(oulu_.Opened(NumberedCase(2)), Not(IsEmpty()));
  Exchange();
  ExpectSound();
}

TEST_F(ErasingTest, AStartLooksForWhatWasPutBackOnlyWhereSomethingMayBe) {
  Publish(3);
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  Exchange();
  struct Looked {
    int names = 0;
    int cases = 0;
    int purges = 0;
    bool operator==(const Looked&) const = default;
  };
  const auto start = [](Service& service) {
    service->key_disk.scans = service->key_disk.purges = service.kill.case_scans = 0;
    service.Restart();
    for (int i = 0; i < 500; ++i) {  // its thread purges
      service.erasing().Work();
      absl::SleepFor(absl::Microseconds(200));
    }
    return Looked{service->key_disk.scans, service.kill.case_scans, service->key_disk.purges};
  };
  const Looked nothing;
  for (Service* service : {&oulu_, &assessment_}) {
    EXPECT_EQ(start(*service), nothing);
    const auto keys = (*service)->key_disk.records;
    // Another erasure ...
    const bool own = service == &oulu_;
    oulu_.Erase(own ? "two" : "three", NumberedCase(own ? 2 : 3), ERASURE_TIER_SECTIONS);
    Exchange();
    EXPECT_EQ(start(*service), nothing);
    // ... and the keystore of before it, put back: looked for once, and never again.
    service->Stop();
    (*service)->key_disk.records = keys;
    const Looked looked = start(*service);
    EXPECT_EQ(looked.names, 1);
    EXPECT_GE(looked.purges, 1);
    EXPECT_FALSE(service->KeyOrigins(NumberedCase(own ? 2 : 3))
                     .contains(own ? "own" : oulu_->origin()));
    EXPECT_EQ(start(*service), nothing);
  }
  ExpectSound();
}

TEST_F(ErasingTest, AKeystoreThatWasNotPurgedIsPurgedAtTheNextStart) {
  Begin();
  oulu_.WorkAll();
  // As a rotation of the master key that was killed before the purge.
  oulu_->key_disk.purge_status = absl::InternalError("killed");
  const vault::MasterKey next(std::string(32, 'n'));
  EXPECT_FALSE(oulu_->keystore().Rewrap(next, nullptr).ok());
  oulu_.Stop();
  oulu_->key_disk.purge_status = absl::OkStatus();
  oulu_->keys.master = next;
  oulu_->key_disk.purges = 0;
  oulu_.Open();
  for (int i = 0; i < 2'000 && oulu_->key_disk.purges == 0; ++i) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(oulu_->key_disk.purges, 1);
  EXPECT_THAT(oulu_.Opened(gone_), Not(IsEmpty()));
  for (int i = 0; i < 100; ++i) {
    oulu_.erasing().Work();
    absl::SleepFor(absl::Milliseconds(1));
  }
  oulu_.Restart();
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(oulu_->key_disk.purges, 1) << "once";
}

TEST_F(ErasingTest, AnOwnLogThatTheFenceIsAheadOfDoesNotStart) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_SECTIONS);
  oulu_.Stop();
  // As if the data directory were of before: the fence names an erasure further on.
  auto fence = Fence::Open(oulu_.keys_directory());
  ASSERT_OK(fence);
  (*fence)->Put(oulu_->origin(), Position(100'000),
                {FenceOf(NumberedCase(2)), absl::CivilDay(2025, 3, 11), std::nullopt});
  ASSERT_OK((*fence)->Write());
  EXPECT_THAT(oulu_.TryOpen(),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("fence"), HasSubstr("polku recover"), HasSubstr("100000"),
                             Not(HasSubstr(FormatCaseId(NumberedCase(2)))))));
}

TEST_F(ErasingTest, AnOldCopyOfAReplicaShowsNothingOfWhatTheFenceNames) {
  Begin();
  const auto keys = assessment_->key_disk.records;
  // The fence of a later time, over the data directory and the keystore of now.
  const Fence::Line line{FenceOf(gone_), absl::CivilDay(2025, 3, 11), std::nullopt};
  assessment_.Stop();
  auto fence = Fence::Open(assessment_.keys_directory());
  ASSERT_OK(fence);
  (*fence)->Put(oulu_->origin(), Position(oulu_->operator->()->size().value()), line);
  ASSERT_OK((*fence)->Write());
  assessment_.Open();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_).blobs, 0u);
  EXPECT_FALSE(assessment_.KeyOrigins(gone_).contains(oulu_->origin()));
  for (const auto& [place, sections] : assessment_.Opened(gone_)) {
    EXPECT_NE(place.first, oulu_->origin());
  }
  // The Erased comes again, and all is as it was.
  oulu_.Erase("one", gone_, ERASURE_TIER_SECTIONS);
  Exchange();
  EXPECT_THAT(assessment_.Answers(), SizeIs(1));
  EXPECT_THAT(assessment_.Problems({&oulu_.node()}), IsEmpty());
}

TEST_F(ErasingTest, ALostFenceIsLearnedAgainFromTheLogs) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_ENTRIES);
  Exchange();
  const auto lines = assessment_.fence().lines();
  ASSERT_EQ(lines.size(), 1u);
  for (Service* service : {&oulu_, &assessment_}) {
    service->Stop();
    ASSERT_TRUE(std::filesystem::remove(service->keys_directory() + "/fence.txt"));
    service->Open();
    EXPECT_TRUE(std::filesystem::exists(service->keys_directory() + "/fence.txt"));
    EXPECT_EQ(service->fence().lines(), lines);
  }
  EXPECT_TRUE(oulu_.erasing().IsErased(gone_, oulu_->origin()));
}

TEST_F(ErasingTest, AFullDiskOrAFenceThatCannotBeWrittenDelaysTheErasureAndIsTold) {
  Begin();
  oulu_.Request("one", gone_, ERASURE_TIER_SECTIONS);
  oulu_.WorkAll();
  oulu_.Confirm("one", gone_);
  // The keystore cannot be written: the Erased is on record, nothing is half done.
  oulu_->key_disk.put_status = absl::ResourceExhaustedError("no room");
  for (int i = 0; i < 3; ++i) {
    oulu_->operator->()->Work();
    oulu_.erasing().Work();
    oulu_->now += absl::Seconds(31);
  }
  EXPECT_THAT(oulu_.Erased(), SizeIs(1));
  EXPECT_THAT(oulu_.erasing().health(), HasSubstr("no room"));
  EXPECT_EQ(oulu_.erasing().under_way(), 1u);
  for (const auto& [place, sections] : oulu_.Opened(gone_)) {
    EXPECT_NE(place.first, oulu_->origin()) << "shown to nobody from the moment it is on record";
  }
  oulu_->key_disk.put_status = absl::OkStatus();
  oulu_->now += absl::Seconds(31);
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.HeldOf(oulu_->origin(), positions_).blobs, 0u);
  EXPECT_EQ(oulu_.erasing().health(), "");
  EXPECT_THAT(oulu_.Erased(), SizeIs(1));
}

// How often a file of that name was put in its place in the directory.
class Replacements {
 public:
  Replacements(const std::string& directory, std::string name)
      : name_(std::move(name)), watch_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    EXPECT_GE(inotify_add_watch(watch_, directory.c_str(), IN_MOVED_TO), 0);
  }
  ~Replacements() { close(watch_); }
  // Since the last call.
  int Count() {
    int count = 0;
    alignas(inotify_event) char buffer[16384];
    for (ssize_t got; (got = read(watch_, buffer, sizeof buffer)) > 0;) {
      for (const char* at = buffer; at < buffer + got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        if (name_ == event->name) ++count;
        at += sizeof(inotify_event) + event->len;
      }
    }
    return count;
  }

 private:
  const std::string name_;
  const int watch_;
};

TEST_F(ErasingTest, ManyGoInBatchesWithOneWriteOfTheFenceEach) {
  constexpr uint64_t kCases = Erasing::kMaxErasuresATurn + 7;
  for (uint64_t n = 1; n <= kCases + 1; ++n) Publish(n);
  Exchange();
  for (uint64_t n = 1; n <= kCases; ++n) {
    oulu_.Request(Str("erasure ", n), NumberedCase(n), ERASURE_TIER_SECTIONS);
  }
  oulu_.WorkAll();
  for (uint64_t n = 1; n <= kCases; ++n) oulu_.Confirm(Str("erasure ", n), NumberedCase(n));
  const auto gone = [&](Service& service) {
    uint64_t count = 0;
    for (uint64_t n = 1; n <= kCases; ++n) {
      const auto held = service.HeldOf(oulu_->origin(), oulu_.PositionsOf(NumberedCase(n)));
      count += held.blobs == 0 ? 1 : 0;
    }
    return count;
  };
  const auto work = [&](Service& service, const std::function<void()>& turn) {
    Replacements fences(service.keys_directory(), "fence.txt");
    uint64_t before = gone(service);
    EXPECT_EQ(before, 0u);
    std::vector<uint64_t> batches;
    for (int i = 0; i < 10 && before < kCases; ++i) {
      turn();
      const uint64_t now = gone(service);
      if (now > before) batches.push_back(now - before);
      EXPECT_EQ(fences.Count(), now > before ? 1 : 0) << "turn " << i;
      EXPECT_EQ((*Fence::Open(service.keys_directory()))->lines().size(), now);
      EXPECT_TRUE(now == kCases || service.erasing().more() ||
                  service->operator->()->NextWork() <= service->now)
          << "the rest must not wait for a message";
      before = now;
    }
    EXPECT_THAT(batches, ElementsAre(Erasing::kMaxErasuresATurn, 7u));
  };
  work(oulu_, [&] {
    oulu_->operator->()->Work();
    oulu_.erasing().Work();
    EXPECT_LE(oulu_.Erased().size(), 2 * Erasing::kMaxErasuresATurn);
  });
  oulu_.WorkAll();
  EXPECT_THAT(oulu_.Erased(), SizeIs(kCases));
  Replicate(oulu_.node(), assessment_.node(), 0);
  assessment_->operator->()->Work();
  work(assessment_, [&] { assessment_.erasing().Work(); });
  Exchange();
  EXPECT_THAT(assessment_.Answers(), SizeIs(kCases));
  EXPECT_THAT(oulu_.Opened(NumberedCase(kCases + 1)), Not(IsEmpty()));
  ExpectSound();
}

TEST_F(ErasingTest, TwoErasuresOfOneCaseNeverGoInOneBatch) {
  Begin();
  oulu_.Erase("one", gone_, ERASURE_TIER_SECTIONS);
  oulu_.Erase("two", gone_, ERASURE_TIER_ENTRIES);
  Replicate(oulu_.node(), assessment_.node(), 0);
  EXPECT_EQ(assessment_.erasing().under_way(), 2u);
  assessment_.erasing().Work();
  EXPECT_EQ(assessment_.fence().lines().size(), 1u);
  Exchange();
  EXPECT_EQ(assessment_.HeldOf(oulu_->origin(), positions_), (Service::Held{0, 0}));
  EXPECT_FALSE(assessment_.KeyOrigins(gone_).contains(oulu_->origin()));
  EXPECT_THAT(assessment_.Answers(), SizeIs(2));
  ExpectSound();
}

TEST_F(ErasingTest, AMalformedErasedOfAPeerErasesNothingAndIsTold) {
  Begin();
  event::v1::Header header;
  header.set_type("polku.event.v1.Erased");
  event::v1::Erased erased;
  erased.set_erasure_id(std::string(16, 'i'));
  erased.set_fence(std::string(32, 'f'));
  auto* entry = erased.add_entries();
  entry->set_position(1'000'000);  // not an earlier one
  entry->set_leaf(true);
  header.set_control(erased.SerializeAsString());
  EXPECT_THAT(assessment_.erasing().OnControl(LogNumber(1), oulu_->origin(), Position(50), header),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(assessment_.erasing().health(), HasSubstr("malformed"));
  assessment_.WorkAll();
  EXPECT_THAT(assessment_.Answers(), IsEmpty());
}

// A kill at every write, of the origin and of the receiver: what a restart finds is not begun or finished, and
// what it then does is finished, once.
class KillTest : public ::testing::TestWithParam<event::v1::ErasureTier> {
 protected:
  static void ExpectFinished(Pair& pair) {
    pair.Exchange();
    for (Service* service : {&pair.oulu_, &pair.assessment_}) {
      EXPECT_EQ(service->HeldOf(pair.oulu_->origin(), pair.positions_).blobs, 0u);
      if (GetParam() == ERASURE_TIER_ENTRIES) {
        EXPECT_EQ(service->HeldOf(pair.oulu_->origin(), pair.positions_).leaves, 0u);
      }
      EXPECT_EQ(service->fence().lines().size(), 1u);
    }
    EXPECT_FALSE(pair.oulu_.KeyOrigins(pair.gone_).contains("own"));
    EXPECT_FALSE(pair.assessment_.KeyOrigins(pair.gone_).contains(pair.oulu_->origin()));
    EXPECT_THAT(pair.oulu_.Erased(), SizeIs(1));
    EXPECT_THAT(pair.assessment_.Answers(), SizeIs(1));
    pair.ExpectSound();
  }
};

TEST_P(KillTest, OfTheOriginIsFinishedByTheNextStart) {
  int kills = 0;
  for (const bool applied : {false, true}) {
    for (int at = 0; at < 100; ++at) {
      SCOPED_TRACE(Str("write ", at, applied ? " on disk" : " not on disk"));
      Pair pair;
      pair.Open();
      pair.Begin();
      Service& oulu = pair.oulu_;
      oulu.Request("one", pair.gone_, GetParam());
      oulu.WorkAll();
      oulu.Confirm("one", pair.gone_);
      oulu.kill.writes = 0;
      oulu.kill.at = at;
      oulu.kill.applied = applied;
      oulu.WorkToDeath();
      const bool died = oulu.kill.dead;
      oulu.Kill();
      ASSERT_OK(oulu.TryOpen());
      if (oulu.Erased().empty()) {
        EXPECT_EQ(oulu.HeldOf(oulu->origin(), pair.positions_), pair.before_);
        EXPECT_THAT(oulu.Opened(pair.gone_), SizeIs(::testing::Ge(pair.positions_.size() / 2)));
      } else {
        EXPECT_EQ(oulu.HeldOf(oulu->origin(), pair.positions_).blobs, 0u);
      }
      ExpectFinished(pair);
      if (HasFailure() || !died) break;
      ++kills;
    }
  }
  EXPECT_GT(kills, 8);
}

TEST_P(KillTest, OfTheReceiverIsFinishedByTheNextStart) {
  int kills = 0;
  for (const bool applied : {false, true}) {
    for (int at = 0; at < 100; ++at) {
      SCOPED_TRACE(Str("write ", at, applied ? " on disk" : " not on disk"));
      Pair pair;
      pair.Open();
      pair.Begin();
      Service& receiver = pair.assessment_;
      const auto before = receiver.HeldOf(pair.oulu_->origin(), pair.positions_);
      const access::Parties parties = (*receiver->operator->()->Access(pair.gone_))->parties();
      pair.oulu_.Erase("one", pair.gone_, GetParam());
      receiver.kill.writes = 0;
      receiver.kill.at = at;
      receiver.kill.applied = applied;
      receiver->keystore_fails = true;
      Replicate(pair.oulu_.node(), receiver.node(), 0);
      receiver.WorkToDeath();
      const bool died = receiver.kill.dead;
      receiver.Kill();
      ASSERT_OK(receiver.TryOpen());
      const LogNumber log = receiver->NumberOf(pair.oulu_->origin());
      const auto held = receiver.HeldOf(pair.oulu_->origin(), pair.positions_);
      if (receiver.Controls<event::v1::Erased>(log).empty()) {
        EXPECT_EQ(held, before);
      } else {
        EXPECT_EQ(held.blobs, 0u);
      }
      ExpectFinished(pair);
      EXPECT_EQ((*receiver->operator->()->Access(pair.gone_))->parties(), parties);
      EXPECT_EQ(receiver->CountOf("polku.access.v1.PartyAdded"), parties.size());
      if (HasFailure() || !died) break;
      ++kills;
    }
  }
  EXPECT_GT(kills, 8);
}

// The same of several cases that go in one batch.
class BatchKillTest : public ::testing::TestWithParam<event::v1::ErasureTier> {
 protected:
  static constexpr uint64_t kCases = 2;

  // The cases that go, and one that stays, known to both.
  static void Begin(Pair& pair, std::map<CaseId, std::set<Position>>& going) {
    pair.Open();
    for (uint64_t n = 1; n <= kCases + 1; ++n) pair.Publish(n);
    pair.Exchange();
    for (uint64_t n = 1; n <= kCases; ++n) {
      going[NumberedCase(n)] = pair.oulu_.PositionsOf(NumberedCase(n));
    }
  }
  static void RequestAndConfirm(Service& service,
                                const std::map<CaseId, std::set<Position>>& going) {
    for (const auto& [case_id, positions] : going) {
      service.Request(FormatCaseId(case_id), case_id, GetParam());
    }
    service.WorkAll();
    for (const auto& [case_id, positions] : going) service.Confirm(FormatCaseId(case_id), case_id);
  }
  static void ExpectFinished(Pair& pair, const std::map<CaseId, std::set<Position>>& going) {
    pair.Exchange();
    const CaseId stays = NumberedCase(kCases + 1);
    for (Service* service : {&pair.oulu_, &pair.assessment_}) {
      const bool own = service == &pair.oulu_;
      for (const auto& [case_id, positions] : going) {
        const auto held = service->HeldOf(pair.oulu_->origin(), positions);
        EXPECT_EQ(held.blobs, 0u);
        EXPECT_TRUE(GetParam() == ERASURE_TIER_SECTIONS || held.leaves == 0);
        EXPECT_FALSE(
            service->KeyOrigins(case_id).contains(own ? "own" : pair.oulu_->origin()));
      }
      EXPECT_TRUE(service->KeyOrigins(stays).contains(own ? "own" : pair.oulu_->origin()));
      EXPECT_THAT(service->Opened(stays), Not(IsEmpty()));
      EXPECT_EQ(service->fence().lines().size(), going.size());
    }
    EXPECT_THAT(pair.oulu_.Erased(), SizeIs(going.size()));
    EXPECT_THAT(pair.assessment_.Answers(), SizeIs(going.size()));
    pair.ExpectSound();
  }
};

TEST_P(BatchKillTest, OfTheOriginIsFinishedByTheNextStart) {
  int kills = 0;
  for (const bool applied : {false, true}) {
    for (int at = 0; at < 100; ++at) {
      SCOPED_TRACE(Str("write ", at, applied ? " on disk" : " not on disk"));
      Pair pair;
      std::map<CaseId, std::set<Position>> going;
      Begin(pair, going);
      Service& oulu = pair.oulu_;
      RequestAndConfirm(oulu, going);
      std::map<CaseId, Service::Held> before;
      for (const auto& [case_id, positions] : going) {
        before[case_id] = oulu.HeldOf(oulu->origin(), positions);
        ASSERT_GT(before[case_id].blobs, 0u);
      }
      oulu.kill = {.at = at, .applied = applied};
      oulu.WorkToDeath();
      const bool died = oulu.kill.dead;
      oulu.Kill();
      ASSERT_OK(oulu.TryOpen());
      std::set<std::string> erased;
      for (const auto& entry : oulu.Erased()) erased.insert(entry.fence());
      for (const auto& [case_id, positions] : going) {
        const auto held = oulu.HeldOf(oulu->origin(), positions);
        if (erased.contains(std::string(FenceOf(case_id).view()))) {
          EXPECT_EQ(held.blobs, 0u);
        } else {
          EXPECT_EQ(held, before[case_id]) << "its Erased is not on record";
        }
      }
      ExpectFinished(pair, going);
      if (HasFailure() || !died) break;
      ++kills;
    }
  }
  EXPECT_GT(kills, 14);
}

TEST_P(BatchKillTest, OfTheReceiverIsFinishedByTheNextStart) {
  int kills = 0;
  for (const bool applied : {false, true}) {
    for (int at = 0; at < 100; ++at) {
      SCOPED_TRACE(Str("write ", at, applied ? " on disk" : " not on disk"));
      Pair pair;
      std::map<CaseId, std::set<Position>> going;
      Begin(pair, going);
      Service& receiver = pair.assessment_;
      RequestAndConfirm(pair.oulu_, going);
      pair.oulu_.WorkAll();
      receiver.kill = {.at = at, .applied = applied};
      receiver->keystore_fails = true;
      Replicate(pair.oulu_.node(), receiver.node(), 0);
      receiver.WorkToDeath();
      const bool died = receiver.kill.dead;
      receiver.Kill();
      ASSERT_OK(receiver.TryOpen());
      const LogNumber log = receiver->NumberOf(pair.oulu_->origin());
      std::set<std::string> erased;
      for (const auto& entry : receiver.Controls<event::v1::Erased>(log)) {
        erased.insert(entry.fence());
      }
      for (const auto& [case_id, positions] : going) {
        const auto held = receiver.HeldOf(pair.oulu_->origin(), positions);
        EXPECT_EQ(held.blobs == 0, erased.contains(std::string(FenceOf(case_id).view())));
      }
      ExpectFinished(pair, going);
      if (HasFailure() || !died) break;
      ++kills;
    }
  }
  EXPECT_GT(kills, 12);
}

INSTANTIATE_TEST_SUITE_P(Tiers, BatchKillTest,
                         ::testing::Values(ERASURE_TIER_SECTIONS, ERASURE_TIER_ENTRIES),
                         [](const auto& tier) {
                           return tier.param == ERASURE_TIER_ENTRIES ? "Entries" : "Sections";
                         });

INSTANTIATE_TEST_SUITE_P(Tiers, KillTest,
                         ::testing::Values(ERASURE_TIER_SECTIONS, ERASURE_TIER_ENTRIES),
                         [](const auto& tier) {
                           return tier.param == ERASURE_TIER_ENTRIES ? "Entries" : "Sections";
                         });

// ---- Over epochs ----

// Oulu's service on a real disk, which begins a new epoch, and a receiver that follows both.
class EpochsTest : public ::testing::TestWithParam<event::v1::ErasureTier> {
 protected:
  // Cases 1 and 2 whole and the beginning of case 3 in the first epoch, known to both.
  void SetUp() override {
    oulu_ = std::make_unique<Service>(kOulu, *referral_service_, 1, home_);
    first_ = oulu_->node().origin();
    first_key_ = oulu_->node().keys.signer->verifier();
    oulu_->node().Follow(assessment_.node());
    assessment_->Follow(oulu_->node());
    oulu_->Open();
    assessment_.Open();
    PublishAt(*oulu_, 1);
    PublishAt(*oulu_, 2);
    PublishAt(*oulu_, 3, 1, 4);
    Exchange();
    positions_ = oulu_->PositionsOf(gone_);
    before_ = oulu_->HeldOf(first_, positions_);
    ASSERT_GT(before_.blobs, 0u);
    ASSERT_GT(assessment_.HeldOf(first_, positions_).blobs, 0u);
  }
  void Exchange() { ExchangeBetween(*oulu_, assessment_); }
  std::string Directory(std::string_view name) const { return Str(directory_.path(), "/", name); }

  // `polku new-epoch`, and what operators do then: both services go on with the new log.
  NewEpochMade GoOn(bool sections_lost = false, uint64_t known_size = 0) {
    const Config old = oulu_->node().config;
    oulu_.reset();
    home_ = {.epoch = 2, .data = Directory("data-2"), .keystore = home_.keystore,
             .keys = Directory("keys-2")};
    Config next = old;
    next.origin = *OriginName::Make(old.origin.agency(), old.origin.service(), 2);
    if (sections_lost) {
      home_.keystore = Directory("keystore-2");
      EXPECT_OK(WriteNewKeys(home_.keys, next.origin.text(), SystemRandom()));
    }
    next.data_directory = home_.data;
    next.keystore_directory = home_.keystore;
    next.keys_directory = home_.keys;
    const auto made = OpenNewEpoch({.next = next,
                                    .old = old,
                                    .reason = "the log has lost entries",
                                    .sections_lost = sections_lost,
                                    .known_size = known_size});
    EXPECT_OK(made);
    oulu_ = std::make_unique<Service>(kOulu, *referral_service_, 2, home_);
    oulu_->earlier_keys = {*first_key_};
    assessment_.earlier_keys = {*first_key_};
    oulu_->node().Follow(assessment_.node());
    assessment_.Stop();
    assessment_->config.peers.clear();
    assessment_->Follow(oulu_->node());
    return made.value_or(NewEpochMade());
  }
  void Start() {
    oulu_->Open();
    assessment_.Open();
    Exchange();
  }
  // Sections of the positions as they lie in the store, which nobody has open.
  size_t BlobsIn(const std::string& data, const std::set<Position>& positions) const {
    const auto engine = rocks::OpenEngine({.directory = data, .mode = rocks::OpenMode::kReadOnly});
    EXPECT_OK(engine);
    const auto logs = log::HeldLogs(**engine);
    EXPECT_OK(logs);
    size_t blobs = 0;
    for (const auto& held : *logs) {
      if (held.head.origin != first_) continue;
      log::EntryFetcher fetcher(**engine);
      for (const Position position : positions) {
        const auto entry = fetcher.Fetch(held.number, position, /*with_blobs=*/true);
        EXPECT_OK(entry);
        blobs += entry->blobs.size();
      }
    }
    return blobs;
  }
  bool LeavesGo() const { return GetParam() == ERASURE_TIER_ENTRIES; }
  Service::Held Left(const std::set<Position>& positions) const {
    return {LeavesGo() ? 0 : positions.size(), 0};
  }
  void ExpectSound() {
    EXPECT_THAT(oulu_->Problems({&assessment_.node()}), IsEmpty());
    EXPECT_THAT(assessment_.Problems({&oulu_->node()}), IsEmpty());
    EXPECT_EQ(oulu_->node()->health(), "ok");
    EXPECT_EQ(oulu_->erasing().health(), "");
    EXPECT_EQ(assessment_.erasing().health(), "");
  }
  static void CopyDirectory(const std::string& from, const std::string& to) {
    std::filesystem::remove_all(to);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  }

  const std::unique_ptr<service::Service> referral_service_ = referral::MakeReferralService();
  const std::unique_ptr<service::Service> assessment_service_ =
      assessment::MakeAssessmentService();
  const rocks::TempDirectory directory_;
  Home home_{.epoch = 1, .data = Directory("data"), .keystore = Directory("keystore"),
             .keys = Directory("keys")};
  std::unique_ptr<Service> oulu_;
  Service assessment_{kWellbeing, *assessment_service_, 3};
  std::string first_;  // the closed log
  std::optional<proof::VerifierKey> first_key_;
  const CaseId gone_ = NumberedCase(1);
  std::set<Position> positions_;  // of it, in the first log
  Service::Held before_;
};

TEST_P(EpochsTest, ACaseThatTheClosedLogAloneHoldsIsErasedHereAndAtItsReceivers) {
  GoOn();
  Start();
  ASSERT_THAT(oulu_->PositionsOf(gone_), IsEmpty());
  ASSERT_EQ(oulu_->HeldOf(first_, positions_), before_);
  const std::set<Position> others = oulu_->PositionsOf(NumberedCase(2), oulu_->node().NumberOf(first_));
  const Service::Held other = oulu_->HeldOf(first_, others);
  ExpectSound();

  oulu_->Erase("one", gone_, GetParam());
  EXPECT_EQ(oulu_->HeldOf(first_, positions_), Left(positions_));
  EXPECT_EQ(oulu_->HeldOf(first_, others), other);
  EXPECT_FALSE(oulu_->KeyOrigins(gone_).contains("own"));
  const auto erased = oulu_->Erased();
  ASSERT_THAT(erased, SizeIs(1));
  EXPECT_EQ(erased[0].origin(), first_);
  EXPECT_EQ(erased[0].fence(), FenceOf(gone_).view());
  ASSERT_THAT(oulu_->fence().lines(), SizeIs(1));
  EXPECT_EQ(oulu_->fence().lines().begin()->second.of, first_);

  Exchange();
  EXPECT_EQ(assessment_.HeldOf(first_, positions_), Left(positions_));
  EXPECT_FALSE(assessment_.KeyOrigins(gone_).contains(first_));
  EXPECT_TRUE(assessment_.KeyOrigins(NumberedCase(2)).contains(first_));
  const auto answers = assessment_.Answers();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].origin(), oulu_->node().origin());
  EXPECT_EQ(answers[0].outcome(), event::v1::ERASURE_OUTCOME_ERASED);
  ExpectSound();
  // Who had got something of it, its headers tell no more.
  const auto held = log::HeldLogs(oulu_->node().engine);
  const auto entries = ErasedEntries(oulu_->node().engine, held->front());
  ASSERT_OK(entries);
  const auto applied = FindApplied(oulu_->node().engine, kOwnLog, entries->front().position);
  ASSERT_OK(applied);
  EXPECT_THAT((*applied)->receivers, ::testing::Contains(std::string(kWellbeing)));

  // Once, whatever is started again, and with an index that was made anew.
  oulu_->Restart();
  assessment_.Stop();
  ASSERT_OK(log::RebuildIndex(assessment_->engine, nullptr));
  assessment_.Open();
  Exchange();
  EXPECT_THAT(oulu_->Erased(), SizeIs(1));
  EXPECT_THAT(assessment_.Answers(), SizeIs(1));
  ExpectSound();
}

TEST_P(EpochsTest, ACaseOfBothLogsTakesAnErasedForEach) {
  GoOn();
  Start();
  const CaseId both = NumberedCase(3);
  const std::set<Position> in_first = oulu_->PositionsOf(both, oulu_->node().NumberOf(first_));
  PublishAt(*oulu_, 3, 5, 7);
  Exchange();
  const std::set<Position> in_second = oulu_->PositionsOf(both);
  ASSERT_FALSE(in_second.empty());
  const std::string second = oulu_->node().origin();
  ASSERT_GT(assessment_.HeldOf(second, in_second).blobs, 0u);
  ASSERT_GT(assessment_.HeldOf(first_, in_first).blobs, 0u);
  oulu_->Erase("both", both, GetParam());
  Exchange();
  const auto erased = oulu_->Erased();
  ASSERT_THAT(erased, SizeIs(2));
  EXPECT_EQ(erased[0].origin(), "");
  EXPECT_EQ(erased[1].origin(), first_);
  EXPECT_EQ(erased[0].erasure_id(), erased[1].erasure_id());
  for (Service* service : {oulu_.get(), &assessment_}) {
    EXPECT_EQ(service->HeldOf(second, in_second), Left(in_second));
    EXPECT_EQ(service->HeldOf(first_, in_first), Left(in_first));
  }
  EXPECT_THAT(assessment_.Answers(), SizeIs(2));
  ExpectSound();
  EXPECT_EQ(oulu_->TryRequest("again", both, GetParam()).refusal().code(), "nothing_to_erase");
}

TEST_P(EpochsTest, WhatWasErasedBeforeStaysErasedAndAnswered) {
  oulu_->Erase("one", gone_, GetParam());
  Exchange();
  ASSERT_THAT(assessment_.Answers(), SizeIs(1));
  GoOn();
  EXPECT_EQ(BlobsIn(home_.data, LeavesGo() ? std::set<Position>() : positions_), 0u);
  Start();
  EXPECT_EQ(oulu_->HeldOf(first_, positions_), Left(positions_));
  EXPECT_THAT(oulu_->Erased(), IsEmpty());
  EXPECT_THAT(assessment_.Answers(), SizeIs(1));
  // Its record came along: who had got something of it.
  const LogNumber number = oulu_->node().NumberOf(first_);
  const auto erased = oulu_->Controls<event::v1::Erased>(number);
  ASSERT_THAT(erased, SizeIs(1));
  const auto held = log::HeldLogs(oulu_->node().engine);
  for (const auto& one : *held) {
    if (one.number != number) continue;
    const auto entries = ErasedEntries(oulu_->node().engine, one);
    ASSERT_OK(entries);
    const auto applied = FindApplied(oulu_->node().engine, number, entries->front().position);
    ASSERT_OK(applied);
    ASSERT_TRUE(applied->has_value());
    EXPECT_THAT((*applied)->receivers, ::testing::Contains(std::string(kWellbeing)));
  }
  ExpectSound();
}

// The old directories are from before the erasure, all but the keys with the fence.
TEST_P(EpochsTest, AnErasedCaseDoesNotComeBackByWayOfANewEpoch) {
  oulu_->Stop();
  oulu_.reset();
  for (const std::string& place : {home_.data, home_.keystore}) CopyDirectory(place, place + ".old");
  oulu_ = std::make_unique<Service>(kOulu, *referral_service_, 1, home_);
  oulu_->node().Follow(assessment_.node());
  oulu_->Open();
  oulu_->Erase("one", gone_, ERASURE_TIER_SECTIONS);
  Exchange();
  const Position known = oulu_->node()->size();
  oulu_.reset();
  for (const std::string& place : {home_.data, home_.keystore}) CopyDirectory(place + ".old", place);
  ASSERT_EQ(BlobsIn(home_.data, positions_), before_.blobs) << "the old copy has it";
  oulu_ = std::make_unique<Service>(kOulu, *referral_service_, 1, home_);
  EXPECT_THAT(oulu_->TryOpen(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("polku new-epoch")));

  const NewEpochMade made = GoOn(/*sections_lost=*/false, known.value());
  EXPECT_GT(made.known, made.held);
  EXPECT_EQ(BlobsIn(home_.data, positions_), 0u) << "left out before any service runs";
  EXPECT_GT(made.sections, 0u) << "the other cases come along";
  Start();
  EXPECT_FALSE(oulu_->KeyOrigins(gone_).contains("own")) << "the old keystore had them again";
  for (const auto& [place, sections] : oulu_->Opened(gone_)) EXPECT_NE(place.first, first_);
  EXPECT_TRUE(oulu_->erasing().IsErased(gone_, oulu_->node().origin()));
  AuthoredEvent anew = ClientPath(1, 0, 1, 1).at(0);
  anew.event.set_event_id(std::string(NamedEvent("anew").view()));
  EXPECT_EQ(oulu_->node().Offer(anew.agency, {anew.event}).refusal().code(), "case_erased");
  // The Erased is in the gap: the holes are findings until two officials have said it again.
  const auto problems = oulu_->Problems({&assessment_.node()});
  ASSERT_THAT(problems, Not(IsEmpty()));
  EXPECT_THAT(problems, ::testing::Each(HasSubstr(Str("missing-section ", first_))));
  oulu_->Erase("again", gone_, GetParam());
  Exchange();
  EXPECT_EQ(oulu_->HeldOf(first_, positions_), Left(positions_));
  EXPECT_EQ(assessment_.HeldOf(first_, positions_), Left(positions_));
  EXPECT_THAT(assessment_.Answers(), SizeIs(2));
  ExpectSound();
}

TEST_P(EpochsTest, WithoutItsSectionsAnEpochStillHasItsReceiversEraseTheirs) {
  oulu_->Erase("two", NumberedCase(2), ERASURE_TIER_SECTIONS);
  Exchange();
  GoOn(/*sections_lost=*/true);
  EXPECT_EQ(BlobsIn(home_.data, positions_), 0u);
  Start();
  ExpectSound();
  EXPECT_TRUE(oulu_->erasing().IsErased(NumberedCase(2), first_)) << "the fence came along";
  ASSERT_GT(assessment_.HeldOf(first_, positions_).blobs, 0u);
  oulu_->Erase("one", gone_, GetParam());
  Exchange();
  EXPECT_EQ(oulu_->HeldOf(first_, positions_), Left(positions_));
  EXPECT_EQ(assessment_.HeldOf(first_, positions_), Left(positions_));
  EXPECT_THAT(assessment_.Answers(), SizeIs(2));
  ExpectSound();
}

TEST_P(EpochsTest, AReceiverThatHoldsLessOfTheClosedLogErasesWhatItHolds) {
  PublishAt(*oulu_, 4);  // what the receiver never got
  const CaseId late = NumberedCase(4);
  oulu_->WorkAll();
  const std::set<Position> positions = oulu_->PositionsOf(late);
  GoOn();
  Start();
  ASSERT_GT(*positions.begin(), Position(assessment_.PositionsOf(gone_, assessment_->NumberOf(first_)).size()));
  oulu_->Erase("late", late, GetParam());
  oulu_->Erase("one", gone_, GetParam());
  Exchange();
  EXPECT_EQ(oulu_->HeldOf(first_, positions), Left(positions));
  EXPECT_EQ(assessment_.HeldOf(first_, positions_), Left(positions_));
  EXPECT_THAT(assessment_.Answers(), SizeIs(2)) << "also of what it never held";
  ExpectSound();
}

TEST_P(EpochsTest, OfAForkedLogAReceiverErasesWhatIsOfTheCaseAndNothingElse) {
  // Two histories from here on: the receiver has the one, the origin goes on with the other.
  oulu_.reset();
  CopyDirectory(home_.data, home_.data + ".old");
  const auto open = [&] {
    oulu_ = std::make_unique<Service>(kOulu, *referral_service_, 1, home_);
    oulu_->node().Follow(assessment_.node());
    oulu_->Open();
  };
  open();
  PublishAt(*oulu_, 4);
  Exchange();
  const std::set<Position> theirs = oulu_->PositionsOf(NumberedCase(4));
  oulu_.reset();
  CopyDirectory(home_.data + ".old", home_.data);
  open();
  PublishAt(*oulu_, 5);
  const std::set<Position> ours = oulu_->PositionsOf(NumberedCase(5));
  ASSERT_TRUE(ours.contains(*theirs.begin()));
  GoOn();
  Start();
  const Service::Held before = assessment_.HeldOf(first_, theirs);
  ASSERT_GT(before.blobs, 0u);
  oulu_->Erase("five", NumberedCase(5), GetParam());
  oulu_->Erase("one", gone_, GetParam());
  Exchange();
  EXPECT_EQ(oulu_->HeldOf(first_, ours), Left(ours));
  EXPECT_EQ(assessment_.HeldOf(first_, theirs), before) << "another case's";
  EXPECT_EQ(assessment_.HeldOf(first_, positions_), Left(positions_));
}

INSTANTIATE_TEST_SUITE_P(Tiers, EpochsTest,
                         ::testing::Values(ERASURE_TIER_SECTIONS, ERASURE_TIER_ENTRIES),
                         [](const auto& tier) {
                           return tier.param == ERASURE_TIER_ENTRIES ? "Entries" : "Sections";
                         });

}  // namespace
}  // namespace polku::host
