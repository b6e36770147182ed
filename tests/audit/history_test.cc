#include "services/audit/history.h"

#include <memory>
#include <string>
#include <vector>

#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/records.h"
#include "eventstore/log/rewrite.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/audit/event_json.h"
#include "tests/audit/agency_store.h"
#include "tests/support/forwarding_engine.h"
#include "tests/support/key_storage.h"
#include "tests/support/status_matchers.h"

namespace polku::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

constexpr char kOwn[] = "FI/MUN/0187690-1/oulu/referral/1";
constexpr char kOther[] = "FI/ORG/9999992-5/toimintatupa/attendance/1";

std::unique_ptr<vault::KeyStore> MemoryKeys(testing::KeyDisk& disk, bool read_only = false) {
  auto keys =
      vault::KeyStore::Open(std::make_unique<testing::MemoryKeyStorage>(disk),
                            vault::MasterKey(std::string(32, 'm')), SystemRandom(), read_only);
  EXPECT_THAT(keys, IsOk());
  return *std::move(keys);
}

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest()
      : engine_(log::MakeMemoryEngine()),
        keys_(MemoryKeys(disk_)),
        own_(*engine_, *keys_, kOwn),
        other_engine_(log::MakeMemoryEngine()),
        other_keys_(MemoryKeys(other_disk_)),
        other_(*other_engine_, *other_keys_, kOther) {}

  // Opens what is there now, as a reader would.
  Store& Open() {
    auto store =
        Store::Over(std::make_unique<testing::ForwardingEngine>(*engine_), MemoryKeys(disk_, true), kOwn);
    EXPECT_THAT(store, IsOk());
    store_ = *std::move(store);
    history_ = std::make_unique<History>(*store_);
    return *store_;
  }

  // "<origin's service>:<position>" of what the filter lets through.
  std::vector<std::string> Places(const Filter& filter, Progress* progress = nullptr) {
    Open();
    std::vector<std::string> places;
    EXPECT_THAT(history_->Replay(
                    filter, [&](const Event& event) { return Note(event, places); }, progress),
                IsOk());
    return places;
  }
  static absl::Status Note(const Event& event, std::vector<std::string>& places) {
    const auto origin = OriginName::Parse(event.origin);
    places.push_back(Str(origin->service(), ":", event.position.value()));
    return absl::OkStatus();
  }

  static referral::v1::NeedIdentified Need(const std::string& health = "") {
    referral::v1::NeedIdentified event;
    event.set_identified_on("2025-01-07");
    event.set_social_reasons("rytmi");
    event.set_health_reasons(health);
    return event;
  }
  static attendance::v1::DayRecorded Day(const std::string& date) {
    attendance::v1::DayRecorded event;
    event.set_date(date);
    event.set_outcome(event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
    event.set_attendance_class(event::v1::ATTENDANCE_CLASS_OWN_ILLNESS);
    return event;
  }
  static SectionSet Sections(std::initializer_list<SectionKind> kinds) {
    SectionSet set;
    for (SectionKind kind : kinds) set.add(kind);
    return set;
  }

  testing::KeyDisk disk_, other_disk_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<vault::KeyStore> keys_;
  AgencyStore own_;
  std::unique_ptr<log::Engine> other_engine_;
  std::unique_ptr<vault::KeyStore> other_keys_;
  AgencyStore other_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<History> history_;
};

TEST_F(HistoryTest, ALogIsReplayedInOrderWithItsEventsOpened) {
  own_.Append(NumberedCase(1), Need("selkä"));
  own_.Append(NumberedCase(2), Need());
  Open();
  std::vector<std::string> seen;
  EXPECT_THAT(history_->Replay({},
                               [&](const Event& event) {
                                 if (event.control()) return absl::OkStatus();
                                 EXPECT_NE(event.body, nullptr);
                                 EXPECT_TRUE(event.sealed.empty());
                                 seen.push_back(event.body->ShortDebugString());
                                 return absl::OkStatus();
                               }),
              IsOk());
  EXPECT_THAT(
      seen, ElementsAre(HasSubstr("health_reasons"), ::testing::Not(HasSubstr("health_reasons"))));
}

TEST_F(HistoryTest, FiltersHold) {
  own_.SetTime(StartOfDay(absl::CivilDay(2025, 3, 3)) - absl::Seconds(1));
  own_.Append(NumberedCase(1), Need());  // position 1, after Genesis
  own_.SetTime(StartOfDay(absl::CivilDay(2025, 3, 3)));
  own_.Append(NumberedCase(1), Day("2025-03-03"));
  own_.SetTime(StartOfDay(absl::CivilDay(2025, 3, 4)));
  own_.Append(NumberedCase(2), Need());
  EXPECT_THAT(Places({}), SizeIs(4));
  EXPECT_THAT(Places({.origin = kOwn, .from_position = Position(1), .until_position = Position(3)}),
              ElementsAre("referral:1", "referral:2"));
  EXPECT_THAT(Places({.type = "DayRecorded"}), ElementsAre("referral:2"));
  EXPECT_THAT(Places({.type = "polku.referral.*"}), ElementsAre("referral:1", "referral:3"));
  EXPECT_THAT(Places({.type = "polku.referral.v1.NeedIdentifie"}), IsEmpty());
  EXPECT_THAT(Places({.from_time = StartOfDay(absl::CivilDay(2025, 3, 3)),
                      .until_time = StartOfDay(absl::CivilDay(2025, 3, 4))}),
              ElementsAre("referral:0", "referral:2"));
  // What was on record at the end of 3 March: not what came at the first instant of the 4th.
  EXPECT_THAT(Places({.as_of = StartOfDay(absl::CivilDay(2025, 3, 4)), .type = "polku.*.v1"}),
              IsEmpty());
  EXPECT_THAT(Places({.as_of = StartOfDay(absl::CivilDay(2025, 3, 4))}),
              ElementsAre("referral:0", "referral:1", "referral:2"));
  EXPECT_THAT(Places({.from_position = Position(99)}), IsEmpty());
}

TEST_F(HistoryTest, AllLogsAreMergedByOrder) {
  own_.SetTime(absl::FromUnixSeconds(2'000'000'000));
  other_.SetTime(absl::FromUnixSeconds(2'000'000'010));
  const auto need = own_.Append(NumberedCase(1), Need());
  other_.Append(NumberedCase(1), Day("2025-03-03"));
  own_.SetTime(absl::FromUnixSeconds(2'000'000'020));
  own_.Append(NumberedCase(1), Need());
  // Its clock is far behind, but it knew of the need: it comes after it.
  other_.SetTime(absl::FromUnixSeconds(1'000'000'000));
  other_.Append(NumberedCase(1), Day("2025-03-04"), Order(need.order.value() + 30'000'000));
  other_.ReplicateTo(
      *engine_, *keys_,
      {{1, Sections({SectionKind::kService})}, {2, Sections({SectionKind::kService})}});
  EXPECT_THAT(Places({.type = "polku.*"}), SizeIs(6));
  const auto places = Places({});
  EXPECT_EQ(std::vector<std::string>(places.end() - 4, places.end()),
            (std::vector<std::string>{"referral:1", "attendance:1", "referral:2", "attendance:2"}));
}

TEST_F(HistoryTest, ATimelineShowsSealedSectionsAndSkipsWhatIsWithheld) {
  other_.Append(NumberedCase(1), Day("2025-03-03"));
  other_.Append(NumberedCase(1), Day("2025-03-04"));
  other_.Append(NumberedCase(1), Day("2025-03-05"));
  other_.ReplicateTo(
      *engine_, *keys_,
      {{1, Sections({SectionKind::kService, SectionKind::kPayment})}, {3, SectionSet()}});
  own_.Append(NumberedCase(1), Need());
  own_.Append(NumberedCase(2), Need());
  Open();
  std::vector<std::string> places;
  EXPECT_THAT(
      history_->Timeline(
          NumberedCase(1), {},
          [&](const Event& event) {
            if (event.position == Position(1) && event.origin == kOther) {
              EXPECT_EQ(event.opened, Sections({SectionKind::kService, SectionKind::kPayment}));
              EXPECT_EQ(event.sealed, Sections({SectionKind::kHealth}));
              EXPECT_THAT(event.body->ShortDebugString(), HasSubstr("2025-03-03"));
              EXPECT_THAT(event.body->ShortDebugString(), ::testing::Not(HasSubstr("ILLNESS")));
            }
            if (event.position == Position(3)) {
              EXPECT_TRUE(event.opened.empty());
              EXPECT_EQ(event.body->ByteSizeLong(), 0u);
            }
            return Note(event, places);
          }),
      IsOk());
  EXPECT_THAT(places,
              ::testing::UnorderedElementsAre("attendance:1", "attendance:3", "referral:1"));
}

TEST_F(HistoryTest, ValidTimeIsTheDayInTheWorldAndRecordedTimeTheOther) {
  own_.SetTime(StartOfDay(absl::CivilDay(2025, 3, 4)));
  own_.Append(NumberedCase(1), Day("2025-03-03"));  // 1
  own_.SetTime(StartOfDay(absl::CivilDay(2025, 3, 10)));
  own_.Append(NumberedCase(1), Day("2025-03-01"));  // 2: late on record
  own_.Append(NumberedCase(1), Day("2025-03-12"));  // 3: planned ahead
  const std::string days = "polku.attendance.*";
  EXPECT_THAT(Places({.valid_on = absl::CivilDay(2025, 3, 2), .type = days}),
              ElementsAre("referral:2"));
  EXPECT_THAT(Places({.valid_on = absl::CivilDay(2025, 3, 3), .type = days}),
              ElementsAre("referral:1", "referral:2"));
  // What was on record on 5 March about the days until 3 March.
  EXPECT_THAT(Places({.as_of = StartOfDay(absl::CivilDay(2025, 3, 6)),
                      .valid_on = absl::CivilDay(2025, 3, 3),
                      .type = days}),
              ElementsAre("referral:1"));
  EXPECT_THAT(Places({.valid_on = absl::CivilDay(2025, 3, 12), .type = days}), SizeIs(3));
  // Without a day of its own: that of recording. The Genesis is of 3 March.
  EXPECT_THAT(Places({.valid_on = absl::CivilDay(2025, 3, 2)}), ElementsAre("referral:2"));
  // Who somebody is does not begin with its recording.
  referral::v1::ClientIdentified client;
  client.set_municipality_code("564");
  own_.Append(NumberedCase(1), client);  // 4
  EXPECT_THAT(Places({.valid_on = absl::CivilDay(2025, 3, 2)}), ElementsAre("referral:2", "referral:4"));
}

TEST(ValidDayTest, IsWhenItHappenedNotWhenItIsDue) {
  assessment::v1::AssessmentDue due;
  due.set_due_on("2025-06-16");
  EXPECT_EQ(ValidDay(due), std::nullopt);
  referral::v1::PlanDrafted plan;
  plan.set_drafted_on("2025-02-03");
  plan.set_review_on("2025-06-02");
  EXPECT_EQ(ValidDay(plan), absl::CivilDay(2025, 2, 3));
  attendance::v1::DayRecorded day;
  day.set_date("not a date");
  EXPECT_EQ(ValidDay(day), std::nullopt);
}

TEST(ValidDayTest, OfWhatTellsOfDaysGoneByItIsTheLastOfThem) {
  attendance::v1::AbsenceNoticeSent notice;
  notice.set_covers_from("2025-03-24");
  notice.set_covers_until("2025-04-06");
  EXPECT_EQ(ValidDay(notice), absl::CivilDay(2025, 4, 6));
  compensation::v1::PaymentProposed proposed;
  proposed.set_covers_from("2025-03-01");
  EXPECT_EQ(ValidDay(proposed), absl::CivilDay(2025, 3, 1)) << "the end is not to be seen";
  proposed.set_covers_until("2025-03-31");
  EXPECT_EQ(ValidDay(proposed), absl::CivilDay(2025, 3, 31));
  compensation::v1::TravelClaimed claimed;
  claimed.set_travelled_from("2025-03-01");
  claimed.set_travelled_until("2025-03-31");
  EXPECT_EQ(ValidDay(claimed), absl::CivilDay(2025, 3, 31));
  compensation::v1::TravelGranted granted;
  granted.set_covers_from("2025-03-10");
  granted.set_covers_until("2025-04-08");
  EXPECT_EQ(ValidDay(granted), absl::CivilDay(2025, 3, 10)) << "a card is there from its first day on";
  granted.set_claim_id("c1");
  EXPECT_EQ(ValidDay(granted), absl::CivilDay(2025, 4, 8));
}

TEST_F(HistoryTest, KnownToIsWhatThatAgencyCosignedAndOnlyItsSections) {
  const std::string kela = "FI/GOV/0245437-2/kela";
  const auto disclosed = [&](std::initializer_list<SectionKind> kinds) {
    return std::vector<log::DisclosureTarget>{{kela, Sections(kinds), Position()}};
  };
  other_.Append(NumberedCase(1), Day("2025-03-03"), Order(), disclosed({SectionKind::kService}));
  other_.Append(NumberedCase(1), Day("2025-03-04"));  // not Kela's
  other_.Append(NumberedCase(1), Day("2025-03-05"), Order(), disclosed({SectionKind::kService}));
  const SectionSet all = Sections({SectionKind::kService, SectionKind::kHealth, SectionKind::kPayment});
  other_.ReplicateTo(*engine_, *keys_, {{1, all}, {2, all}, {3, all}});
  own_.Append(NumberedCase(1), Need());
  const auto cosigned = [&](uint64_t size, int64_t seconds) {
    log::KeptCosignature kept;
    kept.witness = kela + "/compensation/witness";
    kept.time = absl::FromUnixSeconds(seconds);
    kept.size = kept.proven_to = Position(size);
    const auto signer =
        proof::Signer::Generate(kept.witness, proof::KeyUse::kCosignature);
    kept.line = signer->Cosign({kOther, kept.size, kept.root}, kept.time);
    return kept;
  };
  const LogNumber replica(1);
  ASSERT_THAT(log::KeepCosignatures(*engine_, replica, {cosigned(2, 1'000), cosigned(4, 2'000)}),
              IsOk());
  const auto places = [&](int64_t at) {
    Store& store = Open();
    const auto known = FindKnownTo(store, kela, absl::FromUnixSeconds(at));
    EXPECT_THAT(known, IsOk());
    std::vector<std::string> seen;
    Filter filter;
    filter.known_to = &*known;
    EXPECT_THAT(history_->Timeline(NumberedCase(1), filter,
                                   [&](const Event& event) {
                                     EXPECT_EQ(event.opened, Sections({SectionKind::kService}));
                                     EXPECT_TRUE(event.sealed.has(SectionKind::kHealth));
                                     return Note(event, seen);
                                   }),
                IsOk());
    return seen;
  };
  EXPECT_THAT(places(999), IsEmpty());
  EXPECT_THAT(places(1'000), ElementsAre("attendance:1"));
  EXPECT_THAT(places(1'999), ElementsAre("attendance:1"));
  EXPECT_THAT(places(2'000), ElementsAre("attendance:1", "attendance:3"));
  // An agency's own log is what it recorded, by its own clock.
  Store& store = Open();
  const std::string oulu(OriginName::Parse(kOwn)->agency());
  for (const auto& [at, count] : {std::pair(own_.now() - absl::Seconds(1), 0), {own_.now(), 1}}) {
    const auto known = FindKnownTo(store, oulu, at);
    ASSERT_THAT(known, IsOk());
    Filter filter{.origin = kOwn};
    filter.known_to = &*known;
    int seen = 0;
    EXPECT_THAT(history_->Timeline(NumberedCase(1), filter,
                                   [&](const Event&) {
                                     ++seen;
                                     return absl::OkStatus();
                                   }),
                IsOk());
    EXPECT_EQ(seen, count);
  }
  EXPECT_THAT(FindKnownTo(store, "nobody", own_.now()), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(HistoryTest, WhatWasOpenedLaterIsKnownFromTheEntryOnThatOpenedIt) {
  const std::string kela = "FI/GOV/0245437-2/kela";
  const SectionSet service = Sections({SectionKind::kService});
  other_.Append(NumberedCase(1), Day("2025-03-03"));  // before Kela took part
  other_.Append(NumberedCase(1), Day("2025-03-04"));  // and this is not opened to it
  log::NewEntry opening;
  opening.disclosures = {{kela, service, Position()}};
  opening.later = {.receiver = kela, .agreement = Position(), .entries = {{Position(1), service}}};
  access::v1::Disclosed disclosed;
  disclosed.set_party_event_id(std::string(16, 'p'));
  other_.AppendWith(std::move(opening), NumberedCase(1), disclosed);
  const SectionSet all = Sections({SectionKind::kService, SectionKind::kHealth, SectionKind::kPayment});
  other_.ReplicateTo(*engine_, *keys_, {{1, all}, {2, all}, {3, all}});
  const auto cosigned = [&](uint64_t size, int64_t seconds) {
    log::KeptCosignature kept;
    kept.witness = kela + "/compensation/witness";
    kept.time = absl::FromUnixSeconds(seconds);
    kept.size = kept.proven_to = Position(size);
    kept.line = proof::Signer::Generate(kept.witness, proof::KeyUse::kCosignature)
                    ->Cosign({kOther, kept.size, kept.root}, kept.time);
    return kept;
  };
  ASSERT_THAT(log::KeepCosignatures(*engine_, LogNumber(1), {cosigned(3, 1'000), cosigned(4, 2'000)}),
              IsOk());
  const auto places = [&](int64_t at) {
    Store& store = Open();
    const auto known = FindKnownTo(store, kela, absl::FromUnixSeconds(at));
    EXPECT_THAT(known, IsOk());
    std::vector<std::string> seen;
    Filter filter;
    filter.known_to = &*known;
    EXPECT_THAT(history_->Timeline(NumberedCase(1), filter,
                                   [&](const Event& event) {
                                     EXPECT_FALSE(event.opened.has(SectionKind::kHealth));
                                     return Note(event, seen);
                                   }),
                IsOk());
    return seen;
  };
  EXPECT_THAT(places(1'999), IsEmpty());
  EXPECT_THAT(places(2'000), ElementsAre("attendance:1", "attendance:3"));
}

TEST_F(HistoryTest, ErasedSectionsAreShownAsErasedWithDayAndBasis) {
  own_.Append(NumberedCase(1), Need("selkä"));
  own_.Append(NumberedCase(2), Need("polvi"));
  const SectionSet gone = Sections({SectionKind::kSocial, SectionKind::kHealth});
  event::v1::Erased erased;
  erased.set_erasure_id(std::string(16, 'e'));
  erased.set_tier(event::v1::ERASURE_TIER_SECTIONS);
  auto* entry = erased.add_entries();
  entry->set_position(1);
  entry->add_sections(event::v1::SECTION_KIND_SOCIAL);
  entry->add_sections(event::v1::SECTION_KIND_HEALTH);
  erased.set_legal_basis("laki 703/2023 27 §");
  erased.set_requested_by("a-1");
  erased.set_confirmed_by("a-2");
  erased.set_fence(std::string(32, 'f'));
  own_.SetTime(own_.now() + absl::Hours(48));
  own_.AppendControl(erased);
  const std::vector<log::ErasedPart> parts = {{Position(1), gone}};
  ASSERT_THAT(log::EraseEntries(*engine_, kOwnLog, parts), IsOk());
  Open();
  std::string json;
  const auto see = [&](uint8_t number, const Visit& visit) {
    EXPECT_THAT(history_->Timeline(NumberedCase(number), {}, visit), IsOk());
  };
  see(1, [&](const Event& event) {
    EXPECT_EQ(event.erased, gone);
    EXPECT_TRUE(event.sealed.empty());
    EXPECT_EQ(event.opened, Sections({SectionKind::kService}));
    EXPECT_NE(event.erasure, nullptr);
    if (event.erasure != nullptr) {
      EXPECT_EQ(event.erasure->on, absl::CivilDay(2025, 3, 5));
      EXPECT_EQ(event.erasure->legal_basis, "laki 703/2023 27 §");
      EXPECT_EQ(event.erasure->sections, gone);
    }
    const auto line = EventJson(event);
    EXPECT_THAT(line, IsOk());
    json = line.value_or("");
    return absl::OkStatus();
  });
  EXPECT_THAT(json, HasSubstr("\"erased\":"));
  EXPECT_THAT(json, HasSubstr("2025-03-05"));
  EXPECT_THAT(json, HasSubstr("laki 703/2023 27 §"));
  EXPECT_THAT(json, ::testing::Not(HasSubstr("selkä")));
  // Another case is as it was.
  see(2, [&](const Event& event) {
    EXPECT_TRUE(event.erased.empty());
    EXPECT_EQ(event.erasure, nullptr);
    EXPECT_TRUE(event.opened.has(SectionKind::kHealth));
    return absl::OkStatus();
  });
}

TEST_F(HistoryTest, WhatIsNotHeldIsNotFound) {
  own_.Append(NumberedCase(1), Need());
  Open();
  const Visit nothing = [](const Event&) { return absl::OkStatus(); };
  EXPECT_THAT(history_->Timeline(NumberedCase(9), {}, nothing),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(history_->Replay({.origin = kOther}, nothing), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(HistoryTest, AnErrorOfTheVisitorEndsTheReplay) {
  own_.Append(NumberedCase(1), Need());
  Open();
  int visits = 0;
  EXPECT_THAT(history_->Replay({},
                               [&](const Event&) {
                                 ++visits;
                                 return absl::CancelledError("enough");
                               }),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("enough")));
  EXPECT_EQ(visits, 1);
}

TEST_F(HistoryTest, ProgressGoesOnWhereTheLastReplayEnded) {
  Progress progress;
  own_.Append(NumberedCase(1), Need());
  EXPECT_THAT(Places({}, &progress), SizeIs(2));
  EXPECT_THAT(Places({}, &progress), IsEmpty());
  own_.Append(NumberedCase(1), Need());
  EXPECT_THAT(Places({}, &progress), ElementsAre("referral:2"));
  // Also past what the filter leaves out, and for logs that appear later.
  other_.ReplicateTo(*engine_, *keys_, {});
  own_.Append(NumberedCase(1), Need());
  EXPECT_THAT(Places({.type = "polku.attendance.*"}, &progress), IsEmpty());
  EXPECT_THAT(Places({}, &progress), IsEmpty());
}

TEST_F(HistoryTest, DamageIsToldWithItsPlaceAfterWhatCameBefore) {
  own_.Append(NumberedCase(1), Need());
  const auto group = engine_->ReadGroup(kOwnLog, Position(1), true);
  ASSERT_THAT(group, IsOk());
  // A replica whose only group has a flipped bit.
  log::StoredGroup damaged = *group;
  damaged.entries[damaged.entries.size() / 2] ^= 1;
  auto replica = log::ReplicaLog::Open(*engine_, *OriginName::Parse(kOther));
  ASSERT_THAT(replica, IsOk());
  log::CommitBatch batch;
  batch.log = (*replica)->number();
  log::LogHead head{.origin = kOther, .frontier = {}, .last_order = Order(1)};
  head.frontier.AppendLeafHash(Hash());
  damaged.first = Position();
  batch.new_size = Position(1);
  batch.groups = {damaged};
  batch.head = head.Serialize();
  batch.checkpoint =
      proof::Signer::Generate(kOther, proof::KeyUse::kCheckpoint)->Sign({kOther, Position(1), head.frontier.Root()});
  ASSERT_THAT(engine_->Commit(batch), IsOk());
  Open();
  EXPECT_THAT(history_->Replay({}, [](const Event&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("position 0")));
}

TEST_F(HistoryTest, AnAlteredSectionIsDataLoss) {
  // Another case key than the section was sealed under.
  own_.Append(NumberedCase(1), Need());
  testing::KeyDisk foreign;
  const auto foreign_keys = MemoryKeys(foreign);
  const vault::KeyName name{NumberedCase(1), SectionKind::kService};
  ASSERT_THAT(foreign_keys->Ensure({&name, 1}), IsOk());
  for (const auto& [key, value] : foreign.records) {
    if (key != "check") disk_.records[key] = value;
  }
  Open();
  EXPECT_THAT(history_->Replay({}, [](const Event&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("of " + std::string(kOwn))));
}

// ---- Decoding ----

// A schema that this program does not have: the next version of an attendance package.
google::protobuf::FileDescriptorSet NewerSchema() {
  google::protobuf::FileDescriptorSet set;
  auto* file = set.add_file();
  file->set_name("polku/attendance/v1/attendance.proto");
  file->set_package("polku.attendance.v1");
  file->set_syntax("proto3");
  for (const auto& [message, field, number] :
       {std::tuple("DayRecorded", "date", 1), std::tuple("LunchServed", "dish", 1)}) {
    auto* type = file->add_message_type();
    type->set_name(message);
    auto* added = type->add_field();
    added->set_name(field);
    added->set_number(number);
    added->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
    added->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  }
  auto* mood = file->mutable_message_type(0)->add_field();
  mood->set_name("mood");
  mood->set_number(99);
  mood->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
  mood->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  return set;
}

class DecodingTest : public HistoryTest {
 protected:
  Hash AddSchema(const std::string& bytes) {
    event::v1::SchemaAdded added;
    added.set_package("polku.attendance.v1");
    added.set_file_descriptor_set(bytes);
    own_.AppendControl(added);
    return Sha256(bytes);
  }
  // Wire bytes of string fields.
  static std::string Field(int number, const std::string& text) {
    std::string bytes;
    uint32_t tag = static_cast<uint32_t>(number) << 3 | 2;
    while (tag >= 0x80) {
      bytes.push_back(static_cast<char>(tag | 0x80));
      tag >>= 7;
    }
    bytes.push_back(static_cast<char>(tag));
    bytes.push_back(static_cast<char>(text.size()));
    return bytes + text;
  }
  std::vector<std::string> Json() {
    Open();
    std::vector<std::string> lines;
    EXPECT_THAT(history_->Replay({},
                                 [&](const Event& event) -> absl::Status {
                                   POLKU_ASSIGN_OR_RETURN(const std::string json, EventJson(event));
                                   if (!event.control()) lines.push_back(json);
                                   return absl::OkStatus();
                                 }),
                IsOk());
    return lines;
  }
};

TEST_F(DecodingTest, ATypeThatThisProgramLacksIsReadWithTheRecordedSchema) {
  const Hash schema = AddSchema(NewerSchema().SerializeAsString());
  own_.Append(NumberedCase(1), "polku.attendance.v1.LunchServed",
              {{SectionKind::kService, Field(1, "keitto")}}, schema);
  EXPECT_THAT(Json(), ElementsAre(HasSubstr("\"event\":{\"dish\":\"keitto\"}")));
}

TEST_F(DecodingTest, FieldsOfANewerSchemaAreNotLost) {
  const Hash schema = AddSchema(NewerSchema().SerializeAsString());
  own_.Append(NumberedCase(1), "polku.attendance.v1.DayRecorded",
              {{SectionKind::kService, Field(1, "2025-03-03") + Field(99, "good")}}, schema);
  EXPECT_THAT(Json(), ElementsAre(HasSubstr("{\"date\":\"2025-03-03\",\"mood\":\"good\"}")));
}

TEST_F(DecodingTest, WithoutAnySchemaTheBytesAreShown) {
  own_.Append(NumberedCase(1), "polku.attendance.v1.LunchServed",
              {{SectionKind::kService, Field(1, "keitto")}}, Sha256("nowhere"));
  EXPECT_THAT(Json(), ElementsAre(HasSubstr("\"undecoded\":\"CgZrZWl0dG8=\"")));
}

TEST_F(DecodingTest, ASchemaOfAnotherLogSaysNothing) {
  const std::string bytes = NewerSchema().SerializeAsString();
  event::v1::SchemaAdded added;
  added.set_file_descriptor_set(bytes);
  other_.AppendControl(added);
  other_.ReplicateTo(*engine_, *keys_, {});
  own_.Append(NumberedCase(1), "polku.attendance.v1.LunchServed",
              {{SectionKind::kService, Field(1, "keitto")}}, Sha256(bytes));
  EXPECT_THAT(Json(), ElementsAre(HasSubstr("undecoded")));
}

TEST_F(DecodingTest, ASchemaThatDoesNotBuildLeavesTheBytes) {
  google::protobuf::FileDescriptorSet set = NewerSchema();
  set.mutable_file(0)->add_dependency("missing.proto");
  const Hash schema = AddSchema(set.SerializeAsString());
  own_.Append(NumberedCase(1), "polku.attendance.v1.LunchServed",
              {{SectionKind::kService, Field(1, "keitto")}}, schema);
  EXPECT_THAT(Json(), ElementsAre(HasSubstr("undecoded")));
}

TEST_F(DecodingTest, AMalformedSchemaOrEventIsDataLoss) {
  const Hash schema = AddSchema("\xFF\xFF no descriptors");
  own_.Append(NumberedCase(1), "polku.attendance.v1.LunchServed",
              {{SectionKind::kService, Field(1, "keitto")}}, schema);
  Open();
  EXPECT_THAT(history_->Replay({}, [](const Event&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("schema")));
}

TEST_F(DecodingTest, BytesThatAreNotTheEventAreDataLossWithTheirPlace) {
  own_.Append(NumberedCase(1), "polku.attendance.v1.DayRecorded",
              {{SectionKind::kService, "\x0A\x7Fshort"}}, Sha256("x"));
  Open();
  EXPECT_THAT(history_->Replay({}, [](const Event&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("entry 1 of")));
}

// ---- Small parts ----

TEST(TypeMatchesTest, TakesFullNamesLastPartsAndBeginnings) {
  constexpr std::string_view kType = "polku.attendance.v1.DayRecorded";
  EXPECT_TRUE(TypeMatches(kType, kType));
  EXPECT_TRUE(TypeMatches("DayRecorded", kType));
  EXPECT_TRUE(TypeMatches("polku.attendance.*", kType));
  EXPECT_TRUE(TypeMatches("*", kType));
  EXPECT_FALSE(TypeMatches("Recorded", kType));
  EXPECT_FALSE(TypeMatches("dayrecorded", kType));
  EXPECT_FALSE(TypeMatches("polku.attendance", kType));
  EXPECT_FALSE(TypeMatches("attendance.v1.DayRecorded", kType));
  EXPECT_FALSE(TypeMatches("", kType));
}

TEST(StartOfDayTest, IsTheFirstInstantOfTheFinnishDay) {
  for (const auto day :
       {absl::CivilDay(2025, 1, 15), absl::CivilDay(2025, 7, 15), absl::CivilDay(2025, 3, 30),
        absl::CivilDay(2025, 3, 31), absl::CivilDay(2025, 10, 26), absl::CivilDay(2025, 10, 27)}) {
    EXPECT_EQ(FinnishDay(StartOfDay(day)), day);
    EXPECT_EQ(FinnishDay(StartOfDay(day) - absl::Microseconds(1)), day - 1);
  }
}

TEST_F(HistoryTest, WhatAnotherEntryOfItsLogStandsInThePlaceOfDoesNotCountWhereItIsAskedFor) {
  const CaseId case_id = NewCaseId(SystemRandom());
  const auto correcting = [](const log::Receipt& wrong) {
    log::NewEntry entry;
    entry.corrects = wrong.id;
    return entry;
  };
  const auto need = own_.Append(case_id, Need());
  const auto day = own_.Append(case_id, Day("2025-03-03"));
  const auto stands = own_.Append(case_id, Need());
  const auto again = own_.AppendWith(correcting(need), case_id, Need());
  const auto right = own_.AppendWith(correcting(again), case_id, Need());
  // Days have corrections of their own, and an event of another type takes no entry's place.
  const auto other_day = own_.AppendWith(correcting(day), case_id, Day("2025-03-03"));
  const auto closed = own_.AppendWith(correcting(stands), case_id, referral::v1::CaseClosed());
  const config::v1::Agreement agreement;
  const access::Policy policy(agreement);
  const auto counting = [&](bool judged, bool timeline) {
    Open();
    Filter filter;
    if (judged) filter.policy = &policy;
    std::vector<Position> places;
    const auto visit = [&](const Event& event) {
      if (!event.control() && event.counts) places.push_back(event.position);
      return absl::OkStatus();
    };
    EXPECT_THAT(timeline ? history_->Timeline(case_id, filter, visit) : history_->Replay(filter, visit), IsOk());
    return places;
  };
  for (const bool timeline : {false, true}) {
    EXPECT_THAT(counting(true, timeline), ElementsAre(day.position, stands.position, right.position,
                                                      other_day.position, closed.position));
    EXPECT_THAT(counting(false, timeline), SizeIs(7)) << "a filter that does not ask judges nothing";
  }
  // What the read does not see replaces nothing in it.
  Filter filter;
  filter.policy = &policy;
  filter.type = "CaseClosed";
  Open();
  EXPECT_THAT(history_->Replay(filter, [&](const Event& event) {
    EXPECT_TRUE(event.counts);
    return absl::OkStatus();
  }), IsOk());
}

}  // namespace
}  // namespace polku::audit
