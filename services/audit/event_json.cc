#include "services/audit/event_json.h"

#include <cstdint>
#include <cstdio>

#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "google/protobuf/util/json_util.h"
#include "polku/config/v1/agreement.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "services/core/message_cast.h"

namespace polku::audit {
namespace {

// Bytes of a valid UTF-8 sequence at the start; 0: none.
size_t SequenceLength(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t length = first < 0x80         ? 1
                        : first >> 5 == 0x6  ? 2
                        : first >> 4 == 0xE  ? 3
                        : first >> 3 == 0x1E ? 4
                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  uint32_t code = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte & 0x3F);
  }
  constexpr uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < kLowest[length] || code > 0x10FFFF || surrogate ? 0 : length;
}

std::string CausesJson(const event::v1::Header& header) {
  std::string json = "[";
  for (const auto& cause : header.causes()) {
    json += Str(json.size() > 1 ? "," : "", "{\"origin\":", JsonString(cause.origin()),
                ",\"position\":", cause.position(), "}");
  }
  return json + "]";
}

std::string KnowledgeJson(const Knowledge& knowledge) {
  std::string json = ",\"knew\":[";
  const char* separator = "";
  for (const KnownEntry& known : knowledge.known) {
    json += Str(separator, "{\"origin\":", JsonString(known.origin),
                ",\"position\":", known.position.value(), "}");
    separator = ",";
  }
  json += "],\"concurrent\":[";
  separator = "";
  for (const ConcurrentEntries& other : knowledge.concurrent) {
    json += Str(separator, "{\"origin\":", JsonString(other.origin), ",\"count\":", other.count,
                ",\"first\":", other.first.value(), ",\"newest\":", other.newest.value(), "}");
    separator = ",";
  }
  return json + "]";
}

// Agreements and rules are messages within; descriptors are told by size and hash, not spelled out.
absl::StatusOr<std::string> ControlJson(const google::protobuf::Message& message) {
  if (const auto* added = service::As<event::v1::SchemaAdded>(message)) {
    return Str("{\"package\":", JsonString(added->package()),
               ",\"bytes\":", added->file_descriptor_set().size(), ",\"sha256\":\"",
               ToHex(Sha256(added->file_descriptor_set()).view()), "\"}");
  }
  if (const auto* changed = service::As<event::v1::AgreementChanged>(message)) {
    config::v1::Agreement agreement;
    if (agreement.ParseFromString(changed->agreement())) {
      POLKU_ASSIGN_OR_RETURN(const std::string json, MessageJson(agreement));
      return Str("{\"agreement\":", json, "}");
    }
  }
  if (const auto* changed = service::As<event::v1::RulesChanged>(message)) {
    config::v1::Profile profile;
    if (profile.ParseFromString(changed->profile())) {
      POLKU_ASSIGN_OR_RETURN(const std::string json, MessageJson(profile));
      return Str("{\"profile\":", json, "}");
    }
  }
  return MessageJson(message);
}

}  // namespace

std::string SectionsJson(SectionSet sections) {
  std::string json = "[";
  for (SectionKind kind : kAllSectionKinds) {
    if (!sections.has(kind)) continue;
    json += Str(json.size() > 1 ? "," : "", JsonString(SectionKindName(kind)));
  }
  return json + "]";
}

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) {
      json += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    const char c = text[0];
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x",
                    static_cast<unsigned>(static_cast<uint8_t>(c)));
      json += c == '\n' ? "\\n" : escape;
    } else {
      json += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return json + "\"";
}

absl::StatusOr<std::string> MessageJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    // The library's text may quote the content.
    return Error(absl::StatusCode::kDataLoss, "a ", message.GetDescriptor()->full_name(),
                 " cannot be written as JSON");
  }
  return json;
}

absl::StatusOr<std::string> EventJson(const Event& event) {
  std::string json =
      Str("{\"origin\":", JsonString(event.origin), ",\"position\":", event.position.value(),
          ",\"order\":", event.order().value(), ",\"recorded_at\":\"",
          polku::FormatTime(event.recorded_at()), "\",\"type\":", JsonString(event.header.type()),
          ",\"id\":\"", FormatEventId(event.id), "\"");
  if (event.control()) {
    if (event.body == nullptr) {
      return Str(json, ",\"undecoded\":\"", ToBase64(event.bytes), "\"}");
    }
    POLKU_ASSIGN_OR_RETURN(const std::string control, ControlJson(*event.body));
    return Str(json, ",\"control\":", control, "}");
  }
  json += Str(",\"case\":\"", FormatCaseId(event.case_id),
              "\",\"case_revision\":", event.header.case_revision(),
              ",\"author\":", JsonString(event.header.author_agency()));
  if (!event.header.author_official().empty()) {
    json += Str(",\"official\":", JsonString(event.header.author_official()));
  }
  json += Str(",\"causes\":", CausesJson(event.header),
              event.knowledge == nullptr ? "" : KnowledgeJson(*event.knowledge),
              ",\"opened\":", SectionsJson(event.opened),
              ",\"sealed\":", SectionsJson(event.sealed));
  if (event.erasure != nullptr) {
    json += Str(",\"erased\":{\"sections\":", SectionsJson(event.erased), ",\"on\":\"",
                FormatDay(event.erasure->on),
                "\",\"legal_basis\":", JsonString(event.erasure->legal_basis), "}");
  }
  if (event.body == nullptr) {
    return Str(json, ",\"undecoded\":\"", ToBase64(event.bytes), "\"}");
  }
  POLKU_ASSIGN_OR_RETURN(const std::string body, MessageJson(*event.body));
  return Str(json, ",\"event\":", body, "}");
}

}  // namespace polku::audit
