#include "adapters/cli/text_file.h"

#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace polku::cli {
namespace {

constexpr size_t kMaxConfigBytes = 4 << 20;

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = Str(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

absl::Status ReadTextMessage(std::string_view path, google::protobuf::Message& message) {
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxConfigBytes));
  FirstError errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (parser.ParseFromString(text, &message)) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, path, ":", errors.text(), "; the file is a ",
               message.GetDescriptor()->full_name(), " in protobuf text format");
}

absl::StatusOr<std::string> ReadInput(const std::string& path, size_t max_bytes, Io& io) {
  if (path != "-") return ReadFile(path, max_bytes);
  std::string text;
  char buffer[16384];
  while (io.in.read(buffer, sizeof buffer) || io.in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(io.in.gcount()));
    if (text.size() > max_bytes) {
      return Error(absl::StatusCode::kInvalidArgument, "standard input is larger than ", max_bytes,
                   " bytes; split it");
    }
  }
  return text;
}

}  // namespace polku::cli
