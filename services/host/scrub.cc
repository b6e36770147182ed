#include "services/host/scrub.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "eventstore/base/status.h"
#include "services/host/logging.h"

namespace polku::host {
namespace {

constexpr size_t kMaxProblemLines = 10;
// After a pass that could not even begin, and between passes without a pause over a small store.
constexpr absl::Duration kShortestPause = absl::Seconds(1);

absl::Duration Since(std::chrono::steady_clock::time_point start) {
  return absl::FromChrono(std::chrono::steady_clock::now() - start);
}

std::string ProblemText(const evidence::Problem& problem) {
  return Str(evidence::ProblemName(problem.kind), ", ", problem.origin,
             problem.position ? Str(" entry ", problem.position->value()) : "", ": ",
             problem.what);
}

}  // namespace

Scrub::Scrub(Options options) : options_(std::move(options)), thread_([this] { Run(); }) {}

Scrub::~Scrub() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

exchange::v1::VerificationStatus Scrub::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::string Scrub::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

bool Scrub::Sleep(absl::Duration duration) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, absl::ToChronoNanoseconds(duration), [this] { return stop_; });
  return !stop_;
}

void Scrub::Run() {
  for (;;) {
    const auto start = std::chrono::steady_clock::now();
    const auto erasures = Erasures();
    const auto report = Pass();
    if (report.ok() && report->stopped) return;
    if (!erasures || Erasures() != erasures) {
      if (!Sleep(kShortestPause)) return;
      continue;
    }
    Note(report);
    if (!AwaitNext(start, *erasures)) return;
  }
}

// A hole that a pass has found may be explained by an erasure since, so that brings the next one forward.
bool Scrub::AwaitNext(std::chrono::steady_clock::time_point start, uint64_t erasures) {
  const absl::Duration pause = std::max(options_.every - Since(start), kShortestPause);
  if (health().empty()) return Sleep(pause);
  for (const auto from = std::chrono::steady_clock::now(); Since(from) < pause;) {
    if (!Sleep(std::min(pause - Since(from), kShortestPause))) return false;
    const auto now = Erasures();
    if (now && *now != erasures) break;
  }
  return true;
}

std::optional<uint64_t> Scrub::Erasures() const {
  return options_.erasures ? options_.erasures() : std::optional<uint64_t>(0);
}

absl::StatusOr<evidence::Report> Scrub::Pass() {
  evidence::VerifyOptions verify = options_.verify;
  verify.threads = 1;
  verify.should_stop = [this] {
    const std::lock_guard lock(mutex_);
    return stop_;
  };
  auto worked_from = std::chrono::steady_clock::now();
  verify.progress = [&](uint64_t done, uint64_t) {
    {
      const std::lock_guard lock(mutex_);
      status_.set_running_entries(done);
    }
    Sleep(Since(worked_from) * (1 / options_.share - 1));
    worked_from = std::chrono::steady_clock::now();
  };
  return evidence::VerifyStore(options_.engine, verify);
}

// A pass a second finds the same thing again: it is told when it changes, and health keeps it.
void Scrub::Tell(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  if (all == logged_) return;
  for (const std::string& line : lines) LogLine(LogLevel::kError, line);
  if (lines.empty()) LogLine(LogLevel::kInfo, "verification: the problems are gone");
  logged_ = std::move(all);
}

void Scrub::Note(const absl::StatusOr<evidence::Report>& report) {
  exchange::v1::VerificationStatus status;
  std::string health;
  if (!report.ok()) {
    // The last whole pass stands; this one has not come about.
    health = Str("verification could not be done: ", report.status().ToString());
    Tell({health});
    const std::lock_guard lock(mutex_);
    status_.set_running_entries(0);
    health_ = std::move(health);
    return;
  }
  for (const auto& log : report->logs) status.set_entries(status.entries() + log.entries);
  uint64_t problems = report->problems_left_out;
  std::vector<std::string> lines;
  for (const auto& problem : report->problems) {
    if (problem.kind == evidence::ProblemKind::kFork) continue;
    ++problems;
    const std::string text = ProblemText(problem);
    if (status.first_problem().empty()) status.set_first_problem(text);
    if (lines.size() < kMaxProblemLines) lines.push_back(Str("verification: ", text));
  }
  Tell(lines);
  status.set_problems(problems);
  status.set_finished_at_us(absl::ToUnixMicros(absl::Now()));
  if (problems > 0) {
    health = Str("verification: ", problems, problems == 1 ? " problem" : " problems",
                 "; the first: ", status.first_problem(), "; `polku verify` names all");
  }
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
  health_ = std::move(health);
}

}  // namespace polku::host
