// A region's history made, verified, replayed and reported on by the real commands, in turns. It measures and asserts
// nothing about time.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "eventstore/base/status.h"
#include "tests/bench/bench.h"

extern char** environ;

namespace polku {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kUsage =
    "usage: polku-region-bench --bin DIR --source DIR [--json] [--clients N] [--months N] [--rounds N] [--directory D]\n"
    "  --bin DIR      where polku is\n"
    "  --source DIR   the repository, for deploy/profiles/tampere.textproto\n"
    "  --clients N    made-up clients, default 150\n"
    "  --months N     of history, default 12\n"
    "  --rounds N     measurements of each, in turns, default 3; medians are shown\n"
    "  --directory D  where to make (and remove) the region, default the working directory\n"
    "  --json         one JSON object instead of a table\n"
    "Entries are those of the eight services' own logs; replayed, verified and reported on is what the organiser's reader\n"
    "holds: all of them. The region is synced once, when it is whole; a read is put on record and synced by itself.\n"
    "'of replay' is how much longer than reading and opening every entry once.\n";

struct Flags {
  std::string bin, source, directory = ".";
  int clients = 150, months = 12, rounds = 3;
  bool json = false;
};

Flags Parse(int argc, char** argv) {
  Flags flags;
  const auto end = [](int code) {
    std::cerr << kUsage;
    std::exit(code);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const bool has_value = i + 1 < argc;
    if (flag == "--json") {
      flags.json = true;
    } else if (flag == "--bin" && has_value) {
      flags.bin = argv[++i];
    } else if (flag == "--source" && has_value) {
      flags.source = argv[++i];
    } else if (flag == "--directory" && has_value) {
      flags.directory = argv[++i];
    } else if (flag == "--clients" && has_value) {
      flags.clients = std::atoi(argv[++i]);
    } else if (flag == "--months" && has_value) {
      flags.months = std::atoi(argv[++i]);
    } else if (flag == "--rounds" && has_value) {
      flags.rounds = std::atoi(argv[++i]);
    } else if (flag == "--seconds" && has_value) {
      ++i;  // run.sh gives every benchmark the same flags; here --clients and --rounds say how long
    } else {
      end(flag == "--help" ? 0 : 2);
    }
  }
  const bool whole = !flags.bin.empty() && !flags.source.empty();
  if (!whole || flags.clients < 1 || flags.months < 1 || flags.rounds < 1) end(2);
  return flags;
}

struct Step {
  std::string name;
  std::vector<std::string> arguments;
  std::vector<double> seconds = {};  // by the clock
  std::vector<double> cpu = {};      // of all cores

  static double Median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
  double Seconds() const { return Median(seconds); }
  double Cpu() const { return Median(cpu); }
};

// Runs it, its output to the file; a failure ends the benchmark.
void Run(const std::string& program, Step& step, const std::string& output) {
  std::vector<std::string> words = {program};
  words.insert(words.end(), step.arguments.begin(), step.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const auto start = Clock::now();
  pid_t child = 0;
  if (posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ) != 0) {
    Die(Str(program, " does not start"));
  }
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  rusage used{};
  if (wait4(child, &status, 0, &used) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Die(Str(step.name, " failed"));
  }
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  step.seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  step.cpu.push_back(of(used.ru_utime) + of(used.ru_stime));
}

uint64_t EntriesIn(const std::string& made) {
  std::ifstream file(made);
  std::stringstream text;
  text << file.rdbuf();
  const std::string json = text.str();
  constexpr std::string_view kField = "\"entries\":";
  const size_t at = json.find(kField);
  if (at == json.npos) Die("polku generate --json has told no entries");
  return std::strtoull(json.c_str() + at + kField.size(), nullptr, 10);
}

void Main(const Flags& flags) {
  const std::string directory = flags.directory + "/polku-region-bench.dir";
  const std::string output = flags.directory + "/polku-region-bench.out";
  const std::string reader = directory + "/hyvinvointi-audit/service.textproto";
  const std::string polku = flags.bin + "/polku";
  const auto read = [&](std::vector<std::string> arguments) {
    for (const char* word : {"--config", reader.c_str(), "--stopped", "--official", "mittaaja-1", "--purpose",
                             "supervision", "--basis", "mittaus"}) {
      arguments.emplace_back(word);
    }
    return arguments;
  };
  std::vector<Step> steps = {
      {"generate", {"generate", "--profile", flags.source + "/deploy/profiles/tampere.textproto", "--clients",
                    std::to_string(flags.clients), "--months", std::to_string(flags.months), "--seed", "1", "--out",
                    directory, "--json"}},
      {"verify", {"verify", "--config", reader}},
      {"replay", read({"replay"})},
      {"report all", read({"report", "all", "--format", "json"})},
  };
  uint64_t entries = 0;
  for (int round = 0; round < flags.rounds; ++round) {
    fs::remove_all(directory);
    for (Step& step : steps) {
      Run(polku, step, output);
      if (&step == &steps[0]) entries = EntriesIn(output);
    }
  }
  fs::remove_all(directory);
  fs::remove(output);
  const Step& replay = steps[2];
  const auto count = static_cast<double>(entries);
  if (flags.json) {
    std::printf("{\"clients\":%d,\"months\":%d,\"entries\":%llu,\"rounds\":%d,\"durability\":\"synced once, at the end\"",
                flags.clients, flags.months, static_cast<unsigned long long>(entries), flags.rounds);
    for (const Step& step : steps) {
      const std::string name = step.name.substr(0, step.name.find(' '));
      std::printf(",\"%s_seconds\":%.3f,\"%s_cpu_seconds\":%.3f", name.c_str(), step.Seconds(), name.c_str(), step.Cpu());
    }
    std::printf(",\"report_of_replay\":%.2f,\"verify_of_replay\":%.2f,\"generate_of_replay\":%.2f}\n",
                steps[3].Cpu() / replay.Cpu(), steps[1].Cpu() / replay.Cpu(), steps[0].Cpu() / replay.Cpu());
    return;
  }
  std::printf("Tampere, %d clients, %d months: %llu entries in eight logs, medians of %d rounds in turns\n", flags.clients,
              flags.months, static_cast<unsigned long long>(entries), flags.rounds);
  for (const Step& step : steps) {
    std::printf("  %-12s %8.2f s  %8.2f s of all cores  %9.0f entries/s  %6.2f of replay, in CPU time\n", step.name.c_str(),
                step.Seconds(), step.Cpu(), count / step.Seconds(), step.Cpu() / replay.Cpu());
  }
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) {
  polku::Main(polku::Parse(argc, argv));
  return 0;
}
