// Frozen files of the proof formats: tests/proof/golden. Proofs are kept for decades, so a golden
// is never changed; a new format or version gets new files. To write the files that are missing,
// run `proof_golden_tool <repository>`. golden/public: what others published, with their keys.
#ifndef POLKU_TESTS_PROOF_GOLDEN_H_
#define POLKU_TESTS_PROOF_GOLDEN_H_

#include <map>
#include <string>

namespace polku::proof {

// Every golden made anew, by its file name. Bytes that are no text are in hexadecimal, 32 to a
// line.
std::map<std::string, std::string> MakeGoldens();

}  // namespace polku::proof

#endif  // POLKU_TESTS_PROOF_GOLDEN_H_
