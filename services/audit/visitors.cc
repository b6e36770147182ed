#include "services/audit/visitors.h"

#include "eventstore/base/clock.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "services/core/message_cast.h"

namespace polku::audit {

VisitorCount operator+(const VisitorCount& a, const VisitorCount& b) {
  return {a.visitors + b.visitors, a.children + b.children, a.service_clients + b.service_clients};
}

void VisitorsFold::Add(const Event& event) {
  if (event.body == nullptr) return;
  const auto* counted = service::As<attendance::v1::VisitorsCounted>(*event.body);
  if (counted == nullptr) return;
  const auto date = ParseDay(counted->date());
  if (!date) return;  // not ours to open
  days_[{event.header.author_agency(), counted->place_code(), *date}] = {
      counted->visitors(), counted->children(), counted->service_clients()};
}

}  // namespace polku::audit
