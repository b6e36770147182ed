#include "eventstore/proof/log_keys.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/base/hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/fixed_keys.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

std::unique_ptr<Signer> Key(uint8_t seed) { return FixedSigner(kOrigin, seed, KeyUse::kCheckpoint); }

// The first key, one from position 10 on, one from position 20 on.
class LogKeysTest : public ::testing::Test {
 protected:
  LogKeysTest() {
    EXPECT_THAT(keys_.Change(Position(9), second_->verifier()), IsOk());
    EXPECT_THAT(keys_.Change(Position(19), third_->verifier()), IsOk());
  }
  static std::string Note(const Signer& signer, uint64_t size) {
    return signer.Sign({kOrigin, Position(size), Sha256("root")});
  }

  const std::unique_ptr<Signer> first_ = Key(0x00);
  const std::unique_ptr<Signer> second_ = Key(0x60);
  const std::unique_ptr<Signer> third_ = Key(0x80);
  LogKeys keys_{first_->verifier()};
};

TEST(LogKeys, ALogThatNeverChangedItsKeyHasOne) {
  const auto signer = OriginSigner();
  const LogKeys keys = signer->verifier();
  ASSERT_EQ(keys.all().size(), 1u);
  EXPECT_EQ(keys.all()[0].first, Position(0));
  EXPECT_EQ(keys.first().key(), keys.newest().key());
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    EXPECT_EQ(keys.For(Position(size)).key(), signer->verifier().key()) << size;
  }
}

TEST_F(LogKeysTest, AKeySignsUpToTheEntryThatNamesTheNext) {
  const auto seed_of = [&](uint64_t size) {
    const Ed25519Public& key = keys_.For(Position(size)).key();
    return key == first_->verifier().key() ? 1 : key == second_->verifier().key() ? 2 : 3;
  };
  EXPECT_EQ(seed_of(0), 1);
  EXPECT_EQ(seed_of(9), 1);
  EXPECT_EQ(seed_of(10), 1) << "the commit that the change at position 9 ends";
  EXPECT_EQ(seed_of(11), 2);
  EXPECT_EQ(seed_of(20), 2);
  EXPECT_EQ(seed_of(21), 3);
  EXPECT_EQ(seed_of(UINT64_MAX), 3);
  EXPECT_EQ(keys_.first().key(), first_->verifier().key());
  EXPECT_EQ(keys_.newest().key(), third_->verifier().key());
  ASSERT_EQ(keys_.all().size(), 3u);
  EXPECT_EQ(keys_.all()[1].first, Position(10));
  EXPECT_EQ(keys_.all()[2].first, Position(20));
}

TEST_F(LogKeysTest, TwoChangesMayFollowEachOtherAtOnce) {
  const auto fourth = Key(0xa0);
  ASSERT_THAT(keys_.Change(Position(20), fourth->verifier()), IsOk());
  EXPECT_EQ(keys_.For(Position(21)).key(), third_->verifier().key());
  EXPECT_EQ(keys_.For(Position(22)).key(), fourth->verifier().key());
}

TEST_F(LogKeysTest, RefusesAChangeThatIsNotBehindTheOneBefore) {
  const auto fourth = Key(0xa0);
  for (const uint64_t position : {0, 9, 18, 19}) {
    EXPECT_THAT(keys_.Change(Position(position), fourth->verifier()),
                StatusIs(kInvalid, HasSubstr("not behind the change before")))
        << position;
  }
  EXPECT_EQ(keys_.all().size(), 3u) << "nothing changed";
  LogKeys young(first_->verifier());
  EXPECT_THAT(young.Change(Position(0), second_->verifier()), StatusIs(kInvalid))
      << "position 0 is Genesis";
  EXPECT_THAT(young.Change(Position(1), second_->verifier()), IsOk());
}

TEST_F(LogKeysTest, RefusesKeysOfOtherNamesAndUses) {
  const auto other = FixedSigner("FI/GOV/0246246-0/kela/compensation/1", 0xa0, KeyUse::kCheckpoint);
  EXPECT_THAT(keys_.Change(Position(30), other->verifier()),
              StatusIs(kInvalid, HasSubstr("not one for checkpoints of this log")));
  const auto witness = FixedSigner(kOrigin, 0xa0, KeyUse::kCosignature);
  EXPECT_THAT(keys_.Change(Position(30), witness->verifier()),
              StatusIs(kInvalid, HasSubstr("not one for checkpoints of this log")));
  EXPECT_EQ(keys_.all().size(), 3u);
}

TEST_F(LogKeysTest, AKeyThatWasGivenUpNeverComesBack) {
  for (const Signer* signer : {first_.get(), second_.get(), third_.get()}) {
    EXPECT_THAT(keys_.Change(Position(30), signer->verifier()),
                StatusIs(kInvalid, HasSubstr("one that the log had before")));
  }
  EXPECT_EQ(keys_.all().size(), 3u);
}

TEST_F(LogKeysTest, ACheckpointIsVerifiedWithTheKeyOfItsSize) {
  for (const auto& [signer, sizes] :
       {std::pair(first_.get(), std::vector<uint64_t>{0, 1, 10}),
        std::pair(second_.get(), std::vector<uint64_t>{11, 20}),
        std::pair(third_.get(), std::vector<uint64_t>{21, 1'000'000})}) {
    for (const uint64_t size : sizes) {
      const auto checkpoint = VerifyCheckpoint(Note(*signer, size), keys_);
      ASSERT_THAT(checkpoint, IsOk()) << size;
      EXPECT_EQ(checkpoint->size, Position(size));
    }
  }
}

TEST_F(LogKeysTest, AKeyOfTheLogSignsNothingOutsideItsTime) {
  for (const auto& [signer, size] :
       {std::pair(first_.get(), 11), std::pair(first_.get(), 30), std::pair(second_.get(), 10),
        std::pair(second_.get(), 21), std::pair(third_.get(), 20), std::pair(third_.get(), 0)}) {
    EXPECT_THAT(VerifyCheckpoint(Note(*signer, size), keys_),
                StatusIs(kUnauthenticated,
                         AllOf(HasSubstr("signs no checkpoint for"), HasSubstr(std::to_string(size)))));
  }
}

TEST_F(LogKeysTest, AStolenKeyBesideTheRightOneChangesNothing) {
  const std::string right = Note(*second_, 15);
  const std::string stolen = Note(*first_, 15);
  const std::string both = right + stolen.substr(stolen.find("\n\n") + 2);
  EXPECT_THAT(VerifyCheckpoint(both, keys_), IsOk());
}

TEST_F(LogKeysTest, RefusesWhatASingleKeyRefuses) {
  EXPECT_THAT(VerifyCheckpoint("no note", keys_), StatusIs(kInvalid));
  EXPECT_THAT(VerifyCheckpoint(Note(*Key(0xa0), 15), keys_),
              StatusIs(kUnauthenticated, HasSubstr("not signed by")));
  std::string altered = Note(*second_, 15);
  altered.replace(altered.find("\n15\n"), 4, "\n16\n");
  EXPECT_THAT(VerifyCheckpoint(altered, keys_),
              StatusIs(kUnauthenticated, HasSubstr("does not verify")));
  // The key's name is the log's: what it signs under another origin is nobody's.
  const std::string foreign =
      second_->Sign({"FI/GOV/0246246-0/kela/compensation/1", Position(15), Sha256("root")});
  EXPECT_THAT(VerifyCheckpoint(foreign, keys_), StatusIs(kUnauthenticated));
}

}  // namespace
}  // namespace polku::proof
