// golden_tool <repository>: writes proto/golden/<name>.hex for each frozen message that has a
// .txtpb and no .hex yet. Existing bytes are never written; one that no longer matches is an error.
// Exit: 0 all goldens agree, 1 something is missing or differs, 2 usage.
#include <fstream>
#include <iostream>

#include "tests/proto/golden.h"

namespace {

namespace golden = polku::golden;

// False: the golden is missing something or differs; says what on stderr.
bool Freeze(const std::filesystem::path& root, const google::protobuf::Descriptor& type,
            const std::string& name) {
  const auto text_path = golden::TextPath(root, name);
  const auto text = golden::ReadFile(text_path);
  if (!text) {
    std::cerr << text_path.string() << ": missing; write it first\n";
    return false;
  }
  std::string error;
  const auto message = golden::ParseText(type, *text, &error);
  if (message == nullptr) {
    std::cerr << text_path.string() << ":" << error << "\n";
    return false;
  }
  const std::string hex = golden::ToHex(golden::Serialize(*message));
  const auto path = golden::HexPath(root, name);
  if (std::filesystem::exists(path)) {
    if (golden::ReadFile(path) == hex) return true;
    std::cerr << path.string() << ": frozen bytes differ and are never overwritten; undo the change"
              << " of the message or of its text\n";
    return false;
  }
  std::ofstream out(path, std::ios::binary);
  out << hex;
  out.close();
  if (!out) {
    std::cerr << path.string() << ": cannot write\n";
    return false;
  }
  std::cout << "new " << path.string() << "\n";
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: golden_tool <repository>\n";
    return 2;
  }
  const std::filesystem::path root = argv[1];
  bool good = true;
  for (const auto* type : golden::FrozenMessages()) {
    for (const std::string& name : golden::GoldenNames(root, *type)) {
      good = Freeze(root, *type, name) && good;
    }
  }
  return good ? 0 : 1;
}
