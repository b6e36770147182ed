// From an entry's bytes to its message, with the types of this program or, where they do not know
// it, with the descriptors recorded in the entry's own log (SchemaAdded). So a replay in ten years
// decodes what today's program wrote, and an old program reads what a newer one wrote.
#ifndef POLKU_SERVICES_AUDIT_DECODER_H_
#define POLKU_SERVICES_AUDIT_DECODER_H_

#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "google/protobuf/message.h"
#include "polku/event/v1/event.pb.h"

namespace polku::audit {

class Decoder {
 public:
  explicit Decoder(log::Engine& engine);
  ~Decoder();

  // The event of `header` from the bytes of its opened sections. The program's own type is taken
  // unless it leaves fields unread that the recorded schema can read. Null: neither knows the type.
  // DataLoss: the bytes are no such message. Messages must not outlive the decoder.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Decode(LogNumber log,
                                                                    const event::v1::Header& header,
                                                                    std::string_view bytes);

  // A control entry's message (Genesis …). Null: of a newer format.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> DecodeControl(
      const event::v1::Header& header);

 private:
  struct Schema;
  // The recorded schema with that hash; null when the log does not hold it.
  absl::StatusOr<Schema*> FindSchema(LogNumber log, const Hash& hash);

  log::Engine& engine_;
  // By what a log recorded: a schema in one log says nothing about another.
  std::map<std::pair<LogNumber, Hash>, std::unique_ptr<Schema>> schemas_;
  std::map<LogNumber, Position> scanned_to_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_DECODER_H_
