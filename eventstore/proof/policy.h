// Whose signatures a verifier trusts, as text (C2SP tlog-policy): logs, witnesses, and how many of
// the witnesses must stand behind a checkpoint.
//   log <vkey> [<url>]
//   witness <name> <vkey> [<url>]
//   group <name> all|any|<k> <name>...
//   quorum <name>|none
// Ed25519 keys alone (0x01 of logs, 0x04 of witnesses); a line with another kind is refused.
#ifndef POLKU_EVENTSTORE_PROOF_POLICY_H_
#define POLKU_EVENTSTORE_PROOF_POLICY_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::proof {

inline constexpr size_t kMaxPolicyBytes = 256 << 10;

struct PolicyWitness {
  std::string name;  // within the policy only
  VerifierKey key;
};

class Policy {
 public:
  // InvalidArgument names the line. Every line ends with a newline.
  static absl::StatusOr<Policy> Parse(std::string_view text);
  // A policy of these logs and witnesses whose quorum is any `threshold` of the witnesses; 0: none.
  // Witnesses are named w1, w2 ... after a comment with the key's name. Precondition: no key twice
  // and threshold at most the number of witnesses.
  static std::string Format(const std::vector<VerifierKey>& logs,
                            const std::vector<VerifierKey>& witnesses, size_t threshold);

  const std::vector<VerifierKey>& logs() const { return logs_; }
  const std::vector<PolicyWitness>& witnesses() const { return witnesses_; }
  // The first of that name; null when not listed. (A policy may list several keys of one log.)
  const VerifierKey* FindLog(std::string_view origin) const;

  struct Verdict {
    Checkpoint checkpoint;
    std::map<std::string, absl::Time> cosigned;  // by the key name of the witness
    bool quorum = false;                         // always true when the policy asks for none
  };
  // InvalidArgument: no checkpoint note.
  // Unauthenticated: not signed by a listed log of that origin, or a cosignature of a listed key
  // that does not verify. A missing quorum is not an error here.
  absl::StatusOr<Verdict> Check(std::string_view note) const;
  // Whether the quorum is reached when these have cosigned, by their names within the policy: for who
  // knows it of several checkpoints, consistent with each other, that cover the same entries.
  bool Quorum(std::set<std::string, std::less<>> witnesses) const;

 private:
  struct Group {
    std::string name;
    size_t needed = 0;
    std::vector<std::string> members;
  };
  using Names = std::set<std::string, std::less<>>;

  // A line's defects; `members` are the names that are in a group.
  absl::Status ParseLine(std::string_view line, Names& members, bool& has_quorum);
  absl::Status ParseLog(const std::vector<std::string_view>& items);
  absl::Status ParseWitness(const std::vector<std::string_view>& items);
  absl::Status ParseGroup(const std::vector<std::string_view>& items, Names& members);
  absl::Status Define(std::string_view name);

  std::vector<VerifierKey> logs_;
  std::vector<PolicyWitness> witnesses_;
  std::vector<Group> groups_;  // a group's members are defined before it
  Names names_;                // of witnesses and groups
  std::string quorum_;         // empty: none
};

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_POLICY_H_
