// An entry as one line of JSON, and the small pieces of JSON that go around it.
#ifndef POLKU_SERVICES_AUDIT_EVENT_JSON_H_
#define POLKU_SERVICES_AUDIT_EVENT_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "services/audit/history.h"

namespace polku::audit {

// A JSON string with its quotes (RFC 8259). What is not UTF-8 becomes U+FFFD.
std::string JsonString(std::string_view text);

// ["service","health"]
std::string SectionsJson(SectionSet sections);

// A message in ProtoJSON with its proto field names. Absent fields are left out: not known here.
absl::StatusOr<std::string> MessageJson(const google::protobuf::Message& message);

// {"origin":…,"position":…,"order":…,"recorded_at":…,"type":…,"id":…,"case":…,"case_revision":…,
//  "author":…,"official":…,"causes":[…],"opened":[…],"sealed":[…],"event":{…}}, one line, without a
// line end. After "sealed", of an event that lost sections for good, "erased" (sections, day, legal basis). In a timeline, after the causes, "knew" (of each other log the newest entry of the case that the
// author had folded) and "concurrent" (what it had not, although disclosed to it). A control entry has "control" in place of case, sections and event. An event whose
// schema nobody recorded has "undecoded" (base64) in place of "event". Numbers over 32 bits inside
// the event are strings, as ProtoJSON has them.
absl::StatusOr<std::string> EventJson(const Event& event);

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_EVENT_JSON_H_
