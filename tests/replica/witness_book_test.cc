#include "eventstore/replica/witness_book.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/follower.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::polku::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kOulu[] = "FI/MUN/0187690-1/oulu";

class WitnessBookTest : public ::testing::Test {
 protected:
  WitnessBookTest() {
    origin_.AddGenesis();
    origin_.Commit();
    Append(9);
    Make({});
  }

  void Append(int commits) {
    for (int i = 0; i < commits; ++i) {
      origin_.AddRandomEvent({kKela});
      origin_.Commit();
    }
  }

  void Make(const std::vector<log::KeptCosignature>& kept) {
    prefixes_asked_ = 0;
    WitnessBookOptions options{.origin = kOrigin,
                               .own_agency = kOulu,
                               .own_keys = origin_.signer().verifier(),
                               .witnesses = {{kKela, kela_->verifier()},
                                             {kKela, kela2_->verifier()},
                                             {kProvider, provider_->verifier()},
                                             {kOulu, oulu_->verifier()}},
                               .prefix = [this](Position size) {
                                 ++prefixes_asked_;
                                 return PrefixOf(origin_.engine(), kOwnLog)(size);
                               },
                               .opened_at = origin_.size()};
    book_ = WitnessBook::Make(std::move(options), kept);
  }

  WitnessBook::Outcome Cosign(std::string_view agency, std::string checkpoint,
                              const char* origin = kOrigin) {
    exchange::v1::Cosign cosign;
    cosign.set_origin(origin);
    cosign.set_checkpoint(std::move(checkpoint));
    return book_->OnCosign(agency, cosign, origin_.size(), origin_.checkpoint(), wall_);
  }
  WitnessBook::Outcome CosignAt(uint64_t size, absl::Duration later = absl::ZeroDuration()) {
    return Cosign(kKela, AddLine(NoteAt(origin_, Position(size)), *kela_, time_ + later));
  }
  void ExpectRejected(const WitnessBook::Outcome& outcome, const std::string& why) {
    EXPECT_THAT(outcome.rejected, HasSubstr(why));
    EXPECT_FALSE(outcome.keep.has_value());
    EXPECT_FALSE(outcome.ahead.has_value());
    EXPECT_EQ(outcome.self_fork, "");
    EXPECT_FALSE(book_->confirmed());
    EXPECT_THAT(book_->newest(), IsEmpty());
  }

  TestOrigin origin_{31};
  const std::unique_ptr<proof::Signer> kela_ = CosignerOf(kKela);
  const std::unique_ptr<proof::Signer> kela2_ =
      SignerFromSeed(std::string(kKela) + "/second/witness", '2', proof::KeyUse::kCosignature);
  const std::unique_ptr<proof::Signer> provider_ = CosignerOf(kProvider);
  const std::unique_ptr<proof::Signer> oulu_ = CosignerOf(kOulu);
  const absl::Time time_ = absl::FromUnixSeconds(1'741'000'777);
  absl::Time wall_ = time_ + absl::Minutes(5);
  int prefixes_asked_ = 0;
  std::unique_ptr<WitnessBook> book_;
};

TEST_F(WitnessBookTest, ACosignatureOfThePresentLogCountsAndIsKept) {
  EXPECT_FALSE(book_->confirmed());
  EXPECT_THAT(book_->AgenciesCovering(Position(0)), IsEmpty());
  const auto outcome = CosignAt(10);
  EXPECT_EQ(outcome.rejected, "");
  ASSERT_TRUE(outcome.keep.has_value());
  EXPECT_EQ(outcome.keep->witness, kela_->verifier().name());
  EXPECT_EQ(outcome.keep->time, time_);
  EXPECT_EQ(outcome.keep->size, Position(10));
  EXPECT_EQ(outcome.keep->proven_to, Position(10));
  EXPECT_EQ(outcome.keep->root, origin_.frontier().Root());
  EXPECT_THAT(
      proof::VerifyCosignature(origin_.checkpoint() + outcome.keep->line, kela_->verifier()),
      IsOkAndHolds(time_));
  EXPECT_EQ(prefixes_asked_, 0) << "the present root is in the note";
  EXPECT_TRUE(book_->confirmed());
  EXPECT_THAT(book_->AgenciesCovering(Position(10)), ElementsAre(kKela));
  EXPECT_THAT(book_->AgenciesCovering(Position(11)), IsEmpty());
  EXPECT_THAT(book_->newest(), SizeIs(1));
}

TEST_F(WitnessBookTest, AgenciesCountOnceAscendingAndTheOwnNotAtAll) {
  Cosign(kProvider, AddLine(origin_.checkpoint(), *provider_, time_));
  CosignAt(10);
  Cosign(kKela, AddLine(NoteAt(origin_, Position(4)), *kela2_, time_));
  ASSERT_TRUE(Cosign(kOulu, AddLine(origin_.checkpoint(), *oulu_, time_)).keep.has_value());
  EXPECT_THAT(book_->AgenciesCovering(Position(4)), ElementsAre(kKela, kProvider));
  EXPECT_THAT(book_->newest(), SizeIs(4));
  const auto status = book_->status();
  ASSERT_THAT(status, SizeIs(4));
  EXPECT_EQ(status[1].name(), kela2_->verifier().name());
  EXPECT_EQ(status[1].agency(), kKela);
  EXPECT_EQ(status[1].cosigned_size(), 4u);
  EXPECT_EQ(status[1].cosigned_at_us(), absl::ToUnixMicros(time_));
}

TEST_F(WitnessBookTest, ALateCosignatureOfAnEarlierSizeCounts) {
  EXPECT_TRUE(CosignAt(4).keep.has_value());
  EXPECT_TRUE(CosignAt(9, absl::Seconds(-3)).keep.has_value()) << "a clock set back says more";
  EXPECT_THAT(book_->AgenciesCovering(Position(9)), ElementsAre(kKela));
}

TEST_F(WitnessBookTest, RecentCheckpointsAreCheckedWithoutReadingTheLog) {
  const Position before = origin_.size();
  for (int i = 0; i < 1'030; ++i) {
    Append(1);
    book_->OnCommitted(origin_.checkpoint());
  }
  EXPECT_TRUE(CosignAt(before.value() + 3).keep.has_value());
  EXPECT_EQ(prefixes_asked_, 1) << "too long ago to be remembered";
  EXPECT_TRUE(CosignAt(before.value() + 10).keep.has_value());
  EXPECT_TRUE(CosignAt(before.value() + 1'030).keep.has_value());
  EXPECT_EQ(prefixes_asked_, 1);
  // What is remembered decides as the log does.
  Make({});
  book_->OnCommitted(NoteAt(origin_, Position(9)));
  auto other = origin_.OldCopy(Position(8), 7);
  other->AddRandomEvent({kKela});
  other->Commit();
  EXPECT_NE(Cosign(kKela, AddLine(other->checkpoint(), *kela_, time_)).self_fork, "");
}

TEST_F(WitnessBookTest, ARepeatSaysNothingNewAndAnOlderOneIsNotTaken) {
  CosignAt(8);
  EXPECT_FALSE(CosignAt(8).keep.has_value());
  EXPECT_EQ(CosignAt(8, absl::Seconds(9)).rejected, "");
  EXPECT_FALSE(CosignAt(8, absl::Seconds(9)).keep.has_value()) << "records are few";
  EXPECT_THAT(CosignAt(7, absl::Seconds(-1)).rejected, HasSubstr("older than what"));
  EXPECT_EQ(book_->newest()[0].size, Position(8));
}

TEST_F(WitnessBookTest, WhatIsMalformedOrNotFromAWitnessIsNotTaken) {
  const std::string& note = origin_.checkpoint();
  ExpectRejected(Cosign(kKela, AddLine(note, *kela_, time_), "FI/MUN/0187690-1/oulu/referral/1"),
                 "of another origin");
  ExpectRejected(Cosign(kKela, ""), "");
  ExpectRejected(Cosign(kKela, "trust me"), "");
  ExpectRejected(Cosign(kKela, note), "not one cosignature of a trusted key");
  ExpectRejected(
      Cosign(kKela, AddLine(origin_.signer().Sign({"FI/MUN/0187690-1/oulu/referral/1",
                                                   origin_.size(), origin_.frontier().Root()}),
                            *kela_, time_)),
      "checkpoint is of another origin");
  ExpectRejected(
      Cosign(kKela, AddLine(origin_.signer().Sign({kOrigin, Position(0), Hash()}), *kela_, time_)),
      "nothing is in its checkpoint");
  const auto impostor = CosignerOf(kKela, 'i');
  ExpectRejected(Cosign(kKela, AddLine(note, *impostor, time_)), "not one cosignature");
  ExpectRejected(Cosign(kKela, AddLine(note, *kela_, time_) +
                                   kela_->Cosign({kOrigin, Position(10), Hash()}, time_)),
                 "not one cosignature");
  std::string padded = AddLine(note, *kela_, time_);
  while (padded.size() <= kMaxCheckpointBytes) padded += provider_->Cosign({}, time_);
  ExpectRejected(Cosign(kKela, padded), "longer than");
}

TEST_F(WitnessBookTest, AnotherAgencysKeyIsNotTakenFromThisConnection) {
  ExpectRejected(Cosign(kProvider, AddLine(origin_.checkpoint(), *kela_, time_)),
                 "trusted key of its sender's agency");
}

TEST_F(WitnessBookTest, ASignatureOverSomethingElseIsNotTaken) {
  ExpectRejected(
      Cosign(kKela, origin_.checkpoint() + kela_->Cosign({kOrigin, origin_.size(), Hash()}, time_)),
      "does not verify");
}

TEST_F(WitnessBookTest, ALargerSizeUnderTheOwnKeyMeansAnOldCopy) {
  auto newer = origin_.OldCopy(origin_.size(), 7);
  newer->AddRandomEvent({kKela});
  newer->Commit();
  const auto outcome = Cosign(kKela, AddLine(newer->checkpoint(), *kela_, time_));
  ASSERT_TRUE(outcome.ahead.has_value());
  EXPECT_EQ(outcome.ahead->size, Position(11));
  EXPECT_EQ(outcome.ahead->root, newer->frontier().Root());
  EXPECT_FALSE(book_->confirmed());
  EXPECT_THAT(book_->AgenciesCovering(Position(1)), IsEmpty());
  ExpectRejected(
      Cosign(kKela, AddLine(SignerFromSeed(kOrigin, 'x')->Sign({kOrigin, Position(99), Hash()}),
                            *kela_, time_)),
      "larger than this log and not of our key");
}

TEST_F(WitnessBookTest, AnotherHistoryUnderTheOwnKeyIsProven) {
  for (const uint64_t common : {9, 5}) {
    SCOPED_TRACE(common);
    Make({});
    auto other = origin_.OldCopy(Position(common), 7);
    other->AddRandomEvent({kKela});
    other->Commit();
    const auto outcome = Cosign(kKela, AddLine(other->checkpoint(), *kela_, time_));
    EXPECT_EQ(outcome.rejected, "");
    EXPECT_FALSE(outcome.keep.has_value());
    EXPECT_FALSE(book_->confirmed());
    auto pair = proof::ParseCheckpointPair(outcome.self_fork);
    ASSERT_THAT(pair, IsOk());
    EXPECT_THAT(proof::VerifyCheckpointPair(*pair, origin_.signer().verifier()),
                IsOkAndHolds(proof::PairVerdict::kFork));
    EXPECT_EQ(pair->newer, origin_.checkpoint());
  }
  const auto forged = SignerFromSeed(kOrigin, 'x');
  Make({});
  ExpectRejected(
      Cosign(kKela, AddLine(forged->Sign({kOrigin, Position(5), Hash()}), *kela_, time_)),
      "not signed by our key");
}

TEST_F(WitnessBookTest, ATreeThatCannotBeReadAccusesNobody) {
  WitnessBookOptions options{.origin = kOrigin,
                             .own_agency = kOulu,
                             .own_keys = origin_.signer().verifier(),
                             .witnesses = {{kKela, kela_->verifier()}},
                             .prefix = [](Position) -> absl::StatusOr<PrefixProof> {
                               return absl::DataLossError("group at position 0: damaged");
                             }};
  book_ = WitnessBook::Make(options, {});
  ExpectRejected(CosignAt(4), "our root at 4 entries cannot be read: group at position 0");
  options.prefix = [](Position) -> absl::StatusOr<PrefixProof> {
    return PrefixProof{Hash(), {Hash(), Hash()}};
  };
  book_ = WitnessBook::Make(options, {});
  ExpectRejected(CosignAt(4), "its root is not ours, and no proof of it");
}

TEST_F(WitnessBookTest, WhatWasKeptCountsAfterARestartAndConfirmsNothing) {
  const auto kept = CosignAt(10).keep;
  ASSERT_TRUE(kept.has_value());
  log::KeptCosignature older = *kept;
  older.size = Position(3);
  log::KeptCosignature dismissed = *kept;
  dismissed.witness = "FI/ORG/0000009-9/former/service/witness";
  Make({*kept, older, dismissed});
  EXPECT_THAT(book_->AgenciesCovering(Position(10)), ElementsAre(kKela));
  EXPECT_THAT(book_->newest(), SizeIs(1));
  EXPECT_FALSE(book_->confirmed());
  // The same word again over a new connection: nothing to keep, but it is said now.
  const auto outcome = CosignAt(10);
  EXPECT_EQ(outcome.rejected, "");
  EXPECT_FALSE(outcome.keep.has_value());
  EXPECT_TRUE(book_->confirmed());
}

TEST_F(WitnessBookTest, WhoHoldsLessThanTheLogHadAtTheStartConfirmsNothing) {
  const auto kept = CosignAt(10).keep;
  Make({*kept});
  // Of a witness that lost its disk, or lags: that nobody has more than this log, it cannot know.
  EXPECT_FALSE(CosignAt(4, absl::Seconds(60)).keep.has_value());
  EXPECT_FALSE(CosignAt(9, absl::Seconds(61)).keep.has_value());
  EXPECT_FALSE(book_->confirmed());
  EXPECT_THAT(book_->AgenciesCovering(Position(10)), ElementsAre(kKela));
  // The log goes on meanwhile; what it had at the start is enough.
  Append(5);
  EXPECT_FALSE(CosignAt(10, absl::Seconds(62)).keep.has_value());
  EXPECT_TRUE(book_->confirmed());
}

TEST_F(WitnessBookTest, AServiceOfTheOwnAgencyConfirmsNothing) {
  EXPECT_TRUE(Cosign(kOulu, AddLine(origin_.checkpoint(), *oulu_, time_)).keep.has_value());
  EXPECT_FALSE(book_->confirmed());
  EXPECT_TRUE(Cosign(kProvider, AddLine(origin_.checkpoint(), *provider_, time_)).keep.has_value());
  EXPECT_TRUE(book_->confirmed());
}

TEST_F(WitnessBookTest, ATimeFarAheadOfOurClockIsNotTaken) {
  wall_ = time_;
  for (const absl::Time time : {time_ + kMaxClockAhead + absl::Seconds(1),
                                absl::FromUnixSeconds((int64_t{1} << 62) + 5)}) {
    const auto outcome = Cosign(kKela, AddLine(origin_.checkpoint(), *kela_, time));
    ExpectRejected(outcome, "ahead of our clock");
    EXPECT_EQ(outcome.clock_ahead, time - time_);
  }
  // Who only says so is not told of as a witness with a wrong clock.
  const auto false_word = Cosign(
      kKela, origin_.checkpoint() + kela_->Cosign({kOrigin, origin_.size(), Hash()},
                                                  time_ + absl::Hours(1)));
  ExpectRejected(false_word, "does not verify");
  EXPECT_FALSE(false_word.clock_ahead.has_value());
  EXPECT_TRUE(CosignAt(10, kMaxClockAhead).keep.has_value());
}

TEST_F(WitnessBookTest, AnOldCopyIsFoundWhateverTheWitnesssClockShows) {
  auto newer = origin_.OldCopy(origin_.size(), 7);
  newer->AddRandomEvent({kKela});
  newer->Commit();
  EXPECT_TRUE(Cosign(kKela, AddLine(newer->checkpoint(), *kela_, time_ + absl::Hours(99)))
                  .ahead.has_value());
}

TEST_F(WitnessBookTest, WhatAnotherKeyOfTheSameNameSaidCountsNoMore) {
  const auto kept = CosignAt(10).keep;
  ASSERT_TRUE(kept.has_value());
  const auto replaced = SignerFromSeed(kela_->verifier().name(), 'n', proof::KeyUse::kCosignature);
  WitnessBookOptions options{.origin = kOrigin,
                             .own_agency = kOulu,
                             .own_keys = origin_.signer().verifier(),
                             .witnesses = {{kKela, replaced->verifier()}},
                             .prefix = PrefixOf(origin_.engine(), kOwnLog)};
  book_ = WitnessBook::Make(std::move(options), {*kept});
  EXPECT_THAT(book_->newest(), IsEmpty()) << "nor is it passed on";
  EXPECT_THAT(book_->AgenciesCovering(Position(1)), IsEmpty());
  ExpectRejected(CosignAt(10, absl::Seconds(1)), "not one cosignature of a trusted key");
  EXPECT_TRUE(Cosign(kKela, AddLine(origin_.checkpoint(), *replaced, time_)).keep.has_value());
}

TEST_F(WitnessBookTest, ASizeBetweenCommitsCountsToo) {
  // What came back from a mirror in one commit has not every checkpoint that was signed before.
  TestOrigin recovered(31);
  recovered.AddGenesis();
  for (int i = 0; i < 9; ++i) recovered.AddRandomEvent({kKela});
  recovered.Commit();
  WitnessBookOptions options{.origin = kOrigin,
                             .own_agency = kOulu,
                             .own_keys = recovered.signer().verifier(),
                             .witnesses = {{kKela, kela_->verifier()}},
                             .prefix = PrefixOf(recovered.engine(), kOwnLog)};
  book_ = WitnessBook::Make(std::move(options), {});
  exchange::v1::Cosign cosign;
  cosign.set_origin(kOrigin);
  cosign.set_checkpoint(AddLine(NoteAt(recovered, Position(5)), *kela_, time_));
  EXPECT_TRUE(
      book_->OnCosign(kKela, cosign, recovered.size(), recovered.checkpoint(), wall_)
          .keep.has_value());
}

}  // namespace
}  // namespace polku::replica
