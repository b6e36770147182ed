// What the agreement says: who may publish what, who gets what of it on which basis, who becomes a party, who
// keeps what. Pure; closed by default.
#ifndef POLKU_SERVICES_ACCESS_POLICY_H_
#define POLKU_SERVICES_ACCESS_POLICY_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "google/protobuf/message.h"
#include "polku/config/v1/agreement.pb.h"

namespace polku::access {

using Parties = std::set<std::string, std::less<>>;  // agencies

// What one receiver gets of an event.
struct Grant {
  std::string receiver;
  SectionSet sections;  // as the agreement allows; the event may have fewer
  friend bool operator==(const Grant&, const Grant&) = default;
};

// One line of the agreement and what it says of a question, for people (`polku agreement explain`).
struct Reason {
  enum class Kind { kGrants, kOtherDay, kNoParty, kNothing };
  Kind kind = Kind::kNothing;
  std::string line;  // the line's id, or "sharings[3]"; empty with kNothing
  std::string legal_basis;
  SectionSet sections;
  std::string valid_from, valid_until;
};
struct Explanation {
  std::optional<Grant> grant;  // what the receiver gets; none: not even the header
  std::vector<Reason> reasons; // every line that names receiver, author and type, whether or not it applies today
};

// `pattern`: a full type name, or its beginning and a "*".
bool TypeMatches(std::string_view pattern, std::string_view type);
// What is accrued, granted, taken back and paid: each agency says it of its own money, at its own service alone.
bool MovesMoney(std::string_view type);
// Of the event types that this program knows.
bool MatchesAnyType(std::string_view pattern);

// Not thread-safe: what was asked before is remembered.
class Policy {
 public:
  // Borrowed, outlives the policy; validated (CheckAgreement).
  explicit Policy(const config::v1::Agreement& agreement);

  // The agreement lists the agency.
  bool Knows(std::string_view agency) const;

  // Some line lets `author` publish `type` on that day.
  bool MayPublish(std::string_view author, std::string_view type, absl::CivilDay day) const;

  // Whether a reader may take for said what another agency's log `origin` holds of a case's matter, in `author`'s name,
  // recorded on `day`. Each log judges its own entries, and its host may write what it likes: so nothing counts
  //   - of a type of another service than the log's own (a log of attendance decides nobody's benefit);
  //   - of a type that a line publishes and no line lets that author publish on that day, but for what the service
  //     of the log's agency says by itself (TravelGranted, PerkGiven, …);
  //   - of a type that no line publishes (duties), or that moves money, in another name than the log's agency's.
  // An agency that the agreement no more lists counts in its own log as ever; a line is ended (valid_until) and never
  // taken away, or what was said under it counts no more.
  // Types of polku.access count here: who takes part CaseAccess judges. What does not count stays in the history.
  // The own log is not to be asked about: its service has judged.
  bool Counts(std::string_view origin, std::string_view author, std::string_view type,
              absl::CivilDay day) const;

  // Who gets an event of `author` that the log of `log_agency` records on `day`, ascending by receiver; the
  // log's own agency among them when a sharing names it, for its other services follow the log. Only parties,
  // the log's agency, and receivers of lines for every case. PartyAdded and PartyRemoved: besides, every party
  // gets SERVICE: who takes part is told to all who take part. So `parties` of an entry that adds one are those
  // with it, of one that removes one those before.
  std::vector<Grant> Grants(std::string_view author, std::string_view log_agency,
                            std::string_view type, const Parties& parties, absl::CivilDay day) const;
  // How many get an event of that type whoever the parties are, over all days: the lines for every case. What a case's
  // parties add shows when an entry is made.
  size_t ReceiversOfEveryCase(std::string_view type) const;

  Explanation Explain(std::string_view receiver, std::string_view author,
                      std::string_view log_agency, std::string_view type, bool is_party,
                      absl::CivilDay day) const;

  // Agencies of the agreement that the event names in a field of a party rule whose condition it meets, ascending, each
  // once.
  std::vector<std::string> Named(const google::protobuf::Message& event) const;

  // Until which day, inclusive, `agency` keeps a section of such an event, recorded on `recorded`, although its
  // origin erased it; the latest of the lines that apply.
  struct Kept {
    absl::CivilDay until;
    std::string legal_basis;
  };
  std::optional<Kept> KeptBy(std::string_view agency, std::string_view type, SectionKind kind,
                             absl::CivilDay recorded) const;

 private:
  // What the lines of one author, type and time open to an agency; nothing: not even the header.
  struct Receiver {
    std::string agency;
    std::optional<SectionSet> in_every_case;
    std::optional<SectionSet> as_party;
  };
  bool HasOneOf(std::string_view agency, const google::protobuf::RepeatedField<int>& roles) const;
  bool Covers(const config::v1::Sharing& sharing, std::string_view author,
              std::string_view type) const;
  bool Receives(const config::v1::Sharing& sharing, std::string_view agency) const;
  const std::vector<Receiver>& ReceiversOf(std::string_view author, std::string_view type,
                                           absl::CivilDay day) const;
  bool PublishedAtAll(std::string_view type) const;
  size_t EraOf(absl::CivilDay day) const;  // between which two changes it lies

  const config::v1::Agreement& agreement_;
  absl::flat_hash_map<std::string, std::set<config::v1::AgencyRole>> roles_;
  absl::flat_hash_map<std::string, std::vector<const config::v1::PartyRule*>> party_rules_;  // by type
  std::vector<absl::CivilDay> changes_;  // days from which other lines hold, ascending
  // By author, type and the time between two changes. Filled as asked: Grants is on the path of every append.
  mutable absl::flat_hash_map<std::string, std::vector<Receiver>> cache_;
  mutable absl::flat_hash_map<std::string, bool> counts_;  // by origin, author, type and that time
};

// What is wrong with an agreement, naming the line and the remedy; none: nothing. Every name well-formed and
// declared, no line empty, dates are days in order, ids unique, party rules name string fields of known types
// in SERVICE, and their conditions an enum field there with values of it.
std::optional<std::string> CheckAgreement(const config::v1::Agreement& agreement);

}  // namespace polku::access

#endif  // POLKU_SERVICES_ACCESS_POLICY_H_
