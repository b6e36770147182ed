#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/proof/golden.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: proof_golden_tool REPOSITORY\n"
                 "Writes the goldens that are missing in tests/proof/golden; changes none.\n";
    return 2;
  }
  const auto directory = std::filesystem::path(argv[1]) / "tests/proof/golden";
  for (const auto& [name, content] : polku::proof::MakeGoldens()) {
    if (std::filesystem::exists(directory / name)) continue;
    std::ofstream out(directory / name, std::ios::binary);
    out << content;
    if (!out.flush()) {
      std::cerr << "cannot write " << (directory / name) << "\n";
      return 1;
    }
    std::cout << "wrote " << name << "\n";
  }
}
