#include "adapters/cli/importer.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

using exchange::v1::Offer;
using exchange::v1::OfferAnswer;

struct Batch {
  std::vector<uint64_t> lines;
  Offer offer;
};

class Importer {
 public:
  Importer(client::Client& client, const ImportSource& source, const ImportOptions& options)
      : client_(client), source_(source), options_(options) {}

  ImportResult Run() {
    while (result_.connection.ok()) {
      while (!stopping_ && result_.connection.ok() && under_way_.size() < options_.window) {
        Batch batch = NextBatch();
        if (batch.lines.empty()) break;
        Send(std::move(batch));
      }
      if (under_way_.empty() || !result_.connection.ok()) break;
      TakeAnswer();
      if (options_.progress) options_.progress(result_.counts);
    }
    if (result_.stopped_at) {
      ++(result_.stopped_at->invalid.ok() ? result_.counts.refused : result_.counts.invalid);
    }
    return std::move(result_);
  }

 private:
  // Empty at the end. An invalid line ends the batch before it.
  Batch NextBatch() {
    Batch batch;
    size_t bytes = 0;
    std::set<std::string> ids;
    const size_t max_lines = options_.keep_going ? 1 : options_.lines_per_offer;
    while (!stopping_ && batch.lines.size() < max_lines && bytes < options_.bytes_per_offer) {
      if (!ahead_) ahead_ = Read();
      if (!ahead_) break;
      if (!ahead_->event.ok()) {
        if (!batch.lines.empty()) break;
        Problem({ahead_->line, ahead_->event.status(), {}}, result_.counts.invalid);
        ahead_.reset();
        continue;
      }
      exchange::v1::OfferedEvent& event = *ahead_->event;
      // An expectation holds for a case as an offer finds it, and an id stands once in an offer.
      const bool alone = event.has_expected_revision();
      if (!batch.lines.empty() && (alone || ids.contains(event.event_id()))) break;
      bytes += event.body().size();
      ids.insert(event.event_id());
      batch.lines.push_back(ahead_->line);
      *batch.offer.add_events() = std::move(event);
      ahead_.reset();
      if (alone) break;
    }
    return batch;
  }

  std::optional<ImportLine> Read() {
    auto line = source_();
    if (line) ++result_.counts.lines;
    return line;
  }

  void Send(Batch batch) {
    const auto ticket = client_.OfferAsync(batch.offer);
    if (!ticket.ok()) {
      result_.connection = ticket.status();
      return;
    }
    under_way_.emplace(*ticket, std::move(batch));
  }

  void TakeAnswer() {
    auto answer = client_.NextAnswer();
    if (!answer.ok()) {
      result_.connection = answer.status();
      return;
    }
    const auto found = under_way_.find(answer->first);
    if (found == under_way_.end()) return;
    const Batch batch = std::move(found->second);
    under_way_.erase(found);
    if (!answer->second.has_refusal()) {
      Count(answer->second);
    } else if (batch.lines.size() == 1) {
      Problem({batch.lines[0], absl::OkStatus(), answer->second.refusal()}, result_.counts.refused);
    } else {
      OfferOneByOne(batch);
    }
  }

  // Records the lines before the refused one and finds out which that is.
  void OfferOneByOne(const Batch& batch) {
    for (size_t i = 0; i < batch.lines.size(); ++i) {
      Offer offer;
      *offer.add_events() = batch.offer.events(static_cast<int>(i));
      const auto answer = client_.Publish(offer);
      if (!answer.ok()) {
        result_.connection = answer.status();
        return;
      }
      if (answer->has_refusal()) {
        Problem({batch.lines[i], absl::OkStatus(), answer->refusal()}, result_.counts.refused);
        return;
      }
      Count(*answer);
    }
  }

  void Count(const OfferAnswer& answer) {
    for (const auto& receipt : answer.receipts()) {
      ++(receipt.repeated_offer() ? result_.counts.repeated : result_.counts.added);
    }
  }

  void Problem(ImportProblem problem, uint64_t& count) {
    const bool try_later = problem.refusal.kind() == exchange::v1::REFUSAL_KIND_TRY_AGAIN;
    if (options_.keep_going && !try_later) {
      ++count;
      if (options_.problem) options_.problem(problem);
      return;
    }
    stopping_ = true;
    // What was refused after the first wrong line may have been refused because of it.
    if (result_.stopped_at && result_.stopped_at->line < problem.line) return;
    result_.stopped_at = std::move(problem);
  }

  client::Client& client_;
  const ImportSource& source_;
  const ImportOptions& options_;
  std::optional<ImportLine> ahead_;  // read, not yet offered
  std::map<uint64_t, Batch> under_way_;
  bool stopping_ = false;
  ImportResult result_;
};

}  // namespace

ImportResult Import(client::Client& client, const ImportSource& source,
                    const ImportOptions& options) {
  return Importer(client, source, options).Run();
}

}  // namespace polku::cli
