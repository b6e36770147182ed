#include "eventstore/replica/publisher.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "eventstore/base/status.h"

namespace polku::replica {
namespace {

using exchange::v1::ErrorCode;

// Bounds a subscriber's state; fewer than the messages that the transport takes for one peer, so
// that a healthy peer is seldom found blocked.
constexpr size_t kMaxCommitsUnderWay = 32;
// Of one round of heartbeats, which is the same message for all, so many go out in one call: a
// round to thousands of subscribers is never in memory as a whole.
constexpr size_t kHeartbeatsPerCall = 64;
// Of one Fetch in one call: so much work, then others' turn.
constexpr size_t kFillsPerCall = 32;
constexpr size_t kFillBytesPerCall = 256 << 10;
constexpr absl::Duration kHeartbeatPause = absl::Seconds(1);  // between two that tell news
// News of several witnesses of one commit come together and are told together.
constexpr absl::Duration kGatherNews = absl::Milliseconds(200);
// PROTOCOL.md "Heartbeat": the envelope is at most 64 KiB.
constexpr size_t kMaxCosignedBytes = 44'000;
constexpr size_t kMaxSeenBytes = 16'000;
constexpr size_t kItemOverheadBytes = 8;

// As many of `all` as there is room for, from `cursor` on and around, so that repeated calls come
// to all.
template <typename Item, typename SizeFn, typename AddFn>
void TakeInTurn(const std::vector<Item>& all, size_t most, size_t most_bytes, size_t& cursor,
                const SizeFn& size_of, const AddFn& add) {
  size_t bytes = 0;
  size_t taken = 0;
  size_t passed = 0;
  for (; passed < all.size() && taken < most; ++passed) {
    const Item& item = all[(cursor + passed) % all.size()];
    const size_t size = size_of(item) + kItemOverheadBytes;
    if (size > most_bytes) continue;  // never has room
    if (bytes + size > most_bytes) break;
    bytes += size;
    ++taken;
    add(item);
  }
  cursor = all.empty() ? 0 : (cursor + passed) % all.size();
}

class PublisherImpl final : public Publisher {
 public:
  PublisherImpl(PublisherOptions options, CutBatchFn cut)
      : options_(std::move(options)), cut_(std::move(cut)) {}

  std::vector<PublisherOutput> OnCommitted(Position size, std::string_view checkpoint,
                                           absl::Time /*now*/) override {
    size_ = size;
    checkpoint_ = std::string(checkpoint);
    std::vector<PublisherOutput> out;
    for (auto& [route, subscriber] : subscribers_) Pump(route, subscriber, out);
    return out;
  }

  std::vector<PublisherOutput> OnPull(const Route& route, std::string_view agency,
                                      const exchange::v1::Pull& pull, absl::Time now) override {
    std::vector<PublisherOutput> out;
    const auto refuse = [&](ErrorCode code, std::string text) {
      subscribers_.erase(route);
      out.push_back(MakeError(route, code, std::move(text)));
    };
    if (pull.origin() != options_.origin) {
      refuse(exchange::v1::ERROR_CODE_UNKNOWN_ORIGIN,
             Str("the log served here is ", options_.origin));
      return out;
    }
    if (pull.session() == 0) {
      refuse(exchange::v1::ERROR_CODE_MALFORMED, "a pull needs a session other than 0");
      return out;
    }
    if (pull.next_position() > size_.value()) {
      refuse(exchange::v1::ERROR_CODE_AHEAD, Str("next_position ", pull.next_position(),
                                                 " is beyond this log's ", size_.value(), " entries"));
      // Signed, so that the subscriber can prove it if this is another history than it holds.
      std::get<SendError>(out.back()).error.set_checkpoint(checkpoint_);
      return out;
    }
    const Position next(pull.next_position());
    auto it = subscribers_.find(route);
    if (it == subscribers_.end() || it->second.session != pull.session() ||
        it->second.agency != agency || it->second.mirror != pull.mirror()) {
      if (it == subscribers_.end() && subscribers_.size() >= options_.max_subscribers)
        ForgetOldest();
      if (subscribers_.empty()) last_round_ = now;
      Subscriber fresh;
      fresh.agency = std::string(agency);
      if (it != subscribers_.end()) fresh.name = it->second.name;
      fresh.mirror = pull.mirror();
      if (pull.prove()) fresh.prove_from = next;
      fresh.session = pull.session();
      fresh.next = fresh.acknowledged = next;
      fresh.round = round_number_;
      it = subscribers_.insert_or_assign(route, std::move(fresh)).first;
    }
    Subscriber& subscriber = it->second;
    subscriber.last_heard = now;
    subscriber.blocked = false;
    subscriber.credit = pull.credit_bytes();
    // A pull that was overtaken by a later one takes nothing back.
    if (next > subscriber.acknowledged) {
      subscriber.acknowledged = next;
      subscriber.next = std::max(subscriber.next, next);
      while (!subscriber.under_way.empty() && subscriber.under_way.front().end <= next) {
        subscriber.bytes_under_way -= subscriber.under_way.front().bytes;
        subscriber.under_way.pop_front();
      }
    }
    Pump(route, subscriber, out);
    return out;
  }

  std::vector<PublisherOutput> OnFetch(const Route& route,
                                       const exchange::v1::Fetch& fetch) override {
    std::vector<PublisherOutput> out;
    if (fetch.origin() != options_.origin) {
      out.push_back(MakeError(route, exchange::v1::ERROR_CODE_UNKNOWN_ORIGIN,
                              Str("the log served here is ", options_.origin)));
      return out;
    }
    const auto it = subscribers_.find(route);
    if (it == subscribers_.end()) return out;
    RunningFetch& running = it->second.fetch;
    running = {};
    const auto& positions = fetch.positions();
    if (positions.empty() || static_cast<size_t>(positions.size()) > kMaxFetchPositions ||
        std::adjacent_find(positions.begin(), positions.end(), std::greater_equal<>()) !=
            positions.end()) {
      out.push_back(MakeError(route, exchange::v1::ERROR_CODE_MALFORMED,
                              Str("a fetch names 1 to ", kMaxFetchPositions,
                                  " positions, ascending")));
      return out;
    }
    for (const uint64_t position : positions) running.positions.push_back(Position(position));
    return out;
  }

  void OnFillFailed(const Route& route) override {
    const auto it = subscribers_.find(route);
    if (it != subscribers_.end()) it->second.fetch = {};
  }

  void OnSendFailed(const Route& route) override {
    const auto it = subscribers_.find(route);
    if (it == subscribers_.end() || it->second.under_way.empty()) return;
    // No call gives a route two batches, so the newest is the one that failed.
    Subscriber& subscriber = it->second;
    if (subscriber.newest_bytes == 0) return;
    UnderWay& newest = subscriber.under_way.back();
    newest.end = subscriber.next = subscriber.newest_first;
    newest.bytes -= subscriber.newest_bytes;
    newest.ends_commit = false;
    if (newest.end == newest.first) subscriber.under_way.pop_back();
    subscriber.bytes_under_way -= subscriber.newest_bytes;
    subscriber.newest_bytes = 0;
    subscriber.blocked = true;
  }

  void SetExtras(ExtrasFn extras) override { extras_ = std::move(extras); }

  void Forget(const Route& route) override { subscribers_.erase(route); }

  void SetName(const Route& route, std::string_view name) override {
    const auto it = subscribers_.find(route);
    if (it != subscribers_.end()) it->second.name = std::string(name);
  }

  void OnCosigned(absl::Time now) override {
    news_at_ = std::min(news_at_, std::max(now + kGatherNews, last_round_ + kHeartbeatPause));
  }

  std::vector<PublisherOutput> Tick(absl::Time now) override {
    std::vector<PublisherOutput> out;
    absl::erase_if(subscribers_, [&](const auto& item) {
      return now - item.second.last_heard >= options_.forget_after;
    });
    for (auto& [route, subscriber] : subscribers_) {
      Pump(route, subscriber, out);
      PumpFetch(route, subscriber, out);
    }
    if (!subscribers_.empty() && now >= NextRound()) StartRound(now);
    SendRound(out);
    return out;
  }

  absl::Time NextTick() const override {
    if (subscribers_.empty()) return absl::InfiniteFuture();
    absl::Time next = NextRound();
    for (const auto& [route, subscriber] : subscribers_) {
      if (MaySend(subscriber) || !subscriber.fetch.positions.empty() ||
          subscriber.round != round_number_) {
        return absl::InfinitePast();
      }
      next = std::min(next, subscriber.last_heard + options_.forget_after);
    }
    return next;
  }

  std::vector<exchange::v1::SubscriberStatus> status() const override {
    std::vector<exchange::v1::SubscriberStatus> result;
    for (const auto& [route, subscriber] : subscribers_) {
      exchange::v1::SubscriberStatus& status = result.emplace_back();
      status.set_agency(subscriber.agency);
      status.set_acknowledged_size(subscriber.acknowledged.value());
      status.set_last_heard_us(absl::ToUnixMicros(subscriber.last_heard));
      status.set_name(subscriber.name);
    }
    std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
      return std::tuple(std::string_view(a.agency()), std::string_view(a.name()),
                        a.acknowledged_size()) < std::tuple(std::string_view(b.agency()),
                                                            std::string_view(b.name()),
                                                            b.acknowledged_size());
    });
    return result;
  }

 private:
  // Batches up to the end of a commit, or of what was sent of it: nothing in between can be
  // acknowledged.
  struct UnderWay {
    Position first;
    Position end;
    size_t bytes = 0;
    bool ends_commit = false;
  };
  // What is left of the newest Fetch.
  struct RunningFetch {
    std::vector<Position> positions;  // at most kMaxFetchPositions
    size_t bytes_sent = 0;
    bool refusal_told = false;
  };
  struct Subscriber {
    std::string agency;
    std::string name;
    bool mirror = false;
    std::optional<Position> prove_from;
    uint64_t session = 0;
    Position next;          // where the next batch starts
    Position acknowledged;  // on the subscriber's disk
    uint64_t credit = 0;
    uint64_t bytes_under_way = 0;
    std::deque<UnderWay> under_way;  // at most kMaxCommitsUnderWay
    Position newest_first;           // of the newest batch
    size_t newest_bytes = 0;
    bool blocked = false;  // until the next pull
    absl::Time last_heard;
    uint64_t round = 0;  // of the newest heartbeat
    RunningFetch fetch;
  };

  static SendError MakeError(const Route& route, ErrorCode code, std::string text) {
    SendError error{route, {}};
    error.error.set_code(code);
    error.error.set_message(std::move(text));
    return error;
  }

  bool MaySend(const Subscriber& subscriber) const {
    return !subscriber.blocked && subscriber.next < size_ &&
           subscriber.bytes_under_way < subscriber.credit &&
           (subscriber.under_way.size() < kMaxCommitsUnderWay ||
            !subscriber.under_way.back().ends_commit);
  }

  // One batch to a call and subscriber: a subscriber far behind does not keep others waiting.
  // NextTick asks for the rest at once.
  void Pump(const Route& route, Subscriber& subscriber, std::vector<PublisherOutput>& out) {
    if (!MaySend(subscriber)) return;
    const size_t most =
        std::min<uint64_t>(options_.batch_bytes, subscriber.credit - subscriber.bytes_under_way);
    absl::StatusOr<BatchMessage> message =
        cut_(subscriber.agency, subscriber.mirror, subscriber.next, size_, most);
    if (!message.ok()) {
      // Details are for the origin's operator, who reads them where `cut` is made.
      subscriber.blocked = true;
      out.push_back(MakeError(route, exchange::v1::ERROR_CODE_INTERNAL,
                              Str("the log cannot be read at position ", subscriber.next.value())));
      return;
    }
    message->batch.set_session(subscriber.session);
    const Position end(subscriber.next.value() + message->batch.count());
    const size_t bytes = message->entries.size() + message->blobs.size();
    if (subscriber.under_way.empty() || subscriber.under_way.back().ends_commit) {
      subscriber.under_way.push_back({.first = subscriber.next});
    }
    UnderWay& newest = subscriber.under_way.back();
    newest.end = end;
    newest.bytes += bytes;
    newest.ends_commit = !message->batch.checkpoint().empty();
    subscriber.newest_first = subscriber.next;
    subscriber.newest_bytes = bytes;
    subscriber.bytes_under_way += bytes;
    subscriber.next = end;
    if (newest.ends_commit && subscriber.prove_from && options_.prove) {
      // One is enough: what follows it extends the same tree. Without a proof the batch says what it says.
      const absl::StatusOr<PrefixProof> prefix =
          options_.prove(*std::exchange(subscriber.prove_from, std::nullopt), end);
      if (prefix.ok()) {
        message->batch.set_prefix_root(std::string(prefix->root.view()));
        for (const Hash& hash : prefix->consistency) {
          message->batch.add_prefix_consistency(std::string(hash.view()));
        }
      }
    }
    out.push_back(SendBatch{route, *std::move(message)});
  }

  void PumpFetch(const Route& route, Subscriber& subscriber, std::vector<PublisherOutput>& out) {
    RunningFetch& fetch = subscriber.fetch;
    if (fetch.positions.empty()) return;
    const std::span<const Position> next =
        std::span(fetch.positions).first(std::min(fetch.positions.size(), kFillsPerCall));
    absl::StatusOr<Fills> fills = Fills{.answered = next.size(), .refused = true};
    if (options_.fills) {
      fills = options_.fills(subscriber.agency, next,
                             std::min(kFillBytesPerCall, kMaxFetchBytes - fetch.bytes_sent));
    }
    if (!fills.ok()) {
      fetch = {};
      out.push_back(MakeError(route, exchange::v1::ERROR_CODE_INTERNAL,
                              "an entry that was asked for cannot be read"));
      return;
    }
    if (fills->refused && !fetch.refusal_told) {
      fetch.refusal_told = true;
      out.push_back(MakeError(route, exchange::v1::ERROR_CODE_NOT_ENTITLED,
                              "a position of the fetch is not opened to your agency"));
    }
    fetch.positions.erase(fetch.positions.begin(), fetch.positions.begin() + fills->answered);
    for (FillMessage& message : fills->fills) {
      fetch.bytes_sent += message.entries.size() + message.blobs.size();
      out.push_back(SendFill{route, std::move(message)});
    }
    // The subscriber counts, too, and asks again for the rest.
    if (fetch.bytes_sent >= kMaxFetchBytes) fetch = {};
  }

  absl::Time NextRound() const { return std::min(last_round_ + options_.heartbeat, news_at_); }

  void StartRound(absl::Time now) {
    last_round_ = now;
    news_at_ = absl::InfiniteFuture();
    ++round_number_;
    round_.Clear();
    round_.set_origin(options_.origin);
    round_.set_checkpoint(checkpoint_);
    if (!extras_) return;
    const HeartbeatExtras extras = extras_();
    TakeInTurn(
        extras.cosigned, kMaxCosigned, kMaxCosignedBytes, next_cosigned_,
        [](const auto& item) { return item.ByteSizeLong(); },
        [&](const auto& item) { *round_.add_cosigned() = item; });
    TakeInTurn(
        extras.seen, kMaxSeen, kMaxSeenBytes, next_seen_,
        [](const std::string& item) { return item.size(); },
        [&](const std::string& item) { round_.add_seen(item); });
  }

  void SendRound(std::vector<PublisherOutput>& out) {
    size_t sent = 0;
    for (auto& [route, subscriber] : subscribers_) {
      if (subscriber.round == round_number_) continue;
      if (++sent > kHeartbeatsPerCall) return;
      subscriber.round = round_number_;
      SendHeartbeat send{route, round_};
      send.heartbeat.set_session(subscriber.session);
      out.push_back(std::move(send));
    }
  }

  void ForgetOldest() {
    const auto oldest = std::min_element(
        subscribers_.begin(), subscribers_.end(),
        [](const auto& a, const auto& b) { return a.second.last_heard < b.second.last_heard; });
    if (oldest != subscribers_.end()) subscribers_.erase(oldest);
  }

  // Constant after construction.
  const PublisherOptions options_;
  const CutBatchFn cut_;

  Position size_;
  std::string checkpoint_;
  absl::flat_hash_map<Route, Subscriber> subscribers_;

  ExtrasFn extras_;
  exchange::v1::Heartbeat round_;  // the newest round's, session not set
  uint64_t round_number_ = 0;
  absl::Time last_round_ = absl::InfinitePast();
  absl::Time news_at_ = absl::InfiniteFuture();  // when to tell new cosignatures
  size_t next_cosigned_ = 0;
  size_t next_seen_ = 0;
};

}  // namespace

std::unique_ptr<Publisher> Publisher::Make(PublisherOptions options, CutBatchFn cut) {
  return std::make_unique<PublisherImpl>(std::move(options), std::move(cut));
}

}  // namespace polku::replica
