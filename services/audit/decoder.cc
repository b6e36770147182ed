#include "services/audit/decoder.h"

#include <string>
#include <vector>

#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "services/core/codec.h"

namespace polku::audit {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;

bool Parse(Message& message, std::string_view bytes) {
  return bytes.size() <= INT32_MAX &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

absl::Status NotThat(const event::v1::Header& header) {
  return Error(absl::StatusCode::kDataLoss, "its content is not a valid ", header.type());
}

// Descriptors come from peers: what does not build is told by Find, not printed.
class Silent : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string&, const Message*, ErrorLocation,
                const std::string&) override {}
};

}  // namespace

struct Decoder::Schema {
  google::protobuf::DescriptorPool pool;
  google::protobuf::DynamicMessageFactory factory{&pool};
};

Decoder::Decoder(log::Engine& engine) : engine_(engine) {}
Decoder::~Decoder() = default;

absl::StatusOr<Decoder::Schema*> Decoder::FindSchema(LogNumber log, const Hash& hash) {
  const auto found = schemas_.find({log, hash});
  if (found != schemas_.end()) return found->second.get();
  // A schema stands before the first entry that needs it; each part of a log is looked through
  // once.
  Position& scanned_to = scanned_to_[log];
  POLKU_ASSIGN_OR_RETURN(auto reader,
                         log::EntryReader::Make(engine_, log, scanned_to, /*with_blobs=*/false));
  for (;;) {
    POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
    if (!entry) return static_cast<Schema*>(nullptr);
    scanned_to = entry->position.next();
    if (entry->header->type() != event::v1::SchemaAdded::descriptor()->full_name()) continue;
    event::v1::SchemaAdded added;
    google::protobuf::FileDescriptorSet files;
    if (!added.ParseFromString(entry->header->control()) ||
        !files.ParseFromString(added.file_descriptor_set())) {
      return Error(absl::StatusCode::kDataLoss, "the schema at log ", log.value(), " position ",
                   entry->position.value(), " does not parse");
    }
    const Hash added_hash = Sha256(added.file_descriptor_set());
    auto schema = std::make_unique<Schema>();
    Silent silent;
    for (const auto& file : files.file()) {
      if (schema->pool.FindFileByName(file.name()) == nullptr) {
        schema->pool.BuildFileCollectingErrors(file, &silent);
      }
    }
    const auto [place, added_now] = schemas_.try_emplace({log, added_hash}, std::move(schema));
    if (added_hash == hash) return place->second.get();
  }
}

absl::StatusOr<std::unique_ptr<Message>> Decoder::Decode(LogNumber log,
                                                         const event::v1::Header& header,
                                                         std::string_view bytes) {
  std::unique_ptr<Message> message;
  const Descriptor* built_in = service::FindEventType(header.type());
  if (built_in != nullptr) {
    message.reset(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(built_in)->New());
    if (!Parse(*message, bytes)) return NotThat(header);
    if (!service::HasUnknownFields(*message)) return message;
  }
  const auto hash = Hash::FromBytes(header.schema_hash());
  if (!hash) return message;
  POLKU_ASSIGN_OR_RETURN(Schema* const schema, FindSchema(log, *hash));
  const Descriptor* recorded =
      schema == nullptr ? nullptr : schema->pool.FindMessageTypeByName(header.type());
  if (recorded == nullptr) return message;
  std::unique_ptr<Message> newer(schema->factory.GetPrototype(recorded)->New());
  if (!Parse(*newer, bytes)) return NotThat(header);
  return newer;
}

absl::StatusOr<std::unique_ptr<Message>> Decoder::DecodeControl(const event::v1::Header& header) {
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(header.type());
  if (type == nullptr || type->file() != event::v1::Header::descriptor()->file()) {
    return std::unique_ptr<Message>();
  }
  std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!Parse(*message, header.control())) return NotThat(header);
  return message;
}

}  // namespace polku::audit
