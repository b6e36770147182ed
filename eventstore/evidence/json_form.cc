#include "eventstore/evidence/json_form.h"

#include <charconv>
#include <cstdint>
#include <set>
#include <system_error>

#include "eventstore/base/status.h"

namespace polku::evidence {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Form {
 public:
  Form(std::string_view json, const JsonLimits& limits) : json_(json), limits_(limits) {}

  absl::Status Check() {
    Space();
    if (Peek() != '{') return Wrong("an object must stand here");
    POLKU_RETURN_IF_ERROR(Value(0));
    Space();
    if (at_ != json_.size()) return Wrong("something stands after the end");
    return absl::OkStatus();
  }

 private:
  absl::Status Wrong(std::string_view what) const {
    return Error(absl::StatusCode::kInvalidArgument, "not the JSON of a bundle: byte ", at_, ": ",
                 what);
  }
  char Peek() const { return at_ < json_.size() ? json_[at_] : '\0'; }
  bool Take(char c) {
    if (Peek() != c || at_ == json_.size()) return false;
    ++at_;
    return true;
  }
  void Space() {
    while (at_ < json_.size() &&
           (json_[at_] == ' ' || json_[at_] == '\n' || json_[at_] == '\r' || json_[at_] == '\t')) {
      ++at_;
    }
  }

  absl::Status Value(size_t depth) {
    const char c = Peek();
    if (c == '{') return Object(depth + 1);
    if (c == '[') return Array(depth + 1);
    if (c == '"') return Text(nullptr);
    if (c == '-' || IsDigit(c)) return Number();
    for (const std::string_view word : {"true", "false"}) {
      if (json_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return absl::OkStatus();
      }
    }
    return Wrong("a value must stand here");
  }

  absl::Status Object(size_t depth) {
    if (depth > limits_.depth) return Wrong("nested too deep");
    if (++objects_ > limits_.objects) return Wrong("too many parts");
    ++at_;
    Space();
    if (Take('}')) return absl::OkStatus();
    std::set<std::string_view> names;
    while (true) {
      Space();
      if (Peek() != '"') return Wrong("a name must stand here");
      std::string_view name;
      POLKU_RETURN_IF_ERROR(Text(&name));
      if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") !=
                              std::string_view::npos) {
        return Wrong("a name is not of a-z, 0-9 and _");
      }
      if (!names.insert(name).second) return Wrong("a name stands twice in its object");
      Space();
      if (!Take(':')) return Wrong("':' must stand here");
      Space();
      POLKU_RETURN_IF_ERROR(Value(depth));
      Space();
      if (Take('}')) return absl::OkStatus();
      if (!Take(',')) return Wrong("',' or '}' must stand here");
    }
  }

  absl::Status Array(size_t depth) {
    if (depth > limits_.depth) return Wrong("nested too deep");
    ++at_;
    Space();
    if (Take(']')) return absl::OkStatus();
    while (true) {
      Space();
      // A bundle has none, and the parser behind reads an empty one as nothing.
      if (Peek() == '[') return Wrong("a list in a list");
      POLKU_RETURN_IF_ERROR(Value(depth));
      Space();
      if (Take(']')) return absl::OkStatus();
      if (!Take(',')) return Wrong("',' or ']' must stand here");
    }
  }

  absl::Status Text(std::string_view* as_written) {
    if (++texts_ > limits_.texts) return Wrong("too many parts");
    const size_t start = ++at_;
    while (at_ < json_.size()) {
      const auto c = static_cast<unsigned char>(json_[at_]);
      if (c == '"') {
        if (as_written != nullptr) *as_written = json_.substr(start, at_ - start);
        ++at_;
        return absl::OkStatus();
      }
      if (c < 0x20) return Wrong("a control character in a string");
      if (c != '\\') {
        ++at_;
        continue;
      }
      POLKU_RETURN_IF_ERROR(Escape());
    }
    at_ = json_.size();
    return Wrong("a string does not end");
  }

  // RFC 8259 section 7, and surrogates only in pairs: the parser behind takes more than that, and what
  // one reader refuses another must not read.
  absl::Status Escape() {
    ++at_;
    if (std::string_view("\"\\/bfnrt").find(Peek()) != std::string_view::npos && Peek() != '\0') {
      ++at_;
      return absl::OkStatus();
    }
    uint32_t unit = 0;
    if (!CodeUnit(unit)) return Wrong("not an escape of JSON");
    if (unit < 0xd800 || unit > 0xdfff) return absl::OkStatus();
    uint32_t low = 0;
    if (unit > 0xdbff || !Take('\\') || !CodeUnit(low) || low < 0xdc00 || low > 0xdfff) {
      return Wrong("half of a surrogate pair");
    }
    return absl::OkStatus();
  }

  // "u" and four hexadecimal digits.
  bool CodeUnit(uint32_t& unit) {
    constexpr size_t kLength = 5;
    const std::string_view text = json_.substr(at_, kLength);
    if (text.size() < kLength || text[0] != 'u') return false;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + kLength, unit, 16);
    if (error != std::errc() || end != text.data() + kLength) return false;
    at_ += kLength;
    return true;
  }

  absl::Status Number() {
    const size_t start = at_;
    if (Peek() == '-') ++at_;
    if (!IsDigit(Peek())) return Wrong("not a number");
    const bool zero = Peek() == '0';
    const size_t digits = at_;
    while (IsDigit(Peek())) ++at_;
    if ((zero && at_ - digits > 1) || at_ - start > 20)
      return Wrong("not a whole number of 64 bits");
    // No fraction and no exponent: two readers round them differently.
    if (Peek() == '.' || Peek() == 'e' || Peek() == 'E')
      return Wrong("not a whole number of 64 bits");
    return absl::OkStatus();
  }

  const std::string_view json_;
  const JsonLimits limits_;
  size_t at_ = 0;
  size_t objects_ = 0;
  size_t texts_ = 0;
};

}  // namespace

absl::Status CheckJsonForm(std::string_view json, const JsonLimits& limits) {
  return Form(json, limits).Check();
}

}  // namespace polku::evidence
