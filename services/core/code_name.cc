#include "services/core/code_name.h"

namespace polku::service {
namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

std::string CodeName(const google::protobuf::EnumValueDescriptor& value) {
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (IsUpper(c) && !prefix.empty()) prefix.push_back('_');
    prefix.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  prefix.push_back('_');
  std::string name = value.name();
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  for (char& c : name) {
    if (IsUpper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

}  // namespace polku::service
