// Between a domain event and its sections. A section's plaintext is the event's message with only
// that section's fields set, so splitting and merging work on wire bytes, field by field, without
// decoding (event.proto "section").
#ifndef POLKU_SERVICES_CORE_CODEC_H_
#define POLKU_SERVICES_CORE_CODEC_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace polku::service {

// The descriptor of a domain message this program was built with, by full name; null when unknown.
const google::protobuf::Descriptor* FindEventType(std::string_view full_name);

// Every event type that this program was built with, by package and in the order of its file.
const std::vector<const google::protobuf::Descriptor*>& AllEventTypes();

// The section that a top-level field of an event belongs to.
SectionKind SectionOf(const google::protobuf::FieldDescriptor& field);

// Parses and validates an event's bytes. InvalidArgument: not that message, or it has fields
// that this program does not know (their section is unknown, so nobody could be shown them).
absl::StatusOr<std::unique_ptr<google::protobuf::Message>> ParseEvent(
    const google::protobuf::Descriptor& type, std::string_view bytes);

// Parses what this agency may see of a recorded event. Fields of a newer schema are kept as unknown
// ones: what is on record is read, never refused. DataLoss: not that message at all.
absl::StatusOr<std::unique_ptr<google::protobuf::Message>> ParseRecordedEvent(
    const google::protobuf::Descriptor& type, std::string_view bytes);

// The message or a part of it has fields that this program's schema does not have.
bool HasUnknownFields(const google::protobuf::Message& message);

// The event with nothing known of it.
std::unique_ptr<google::protobuf::Message> EmptyEvent(const google::protobuf::Descriptor& type);

struct PlainSection {
  SectionKind kind;
  std::string plaintext;
};
// Ascending by kind; sections without fields are left out. `bytes` must have passed ParseEvent.
std::vector<PlainSection> SplitSections(const google::protobuf::Descriptor& type,
                                        std::string_view bytes);

// A domain package's descriptors as they are recorded in a log.
struct Schema {
  std::string package;
  std::string file_descriptor_set;  // serialized google.protobuf.FileDescriptorSet
  Hash hash;                        // SHA-256 of it
};
// The schema of the package that `type` belongs to. Built once, lives for the program.
const Schema& SchemaFor(const google::protobuf::Descriptor& type);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_CODEC_H_
