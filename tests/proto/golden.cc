#include "tests/proto/golden.h"

#include <fstream>
#include <set>
#include <sstream>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/config/v1/agreement.pb.h"
#include "polku/config/v1/client.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "polku/config/v1/service.pb.h"
#include "polku/event/v1/common.pb.h"
#include "polku/event/v1/event.pb.h"
#include "polku/evidence/v1/bundle.pb.h"
#include "polku/exchange/v1/exchange.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::golden {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstError(std::string* error) : error_(error) {}
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (error_->empty()) {
      *error_ = std::to_string(line + 1) + ":" + std::to_string(column + 1) + ": " + message;
    }
  }

 private:
  std::string* error_;
};

std::unique_ptr<Message> New(const Descriptor& type) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  return std::unique_ptr<Message>(factory->GetPrototype(&type)->New());
}

}  // namespace

const std::vector<const FileDescriptor*>& Files() {
  static const auto* const files = new std::vector<const FileDescriptor*>{
      event::v1::Header::descriptor()->file(),
      event::v1::RuleRef::descriptor()->file(),
      config::v1::Agreement::descriptor()->file(),
      config::v1::ClientConfig::descriptor()->file(),
      config::v1::Profile::descriptor()->file(),
      config::v1::ServiceConfig::descriptor()->file(),
      exchange::v1::Envelope::descriptor()->file(),
      evidence::v1::Bundle::descriptor()->file(),
      access::v1::PartyAdded::descriptor()->file(),
      referral::v1::NeedIdentified::descriptor()->file(),
      attendance::v1::DayRecorded::descriptor()->file(),
      compensation::v1::AllowanceAccrued::descriptor()->file(),
      assessment::v1::AssessmentDue::descriptor()->file(),
  };
  return *files;
}

bool IsDomain(const FileDescriptor& file) {
  static const auto* const others = new std::set<std::string>{
      "polku.event.v1", "polku.config.v1", "polku.exchange.v1", "polku.evidence.v1"};
  return !others->contains(file.package());
}

const std::vector<const Descriptor*>& FrozenMessages() {
  static const auto* const messages = [] {
    auto* all = new std::vector<const Descriptor*>;
    for (const FileDescriptor* file : Files()) {
      for (int i = 0; i < file->message_type_count(); ++i) all->push_back(file->message_type(i));
    }
    return all;
  }();
  return *messages;
}

std::vector<std::string> GoldenNames(const std::filesystem::path& root, const Descriptor& type) {
  std::vector<std::string> names{type.full_name()};
  for (int number = 2;; ++number) {
    std::string name = type.full_name() + "." + std::to_string(number);
    if (!std::filesystem::exists(TextPath(root, name))) return names;
    names.push_back(std::move(name));
  }
}

std::filesystem::path TextPath(const std::filesystem::path& root, std::string_view golden_name) {
  return root / "proto/golden" / (std::string(golden_name) + ".txtpb");
}

std::filesystem::path HexPath(const std::filesystem::path& root, std::string_view golden_name) {
  return root / "proto/golden" / (std::string(golden_name) + ".hex");
}

std::optional<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

std::unique_ptr<Message> ParseText(const Descriptor& type, const std::string& text,
                                   std::string* error) {
  error->clear();
  auto message = New(type);
  FirstError errors(error);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(text, message.get())) return nullptr;
  return message;
}

std::unique_ptr<Message> ParseBytes(const Descriptor& type, const std::string& bytes) {
  auto message = New(type);
  if (!message->ParseFromString(bytes)) return nullptr;
  return message;
}

std::string Serialize(const Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr size_t kBytesPerLine = 32;
  std::string hex;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
    if ((i + 1) % kBytesPerLine == 0 || i + 1 == bytes.size()) hex += '\n';
  }
  return hex;
}

std::optional<std::string> FromHex(std::string_view hex) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string bytes;
  int high = -1;
  for (const char c : hex) {
    if (c == '\n') continue;
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      bytes += static_cast<char>(high * 16 + static_cast<int>(digit));
      high = -1;
    }
  }
  if (high >= 0) return std::nullopt;
  return bytes;
}

}  // namespace polku::golden
