// The contract of eventstore/log/records.h, run over every engine.
#ifndef POLKU_TESTS_LOG_RECORDS_CONFORMANCE_H_
#define POLKU_TESTS_LOG_RECORDS_CONFORMANCE_H_

#include "eventstore/log/index.h"
#include "eventstore/log/records.h"
#include "eventstore/proof/note.h"
#include "tests/log/engine_conformance.h"

namespace polku::log {

class RecordsConformance : public ::testing::TestWithParam<EngineParam> {
 protected:
  void SetUp() override { home_ = GetParam().make(); }
  Engine& engine() { return home_->engine(); }

  // A witness's word that it saw `size` entries, at a second; `hashes`: of the proof to proven_to.
  KeptCosignature Kept(const std::string& witness, int64_t second, uint64_t size,
                       uint64_t proven_to = 0, size_t hashes = 0) {
    std::unique_ptr<proof::Signer>& signer = signers_[witness];
    if (signer == nullptr) signer = proof::Signer::Generate(witness, proof::KeyUse::kCosignature);
    KeptCosignature kept;
    kept.witness = witness;
    kept.time = absl::FromUnixSeconds(second);
    kept.size = Position(size);
    kept.root = Sha256(Str("root ", size));
    kept.line = signer->Cosign({std::string(kTestOrigin), kept.size, kept.root}, kept.time);
    kept.proven_to = Position(proven_to == 0 ? size : proven_to);
    for (size_t i = 0; i < hashes; ++i) kept.consistency.push_back(Sha256(Str("hash ", i)));
    return kept;
  }
  static std::string Told(const KeptCosignature& kept) {
    return Str(kept.witness, " ", absl::ToUnixSeconds(kept.time), " ", kept.size.value());
  }
  static std::vector<std::string> Told(const absl::StatusOr<std::vector<KeptCosignature>>& all) {
    EXPECT_THAT(all, testing::IsOk());
    std::vector<std::string> told;
    for (const KeptCosignature& kept : *all) told.push_back(Told(kept));
    return told;
  }
  std::string At(LogNumber log, std::string_view witness, absl::Time time) {
    const auto found = CosignatureAt(engine(), log, witness, time);
    EXPECT_THAT(found, testing::IsOk());
    return *found ? Told(**found) : "none";
  }
  std::vector<std::string> All(LogNumber log) {
    std::vector<std::string> told;
    EXPECT_THAT(VisitCosignatures(engine(), log,
                                  [&](const KeptCosignature& kept) {
                                    told.push_back(Told(kept));
                                    return absl::OkStatus();
                                  }),
                testing::IsOk());
    return told;
  }

  std::unique_ptr<EngineHome> home_;
  std::map<std::string, std::unique_ptr<proof::Signer>> signers_;
};

inline const std::string kWitnessA = "FI/MUN/0187690-1/oulu/attendance/witness";
// One name is the beginning of another.
inline const std::string kWitnessB = "FI/MUN/0187690-1/oulu/attendance/witness2";
inline const std::string kWitnessC = "FI/MUN/0187690-1/oulu/zeta/witness";

TEST_P(RecordsConformance, ACosignatureIsReadBackWithALineThatVerifiesAlsoAfterAReindex) {
  const KeptCosignature kept = Kept(kWitnessA, 1'760'000'000, 77, 200, 9);
  ASSERT_THAT(KeepCosignatures(engine(), LogNumber(3), {kept}), IsOk());
  for (int round = 0; round < 3; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto found,
                         CosignatureAt(engine(), LogNumber(3), kWitnessA, absl::InfiniteFuture()));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->witness, kept.witness);
    EXPECT_EQ(found->time, kept.time);
    EXPECT_EQ(found->size, kept.size);
    EXPECT_EQ(found->root, kept.root);
    EXPECT_EQ(found->line, kept.line);
    EXPECT_EQ(found->proven_to, Position(200));
    EXPECT_EQ(found->consistency, kept.consistency);
    const std::string note = Str(
        proof::CheckpointBody({std::string(kTestOrigin), found->size, found->root}), "\n",
        found->line);
    EXPECT_THAT(proof::VerifyCosignature(note, signers_[kWitnessA]->verifier()),
                testing::IsOkAndHolds(kept.time));
    if (round == 0) {
      home_->Reopen();
    } else {
      ASSERT_THAT(RebuildIndex(engine(), nullptr), IsOk());
    }
  }
  ASSERT_THAT(KeepCosignatures(engine(), LogNumber(3), {}), IsOk());
  EXPECT_EQ(All(LogNumber(3)).size(), 1u);
  EXPECT_TRUE(All(kOwnLog).empty()) << "another log's";
}

TEST_P(RecordsConformance, ALaterOneOfTheSameSecondTakesThePlaceOfTheEarlier) {
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 50, 5)}), IsOk());
  ASSERT_THAT(
      KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 50, 7), Kept(kWitnessA, 50, 8)}),
      IsOk());
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessB, 50, 6)}), IsOk());
  EXPECT_THAT(All(kOwnLog), ElementsAre(kWitnessA + " 50 8", kWitnessB + " 50 6"));
}

TEST_P(RecordsConformance, TheNewestAtATimeIsOfThatWitnessAndLogAndNotLater) {
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog,
                               {Kept(kWitnessA, 100, 5), Kept(kWitnessA, 200, 9),
                                Kept(kWitnessB, 150, 7), Kept(kWitnessC, 0, 1)}),
              IsOk());
  ASSERT_THAT(KeepCosignatures(engine(), LogNumber(1), {Kept(kWitnessA, 120, 6)}), IsOk());
  const auto at = [](double seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); };
  EXPECT_EQ(At(kOwnLog, kWitnessA, at(99.9)), "none");
  EXPECT_EQ(At(kOwnLog, kWitnessA, at(100)), kWitnessA + " 100 5");
  EXPECT_EQ(At(kOwnLog, kWitnessA, at(199.9)), kWitnessA + " 100 5");
  EXPECT_EQ(At(kOwnLog, kWitnessA, at(200.1)), kWitnessA + " 200 9");
  EXPECT_EQ(At(kOwnLog, kWitnessB, absl::InfiniteFuture()), kWitnessB + " 150 7");
  EXPECT_EQ(At(kOwnLog, kWitnessB, at(149)), "none");
  EXPECT_EQ(At(kOwnLog, kWitnessC, at(0)), kWitnessC + " 0 1");
  EXPECT_EQ(At(kOwnLog, kWitnessC, at(-1)), "none");
  EXPECT_EQ(At(kOwnLog, kWitnessC, absl::InfinitePast()), "none");
  EXPECT_EQ(At(LogNumber(1), kWitnessA, at(200)), kWitnessA + " 120 6");
  EXPECT_EQ(At(LogNumber(2), kWitnessA, at(200)), "none");
  EXPECT_EQ(At(kOwnLog, "FI/MUN/0187690-1/oulu/attendance/witnes", at(200)), "none");
}

TEST_P(RecordsConformance, OfEachWitnessTheNewestAndTheEarliestThatCoversASize) {
  testing::SeededGenerator generator(testing::TestSeed());
  std::map<std::string, std::vector<KeptCosignature>> by_witness;
  std::vector<KeptCosignature> all;
  for (const std::string& witness : {kWitnessC, kWitnessA, kWitnessB}) {
    int64_t second = 1'700'000'000 + static_cast<int64_t>(generator.Below(1'000));
    uint64_t size = 0;
    for (int i = 0; i < 60; ++i) {
      second += 1 + static_cast<int64_t>(generator.Below(i % 10 == 0 ? 1'000'000 : 3));
      size += generator.Below(4);  // the same size may be signed again
      by_witness[witness].push_back(Kept(witness, second, size));
      all.push_back(by_witness[witness].back());
    }
  }
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, all), IsOk());
  ASSERT_THAT(KeepCosignatures(engine(), LogNumber(1), {Kept(kWitnessA, 5, 1'000)}), IsOk());
  std::vector<std::string> newest;
  for (const auto& [witness, kept] : by_witness) newest.push_back(Told(kept.back()));
  EXPECT_EQ(Told(NewestCosignatures(engine(), kOwnLog)), newest);
  for (uint64_t size = 0; size < 200; ++size) {
    std::vector<std::string> covering;
    for (const auto& [witness, kept] : by_witness) {
      for (const KeptCosignature& one : kept) {
        if (one.size.value() < size) continue;
        covering.push_back(Told(one));
        break;
      }
    }
    EXPECT_EQ(Told(CosignaturesCovering(engine(), kOwnLog, Position(size))), covering) << size;
  }
  EXPECT_EQ(All(kOwnLog).size(), all.size());
  EXPECT_TRUE(Told(NewestCosignatures(engine(), LogNumber(2))).empty());
  EXPECT_TRUE(Told(CosignaturesCovering(engine(), LogNumber(2), Position(0))).empty());
}

TEST_P(RecordsConformance, AVisitEndsWithTheVisitorsError) {
  ASSERT_THAT(
      KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 1, 1), Kept(kWitnessA, 2, 2)}), IsOk());
  int visits = 0;
  EXPECT_THAT(VisitCosignatures(engine(), kOwnLog,
                                [&](const KeptCosignature&) {
                                  ++visits;
                                  return absl::CancelledError("enough");
                                }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(visits, 1);
}

TEST_P(RecordsConformance, AnUnfitCosignatureIsRefusedAndNothingIsWritten) {
  const auto refused = [&](KeptCosignature kept) {
    EXPECT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessB, 9, 9), std::move(kept)}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  };
  const KeptCosignature good = Kept(kWitnessA, 100, 5);
  KeptCosignature bad = good;
  bad.witness = kWitnessB;
  refused(bad);
  bad = good;
  bad.time += absl::Seconds(1);
  refused(bad);
  bad = good;
  bad.time += absl::Milliseconds(1);
  refused(bad);
  refused(Kept(kWitnessA, -5, 5));
  bad = good;
  bad.line.pop_back();
  refused(bad);
  bad = good;
  bad.line += bad.line;
  refused(bad);
  bad = good;
  bad.line.clear();
  refused(bad);
  bad = good;
  bad.line = proof::FormatSignatureLine({kWitnessA, 1, std::string(71, 's')});
  refused(bad);
  bad = good;
  bad.proven_to = Position(4);
  refused(bad);
  refused(Kept(kWitnessA, 100, 5, 9, proof::kMaxProofHashes + 1));
  EXPECT_TRUE(All(kOwnLog).empty());
  EXPECT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 100, 5, 9, proof::kMaxProofHashes)}),
              IsOk());
}

TEST_P(RecordsConformance, OneOfASecondInWhichMoreIsKeptAddsNothing) {
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 50, 8), Kept(kWitnessA, 50, 7)}),
              IsOk());
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 50, 5)}), IsOk());
  EXPECT_THAT(All(kOwnLog), ElementsAre(kWitnessA + " 50 8"));
  EXPECT_THAT(Told(NewestCosignatures(engine(), kOwnLog)), ElementsAre(kWitnessA + " 50 8"));
}

TEST_P(RecordsConformance, AClockThatWasPutBackHidesNoLaterWord) {
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog,
                               {Kept(kWitnessA, 1'000, 5), Kept(kWitnessB, 2'000, 3)}),
              IsOk());
  for (uint64_t i = 0; i < 20; ++i) {
    ASSERT_THAT(KeepCosignatures(engine(), kOwnLog,
                                 {Kept(kWitnessA, 100 + static_cast<int64_t>(i), 6 + i)}),
                IsOk());
  }
  home_->Reopen();
  EXPECT_THAT(Told(NewestCosignatures(engine(), kOwnLog)),
              ElementsAre(kWitnessA + " 119 25", kWitnessB + " 2000 3"));
  EXPECT_THAT(Told(CosignaturesCovering(engine(), kOwnLog, Position(20))),
              ElementsAre(kWitnessA + " 114 20"));
  EXPECT_THAT(Told(CosignaturesCovering(engine(), kOwnLog, Position(25))),
              ElementsAre(kWitnessA + " 119 25"));
  EXPECT_TRUE(Told(CosignaturesCovering(engine(), kOwnLog, Position(26))).empty());
}

TEST_P(RecordsConformance, RecordsWithoutANoteOfTheLargestAreReadByTheirTime) {
  const KeptCosignature kept = Kept(kWitnessA, 100, 5);
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 50, 4), kept}), IsOk());
  // As if it were not there, or names a record that is not.
  ASSERT_OK_AND_ASSIGN(auto noted, engine().RecordScan("l")->Next());
  ASSERT_TRUE(noted.has_value());
  for (const std::string& bad : {std::string(), std::string(8, '\x7f'), std::string("\0\0", 2)}) {
    noted->second = bad;
    ASSERT_THAT(engine().WriteRecords({&*noted, 1}, false), IsOk());
    EXPECT_THAT(Told(NewestCosignatures(engine(), kOwnLog)), ElementsAre(kWitnessA + " 100 5"));
  }
  // The next word mends it.
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, 60, 9)}), IsOk());
  EXPECT_THAT(Told(NewestCosignatures(engine(), kOwnLog)), ElementsAre(kWitnessA + " 60 9"));
}

TEST_P(RecordsConformance, TwoKeysOfOneNameAreTwo) {
  const KeptCosignature old_key = Kept(kWitnessA, 100, 8);
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {old_key, Kept(kWitnessA, 110, 9)}), IsOk());
  const std::unique_ptr<proof::Signer> first = std::move(signers_[kWitnessA]);
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog,
                               {Kept(kWitnessA, 120, 4), Kept(kWitnessA, 130, 6)}),
              IsOk());
  const proof::VerifierKey& second = signers_[kWitnessA]->verifier();
  const auto of = [](const absl::StatusOr<std::vector<KeptCosignature>>& all,
                     const proof::VerifierKey& key) {
    EXPECT_THAT(all, testing::IsOk());
    std::vector<std::string> told;
    for (const auto& kept : *all) {
      if (IsOfKey(kept, key)) told.push_back(Told(kept));
    }
    return told;
  };
  EXPECT_FALSE(IsOfKey(old_key, second));
  const auto newest = NewestCosignatures(engine(), kOwnLog);
  EXPECT_THAT(*newest, ::testing::SizeIs(2));
  EXPECT_THAT(of(newest, first->verifier()), ElementsAre(kWitnessA + " 110 9"));
  EXPECT_THAT(of(newest, second), ElementsAre(kWitnessA + " 130 6"));
  const auto covering = CosignaturesCovering(engine(), kOwnLog, Position(3));
  EXPECT_THAT(of(covering, first->verifier()), ElementsAre(kWitnessA + " 100 8"));
  EXPECT_THAT(of(covering, second), ElementsAre(kWitnessA + " 120 4"));
}

TEST_P(RecordsConformance, WhatCannotBeReadAgainIsNotWritten) {
  constexpr int64_t kLast = 253'402'300'799;  // 9999-12-31T23:59:59Z
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, kLast, 5)}), IsOk());
  EXPECT_EQ(At(kOwnLog, kWitnessA, absl::InfiniteFuture()), Str(kWitnessA, " ", kLast, " 5"));
  for (const int64_t second : {kLast + 1, (int64_t{1} << 62) + 5}) {
    EXPECT_THAT(KeepCosignatures(engine(), kOwnLog, {Kept(kWitnessA, second, 6)}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(All(kOwnLog).size(), 1u);
}

TEST_P(RecordsConformance, AMalformedRecordIsPassedOverAndTold) {
  ASSERT_THAT(KeepCosignatures(engine(), kOwnLog,
                               {Kept(kWitnessA, 90, 4), Kept(kWitnessA, 100, 5),
                                Kept(kWitnessB, 7, 3)}),
              IsOk());
  std::string last_key("c");
  AppendBigEndian32(last_key, 0);
  last_key += kWitnessA;
  last_key.push_back('\0');
  AppendBigEndian64(last_key, 100);
  ASSERT_OK_AND_ASSIGN(const auto good, engine().RecordGet(last_key));
  ASSERT_TRUE(good.has_value());
  const std::string& value = *good;
  std::string backwards = value;
  backwards[8 + 32 + 4 + 64 + 7] = 4;  // proven to 4
  const std::vector<std::pair<std::string, std::string>> bad_values = {
      {"empty", ""},
      {"short", value.substr(1)},
      {"odd", value + "x"},
      {"too many hashes", value + std::string((proof::kMaxProofHashes + 1) * 32, 'h')},
      {"backwards", backwards}};
  std::vector<std::string> met;
  const MalformedFn malformed = [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    met.push_back(std::string(ToStd(status.message())));
  };
  const auto visited = [&] {
    std::vector<std::string> told;
    EXPECT_THAT(VisitCosignatures(
                    engine(), kOwnLog,
                    [&](const KeptCosignature& kept) {
                      told.push_back(Told(kept));
                      return absl::OkStatus();
                    },
                    malformed),
                IsOk());
    return told;
  };
  const auto a = kWitnessA + " 90 4";
  const auto b = kWitnessB + " 7 3";
  const auto expect_rest = [&](const std::string& named) {
    met.clear();
    EXPECT_THAT(Told(NewestCosignatures(engine(), kOwnLog, malformed)), ElementsAre(a, b));
    EXPECT_THAT(met, ElementsAre(HasSubstr(named)));
    EXPECT_THAT(Told(CosignaturesCovering(engine(), kOwnLog, Position(1))), ElementsAre(a, b));
    EXPECT_EQ(At(kOwnLog, kWitnessA, absl::InfiniteFuture()), a);
    met.clear();
    EXPECT_THAT(visited(), ElementsAre(a, b));
    EXPECT_THAT(met, ElementsAre(HasSubstr(named)));
  };
  for (const auto& [what, bad] : bad_values) {
    SCOPED_TRACE(what);
    const KeyValue put(last_key, bad);
    ASSERT_THAT(engine().WriteRecords({&put, 1}, false), IsOk());
    expect_rest(Str("log 0, cosignature of ", kWitnessA, " at second 100"));
  }
  const KeyValue mended(last_key, value);
  ASSERT_THAT(engine().WriteRecords({&mended, 1}, false), IsOk());
  EXPECT_EQ(All(kOwnLog).size(), 3u) << "the record put back is good again";
  // Keys that name no witness, behind all good ones, and between them.
  const KeyValue stray(last_key.substr(0, 5) + "z", value);
  const KeyValue far(last_key.substr(0, last_key.size() - 8) + std::string(8, '\x7f'), value);
  ASSERT_THAT(engine().WriteRecords(std::vector<KeyValue>{stray, far}, false), IsOk());
  met.clear();
  EXPECT_THAT(Told(NewestCosignatures(engine(), kOwnLog, malformed)),
              ElementsAre(kWitnessA + " 100 5", b));
  EXPECT_THAT(met, ElementsAre(HasSubstr(ToHex(stray.first)), HasSubstr(ToHex(far.first))));
  met.clear();
  EXPECT_EQ(visited().size(), 3u);
  EXPECT_EQ(met.size(), 2u);
}

TEST_P(RecordsConformance, AForkIsKeptOnceAndNoMoreThanEnough) {
  constexpr std::string_view kOurs = "FI/MUN/0187690-1/oulu/referral/1";
  constexpr std::string_view kTheirs = "FI/MUN/0187690-1/oulu/referral/10";  // begins alike
  const auto time = [](int64_t n) { return absl::FromUnixMicros(1'760'000'000'000'000 + n); };
  EXPECT_THAT(Forks(engine(), kOurs), IsOkAndHolds(::testing::IsEmpty()));
  ASSERT_THAT(KeepFork(engine(), kOurs, time(5), "pair five"), IsOk());
  ASSERT_THAT(KeepFork(engine(), kOurs, time(7), "pair five"), IsOk());
  ASSERT_THAT(KeepFork(engine(), kOurs, time(5), "pair six"), IsOk()) << "at the same instant";
  ASSERT_THAT(KeepFork(engine(), kTheirs, time(9), "pair five"), IsOk());
  home_->Reopen();
  ASSERT_THAT(RebuildIndex(engine(), nullptr), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto forks, Forks(engine(), kOurs));
  ASSERT_EQ(forks.size(), 2u);
  EXPECT_EQ(forks[0].pair, "pair five");
  EXPECT_EQ(forks[0].found_at, time(5));
  EXPECT_EQ(forks[1].pair, "pair six");
  EXPECT_EQ(forks[1].found_at, time(5));
  for (int64_t n = 0; n < 30; ++n) {
    ASSERT_THAT(KeepFork(engine(), kOurs, time(100 - n), Str("pair ", n)), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const auto many, Forks(engine(), kOurs));
  EXPECT_EQ(many.size(), kMaxForksKept);
  ASSERT_OK_AND_ASSIGN(const auto other, Forks(engine(), kTheirs));
  EXPECT_EQ(other.size(), 1u);
  EXPECT_THAT(KeepFork(engine(), kTheirs, time(0), ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(KeepFork(engine(), "", time(0), "pair"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const auto all, AllForks(engine()));
  ASSERT_EQ(all.size(), kMaxForksKept + 1);
  EXPECT_EQ(all.front().origin, kOurs);
  EXPECT_EQ(all.back().origin, kTheirs);
  EXPECT_EQ(all.back().found_at, time(9));
  const KeyValue stray(Str("f", kTheirs, std::string_view("\0zzz", 4)), "pair");
  ASSERT_THAT(engine().WriteRecords({&stray, 1}, false), IsOk());
  EXPECT_THAT(Forks(engine(), kTheirs),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(ToHex(stray.first))));
  EXPECT_THAT(AllForks(engine()), StatusIs(absl::StatusCode::kDataLoss));
  std::vector<std::string> met;
  ASSERT_OK_AND_ASSIGN(const auto rest, AllForks(engine(), [&](const absl::Status& malformed) {
                         met.push_back(std::string(ToStd(malformed.message())));
                       }));
  EXPECT_EQ(rest.size(), all.size()) << "a damaged record hides no other";
  EXPECT_THAT(met, ElementsAre(HasSubstr(ToHex(stray.first))));
  EXPECT_EQ(Forks(engine(), kOurs)->size(), kMaxForksKept) << "another origin's are readable";
}

}  // namespace polku::log

#endif  // POLKU_TESTS_LOG_RECORDS_CONFORMANCE_H_
