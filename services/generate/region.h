// The agencies of a made-up region, their services and who follows whom: everything of a generated directory but
// what happened. Kela's name is DOMAIN.md's; the others' business ids are made up, with valid check digits.
#ifndef POLKU_SERVICES_GENERATE_REGION_H_
#define POLKU_SERVICES_GENERATE_REGION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "polku/config/v1/agreement.pb.h"

namespace polku::generate {

inline constexpr std::string_view kEmployment = "FI/MUN/9999994-1/tyollisyys";   // services and authority
inline constexpr std::string_view kWellbeing = "FI/MUN/9999991-7/hyvinvointi";  // social services, health care
inline constexpr std::string_view kKela = "FI/GOV/0246246-0/kela";
inline constexpr std::string_view kProviders[] = {
    "FI/ORG/9999992-5/toimintatupa",  // an association
    "FI/ORG/9999996-8/tyosaatio",     // a foundation
    "FI/MUN/9999997-6/pajat",         // the municipality's own workshops
};

struct Instance {
  std::string name;  // the directory's, "hyvinvointi-assessment"
  std::string_view agency;
  std::string_view service;
  std::vector<size_t> follows;  // places in Instances(), in the order in which it is told things (generate.cc, Turn)

  std::string origin() const;
};

// Where they stand in Instances().
inline constexpr size_t kReferral = 0;
inline constexpr size_t kFirstAttendance = 1;  // one a provider, in their order
inline constexpr size_t kAssessment = 4;
inline constexpr size_t kKelaCompensation = 5;
inline constexpr size_t kSocialCompensation = 6;
inline constexpr size_t kReader = 7;  // the wellbeing services' audit service: follows all the others

const std::vector<Instance>& Instances();

// Who gets what, after the demo's agreement and seed 003 Taulukko 1; joined with deploy/agreements.
config::v1::Agreement RegionalAgreement(std::string_view region);

struct RegionFiles {
  std::string directory;                     // made here; must not exist
  std::vector<std::string> profiles;         // text formats, in their order
  std::vector<std::string> work_division;    // text formats of deploy/agreements
  std::string region;                        // the profile's name
  uint16_t first_port = 0;                   // the services listen on this and the next ones
};
// Keys, agreements, profile and configurations of every instance, and an author's key and client configuration of
// every agency:
//   <instance>/service.textproto, <instance>/keys/   authors/<agency>/<instance>.textproto, authors/<agency>/keys/
//   agreements/*.textproto   profile.textproto
// Keys are always new. AlreadyExists: the directory is there. Other errors as of writing files.
absl::Status WriteRegion(const RegionFiles& files);

// "oulu" of "FI/MUN/0187690-1/oulu"; of a path the file's name.
std::string_view LastPart(std::string_view name);
std::string ConfigPath(std::string_view directory, const Instance& instance);

}  // namespace polku::generate

#endif  // POLKU_SERVICES_GENERATE_REGION_H_
