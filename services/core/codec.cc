#include "services/core/codec.h"

#include <array>
#include <map>
#include <mutex>
#include <set>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/event/v1/event.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::internal::WireFormatLite;

constexpr std::array<std::string_view, 5> kDomainPackages = {
    "polku.access.v1", "polku.referral.v1", "polku.attendance.v1", "polku.compensation.v1",
    "polku.assessment.v1"};

// Naming one message of each package keeps the linker from leaving its descriptors out.
const std::array<const Descriptor* (*)(), 5> kLinked = {
    &access::v1::PartyAdded::descriptor, &referral::v1::NeedIdentified::descriptor,
    &attendance::v1::DayRecorded::descriptor, &compensation::v1::AllowanceAccrued::descriptor,
    &assessment::v1::KykyviisariRecorded::descriptor};

bool IsDomainPackage(std::string_view package) {
  for (std::string_view known : kDomainPackages) {
    if (known == package) return true;
  }
  return false;
}

void AddWithDependencies(const FileDescriptor& file, std::set<std::string>& seen,
                         google::protobuf::FileDescriptorSet& set) {
  if (!seen.insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddWithDependencies(*file.dependency(i), seen, set);
  }
  file.CopyTo(set.add_file());
}

}  // namespace

bool HasUnknownFields(const Message& message) {
  const auto* reflection = message.GetReflection();
  if (!reflection->GetUnknownFields(message).empty()) return true;
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUnknownFields(reflection->GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (HasUnknownFields(reflection->GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

const Descriptor* FindEventType(std::string_view full_name) {
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          std::string(full_name));
  if (type == nullptr || type->containing_type() != nullptr) return nullptr;
  return IsDomainPackage(type->file()->package()) ? type : nullptr;
}

const std::vector<const Descriptor*>& AllEventTypes() {
  static const auto* types = [] {
    auto* all = new std::vector<const Descriptor*>();  // never destroyed: no exit order
    for (const auto descriptor : kLinked) {
      const FileDescriptor& file = *descriptor()->file();
      for (int i = 0; i < file.message_type_count(); ++i) all->push_back(file.message_type(i));
    }
    return all;
  }();
  return *types;
}

SectionKind SectionOf(const FieldDescriptor& field) {
  const auto& options = field.options();
  if (!options.HasExtension(event::v1::section)) return SectionKind::kService;
  const auto kind = options.GetExtension(event::v1::section);
  return kind == event::v1::SECTION_KIND_UNSPECIFIED ? SectionKind::kService
                                                     : static_cast<SectionKind>(kind);
}

std::unique_ptr<Message> EmptyEvent(const Descriptor& type) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

absl::StatusOr<std::unique_ptr<Message>> ParseRecordedEvent(const Descriptor& type,
                                                            std::string_view bytes) {
  std::unique_ptr<Message> message = EmptyEvent(type);
  if (bytes.size() > INT32_MAX ||
      !message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(absl::StrCat("the bytes are not a valid ", type.full_name()));
  }
  return message;
}

absl::StatusOr<std::unique_ptr<Message>> ParseEvent(const Descriptor& type,
                                                    std::string_view bytes) {
  auto parsed = ParseRecordedEvent(type, bytes);
  if (!parsed.ok()) return absl::InvalidArgumentError(parsed.status().message());
  std::unique_ptr<Message> message = *std::move(parsed);
  if (HasUnknownFields(*message)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the event has fields that this service's ", type.full_name(),
        " does not have; use the same schema version on both sides"));
  }
  return message;
}

std::vector<PlainSection> SplitSections(const Descriptor& type, std::string_view bytes) {
  std::array<std::string, kAllSectionKinds.size() + 1> parts;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  for (;;) {
    const int start = in.CurrentPosition();
    const uint32_t tag = in.ReadTag();
    if (tag == 0 || !WireFormatLite::SkipField(&in, tag)) break;
    const FieldDescriptor* field =
        type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (field == nullptr) continue;  // ParseEvent refuses these
    parts[static_cast<size_t>(SectionOf(*field))].append(
        bytes.substr(static_cast<size_t>(start), static_cast<size_t>(in.CurrentPosition() - start)));
  }
  std::vector<PlainSection> sections;
  for (SectionKind kind : kAllSectionKinds) {
    std::string& part = parts[static_cast<size_t>(kind)];
    if (!part.empty()) sections.push_back({kind, std::move(part)});
  }
  return sections;
}

const Schema& SchemaFor(const Descriptor& type) {
  static std::mutex mutex;
  static auto* schemas = new std::map<std::string, Schema>();  // never destroyed: no exit order
  std::lock_guard<std::mutex> lock(mutex);
  const std::string package = type.file()->package();
  auto [it, missing] = schemas->try_emplace(package);
  if (missing) {
    // A domain package is one file (a test holds it to that), so the file and what it imports is
    // all that its events need.
    google::protobuf::FileDescriptorSet set;
    std::set<std::string> seen;
    AddWithDependencies(*type.file(), seen, set);
    it->second.package = package;
    set.SerializeToString(&it->second.file_descriptor_set);
    it->second.hash = Sha256(it->second.file_descriptor_set);
  }
  return it->second;
}

}  // namespace polku::service
