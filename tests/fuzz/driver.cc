// Runs a fuzz entry point without libFuzzer: each file of the corpus, then ROUNDS mutations of
// them, the same in every run. When the entry point ends the process, the input is written to <name
// of the program>.crash in the current directory, as libFuzzer would.
//   NAME_fuzz_test CORPUS_DIRECTORY ROUNDS
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/support/random.h"

namespace polku::fuzz {
namespace {

constexpr size_t kMaxInputBytes = 64 << 10;

// What the formats are made of; a random byte seldom hits these.
const std::vector<std::string> kTokens = {"\n",
                                          "\n\n",
                                          " ",
                                          "\t",
                                          "=",
                                          "==",
                                          "+",
                                          "/",
                                          ".p/",
                                          "x001/",
                                          "000",
                                          "0",
                                          "1",
                                          "255",
                                          "256",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "-1",
                                          "\xe2\x80\x94 ",
                                          "\xc2\xa0",
                                          "\xff",
                                          std::string(1, '\0'),
                                          std::string("\x00\x00\x00\x00\x00\x00\x00\x01", 8),
                                          std::string(8, '\xff'),
                                          std::string(8, '\x7f'),
                                          std::string("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
                                          std::string(44, 'A'),
                                          "prefix ",
                                          "index ",
                                          "extra ",
                                          "log ",
                                          "witness ",
                                          "group ",
                                          "quorum ",
                                          "none",
                                          "all",
                                          "any",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          "\"",
                                          ",",
                                          ":",
                                          "null"};

std::string current;
std::string crash_file;

void WriteCurrent(int) {
  const int file = open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || write(file, current.data(), current.size()) < 0) _exit(3);
  _exit(4);
}

void Run(std::string input) {
  current = std::move(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
}

// A place in the text or at its end.
std::string::difference_type Place(testing::SeededGenerator& random, const std::string& text) {
  return static_cast<std::string::difference_type>(random.Below(text.size() + 1));
}

void Mutate(testing::SeededGenerator& random, const std::vector<std::string>& seeds,
            std::string& input) {
  const auto at = Place(random, input);
  const auto end = std::max(at, Place(random, input));
  switch (random.Below(8)) {
    case 0:
      if (!input.empty()) {
        char& c = input[random.Below(input.size())];
        c = static_cast<char>(c ^ (1 << random.Below(8)));
      }
      break;
    case 1:
      if (!input.empty()) input[random.Below(input.size())] = static_cast<char>(random());
      break;
    case 2:
      input.insert(static_cast<size_t>(at), random.Bytes(1 + random.Below(8)));
      break;
    case 3:
      input.insert(static_cast<size_t>(at), kTokens[random.Below(kTokens.size())]);
      break;
    case 4:
      input.erase(input.begin() + at, input.begin() + end);
      break;
    case 5:
      input.insert(static_cast<size_t>(at),
                   input.substr(static_cast<size_t>(at), static_cast<size_t>(end - at)));
      break;
    case 6: {
      const std::string& other = seeds[random.Below(seeds.size())];
      input = input.substr(0, static_cast<size_t>(at)) +
              other.substr(static_cast<size_t>(Place(random, other)));
      break;
    }
    default:
      if (!input.empty()) {
        const size_t from = random.Below(input.size());
        std::swap(input[from], input[random.Below(input.size())]);
      }
  }
  if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
}

int Main(const std::string& program, const std::string& corpus, uint64_t rounds) {
  crash_file = std::filesystem::path(program).filename().string() + ".crash";
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    ::signal(signal, WriteCurrent);
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(corpus)) names.push_back(file.path());
  std::sort(names.begin(), names.end());
  std::vector<std::string> seeds;
  for (const std::string& name : names) {
    std::ifstream in(name, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    seeds.push_back(bytes.str());
  }
  if (seeds.empty()) {
    std::cerr << corpus << " has no files\n";
    return 1;
  }
  Run("");
  for (const std::string& seed : seeds) Run(seed);
  testing::SeededGenerator random(1);
  for (uint64_t round = 0; round < rounds; ++round) {
    std::string input = seeds[random.Below(seeds.size())];
    for (uint64_t count = 1 + random.Below(4); count > 0; --count) Mutate(random, seeds, input);
    Run(std::move(input));
  }
  std::cout << seeds.size() << " files and " << rounds << " mutations of them\n";
  return 0;
}

}  // namespace
}  // namespace polku::fuzz

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " CORPUS_DIRECTORY ROUNDS\n";
    return 2;
  }
  return polku::fuzz::Main(argv[0], argv[1], std::stoull(argv[2]));
}
