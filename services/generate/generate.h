// Plays the made-up clients of a region through the real services: every event is offered to a Node of the agency
// whose log it belongs to, decided on, sealed and stored, its duties follow, and what is disclosed is replicated and
// verified, as between running services. What is made here in their stead are the clock, the sockets and the people.
#ifndef POLKU_SERVICES_GENERATE_GENERATE_H_
#define POLKU_SERVICES_GENERATE_GENERATE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"

namespace polku::generate {

struct Options {
  std::vector<std::string> profiles;       // files, in their order
  std::vector<std::string> work_division;  // files of deploy/agreements
  std::string directory;                   // to be made
  size_t clients = 0;
  uint64_t seed = 0;
  absl::CivilDay from;   // first and last day, both inclusive
  absl::CivilDay until;
  uint16_t first_port = 0;
  // The payers' services hear of each log they follow only every so many days, each on another day, and of all in the
  // end: 1: every day. What they come to must not depend on it.
  size_t payers_hear_every = 1;
  // After each day, e.g. to show progress; by the events recorded so far. From whichever thread, never from two at once.
  // May be empty.
  std::function<void(absl::CivilDay day, uint64_t events)> progress;
};

struct Made {
  struct Log {
    std::string instance, origin;
    uint64_t entries = 0;
    uint64_t held_of_others = 0;  // entries of other logs
  };
  std::vector<Log> logs;
  uint64_t offered = 0;   // by the agencies' people
  uint64_t entries = 0;   // in all own logs, duties and control entries included
};

// The directory as of WriteRegion, with each instance's data and keystore: whole and on disk when this returns; until then
// all is in "<directory>.making", which is gone after an error. Events, ids, times and
// contents are those of the seed; keys, and so hashes and signatures, are new each time. Errors: AlreadyExists, InvalidArgument
// (profile), as of files and stores; Internal: a service refused an act, which the message names: the story and the
// rules contradict each other.
absl::StatusOr<Made> Generate(const Options& options);

}  // namespace polku::generate

#endif  // POLKU_SERVICES_GENERATE_GENERATE_H_
