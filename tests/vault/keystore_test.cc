#include "eventstore/vault/keystore.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eventstore/base/bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/key_storage.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::vault {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::KeyDisk;
using testing::MemoryKeyStorage;
using ::testing::Not;
using testing::SeededRandom;
using testing::StatusIs;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

MasterKey Master(char fill = 'm') { return MasterKey(std::string(32, fill)); }

absl::StatusOr<std::unique_ptr<KeyStore>> Open(KeyDisk& disk, MasterKey master = Master(),
                                               bool read_only = false, size_t cached_keys = 100) {
  static uint64_t seed = 0;
  return KeyStore::Open(std::make_unique<MemoryKeyStorage>(disk), master, SeededRandom(++seed),
                        read_only, cached_keys);
}

KeyName Name(uint8_t number, SectionKind kind = SectionKind::kService) {
  CaseId id;
  id.data()[15] = number;
  return {id, kind};
}

std::string StorageName(const KeyName& name) {
  return std::string(name.case_id.view()) + static_cast<char>(name.kind);
}

std::string KeyOf(KeyStore& store, const KeyName& name) {
  const absl::StatusOr<CaseKey> key = store.Get(name);
  return key.ok() ? std::string(key->secret_bytes()) : std::string(key.status().message());
}

TEST(KeyStore, MakesEachKeyOnceAndKeepsItThroughReopening) {
  KeyDisk disk;
  const std::vector<KeyName> names = {Name(1), Name(1, SectionKind::kHealth), Name(2)};
  std::vector<std::string> made;
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
    ASSERT_OK_AND_ASSIGN(const std::vector<CaseKey> keys, store->Ensure(names));
    for (const CaseKey& key : keys) made.emplace_back(key.secret_bytes());
    ASSERT_OK_AND_ASSIGN(const std::vector<CaseKey> again, store->Ensure(names));
    for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(again[i].secret_bytes(), made[i]);
  }
  EXPECT_NE(made[0], made[1]);
  EXPECT_NE(made[0], made[2]);
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(KeyOf(*store, names[i]), made[i]);
}

TEST(KeyStore, SyncsOnceForAllMissingKeysAndNotAtAllForNone) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  EXPECT_EQ(disk.puts, 1);  // the check record
  ASSERT_THAT(store->Ensure(std::vector{Name(1), Name(2), Name(3)}), IsOk());
  EXPECT_EQ(disk.puts, 2);
  ASSERT_THAT(store->Ensure(std::vector{Name(3), Name(1)}), IsOk());
  ASSERT_THAT(store->Ensure({}), IsOk());
  EXPECT_EQ(disk.puts, 2);
}

TEST(KeyStore, GivesOneKeyToANameThatIsAskedForTwice) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, Master(), false, /*cached_keys=*/0));
  ASSERT_OK_AND_ASSIGN(const std::vector<CaseKey> keys,
                       store->Ensure(std::vector{Name(1), Name(2), Name(1)}));
  EXPECT_EQ(keys[0].secret_bytes(), keys[2].secret_bytes());
  EXPECT_EQ(KeyOf(*store, Name(1)), keys[0].secret_bytes());
}

// The worked example of FORMAT.md, made by another program.
TEST(KeyStore, OpensTheWorkedExampleOfTheFormat) {
  KeyDisk disk;
  const MasterKey master(
      *FromHex("404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"));
  const KeyName name{*ParseCaseId("808182838485868788898a8b8c8d8e8f"), SectionKind::kService};
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, master));
  disk.records[*FromHex("808182838485868788898a8b8c8d8e8f01")] = *FromHex(
      "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b76bdb13fb79e7d14c22139d6f600faefc1da7c7f94d5e"
      "2dcc0c16939b1014e59799e35509edc691e4a769c92b671a3bcc");
  EXPECT_EQ(ToHex(KeyOf(*store, name)),
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

TEST(KeyStore, WritesNoKeyInTheClearAndNamesRecordsByCaseAndKind) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  const KeyName name = Name(7, SectionKind::kPayment);
  ASSERT_OK_AND_ASSIGN(const std::vector<CaseKey> keys, store->Ensure(std::vector{name}));
  ASSERT_EQ(disk.records.size(), 2u);
  ASSERT_TRUE(disk.records.contains("check"));
  ASSERT_TRUE(disk.records.contains(StorageName(name)));
  for (const auto& [record, value] : disk.records) {
    EXPECT_EQ(value.size(), 72u);
    EXPECT_THAT(value, Not(HasSubstr(std::string(keys[0].secret_bytes()))));
    EXPECT_THAT(value, Not(HasSubstr(std::string(32, 'm'))));
  }
}

TEST(KeyStore, DoesNotOpenUnderAnotherMasterKey) {
  KeyDisk disk;
  ASSERT_THAT(Open(disk), IsOk());
  EXPECT_THAT(Open(disk, Master('x')), StatusIs(kFailedPrecondition, HasSubstr("master key")));
  EXPECT_THAT(Open(disk, MasterKey()), StatusIs(kFailedPrecondition));
  EXPECT_EQ(disk.puts, 1);
  EXPECT_THAT(Open(disk), IsOk());
}

TEST(KeyStore, DoesNotOpenWithAnAlteredOrCutOffCheckRecord) {
  KeyDisk disk;
  ASSERT_THAT(Open(disk), IsOk());
  std::string& check = disk.records["check"];
  const std::string good = check;
  check[30] = static_cast<char>(check[30] ^ 1);
  EXPECT_THAT(Open(disk), StatusIs(kFailedPrecondition));
  check = good.substr(0, 71);
  EXPECT_THAT(Open(disk), StatusIs(kDataLoss));
  check = "";
  EXPECT_THAT(Open(disk), StatusIs(kDataLoss));
  EXPECT_EQ(disk.puts, 1);
}

TEST(KeyStore, DoesNotTakeASealedKeyForTheCheckRecord) {
  KeyDisk disk;
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
    ASSERT_THAT(store->Ensure(std::vector{Name(1)}), IsOk());
  }
  disk.records["check"] = disk.records[StorageName(Name(1))];
  EXPECT_THAT(Open(disk), StatusIs(kFailedPrecondition));
}

TEST(KeyStore, DoesNotOpenASealedKeyThatWasAlteredCutOffOrMoved) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, Master(), false, /*cached_keys=*/0));
  ASSERT_THAT(store->Ensure(std::vector{Name(1), Name(2)}), IsOk());
  std::string& sealed = disk.records[StorageName(Name(1))];
  const std::string good = sealed;
  for (size_t i = 0; i < good.size(); ++i) {
    sealed = good;
    sealed[i] = static_cast<char>(sealed[i] ^ 1);
    EXPECT_THAT(store->Get(Name(1)), StatusIs(kDataLoss)) << i;
    sealed = good.substr(0, i);
    EXPECT_THAT(store->Get(Name(1)), StatusIs(kDataLoss)) << i;
  }
  sealed = good + "x";
  EXPECT_THAT(store->Get(Name(1)), StatusIs(kDataLoss));
  sealed = disk.records[StorageName(Name(2))];
  EXPECT_THAT(store->Get(Name(1)), StatusIs(kDataLoss));
  sealed = good;
  EXPECT_THAT(store->Get(Name(1)), IsOk());
}

TEST(KeyStore, NeverReplacesAKeyThatDoesNotOpen) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, Master(), false, /*cached_keys=*/0));
  ASSERT_THAT(store->Ensure(std::vector{Name(1)}), IsOk());
  disk.records[StorageName(Name(1))][40] ^= 1;
  const auto before = disk.records;
  EXPECT_THAT(store->Ensure(std::vector{Name(2), Name(1)}), StatusIs(kDataLoss));
  EXPECT_EQ(disk.records, before);
}

TEST(KeyStore, SaysNotFoundForAKeyThatWasNeverMade) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  ASSERT_THAT(store->Ensure(std::vector{Name(1)}), IsOk());
  EXPECT_THAT(store->Get(Name(2)), StatusIs(kNotFound));
  EXPECT_THAT(store->Get(Name(1, SectionKind::kHealth)), StatusIs(kNotFound));
  EXPECT_EQ(disk.records.size(), 2u);
}

TEST(KeyStore, ErasesKeysOnDiskAndInMemory) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  ASSERT_THAT(store->Ensure(std::vector{Name(1), Name(2)}), IsOk());
  const std::string kept = KeyOf(*store, Name(2));
  ASSERT_THAT(store->Erase(std::vector{Name(1), Name(9)}), IsOk());
  EXPECT_FALSE(disk.records.contains(StorageName(Name(1))));
  EXPECT_THAT(store->Get(Name(1)), StatusIs(kNotFound));
  EXPECT_EQ(KeyOf(*store, Name(2)), kept);
  ASSERT_THAT(store->Erase(std::vector{Name(1)}), IsOk()) << "again";
  // A key made anew is another.
  ASSERT_THAT(store->Ensure(std::vector{Name(1)}), IsOk());
  EXPECT_EQ(disk.purges, 0);
  ASSERT_THAT(store->Purge(), IsOk());
  EXPECT_EQ(disk.purges, 1);

  disk.put_status = absl::UnavailableError("the disk is gone");
  EXPECT_THAT(store->Erase(std::vector{Name(1)}), StatusIs(absl::StatusCode::kUnavailable));
  disk.put_status = absl::OkStatus();
  EXPECT_THAT(store->Get(Name(1)), IsOk()) << "it is still there, and says so";
}

TEST(KeyStore, KeepsAKeyForEachLogOfACase) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, Master(), false, /*cached_keys=*/0));
  const KeyName own = Name(1);
  KeyName oulu = own;
  oulu.origin = "FI/MUN/0187690-1/oulu/referral/1";
  KeyName pajo = own;
  pajo.origin = "FI/COM/2345678-9/pajo/attendance/1";
  ASSERT_THAT(store->Ensure(std::vector{own, oulu, pajo}), IsOk());
  const std::string own_key = KeyOf(*store, own);
  const std::string pajo_key = KeyOf(*store, pajo);
  EXPECT_NE(own_key, KeyOf(*store, oulu));
  EXPECT_NE(own_key, pajo_key);
  EXPECT_TRUE(disk.records.contains(StorageName(own) + oulu.origin));
  ASSERT_THAT(store->Erase(std::vector{oulu}), IsOk());
  EXPECT_THAT(store->Get(oulu), StatusIs(kNotFound));
  EXPECT_EQ(KeyOf(*store, own), own_key);
  EXPECT_EQ(KeyOf(*store, pajo), pajo_key);
  // A sealed key is its name's alone.
  disk.records[StorageName(own) + oulu.origin] = disk.records[StorageName(own)];
  EXPECT_THAT(store->Get(oulu), StatusIs(kDataLoss));
}

TEST(KeyStore, TellsTheNamesOfAllItsKeys) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  KeyName replica = Name(1, SectionKind::kHealth);
  replica.origin = "FI/MUN/0187690-1/oulu/referral/1";
  const std::vector names{Name(1), replica, Name(2), Name(2, SectionKind::kIdentity)};
  ASSERT_THAT(store->Ensure(std::vector{names[2], names[3], names[1], names[0]}), IsOk());
  std::vector<KeyName> seen;
  const auto see = [&](const KeyName& name) {
    seen.push_back(name);
    return absl::OkStatus();
  };
  ASSERT_THAT(store->ForEachName(see), IsOk());
  EXPECT_EQ(seen, names);
  int calls = 0;
  const auto stop = [&](const KeyName&) {
    ++calls;
    return absl::CancelledError("enough");
  };
  EXPECT_THAT(store->ForEachName(stop), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(calls, 1);
  disk.records["neither"] = "a key";
  EXPECT_THAT(store->ForEachName(see), StatusIs(kDataLoss));
}

TEST(KeyStore, TakesAnotherMasterKeyAllOrNothing) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  KeyName replica = Name(3);
  replica.origin = "FI/MUN/0187690-1/oulu/referral/1";
  ASSERT_THAT(store->Ensure(std::vector{Name(1), Name(2), replica}), IsOk());
  const std::string first = KeyOf(*store, Name(1));
  const std::string third = KeyOf(*store, replica);
  const auto before = disk.records;

  disk.put_status = absl::ResourceExhaustedError("disk full");
  EXPECT_THAT(store->Rewrap(Master('n'), nullptr), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(disk.records, before);
  EXPECT_THAT(Open(disk, Master()), IsOk());
  EXPECT_THAT(Open(disk, Master('n')), StatusIs(kFailedPrecondition));
  disk.put_status = absl::OkStatus();
  ASSERT_THAT(store->Ensure(std::vector{Name(4)}), IsOk()) << "the old master key still counts";

  std::vector<std::pair<size_t, size_t>> told;
  ASSERT_THAT(store->Rewrap(Master('n'),
                            [&](size_t done, size_t total) { told.emplace_back(done, total); }),
              IsOk());
  EXPECT_EQ(told.back(), std::pair(size_t{5}, size_t{5})) << "the check record is one of them";
  EXPECT_EQ(disk.purges, 1);
  for (const auto& [name, sealed] : before) EXPECT_NE(disk.records.at(name), sealed);
  ASSERT_THAT(store->Ensure(std::vector{Name(5)}), IsOk()) << "it goes on under the new one";

  EXPECT_THAT(Open(disk, Master()), StatusIs(kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const auto reopened, Open(disk, Master('n')));
  EXPECT_EQ(KeyOf(*reopened, Name(1)), first);
  EXPECT_EQ(KeyOf(*reopened, replica), third);
  EXPECT_THAT(reopened->Get(Name(5)), IsOk());

  // One that does not open: nothing is changed, whatever comes before it.
  disk.records[StorageName(Name(2))][30] ^= 1;
  const auto damaged = disk.records;
  EXPECT_THAT(reopened->Rewrap(Master('o'), nullptr), StatusIs(kDataLoss));
  EXPECT_EQ(disk.records, damaged);
  EXPECT_EQ(disk.purges, 1);
}

TEST(KeyStore, RemembersWhatItIsCleanOfUntilAKeyIsErased) {
  KeyDisk disk;
  const Hash state = *Hash::FromBytes(std::string(32, 's'));
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
    EXPECT_THAT(store->CleanOf(), testing::IsOkAndHolds(std::nullopt));
    ASSERT_THAT(store->Ensure(std::vector{Name(1), Name(2)}), IsOk());
    ASSERT_THAT(store->SetCleanOf(state), IsOk());
    EXPECT_EQ(disk.records.size(), 4u);
    for (const auto& [name, sealed] : disk.records) {
      EXPECT_FALSE(sealed.find(state.view().substr(0, 8)) != std::string::npos);
    }
  }
  const auto with_mark = disk.records;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  EXPECT_THAT(store->CleanOf(), testing::IsOkAndHolds(state));
  std::vector<KeyName> names;
  ASSERT_THAT(store->ForEachName([&](const KeyName& name) {
    names.push_back(name);
    return absl::OkStatus();
  }), IsOk());
  EXPECT_EQ(names, (std::vector{Name(1), Name(2)})) << "it is no key";
  // With the same write: whatever a kill leaves, either the key is there or the mark is not.
  disk.around_write = [](const auto&) { return absl::InternalError("killed"); };
  EXPECT_FALSE(store->Erase(std::vector{Name(1)}).ok());
  EXPECT_EQ(disk.records, with_mark);
  disk.around_write = nullptr;
  ASSERT_THAT(store->Erase(std::vector{Name(1)}), IsOk());
  EXPECT_THAT(store->CleanOf(), testing::IsOkAndHolds(std::nullopt));
  EXPECT_EQ(disk.records.size(), 2u);
  // One that was altered is not believed.
  disk.records = with_mark;
  disk.records["clean"][30] ^= 1;
  EXPECT_THAT(store->CleanOf(), StatusIs(kDataLoss));
  disk.records["clean"] = disk.records["check"];
  EXPECT_THAT(store->CleanOf(), StatusIs(kDataLoss)) << "another record's sealed value";
}

TEST(KeyStore, ARewrapThatIsBrokenOffBeforeThePurgeLeavesNoMark) {
  KeyDisk disk;
  const Hash state = *Hash::FromBytes(std::string(32, 's'));
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  ASSERT_THAT(store->Ensure(std::vector{Name(1)}), IsOk());
  ASSERT_THAT(store->SetCleanOf(state), IsOk());
  disk.purge_status = absl::InternalError("killed");
  EXPECT_FALSE(store->Rewrap(Master('n'), nullptr).ok());
  disk.purge_status = absl::OkStatus();
  {
    ASSERT_OK_AND_ASSIGN(const auto next, Open(disk, Master('n')));
    EXPECT_THAT(next->CleanOf(), testing::IsOkAndHolds(std::nullopt));
    ASSERT_THAT(next->SetCleanOf(state), IsOk());
    ASSERT_THAT(next->Rewrap(Master('o'), nullptr), IsOk());
    EXPECT_THAT(next->CleanOf(), testing::IsOkAndHolds(state)) << "purged, so it says so again";
  }
  ASSERT_OK_AND_ASSIGN(const auto last, Open(disk, Master('o')));
  EXPECT_THAT(last->CleanOf(), testing::IsOkAndHolds(state));
}

TEST(KeyStore, ReadOnlyErasesRewrapsAndPurgesNothing) {
  KeyDisk disk;
  ASSERT_THAT(Open(disk), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, Master(), /*read_only=*/true));
  const auto before = disk.records;
  EXPECT_THAT(store->Erase(std::vector{Name(1)}), StatusIs(kFailedPrecondition));
  EXPECT_THAT(store->Rewrap(Master('n'), nullptr), StatusIs(kFailedPrecondition));
  EXPECT_THAT(store->Purge(), StatusIs(kFailedPrecondition));
  EXPECT_THAT(store->SetCleanOf(Hash()), StatusIs(kFailedPrecondition));
  EXPECT_EQ(disk.records, before);
  EXPECT_EQ(disk.purges, 0);
}

TEST(KeyStore, MakesNothingAndLetsARetrySucceedWhenTheDiskFails) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  disk.put_status = absl::ResourceExhaustedError("disk full");
  EXPECT_THAT(store->Ensure(std::vector{Name(1)}), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(store->Get(Name(1)), StatusIs(kNotFound));
  disk.put_status = absl::OkStatus();
  ASSERT_OK_AND_ASSIGN(const std::vector<CaseKey> keys, store->Ensure(std::vector{Name(1)}));
  EXPECT_EQ(KeyOf(*store, Name(1)), keys[0].secret_bytes());
}

TEST(KeyStore, PassesOnWhatTheStorageSaysWhenReadingFails) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
  disk.get_status = absl::UnavailableError("gone");
  EXPECT_THAT(store->Get(Name(1)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store->Ensure(std::vector{Name(1)}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Open(disk), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(disk.puts, 1);
}

TEST(KeyStore, WritesNothingWhenReadOnly) {
  KeyDisk disk;
  EXPECT_THAT(Open(disk, Master(), /*read_only=*/true),
              StatusIs(kFailedPrecondition, HasSubstr("restore the keystore's backup")));
  EXPECT_EQ(disk.puts, 0);
  std::string made;
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open(disk));
    ASSERT_THAT(store->Ensure(std::vector{Name(1)}), IsOk());
    made = KeyOf(*store, Name(1));
  }
  const auto before = disk.records;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, Master(), /*read_only=*/true));
  EXPECT_EQ(KeyOf(*store, Name(1)), made);
  EXPECT_THAT(store->Ensure(std::vector{Name(1)}), IsOk());
  EXPECT_THAT(store->Ensure(std::vector{Name(1), Name(2)}), StatusIs(kFailedPrecondition));
  EXPECT_THAT(Open(disk, Master('x'), /*read_only=*/true), StatusIs(kFailedPrecondition));
  EXPECT_EQ(disk.records, before);
}

TEST(KeyStore, ReadsACachedKeyOnceAndKeepsTheMostRecentlyUsed) {
  KeyDisk disk;
  ASSERT_OK_AND_ASSIGN(const auto store, Open(disk, Master(), false, /*cached_keys=*/2));
  ASSERT_THAT(store->Ensure(std::vector{Name(1), Name(2), Name(3)}), IsOk());
  const auto gets = [&disk, &store](const KeyName& name) {
    const int before = disk.gets;
    EXPECT_THAT(store->Get(name), IsOk());
    return disk.gets - before;
  };
  gets(Name(1));
  gets(Name(2));
  EXPECT_EQ(gets(Name(1)), 0);
  EXPECT_EQ(gets(Name(2)), 0);
  EXPECT_EQ(gets(Name(1)), 0);
  EXPECT_EQ(gets(Name(3)), 1);  // takes the place of 2, used less recently than 1
  EXPECT_EQ(gets(Name(1)), 0);
  EXPECT_EQ(gets(Name(2)), 1);
}

}  // namespace
}  // namespace polku::vault
