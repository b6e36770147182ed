// What tests of logs share: an engine under test and entries to append.
#ifndef POLKU_TESTS_LOG_LOG_FIXTURE_H_
#define POLKU_TESTS_LOG_LOG_FIXTURE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/log.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/merkle.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::log {

inline constexpr std::string_view kTestOrigin = "FI/MUN/0187690-1/oulu/referral/1";
inline constexpr std::string_view kTestAgency = "FI/MUN/0187690-1/oulu";
inline const std::string kTestCurveKey(32, 'k');

// An engine that can be closed and opened again.
class EngineHome {
 public:
  virtual ~EngineHome() = default;
  virtual Engine& engine() = 0;
  // Closes and opens again. An in-memory engine just stays.
  virtual void Reopen() = 0;
};
struct EngineParam {
  std::string name;
  std::function<std::unique_ptr<EngineHome>()> make;
};

inline CaseId TestCase(uint64_t n) {
  std::string bytes(8, 'c');
  AppendBigEndian64(bytes, n);
  return *CaseId::FromBytes(bytes);
}
inline EventId TestEvent(uint64_t n) {
  std::string bytes(8, 'e');
  AppendBigEndian64(bytes, n);
  return *EventId::FromBytes(bytes);
}

inline NewEntry TestEntry(uint64_t id, uint64_t case_number) {
  NewEntry entry;
  entry.id = TestEvent(id);
  entry.type = "polku.attendance.v1.DayRecorded";
  entry.author_agency = kTestAgency;
  entry.author_official = "official-7";
  entry.case_id = TestCase(case_number);
  entry.schema_hash = Sha256("schema");
  return entry;
}

inline SealedSection TestSection(SectionKind kind, std::string_view content,
                                 size_t blob_bytes = 80) {
  std::string blob(blob_bytes, 'b');
  return {kind, Sha256(content), blob};
}

inline AppendRequest One(NewEntry entry) {
  AppendRequest request;
  request.entries.push_back(std::move(entry));
  return request;
}

inline AppendResult AppendOne(Log& log, const AppendRequest& request) {
  return std::move(log.Append({&request, 1})[0]);
}

// RFC 6962 section 2.1, word for word.
inline Hash NaiveRoot(const std::vector<Hash>& leaves, size_t begin, size_t end) {
  if (begin == end) return proof::EmptyRoot();
  if (end - begin == 1) return leaves[begin];
  size_t k = 1;
  while (k * 2 < end - begin) k *= 2;
  return proof::NodeHash(NaiveRoot(leaves, begin, begin + k), NaiveRoot(leaves, begin + k, end));
}

// Every index entry of the engine.
inline std::map<std::string, std::string> WholeIndex(Engine& engine) {
  std::map<std::string, std::string> index;
  std::unique_ptr<IndexCursor> cursor = engine.IndexScan("");
  while (true) {
    auto entry = cursor->Next();
    EXPECT_THAT(entry, testing::IsOk());
    if (!entry.ok() || !entry->has_value()) return index;
    index.insert(**std::move(entry));
  }
}

struct TestClock {
  std::shared_ptr<absl::Time> now =
      std::make_shared<absl::Time>(absl::FromUnixSeconds(1'760'000'000));
  WallClock Function() const {
    return [time = now] { return *time; };
  }
};

}  // namespace polku::log

#endif  // POLKU_TESTS_LOG_LOG_FIXTURE_H_
