// The tamper corpus: what an insider or a bad disk could do to a service's database, and what verification must say
// of it. Runs over any store, made for a test or of real services.
#ifndef POLKU_TESTS_EVIDENCE_TAMPERING_H_
#define POLKU_TESTS_EVIDENCE_TAMPERING_H_

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "eventstore/evidence/verify.h"
#include "eventstore/proof/checkpoint.h"
#include "tests/evidence/raw_store.h"

namespace polku::evidence {

// The log that is tampered with.
struct TamperTarget {
  LogNumber log;
  std::string origin;
  const proof::Signer* signer = nullptr;  // its own key, where the insider has it
  bool opens_sections = true;             // verification may open some
  bool has_high_water = false;
};

struct Expected {
  ProblemKind kind;
  std::optional<uint64_t> position;  // nullopt: of the log as a whole
  std::set<ProblemKind> also = {};   // what it brings with it
};

struct Tampering {
  std::string name;
  // Does it; nullopt when this log has nothing to do it to.
  std::function<std::optional<Expected>(RawStore&, const TamperTarget&)> act;
};
std::vector<Tampering> TamperCorpus();

// "" when the report says what was expected of that log, with no problem before it and none of any other sort.
std::string Judge(const Report& report, const std::string& origin, const Expected& expected);
std::string Describe(const Report& report);

// Opens the directory for reading and verifies it; damage that keeps it from opening becomes the report's one
// problem, as `polku verify` has it.
Report VerifyDirectory(const std::string& directory, const VerifyOptions& options);

}  // namespace polku::evidence

#endif  // POLKU_TESTS_EVIDENCE_TAMPERING_H_
