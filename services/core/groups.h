// Who is in which group of a provider when, as GroupJoined and GroupLeft tell it. One definition for
// the service that decides and the shared sheet that lists a group's members. A group passes, under
// its code, to who takes the provider's place (OrganiserTransferred).
#ifndef POLKU_SERVICES_CORE_GROUPS_H_
#define POLKU_SERVICES_CORE_GROUPS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "services/core/service.h"
#include "services/core/successors.h"

namespace polku::service {

// Days are inclusive at both ends.
struct Membership {
  std::string agency;  // whose group it is
  std::string group_code;
  std::string place_code;
  absl::CivilDay from;
  std::optional<absl::CivilDay> until;  // nullopt: still a member; before `from`: never was
  bool Spans(absl::CivilDay day) const { return from <= day && (!until || day <= *until); }
};

class GroupBook {
 public:
  // Takes in GroupJoined, GroupLeft and OrganiserTransferred; ignores every other message and dates
  // that do not exist. A leave belongs to the newest membership, of that provider's or its
  // predecessor's group, that began by the day after it; the newest leave holds.
  void Fold(const Fact& fact);
  // By joining agency and group, then in merged order of joining. One that lasts over a hand-over is
  // two: the predecessor's until the day before, the successor's from its first day on.
  std::vector<Membership> Memberships() const;

 private:
  std::map<std::pair<std::string, std::string>, std::vector<Membership>> by_group_;
  Successors successors_;
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_GROUPS_H_
