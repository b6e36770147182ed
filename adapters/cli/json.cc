#include "adapters/cli/json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <set>

#include "eventstore/base/bytes.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"

namespace polku::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDepth = 64;
constexpr size_t kMaxShownName = 64;
constexpr size_t kUuidLength = 36;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | code >> 18));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void Space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool End() const { return at_ == text_.size(); }
  size_t at() const { return at_; }
  std::string_view From(size_t start) const { return text_.substr(start, at_ - start); }

  // Each passes one thing; false when it is not there.
  bool String(std::string* out) {
    if (!Take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        if (out != nullptr) out->push_back(c);
        continue;
      }
      if (!Escape(out)) return false;
    }
    return false;
  }

  bool Value(int depth) {
    if (depth > kMaxDepth || at_ >= text_.size()) return false;
    switch (text_[at_]) {
      case '{':
        return Members(depth, '}', true);
      case '[':
        return Members(depth, ']', false);
      case '"':
        return String(nullptr);
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

 private:
  bool Word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool Digits() {
    const size_t start = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ > start;
  }

  bool Number() {
    Take('-');
    const size_t start = at_;
    if (!Digits()) return false;
    if (text_[start] == '0' && at_ - start > 1) return false;
    if (Take('.') && !Digits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!Digits()) return false;
    }
    return true;
  }

  std::optional<uint32_t> Hex4() {
    uint32_t code = 0;
    if (text_.size() - at_ < 4) return std::nullopt;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, code, 16);
    if (error != std::errc() || end != text_.data() + at_ + 4) return std::nullopt;
    at_ += 4;
    return code;
  }

  bool Escape(std::string* out) {
    if (at_ >= text_.size()) return false;
    const char c = text_[at_++];
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (const size_t which = kLetters.find(c); which != std::string_view::npos) {
      if (out != nullptr) out->push_back(kMeant[which]);
      return true;
    }
    if (c != 'u') return false;
    auto code = Hex4();
    if (!code || (*code >= 0xDC00 && *code <= 0xDFFF)) return false;
    if (*code >= 0xD800 && *code <= 0xDBFF) {
      if (!Take('\\') || !Take('u')) return false;
      const auto low = Hex4();
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
    }
    if (out != nullptr) AppendUtf8(*out, *code);
    return true;
  }

  bool Members(int depth, char close, bool keys) {
    ++at_;
    Space();
    if (Take(close)) return true;
    for (;;) {
      Space();
      if (keys) {
        if (!String(nullptr)) return false;
        Space();
        if (!Take(':')) return false;
        Space();
      }
      if (!Value(depth + 1)) return false;
      Space();
      if (Take(close)) return true;
      if (!Take(',')) return false;
    }
  }

  const std::string_view text_;
  size_t at_ = 0;
};

absl::Status NotJson(size_t at, std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "not valid JSON at byte ", at + 1, ": ", what);
}

// A key as it may be shown: only what looks like a field name.
std::string ShownName(std::string_view name) {
  const bool plain =
      !name.empty() && name.size() <= kMaxShownName && !IsDigit(name[0]) &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return IsDigit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      });
  return plain ? std::string(name) : "(not a field name)";
}

std::string FieldNames(const Descriptor& type) {
  std::string names;
  for (int i = 0; i < type.field_count(); ++i) {
    names += Str(i == 0 ? "" : ", ", type.field(i)->name());
  }
  return names;
}

const FieldDescriptor* FindField(const Descriptor& type, const std::string& key) {
  if (const auto* field = type.FindFieldByName(key)) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == key) return type.field(i);
  }
  return nullptr;
}

// Not by its type alone: other bytes are no ids.
bool IsEventId(const FieldDescriptor& field) {
  const std::string_view name = field.name();
  return field.type() == FieldDescriptor::TYPE_BYTES &&
         (name.ends_with("event_id") || name.ends_with("event_ids"));
}
bool IsCaseId(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_BYTES &&
         std::string_view(field.name()).ends_with("case_id");
}

std::string Expected(const FieldDescriptor& field) {
  if (IsEventId(field)) {
    return "an event's id in quotes: a UUID, as `polku case` prints it, or its 16 bytes in base64";
  }
  if (IsCaseId(field)) return "a case's id in quotes: its 32 hexadecimal digits, or its 16 bytes in base64";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return "a whole number";
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return "a whole number, 0 or more";
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "a number";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? "base64 in quotes" : "text in quotes";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "an object";
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::string names;
      for (int i = 0; i < field.enum_type()->value_count(); ++i) {
        names += Str(i == 0 ? "one of " : ", ", field.enum_type()->value(i)->name());
      }
      return names;
    }
  }
  return "another value";
}

bool Parses(std::string_view json, const Message& prototype) {
  std::unique_ptr<Message> scratch(prototype.New());
  return google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, scratch.get())
      .ok();
}

const Message& PrototypeOf(const Descriptor& type) {
  return *google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type);
}

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return Error(absl::StatusCode::kInvalidArgument, parts...);
}

// A value of the JSON text that the library is to read in another form.
struct Rewritten {
  std::string_view value;
  std::string text;
};

// Walks the JSON beside the schema. The library is laxer (a field under both its names, an object
// for a list) and its messages quote the content. `explain` false: the shape alone; true: also
// finds the value that the library refused. Event ids that are UUIDs go to `uuids`, in the order of the text.
absl::Status Check(std::string_view json, const Descriptor& type, const std::string& path,
                   bool explain, std::vector<Rewritten>& uuids) {
  const auto members = SplitJsonObject(json);
  if (!members.ok())
    return path.empty() ? members.status() : Invalid("field ", path, " takes an object");
  std::set<const FieldDescriptor*> seen;
  for (const auto& [key, value] : *members) {
    const FieldDescriptor* field = FindField(type, key);
    const std::string name = path.empty() ? ShownName(key) : Str(path, ".", ShownName(key));
    if (field == nullptr) {
      return Invalid("unknown field ", name, "; ", type.full_name(), " has ", FieldNames(type));
    }
    if (!seen.insert(field).second) return Invalid("field ", name, " stands twice");
    if (value == "null") continue;
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    std::vector<std::string_view> items = {value};
    if (field->is_repeated()) {
      auto list = SplitJsonArray(value);
      if (!list.ok()) return Invalid("field ", name, " takes a list");
      items = *std::move(list);
    }
    for (size_t i = 0; i < items.size(); ++i) {
      const std::string item_name = field->is_repeated() ? Str(name, "[", i, "]") : name;
      if (is_message) {
        POLKU_RETURN_IF_ERROR(Check(items[i], *field->message_type(), item_name, explain, uuids));
        continue;
      }
      if (IsEventId(*field)) {
        const auto text = JsonText(items[i]);
        // Its length alone: a UUID is also letters of base64, and too many of them for an id.
        if (text && text->size() == kUuidLength) {
          const auto id = ParseEventId(*text);
          if (!id) return Invalid("field ", item_name, " takes ", Expected(*field));
          uuids.push_back({items[i], Str("\"", ToBase64(id->view()), "\"")});
          continue;
        }
      }
      if (IsCaseId(*field)) {
        // So many letters of base64 are 24 bytes: no id.
        const auto text = JsonText(items[i]);
        const auto id = text ? ParseCaseId(*text) : std::nullopt;
        if (id) {
          uuids.push_back({items[i], Str("\"", ToBase64(id->view()), "\"")});
          continue;
        }
      }
      if (!explain) continue;
      const std::string alone = field->is_repeated()
                                    ? Str("{\"", field->name(), "\":[", items[i], "]}")
                                    : Str("{\"", field->name(), "\":", items[i], "}");
      if (!Parses(alone, PrototypeOf(type))) {
        return Invalid("field ", item_name, " takes ", Expected(*field));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::pair<std::string, std::string_view>>> SplitJsonObject(
    std::string_view json) {
  std::vector<std::pair<std::string, std::string_view>> members;
  std::set<std::string> keys;
  Scanner scanner(json);
  scanner.Space();
  if (!scanner.Take('{')) return NotJson(scanner.at(), "an object begins with {");
  scanner.Space();
  bool open = !scanner.Take('}');
  while (open) {
    scanner.Space();
    std::string key;
    const size_t key_at = scanner.at();
    if (!scanner.String(&key)) return NotJson(key_at, "a name in quotes should stand here");
    if (!keys.insert(key).second) return NotJson(key_at, "this name stands twice");
    scanner.Space();
    if (!scanner.Take(':')) return NotJson(scanner.at(), "a colon should stand here");
    scanner.Space();
    const size_t start = scanner.at();
    if (!scanner.Value(1)) return NotJson(scanner.at(), "this is no value, or is nested too deep");
    members.emplace_back(std::move(key), scanner.From(start));
    scanner.Space();
    if (scanner.Take('}')) break;
    if (!scanner.Take(',')) return NotJson(scanner.at(), "a comma or } should stand here");
  }
  scanner.Space();
  if (!scanner.End()) return NotJson(scanner.at(), "something follows the object");
  return members;
}

absl::StatusOr<std::vector<std::string_view>> SplitJsonArray(std::string_view json) {
  std::vector<std::string_view> items;
  Scanner scanner(json);
  scanner.Space();
  if (!scanner.Take('[')) return NotJson(scanner.at(), "a list begins with [");
  scanner.Space();
  bool open = !scanner.Take(']');
  while (open) {
    scanner.Space();
    const size_t start = scanner.at();
    if (!scanner.Value(1)) return NotJson(scanner.at(), "this is no value, or is nested too deep");
    items.push_back(scanner.From(start));
    scanner.Space();
    if (scanner.Take(']')) break;
    if (!scanner.Take(',')) return NotJson(scanner.at(), "a comma or ] should stand here");
  }
  scanner.Space();
  if (!scanner.End()) return NotJson(scanner.at(), "something follows the list");
  return items;
}

std::optional<std::string> JsonText(std::string_view json) {
  std::string text;
  Scanner scanner(json);
  if (!scanner.String(&text) || !scanner.End()) return std::nullopt;
  return text;
}

std::optional<uint64_t> JsonNumber(std::string_view json) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (error != std::errc() || end != json.data() + json.size()) return std::nullopt;
  return value;
}

absl::Status ParseJsonMessage(std::string_view json, Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  std::vector<Rewritten> uuids;
  POLKU_RETURN_IF_ERROR(Check(json, type, "", /*explain=*/false, uuids));
  std::string text;
  size_t done = 0;
  for (const Rewritten& uuid : uuids) {
    const auto at = static_cast<size_t>(uuid.value.data() - json.data());
    text += json.substr(done, at - done);
    text += uuid.text;
    done = at + uuid.value.size();
  }
  text += json.substr(done);
  message.Clear();
  const auto status = google::protobuf::util::JsonStringToMessage(text, &message);
  if (status.ok()) return absl::OkStatus();
  POLKU_RETURN_IF_ERROR(Check(json, type, "", /*explain=*/true, uuids));
  return Invalid("the event is not a valid ", type.full_name());
}

}  // namespace polku::cli
