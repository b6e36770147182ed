// Anonymous counts of open activities (seed 003): visitors a place and day, as they stand after corrections.
#ifndef POLKU_SERVICES_AUDIT_VISITORS_H_
#define POLKU_SERVICES_AUDIT_VISITORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "absl/time/civil_time.h"
#include "services/audit/history.h"

namespace polku::audit {

struct VisitorCount {
  uint64_t visitors = 0;
  uint64_t children = 0;         // among them
  uint64_t service_clients = 0;  // among them
  friend bool operator==(const VisitorCount&, const VisitorCount&) = default;
};
VisitorCount operator+(const VisitorCount& a, const VisitorCount& b);

class VisitorsFold {
 public:
  struct Day {
    std::string agency;  // that counted
    std::string place_code;
    absl::CivilDay date;
    friend bool operator<(const Day& a, const Day& b) {
      return std::tie(a.agency, a.place_code, a.date) < std::tie(b.agency, b.place_code, b.date);
    }
  };
  // In merged order: the newest count of a day stands. Other events pass by, as do counts that are sealed.
  void Add(const Event& event);
  const std::map<Day, VisitorCount>& days() const { return days_; }

 private:
  std::map<Day, VisitorCount> days_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_VISITORS_H_
