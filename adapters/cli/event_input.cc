#include "adapters/cli/event_input.h"

#include <memory>
#include <utility>

#include "adapters/cli/json.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "services/audit/event_json.h"
#include "services/core/codec.h"

namespace polku::cli {
namespace {

using exchange::v1::OfferedEvent;
using google::protobuf::Message;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return Error(absl::StatusCode::kInvalidArgument, parts...);
}

absl::StatusOr<std::unique_ptr<Message>> NewEvent(const std::string& type) {
  const auto* descriptor = service::FindEventType(type);
  if (descriptor == nullptr) {
    return Invalid(
        "unknown event type; write its full name, e.g. polku.attendance.v1.DayRecorded "
        "(proto/polku lists them)");
  }
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

OfferedEvent Finish(const EventDefaults& parts, const Message& body) {
  OfferedEvent event;
  event.set_type(parts.type);
  event.set_case_id(std::string(parts.case_id->view()));
  event.set_official(parts.official);
  body.SerializeToString(event.mutable_body());
  const EventId id = parts.id ? *parts.id
                              : DeriveEventId(parts.author_agency, *parts.case_id, parts.type,
                                              event.body(), parts.corrects);
  event.set_event_id(std::string(id.view()));
  if (parts.corrects) event.set_corrects(std::string(parts.corrects->view()));
  if (parts.expected_revision) event.set_expected_revision(*parts.expected_revision);
  return event;
}

// The library's messages quote what it found; what is kept of them names fields and types alone.
class Where : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text_.empty()) return;
    text_ = Str("line ", line + 1, ", column ", column + 1, ": ");
    const size_t field = message.find(" for field \"");
    if (message.find("has no field named") != std::string::npos) {
      text_ += message;
    } else if (message.rfind("Unknown enumeration value", 0) == 0 && field != std::string::npos) {
      text_ += Str("unknown enumeration value", message.substr(field));
    } else if (message.find(", got") != std::string::npos) {
      text_ += message.substr(0, message.find(", got"));
    } else if (message.rfind("Expected", 0) == 0) {
      text_ += message.substr(0, message.find(','));
    } else {
      text_ += "this cannot stand here";
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

EventId DeriveEventId(std::string_view author_agency, const CaseId& case_id, std::string_view type,
                      std::string_view content, const std::optional<EventId>& corrects) {
  std::string seed("polku/event-id/v1\0", 18);
  AppendLengthPrefixed32(seed, author_agency);
  seed += case_id.view();
  AppendLengthPrefixed32(seed, type);
  AppendLengthPrefixed32(seed, content);
  if (corrects) seed += corrects->view();
  return DerivedEventId(seed);
}

absl::StatusOr<OfferedEvent> ParseJsonEvent(std::string_view json, const EventDefaults& defaults) {
  EventDefaults parts = defaults;
  POLKU_ASSIGN_OR_RETURN(const auto members, SplitJsonObject(json));
  std::string_view content;
  const auto text = [](std::string_view value,
                       std::string_view name) -> absl::StatusOr<std::string> {
    auto decoded = JsonText(value);
    if (!decoded) return Invalid(name, " takes text in quotes");
    return *std::move(decoded);
  };
  for (const auto& [key, value] : members) {
    if (key == "event") {
      content = value;
    } else if (key == "type") {
      POLKU_ASSIGN_OR_RETURN(parts.type, text(value, "type"));
    } else if (key == "official") {
      POLKU_ASSIGN_OR_RETURN(parts.official, text(value, "official"));
    } else if (key == "case") {
      POLKU_ASSIGN_OR_RETURN(const std::string id, text(value, "case"));
      parts.case_id = ParseCaseId(id);
      if (!parts.case_id) return Invalid("case is not 32 hexadecimal digits");
    } else if (key == "id") {
      POLKU_ASSIGN_OR_RETURN(const std::string id, text(value, "id"));
      parts.id = ParseEventId(id);
      if (!parts.id || parts.id->is_zero()) return Invalid("id is not a UUID");
    } else if (key == "corrects") {
      POLKU_ASSIGN_OR_RETURN(const std::string id, text(value, "corrects"));
      parts.corrects = ParseEventId(id);
      if (!parts.corrects || parts.corrects->is_zero()) return Invalid("corrects is not a UUID");
    } else if (key == "expected_revision") {
      parts.expected_revision = JsonNumber(value);
      if (!parts.expected_revision)
        return Invalid("expected_revision takes a whole number, 0 or more");
    } else {
      return Invalid(
          "unknown member; an event has case, type, event, and perhaps id, official, corrects, "
          "expected_revision");
    }
  }
  if (parts.type.empty()) return Invalid("type is missing");
  if (!parts.case_id || parts.case_id->is_zero()) return Invalid("case is missing; write it as \"case\" (polku publish also takes --case ID or --new-case)");
  if (content.empty()) return Invalid("event is missing");
  POLKU_ASSIGN_OR_RETURN(auto body, NewEvent(parts.type));
  POLKU_RETURN_IF_ERROR(ParseJsonMessage(content, *body));
  return Finish(parts, *body);
}

absl::StatusOr<OfferedEvent> ParseTextEvent(std::string_view text, const EventDefaults& defaults) {
  if (defaults.type.empty()) return Invalid("an event in text format needs --type");
  if (!defaults.case_id) return Invalid("an event in text format needs --case or --new-case");
  POLKU_ASSIGN_OR_RETURN(auto body, NewEvent(defaults.type));
  Where where;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&where);
  if (!parser.ParseFromString(std::string(text), body.get())) {
    return Invalid(where.text(), "; the file is a ", defaults.type, " in protobuf text format");
  }
  return Finish(defaults, *body);
}

absl::StatusOr<std::string> OfferedEventJson(const OfferedEvent& event) {
  const auto id = EventId::FromBytes(event.event_id());
  const auto case_id = CaseId::FromBytes(event.case_id());
  POLKU_ASSIGN_OR_RETURN(auto body, NewEvent(event.type()));
  const auto corrects = EventId::FromBytes(event.corrects());
  if (!id || !case_id || !body->ParseFromString(event.body()) ||
      (!event.corrects().empty() && !corrects)) {
    return Invalid("not an event");
  }
  POLKU_ASSIGN_OR_RETURN(const std::string content, audit::MessageJson(*body));
  return Str(
      "{\"case\":\"", FormatCaseId(*case_id), "\",\"type\":", audit::JsonString(event.type()),
      ",\"id\":\"", FormatEventId(*id), "\"",
      event.official().empty() ? "" : Str(",\"official\":", audit::JsonString(event.official())),
      corrects ? Str(",\"corrects\":\"", FormatEventId(*corrects), "\"") : "",
      ",\"event\":", content, "}");
}

}  // namespace polku::cli
