// What a made-up client lives through and what the agencies record of it: a list of acts with their days, legal under
// the profile as the services decide on it. Pure: the same seed, client and profile give the same acts for ever.
// Where the shares and delays come from: README.md.
#ifndef POLKU_SERVICES_GENERATE_STORY_H_
#define POLKU_SERVICES_GENERATE_STORY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/config/v1/profile.pb.h"

namespace polku::generate {

struct Act {
  absl::CivilDay day;
  size_t instance = 0;  // that it is offered to, in Instances()
  std::string_view agency;
  std::string official;
  CaseId case_id;
  EventId id;
  std::string type;
  std::string body;  // serialized
};

struct Frame {
  uint64_t seed = 0;
  size_t clients = 0;
  absl::CivilDay from;   // the first day on which anything is recorded
  absl::CivilDay until;  // the last; both inclusive
};

// In the order in which the agencies say them on a day; what would come after the frame is left out.
// `client`: from 0 to frame.clients - 1.
std::vector<Act> MakeStory(const Frame& frame, const config::v1::Profile& profile, size_t client);

// The catalogue of places (`polku places`), each in a case of its own: how many a provider has, and what is listed of
// them on the first day and when one grows.
inline constexpr size_t kPlacesOfProvider = 8;
std::vector<Act> MakePlaces(const Frame& frame, const config::v1::Profile& profile);

// What a made-up client is called and can be told by; for tests.
struct Person {
  std::string identity_code;  // individual number 900-999: never a real person's
  absl::CivilDay born;
  bool female = false;
};
// Codes of the first 36,500 clients differ: 100 test numbers on 365 days of a year. `on`: the day of the need.
Person MakePerson(uint64_t seed, size_t client, absl::CivilDay on);

// A Finnish IBAN with valid check digits for an account of a made-up client: the bank's number does not exist.
// `account`: the how-manieth, from 0.
std::string MakeIban(size_t client, uint32_t account = 0);

}  // namespace polku::generate

#endif  // POLKU_SERVICES_GENERATE_STORY_H_
