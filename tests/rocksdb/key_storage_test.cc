#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/status_matchers.h"

namespace polku::rocks {
namespace {

using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;
using Sealed = std::vector<std::pair<std::string, std::string>>;

TEST(KeyStorage, KeepsWhatWasPutAcrossReopening) {
  const TempDirectory directory;
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(auto storage, OpenKeyStorage(directory.path(), OpenMode::kReadWrite));
    EXPECT_THAT(storage->Get("absent"), IsOkAndHolds(std::optional<std::string>()));
    if (round == 0) {
      ASSERT_THAT(storage->Put(Sealed{{"a", "sealed a"}, {"b", std::string("\0b", 2)}}), IsOk());
      ASSERT_THAT(storage->Put(Sealed{{"a", "sealed anew"}}), IsOk());
    }
    EXPECT_THAT(storage->Get("a"), IsOkAndHolds(std::optional<std::string>("sealed anew")));
    EXPECT_THAT(storage->Get("b"), IsOkAndHolds(std::optional<std::string>(std::string("\0b", 2))));
  }
}

TEST(KeyStorage, ReadOnlyReadsBesideTheWriterAndRefusesToWrite) {
  const TempDirectory directory;
  EXPECT_THAT(OpenKeyStorage(directory.path(), OpenMode::kReadOnly),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(auto writer, OpenKeyStorage(directory.path(), OpenMode::kReadWrite));
  ASSERT_THAT(writer->Put(Sealed{{"a", "sealed"}}), IsOk());
  ASSERT_OK_AND_ASSIGN(auto reader, OpenKeyStorage(directory.path(), OpenMode::kReadOnly));
  EXPECT_THAT(reader->Get("a"), IsOkAndHolds(std::optional<std::string>("sealed")));
  EXPECT_THAT(reader->Put(Sealed{{"a", "x"}}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(OpenKeyStorage(directory.path(), OpenMode::kReadWrite),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace polku::rocks
