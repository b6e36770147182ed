#include <fstream>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "adapters/cli/command.h"
#include "adapters/cli/event_input.h"
#include "adapters/cli/importer.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

constexpr size_t kMaxLineBytes = 4 << 20;

// Lines of a stream with a bound on their length; empty ones are passed over.
class Lines {
 public:
  explicit Lines(std::istream& in) : in_(in) {}

  struct Line {
    uint64_t number;
    bool too_long;
    std::string text;
  };
  std::optional<Line> Next() {
    for (;;) {
      Line line{++number_, false, {}};
      int c;
      bool any = false;
      while ((c = in_.rdbuf()->sbumpc()) != std::char_traits<char>::eof()) {
        any = true;
        if (c == '\n') break;
        if (line.text.size() < kMaxLineBytes) {
          line.text.push_back(static_cast<char>(c));
        } else {
          line.too_long = true;
        }
      }
      if (!any) return std::nullopt;
      if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
      if (number_ == 1 && line.text.rfind("\xEF\xBB\xBF", 0) == 0) line.text.erase(0, 3);
      if (line.too_long || line.text.find_first_not_of(" \t") != std::string::npos) return line;
    }
  }

 private:
  std::istream& in_;
  uint64_t number_ = 0;
};

std::string ProblemText(const ImportProblem& problem) {
  return Str("line ", problem.line, ": ",
             problem.invalid.ok() ? RefusalText(problem.refusal) : Str(problem.invalid.message()));
}

std::string ProblemJson(const ImportProblem& problem) {
  if (!problem.invalid.ok()) {
    exchange::v1::Refusal invalid;
    invalid.set_kind(exchange::v1::REFUSAL_KIND_INVALID);
    invalid.set_code("not_an_event");
    invalid.set_message(Str(problem.invalid.message()));
    return Str("{\"line\":", problem.line, ",\"refusal\":", RefusalJson(invalid), "}");
  }
  return Str("{\"line\":", problem.line, ",\"refusal\":", RefusalJson(problem.refusal), "}");
}

std::string CountsText(const ImportCounts& counts) {
  return Str(counts.lines, " lines read, ", counts.added, " recorded, ", counts.repeated,
             " recorded before, ", counts.refused, " refused, ", counts.invalid, " not valid");
}

ExitCode CodeOf(const ImportResult& result) {
  if (!result.connection.ok()) return polku::ExitCodeFor(result.connection);
  if (result.stopped_at && result.stopped_at->invalid.ok()) {
    return ExitCodeFor(result.stopped_at->refusal);
  }
  if (result.counts.invalid > 0) return kExitBadInput;
  return result.counts.refused > 0 ? kExitRefused : kExitOk;
}

// --check: every line is read as an event, nothing is sent.
ExitCode Check(const ImportSource& source, const Args& args, Io& io) {
  ImportCounts counts;
  while (auto line = source()) {
    ++counts.lines;
    if (line->event.ok()) continue;
    ++counts.invalid;
    const ImportProblem problem{line->line, line->event.status(), {}};
    if (args.json()) {
      io.out << ProblemJson(problem) << "\n";
    } else {
      io.err << "polku: " << ProblemText(problem) << "\n";
    }
  }
  if (args.json()) {
    io.out << "{\"lines\":" << counts.lines << ",\"invalid\":" << counts.invalid << "}\n";
  } else {
    io.out << counts.lines << " lines, " << counts.invalid << " not valid; nothing was sent\n";
  }
  return counts.invalid > 0 ? kExitBadInput : kExitOk;
}

ExitCode RunImport(const Args& args, Io& io) {
  std::ifstream file;
  const std::string path = args.operands()[0];
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) {
      return Fail(io, Error(absl::StatusCode::kNotFound, "cannot open ", path, "; check the path"));
    }
  }
  EventDefaults defaults;
  Lines lines(path == "-" ? io.in : file);
  const ImportSource source = [&]() -> std::optional<ImportLine> {
    auto line = lines.Next();
    if (!line) return std::nullopt;
    if (line->too_long) {
      return ImportLine{line->number, absl::InvalidArgumentError("the line is longer than 4 MiB")};
    }
    return ImportLine{line->number, ParseJsonEvent(line->text, defaults)};
  };
  if (args.Has("check")) return Check(source, args, io);

  const auto target = FindTarget(args);
  if (!target.ok()) return Fail(io, target.status());
  if (target->agency.empty()) {
    return FailUsage(
        io, "the ids of events without one are derived from the author's agency; give --agency");
  }
  defaults.author_agency = target->agency;
  defaults.official = target->official;
  ImportOptions options;
  options.keep_going = args.Has("keep-going");
  const auto window = args.Number("window", 1, 10'000);
  if (!window.ok()) return FailUsage(io, ToStd(window.status().message()));
  if (*window) options.window = **window;
  const auto client = client::Client::Connect(target->options);
  if (!client.ok()) return Fail(io, client.status());

  ProgressLine progress(io, args.Has("progress"));
  const absl::Time start = absl::Now();
  options.progress = [&](const ImportCounts& counts) {
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    progress.Show(Str(
        counts.lines, " lines, ", counts.added + counts.repeated, " acknowledged, ",
        seconds > 0
            ? static_cast<uint64_t>(static_cast<double>(counts.added + counts.repeated) / seconds)
            : 0,
        "/s"));
  };
  options.problem = [&](const ImportProblem& problem) {
    progress.Clear();
    if (args.json()) {
      io.out << ProblemJson(problem) << "\n";
    } else {
      io.err << "polku: " << ProblemText(problem) << "\n";
    }
  };
  const ImportResult result = Import(**client, source, options);
  progress.Clear();
  if (result.stopped_at) options.problem(*result.stopped_at);
  const ImportCounts& counts = result.counts;
  if (args.json()) {
    io.out << "{\"lines\":" << counts.lines << ",\"recorded\":" << counts.added
           << ",\"repeated\":" << counts.repeated << ",\"refused\":" << counts.refused
           << ",\"invalid\":" << counts.invalid << "}\n";
  } else {
    io.out << CountsText(counts) << "\n";
  }
  if (!result.connection.ok()) {
    Fail(io, result.connection);
    io.err
        << "polku: run the same import again: what was recorded is recognised, the rest is added\n";
  } else if (result.stopped_at) {
    io.err << "polku: stopped there; every line before it is recorded, later ones may be; put it "
              "right "
              "and run the same import again\n";
  }
  return CodeOf(result);
}

}  // namespace

Command ImportCommand() {
  return {{.name = "import",
           .summary = "offer many events, a JSON line each",
           .operands = "FILE",
           .min_operands = 1,
           .max_operands = 1,
           .flags = NetworkFlags(
               {{"keep-going", "", "report refused and invalid lines and go on"},
                {"check", "", "read every line as an event, send nothing"},
                {"window", "N", "offers under way; 256"},
                {"progress", "", "show progress even when the error stream is no terminal"}}),
           .details = "FILE (- for standard input) has an event a line, in the JSON form of `polku "
                      "publish`. Ids that are\n"
                      "left out are derived, so the same file again records nothing twice: run it "
                      "again after a failure.\n"
                      "Stops at the first line that is refused or not valid, with everything "
                      "before it recorded.",
           .examples =
               "polku import --as oulu-referral.textproto referrals.ndjson\n"
               "polku import --as oulu-referral.textproto --keep-going --json referrals.ndjson\n"
               "polku import --check referrals.ndjson"},
          RunImport};
}

}  // namespace polku::cli
