// Frozen bytes of released messages: proto/golden/<full name>.txtpb is the message as text, .hex
// its deterministic serialization. Logs hold such bytes for ten years and services of other
// releases send them; configuration files and bundles are written with the names of the texts. So a
// golden is never changed. A new message gets a new pair: write the .txtpb with every field set,
// then run `golden_tool <repository>`. A message that gains a field keeps its golden and gets
// another, <full name>.2, in which the new field is set. A oneof has a golden for each choice, and
// where a golden gives two fields the same value, another tells them apart. Goldens fix bytes, not
// sense.
#ifndef POLKU_TESTS_PROTO_GOLDEN_H_
#define POLKU_TESTS_PROTO_GOLDEN_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace polku::golden {

// Every .proto file of ours.
const std::vector<const google::protobuf::FileDescriptor*>& Files();

// True for a package of domain events ("polku.referral.v1" …): its top-level messages are events.
bool IsDomain(const google::protobuf::FileDescriptor& file);

// Every message with a golden: all top-level messages of these files.
const std::vector<const google::protobuf::Descriptor*>& FrozenMessages();

// The goldens of a message: its full name, and <full name>.2, .3 … as far as their texts are there.
std::vector<std::string> GoldenNames(const std::filesystem::path& root,
                                     const google::protobuf::Descriptor& type);
std::filesystem::path TextPath(const std::filesystem::path& root, std::string_view golden_name);
std::filesystem::path HexPath(const std::filesystem::path& root, std::string_view golden_name);

// nullopt: the file cannot be read.
std::optional<std::string> ReadFile(const std::filesystem::path& path);

// nullptr: the text is not that message; `error` says where.
std::unique_ptr<google::protobuf::Message> ParseText(const google::protobuf::Descriptor& type,
                                                     const std::string& text, std::string* error);
// nullptr: the bytes are not that message.
std::unique_ptr<google::protobuf::Message> ParseBytes(const google::protobuf::Descriptor& type,
                                                      const std::string& bytes);
std::string Serialize(const google::protobuf::Message& message);

// Lower-case hex, 32 bytes a line, each line ended.
std::string ToHex(std::string_view bytes);
// nullopt: something else than hex digits and line ends, or half a byte.
std::optional<std::string> FromHex(std::string_view hex);

}  // namespace polku::golden

#endif  // POLKU_TESTS_PROTO_GOLDEN_H_
